# SPDX-License-Identifier: GPL-2.0
"""A vector store with the methods of LangChain's VectorStore on a collection of VexFS.  LangChain is not needed.

    store = VectorStore(embedding, '/mnt/docs', attrs={'year': 'int', 'lang': 'keyword'})
    store.add_texts(['ein Lied', 'a song'], [{'year': 1923, 'lang': 'de'}, {'year': 1931, 'lang': 'en'}])
    for document in store.similarity_search('singing', k=4, filter={'lang': 'en', 'year': {'$gte': 1930}}):
        print(document.id, document.page_content, document.metadata)

`embedding` has embed_documents(texts) and embed_query(text), as LangChain's Embeddings.  The path may lead into an attached
image: image.path('docs').

A document is a record: its id is the key, and those of its metadata that are attributes of the collection are attributes,
too.  The text and all metadata are a line of JSON in a file of the collection, documents-*.jsonl, and the record is bound to
this line: who may not read the file does not find the document.  One file has what one call has added, and goes with the
last of these.  A document whose file somebody has removed is left out of what is found.
Every method that takes its time has one for asyncio, with an a before its name: it runs in another thread.
VexFSVectorStore of the module vexfs for Node reads and writes the same.
"""
import asyncio
import contextlib
import dataclasses
import errno
import json
import math
import os
import uuid

from .abi import call
from .collection import Collection, _directory, create
from .image import File
from .values import np

COMPARED = {'$eq': '=', '$ne': '!=', '$lt': '<', '$lte': '<=', '$gt': '>', '$gte': '>=', '$in': 'in', '$nin': 'not in'}


@dataclasses.dataclass
class Document:
    """What searches return, unless VectorStore was given another class, such as langchain_core.documents.Document."""
    page_content: str
    metadata: dict = dataclasses.field(default_factory=dict)
    id: str = None


def _literal(value, name):
    if isinstance(value, str):
        return "'%s'" % value.replace("'", "''")
    if isinstance(value, int):
        return '%d' % value
    raise TypeError('the filter compares %s with %r; a str or an int is wanted' % (name, value))


def condition(filter, attrs):
    """A condition of VexFS from a filter: a condition already, or {name: value, name: {'$gte': 1, '$lt': 9},
    name: [values]}.  attrs: {name: 'int' or 'keyword'}.  ValueError: something else, or no attribute."""
    if filter is None or isinstance(filter, str):
        return filter or None
    if not isinstance(filter, dict):
        raise TypeError('a filter is of type %s; a condition in a str, or a dict, is wanted' % type(filter).__name__)
    tests = []
    for name, wanted in filter.items():
        if name not in attrs:
            raise ValueError('%s is no attribute of the collection, and cannot be filtered by; there are %s: name them in attrs '
                             'when it is created' % (name, ', '.join(attrs) or 'none'))
        compared = wanted if isinstance(wanted, dict) else \
            {'$in': wanted} if isinstance(wanted, (list, tuple, set)) else {'$eq': wanted}
        for op, value in compared.items():
            if op not in COMPARED:
                raise ValueError('the filter has %s; there are %s' % (op, ', '.join(COMPARED)))
            if value is None and op in ('$eq', '$ne'):
                tests.append('"%s" is %snull' % (name, 'not ' if op == '$ne' else ''))
            elif op in ('$in', '$nin'):
                if value:
                    tests.append('"%s" %s (%s)' % (name, COMPARED[op], ', '.join(_literal(v, name) for v in value)))
                elif op == '$in':  # nothing is one of none
                    tests.append(('"%s" < 0 and "%s" >= 0' if attrs[name] == 'int' else '"%s" is null and "%s" is not null')
                                 % (name, name))
            else:
                tests.append('"%s" %s %s' % (name, COMPARED[op], _literal(value, name)))
    return ' and '.join(tests) or None


class VectorStore:
    """A collection of documents.  close() it, or use it in a with statement.

    It is made with the first documents, or by `dims` at once, and opened if it is there: metric and attrs are those of a
    new one.  collection: the Collection, or None before there is one.  embeddings: as it was given.
    """

    def __init__(self, embedding, path, dims=None, metric='cosine', attrs=None, document=Document):
        self.embeddings, self.path, self._collection, self._closed = embedding, os.fsdecode(path), None, False
        self._metric, self._attrs, self._document = metric, attrs, document
        try:
            self._collection = Collection(self.path)
        except OSError as e:
            if e.errno not in (errno.ENOENT, errno.ENODATA):
                raise
            if dims is not None:
                self._create(dims)

    def _create(self, dims):
        self._collection = create(self.path, dims, self._metric, self._attrs)

    @property
    def collection(self):
        if self._closed:
            raise ValueError('the store is closed')
        return self._collection

    def close(self):
        """What comes afterwards is a ValueError; but closing it once more is nothing."""
        self._closed = True
        if self._collection is not None:
            self._collection.close()
            self._collection = None

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    @property
    def attrs(self):
        """{name: 'int' or 'keyword'} of the collection."""
        return {name: 'keyword' if kind == 2 else 'int' for name, kind in
                (self.collection.attrs if self.collection is not None else ())}

    # --- adding and deleting ---

    @classmethod
    def from_texts(cls, texts, embedding, metadatas=None, *, ids=None, **more):
        """A store with these texts; `more` is for VectorStore(): path, metric, attrs."""
        store = cls(embedding, **more)
        store.add_texts(texts, metadatas, ids=ids)
        return store

    @classmethod
    def from_documents(cls, documents, embedding, *, ids=None, **more):
        """A store with these documents; `more` is for VectorStore(): path, metric, attrs."""
        store = cls(embedding, **more)
        store.add_documents(documents, ids=ids)
        return store

    def add_documents(self, documents, *, ids=None, **_):
        """add_texts() of documents, by their own ids where `ids` are not given."""
        documents = list(documents)
        if ids is None:
            ids = [getattr(d, 'id', None) for d in documents]
        return self.add_texts([d.page_content for d in documents], [d.metadata for d in documents], ids=ids)

    def add_texts(self, texts, metadatas=None, *, ids=None, **_):
        """Add texts, or replace those of the same ids; durable when it returns, the ids.  ids: a str or None for each;
        those that are not given are new."""
        texts = list(texts)
        return self.add_embeddings(self.embeddings.embed_documents(texts), texts, metadatas, ids)

    def add_embeddings(self, vectors, texts, metadatas=None, ids=None):
        """add_texts() with vectors that were made elsewhere."""
        texts = list(texts)
        metadatas = [{}] * len(texts) if metadatas is None else [m or {} for m in metadatas]
        given = [None] * len(texts) if ids is None else list(ids)
        if not len(vectors) == len(metadatas) == len(given) == len(texts):
            raise ValueError('%d texts, but %d vectors, %d metadatas and %d ids' % (len(texts), len(vectors), len(metadatas),
                                                                                   len(given)))
        if not texts:
            return []
        ids = [str(uuid.uuid4()) if i is None else i for i in given]
        lines = [json.dumps({'id': i, 'text': t, 'metadata': m}, ensure_ascii=False).encode() + b'\n'
                 for i, t, m in zip(ids, texts, metadatas)]
        if self.collection is None:
            self._create(len(vectors[0]))
        old = [r.file for r in self._records(i for i in given if i is not None)]
        name = os.path.join(self.path, 'documents-%s.jsonl' % uuid.uuid4())
        with File(name, 'x') as file:
            try:
                file.write(b''.join(lines))
                file.sync()
                at, files = 0, []
                for line in lines:
                    files.append((file, at, len(line) - 1))
                    at += len(line)
                self.collection.add(vectors, keys=ids, attrs=[self._attributes(m) for m in metadatas], files=files,
                                    upsert=True)
            except BaseException:
                self._unlink(name)
                raise
        self.collection.sync()
        self._tidy(old)
        return ids

    def _attributes(self, metadata):
        """Metadata that are attributes of the collection."""
        return {name: str(metadata[name]) if kind == 'keyword' and metadata[name] is not None else metadata[name]
                for name, kind in self.attrs.items() if name in metadata}

    def _records(self, ids):
        """The records of ids, as far as there are any."""
        for i in ids:
            try:
                yield self.collection.get(key=i)
            except KeyError:
                pass

    @staticmethod
    def _unlink(name):
        call('file', 'unlink', _directory(name), what=name)

    def _tidy(self, files):
        """Remove those of these files that no record is bound to any more, which is durable already: a crash would bring
        records back, but not their files.  One that is not there was removed by another store."""
        left = set(files) - {0}
        if not left:
            return
        for record in self.collection.records():
            left.discard(record.file)
            if not left:
                return
        for file in left:
            with contextlib.suppress(FileNotFoundError):
                self._unlink(os.path.join(self.path, self.collection.path(file)))
        self.collection.sync()

    def delete(self, ids=None, **_):
        """Delete documents by their ids; of those that are not there nothing is said.  True."""
        if ids is None:
            raise ValueError('name the ids of the documents to delete')
        if self.collection is not None:
            found = list(self._records(dict.fromkeys(ids)))
            self.collection.delete(keys=[r.key for r in found])
            self.collection.sync()
            self._tidy(r.file for r in found)
        return True

    # --- finding ---

    def _pairs(self, bound):
        """Documents of what is bound to lines, hits or records, each with that: [(document, bound)].  One whose file is
        not there any more is left out."""
        files, out = {}, []
        try:
            for b in bound:
                if not b.file:
                    raise ValueError('record %d of %s has no document: it was not added by a VectorStore' % (b.id, self.path))
                if b.file not in files:
                    files[b.file] = None
                    with contextlib.suppress(FileNotFoundError):
                        files[b.file] = File(os.path.join(self.path, self.collection.path(b.file)))
                if files[b.file] is not None:
                    line = json.loads(files[b.file].read(b.length, b.offset))
                    out.append((self._document(page_content=line['text'], metadata=line['metadata'], id=line['id']), b))
        finally:
            for file in files.values():
                if file is not None:
                    file.close()
        return out

    def _documents(self, bound):
        return [document for document, _ in self._pairs(bound)]

    def get_by_ids(self, ids):
        """Documents by their ids, in this order, as far as they are there."""
        return self._documents(self._records(ids)) if self.collection is not None else []

    def _hits(self, vector, k, filter, **more):
        if self.collection is None:
            return []
        return self.collection.search(vector, k=k, where=condition(filter, self.attrs), **more)

    def similarity_search_with_score_by_vector(self, embedding, k=4, filter=None, **more):
        """[(document, distance)] of the k nearest of a vector, nearest first; with cosine the distance is 1 - cos.
        Fewer where files of some are gone.  filter: see condition(); `more` is for Collection.search: recall, exact, ..."""
        hits = self._hits(embedding, k, filter, **more)
        return [(document, hit.distance) for document, hit in self._pairs(hits)]

    def similarity_search_by_vector(self, embedding, k=4, filter=None, **more):
        return self._documents(self._hits(embedding, k, filter, **more))

    def similarity_search_with_score(self, query, k=4, filter=None, **more):
        return self.similarity_search_with_score_by_vector(self.embeddings.embed_query(query), k, filter, **more)

    def similarity_search(self, query, k=4, filter=None, **more):
        return self.similarity_search_by_vector(self.embeddings.embed_query(query), k, filter, **more)

    def similarity_search_with_relevance_scores(self, query, k=4, filter=None, score_threshold=None, **more):
        """[(document, score)], the larger the nearer: with cosine the cosine, with dot the product, with l2 1 / (1 + the
        square of the distance).  score_threshold: those of smaller scores are left out."""
        found = [(d, self._score(distance)) for d, distance in self.similarity_search_with_score(query, k, filter, **more)]
        return [(d, score) for d, score in found if score_threshold is None or score >= score_threshold]

    def _score(self, distance):
        metric = self.collection.metric
        return 1 - distance if metric == 'cosine' else -distance if metric == 'dot' else 1 / (1 + distance)

    def search(self, query, search_type='similarity', **more):
        """Documents; search_type: 'similarity', 'mmr', or 'similarity_score_threshold'."""
        if search_type == 'similarity':
            return self.similarity_search(query, **more)
        if search_type == 'mmr':
            return self.max_marginal_relevance_search(query, **more)
        if search_type == 'similarity_score_threshold':
            return [d for d, _ in self.similarity_search_with_relevance_scores(query, **more)]
        raise ValueError('there is no search_type %r' % (search_type,))

    def as_retriever(self, search_type='similarity', search_kwargs=None, **_):
        """A Retriever; search_kwargs: for search()."""
        return Retriever(self, search_type, search_kwargs or {})

    def max_marginal_relevance_search_by_vector(self, embedding, k=4, fetch_k=20, lambda_mult=0.5, filter=None, **more):
        """Of the fetch_k nearest k that are near and unlike each other: each time the one for which lambda_mult * (its
        cosine to the query) - (1 - lambda_mult) * (the largest of those to what was chosen) is largest."""
        hits = self._hits(embedding, max(k, fetch_k), filter, **more)
        vectors = [_unit(self.collection.get(h.id).vector) for h in hits]
        query, chosen, left = _unit(embedding), [], list(range(len(hits)))
        like, most = [_dot(v, query) for v in vectors], [0.0] * len(hits)
        while left and len(chosen) < k:
            best = max(left, key=lambda i: lambda_mult * like[i] - (1 - lambda_mult) * (most[i] if chosen else 0))
            for i in left:
                alike = _dot(vectors[i], vectors[best])
                most[i] = max(most[i], alike) if chosen else alike
            chosen.append(best)
            left.remove(best)
        return self._documents(hits[i] for i in chosen)

    def max_marginal_relevance_search(self, query, k=4, fetch_k=20, lambda_mult=0.5, filter=None, **more):
        return self.max_marginal_relevance_search_by_vector(self.embeddings.embed_query(query), k, fetch_k, lambda_mult,
                                                            filter, **more)


@dataclasses.dataclass
class Retriever:
    """Documents for a question, from VectorStore.as_retriever().  It may be called, and so be a part of a chain."""
    vectorstore: VectorStore
    search_type: str = 'similarity'
    search_kwargs: dict = dataclasses.field(default_factory=dict)

    def invoke(self, input, config=None, **more):
        """The documents; `more` and search_kwargs are for VectorStore.search()."""
        return self.vectorstore.search(input, self.search_type, **{**self.search_kwargs, **more})

    async def ainvoke(self, input, config=None, **more):
        return await asyncio.to_thread(self.invoke, input, config, **more)

    def batch(self, inputs, config=None, **more):
        """The documents for each of several questions."""
        return [self.invoke(i, config, **more) for i in inputs]

    __call__ = invoke


def _in_thread(method):
    async def run(*args, **kw):
        return await asyncio.to_thread(method, *args, **kw)
    run.__doc__ = '%s() in another thread.' % method.__name__
    return run


for _name in ('add_documents', 'add_texts', 'add_embeddings', 'delete', 'get_by_ids', 'search', 'similarity_search',
              'similarity_search_by_vector', 'similarity_search_with_score', 'similarity_search_with_relevance_scores',
              'similarity_search_with_score_by_vector', 'max_marginal_relevance_search',
              'max_marginal_relevance_search_by_vector'):
    setattr(VectorStore, 'a' + _name, _in_thread(getattr(VectorStore, _name)))
for _name in ('from_texts', 'from_documents'):
    setattr(VectorStore, 'a' + _name, staticmethod(_in_thread(getattr(VectorStore, _name))))


def _dot(a, b):
    return float(a @ b) if np is not None else math.fsum(x * y for x, y in zip(a, b))


def _unit(vector):
    """A vector of length 1; of zeros it stays as it is."""
    if np is not None:
        vector = np.asarray(vector, dtype=float)
        return vector / (np.linalg.norm(vector) or 1)
    length = math.sqrt(math.fsum(x * x for x in vector)) or 1
    return [x / length for x in vector]
