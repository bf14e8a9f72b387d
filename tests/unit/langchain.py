#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""vexfs.langchain.VectorStore in an image, with NumPy and without.  TAP."""
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from pymodule import again, np, raises, says, test, top  # noqa: E402
import vexfs  # noqa: E402
from vexfs.langchain import Document, VectorStore  # noqa: E402


class Letters:
    """How often each letter is there."""

    def embed_query(self, text):
        return [0.01 + text.lower().count(chr(97 + i)) for i in range(26)]

    def embed_documents(self, texts):
        return [self.embed_query(t) for t in texts]


class Other:
    """As langchain_core.documents.Document: by keywords alone."""

    def __init__(self, *, page_content, metadata, id):
        self.page_content, self.metadata, self.id = page_content, metadata, id


def names(image):
    """The documents-*.jsonl that records are bound to."""
    with image.open('docs') as c:
        return {c.path(r.file) for r in c.records()}


def main():
    image = vexfs.attach('x.img', create=True, size='64M')
    path = image.path('docs')
    empty = VectorStore(Letters(), path)
    test('a store without documents', empty.collection is None and empty.similarity_search('x') == [] and
         empty.get_by_ids(['a']) == [] and empty.delete(['a']) is True and empty.add_texts([]) == [] and
         empty.max_marginal_relevance_search('x') == [])
    texts = ['apple', 'banana', 'cherry', "d'artagnan", 'élégance']
    metadatas = [{'n': i, 'lang': 'de' if i % 2 else 'en', 'more': {'deep': [t]}} for i, t in enumerate(texts)]
    store = VectorStore.from_texts(texts, Letters(), metadatas, path=path, attrs={'n': 'int', 'lang': 'keyword'})
    found = store.similarity_search_with_score('banana', k=2)
    test('from_texts, and a search', len(found) == 2 and found[0][0].page_content == 'banana' and abs(found[0][1]) < 1e-6 and
         found[1][1] > 0.01, found)
    test('metadata as they were', found[0][0].metadata == metadatas[1], found[0][0])
    test('by vector', store.similarity_search_by_vector(Letters().embed_query('cherry'), k=1)[0].page_content == 'cherry')
    test('four by default', len(store.similarity_search('a')) == 4)
    for filter, want in (({'lang': 'de'}, [1, 3]), ({'n': {'$gte': 2, '$lt': 4}}, [2, 3]), ({'n': [0, 4, 9]}, [0, 4]),
                         ({'n': {'$nin': (0, 4)}, 'lang': {'$ne': 'de'}}, [2]), ("n = 3 or lang = 'en'", [0, 2, 3, 4]),
                         ({}, [0, 1, 2, 3, 4]), ({'n': {'$in': []}}, []), ({'lang': []}, []), ({'lang': None}, []),
                         ({'lang': "it's"}, []), ({'n': {'$nin': []}}, [0, 1, 2, 3, 4]), ({'n': True}, [1])):
        got = sorted(d.metadata['n'] for d in store.similarity_search('a', k=5, filter=filter))
        test('filter %r' % (filter,), got == want, got)
    for filter, kind in (({'more': 1}, ValueError), ({'n': {'$regex': 'a'}}, ValueError), ({'n': 1.5}, TypeError),
                         (5, TypeError), (['n'], TypeError), ({'lang': b'de'}, TypeError), ('n = = 1', ValueError)):
        got = raises(kind, store.similarity_search, 'a', filter=filter)
        test('filter %r' % (filter,), got is True, got)
    ids = store.add_documents([Document('zebra', {'n': 7}), Document('yak', id='animal')])
    test('add_documents', len(ids) == 2 and ids[1] == 'animal' and store.similarity_search('zzzebra', k=1)[0].id == ids[0], ids)
    test('get_by_ids', [d.page_content for d in store.get_by_ids(['animal', 'none', ids[0]])] == ['yak', 'zebra'])
    store.add_texts(['ox'], [{'lang': 'en'}], ids=['animal'])
    test('of the same id: replaced', store.get_by_ids(['animal'])[0].page_content == 'ox' and len(store.collection) == 7)
    again = VectorStore.from_documents([Document('quiz')], Letters(), path=path, ids=['q'], document=Other)
    test('from_documents, into one that is there', type(again.similarity_search('quiz', k=1)[0]) is Other and
         again.get_by_ids(['q'])[0].page_content == 'quiz')
    again.close()
    before = names(image)
    for vectors, more, kind in (([[1, 2]], {}, ValueError), ([], {}, ValueError), ([[0] * 26], {}, ValueError),
                                ([[1] * 26], {'ids': ['a', 'b']}, ValueError), ([[1] * 26], {'ids': ['x' * 300]}, ValueError),
                                ([[1] * 26], {'metadatas': [{'x': object()}]}, TypeError)):
        got = raises(kind, store.add_embeddings, vectors, ['x'], **more)
        test('what does not fit', got is True, got)
    test('leaves nothing', len(store.collection) == 8 and names(image) == before)
    # near and unlike: the second is not the copy of the first
    store.add_texts(['banana banana', 'bandana', 'kiwi'], ids=['b1', 'b2', 'b3'])
    got = [d.page_content for d in store.similarity_search('banana', k=3)]
    test('the nearest are alike', got[:2] == ['banana', 'banana banana'] or got[:2] == ['banana banana', 'banana'], got)
    got = [d.page_content for d in store.max_marginal_relevance_search('banana', k=3, fetch_k=10, lambda_mult=0.3)]
    test('max_marginal_relevance_search', len(got) == 3 and not {'banana', 'banana banana'} <= set(got), got)
    got = [d.page_content for d in store.max_marginal_relevance_search('banana', k=2, fetch_k=10, lambda_mult=1)]
    test('of which only relevance counts', set(got) == {'banana', 'banana banana'}, got)
    got = store.similarity_search_with_relevance_scores('banana', k=3)
    far = store.similarity_search_with_score('banana', k=3)
    test('relevance scores', [d.id for d, _ in got] == [d.id for d, _ in far] and abs(got[0][1] - 1) < 1e-6 and
         all(abs(s - (1 - x)) < 1e-6 for (_, s), (_, x) in zip(got, far)), got)
    retriever = store.as_retriever(search_kwargs={'k': 2, 'filter': {'lang': 'de'}})
    test('as_retriever', [d.page_content for d in retriever.invoke('banana')] == ['banana', "d'artagnan"] and
         retriever('banana', k=1)[0].id == retriever.batch(['banana'])[0][0].id)
    for kind, more, want in (('mmr', {'k': 3, 'fetch_k': 10, 'lambda_mult': 0.3}, 3),
                             ('similarity_score_threshold', {'k': 9, 'score_threshold': 0.999}, 2)):
        got = store.as_retriever(search_type=kind, search_kwargs=more).invoke('banana')
        test('as_retriever, %s' % kind, len(got) == want and got[0].page_content.startswith('banana'), got)
    test('of no kind', raises(ValueError, store.as_retriever(search_type='best').invoke, 'a') is True)

    async def later():
        found = await asyncio.gather(*(store.asimilarity_search(t, k=1) for t in texts))
        added = await store.aadd_texts(['async'], ids=['later'])
        there = await store.aget_by_ids(added)
        await store.adelete(added)
        other = await VectorStore.afrom_texts(['here'], Letters(), path=path, ids=['later'])
        found.append(await other.as_retriever(search_kwargs={'k': 1}).ainvoke('here'))
        await other.adelete(['later'])
        other.close()
        return [f[0].page_content for f in found], there[0].page_content, await store.aget_by_ids(['later'])

    got = asyncio.run(later())
    test('with asyncio', got == (texts + ['here'], 'async', []), got)
    test('delete', store.delete(['animal', 'none', 'animal', ids[0], 'b1', 'b2', 'b3']) is True and len(store.collection) == 6 and
         store.get_by_ids(['animal']) == [] and raises(ValueError, store.delete) is True)
    left = names(image)
    with image.open('docs') as c:
        test('files without documents go', len(before - left) == 2 and
             all(raises(FileNotFoundError, image.file, 'docs/' + name) is True for name in before - left), before, left)
    # a crash when a file is about to go: what the image holds then is what a copy has
    unlink, old = VectorStore._unlink, []

    def crash(name):
        shutil.copyfile('x.img', 'crash.img')
        with vexfs.attach('crash.img') as crashed, crashed.open('docs') as there:
            try:
                old.append(there.get(key='crash').length)
            except KeyError:
                old.append(None)
        os.unlink('crash.img')
        unlink(name)

    def twice(name):
        unlink(name)
        unlink(name)

    store._unlink = crash
    store.add_texts(['old'], ids=['crash'])
    store.add_texts(['a longer one'], ids=['crash'])
    longer = store.collection.get(key='crash').length
    store.delete(['crash'])
    test('files go after what takes their place is durable', old == [longer, None], old, longer)
    store._unlink = twice
    store.add_texts(['one'], ids=['twice'])
    got = says(store.delete, ['twice'])
    test('a file that another store has removed', got is True, got)
    del store._unlink
    # and a file goes while a search is under way
    store.add_texts(['qqqq'], ids=['gone'])
    store.add_texts(['qqq'], ids=['stays'])
    search = store.collection.search

    def removing(*args, **kw):
        hits = search(*args, **kw)
        unlink(os.path.join(path, store.collection.path(store.collection.get(key='gone').file)))
        return hits

    store.collection.search = removing
    got = says(store.similarity_search_with_score, 'qqqq', k=2)
    del store.collection.search
    test('a document whose file is gone is left out', not isinstance(got, str) and
         [d.id for d, _ in got] == ['stays'] and got[0][1] > 0, got)
    store.delete(['stays'])
    with image.open('docs') as c:
        bare = c.add([Letters().embed_query('bare')])
    test('a record of somebody else is told', raises(ValueError, store.similarity_search, 'bare', k=1) is True)
    store.collection.delete(bare)
    store.close()
    store.close()
    for what, call in (('search', lambda: store.similarity_search('a')), ('delete', lambda: store.delete(['a'])),
                       ('add_texts', lambda: store.add_texts(['a'])), ('get_by_ids', lambda: store.get_by_ids(['a']))):
        test('%s of a closed store' % what, raises(ValueError, call) is True)
    image.close()
    r = subprocess.run([os.path.join(top, 'build/bin/fsck.vexfs'), 'x.img'], capture_output=True, text=True)
    test('fsck.vexfs finds nothing', r.returncode == 0, r)


work = tempfile.mkdtemp(prefix='vexfs-langchain')
os.chdir(work)
try:
    main()
finally:
    os.chdir('/')
    shutil.rmtree(work)
again()
