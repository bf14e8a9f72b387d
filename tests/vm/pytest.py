# SPDX-License-Identifier: GPL-2.0
"""pytest.py DIR: the module of Python against a model, without NumPy if VEXFS_NO_NUMPY is set.  Exit code 0 or 1."""
import os
import random
import sys
import threading

if os.environ.get('VEXFS_NO_NUMPY'):
    sys.modules['numpy'] = None
import vexfs  # noqa: E402
from vexfs.values import np  # noqa: E402

top = sys.argv[1]
random.seed(5)
DIMS, N = 12, 500


def row():
    return [random.uniform(-1, 1) for _ in range(DIMS)]


def fails(kind, function, *args, **kw):
    try:
        function(*args, **kw)
    except kind as e:
        return str(e)
    raise AssertionError('%s did not fail' % function)


def l2(a, b):
    return sum((float(x) - float(y)) ** 2 for x, y in zip(a, b))


c = vexfs.create(top + '/c', DIMS, attrs={'year': 'int', 'lang': 'keyword'})
rows = [row() for _ in range(N)]
langs = ['de', 'en', 'fr', None]
c.add(rows, ids=range(N), keys=['k%d' % i if i % 2 else None for i in range(N)],
      attrs=[{'year': 1900 + i, 'lang': langs[i % 4]} for i in range(N)])
assert len(c) == N and list(c.ids()) == list(range(N))
q = row()
want = sorted(range(N), key=lambda i: l2(q, rows[i]))[:10]
assert [h.id for h in c.search(q, k=10, exact=True)] == want
many = c.search([q, rows[3]], k=2)
assert [h.id for h in many[0]] == want[:2] and many[1][0].id == 3 and many[1][0].distance < 1e-9
assert all(h.id % 4 == 1 and h.id >= 100 for h in c.search(q, k=20, where="lang = 'en' and year >= 2000"))
assert c.search(q, k=20, where="lang = 'xx'") == []
assert 'column' in fails(ValueError, c.search, q, where='height = 3')
near = c.search(q, k=N, radius=c.search(q, k=3, exact=True)[2].distance, exact=True)
assert [h.id for h in near] == want[:3]
assert c.similar(id=7, k=1)[0].id == 7 and c.similar(key='k9', k=1)[0].id == 9
r = c.get(key='k11')
assert r.id == 11 and r.attrs == {'year': 1911, 'lang': None} and abs(r.vector[0] - rows[11][0]) < 1e-6
assert c.get(13).attrs['lang'] == 'en'
fails(KeyError, c.get, 10**9)
e = fails(OSError, c.add, [row()], [5])
assert 'id 5' in e and 'taken' in e, e
fails(ValueError, c.add, [[1, 2]], [N])
fails(ValueError, c.add, [row()], [N, N + 1])
fails(ValueError, c.add, [row()], [N], attrs=[{'height': 1}])
c.add([row()], [5], upsert=True, attrs=[{'lang': 'it'}])
assert c.get(5).attrs == {'year': 0, 'lang': 'it'}
c.snapshot('before')
c.delete([5, 6])
assert {5, 6} <= {h.id for h in c.search(q, k=N, exact=True, as_of='before')}
assert c.similar(id=6, k=1, as_of='before')[0].id == 6
c.delete(keys=['k7'])
fails(KeyError, c.delete, [5])
assert len(c) == N - 3
with open(top + '/c/doc.txt', 'w+') as f:
    f.write('some text')
    f.flush()
    c.add([q], [N], files=[(f, 5, 4)])
hit = c.search(q, k=1)[0]
assert hit.id == N and hit.offset == 5 and hit.length == 4 and not hit.stale and c.path(hit.file) == 'doc.txt'
os.remove(top + '/c/doc.txt')
assert c.search(q, k=1)[0].id == want[0]
errors = []


def asker():
    try:
        for _ in range(20):
            assert c.search(q, k=1)[0].id == want[0]
    except Exception as e:  # noqa: BLE001
        errors.append(e)


threads = [threading.Thread(target=asker) for _ in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert not errors, errors
c.delete_snapshot('before')
fails(OSError, c.search, q, as_of='before')
before, after = c.compact()
assert after < before and c.search(q, k=1)[0].id == want[0], (before, after)
c.sync()
c.close()
fails(OSError, vexfs.Collection, top)

# what the kernel makes of the largest and smallest values, and of what is just too large
c = vexfs.create(top + '/new/edge', 2, attrs={'n': 'int', 'w': 'keyword'})
ids = [0, 2**53 + 1, 2**63, 2**64 - 1]
keys = ['k' * 255, 'ü' * 127, b'\xff', None]
attrs = [{'n': 2**63 - 1, 'w': 'w' * 255}, {'n': -2**63, 'w': 'ü' * 127}, {'n': 1, 'w': b'\xff'}, None]
assert c.add([[i, 0] for i in range(4)], ids, keys, attrs) == ids
records = list(c.records(vectors=True))
assert [r.id for r in records] == list(c.ids()) == ids
assert [r.key for r in records] == ['k' * 255, 'ü' * 127, '\udcff', None]
assert [r.attrs['n'] for r in records] == [2**63 - 1, -2**63, 1, 0]
assert [r.attrs['w'] for r in records] == ['w' * 255, 'ü' * 127, '\udcff', None]
assert [list(r.vector) for r in records] == [[i, 0] for i in range(4)]
assert [c.get(i)[:3] for i in ids] == [r[:3] for r in records] and c.get(key='\udcff').id == 2**63
assert [h.id for h in c.search([0, 0], where="w = '%s'" % ('w' * 255))] == [0]
for kind, more in [(ValueError, {'keys': ['k' * 256]}), (ValueError, {'attrs': [{'w': 'w' * 256}]}),
                   (OverflowError, {'ids': [-1]}),
                   (OverflowError, {'ids': [2**64]}), (OverflowError, {'attrs': [{'n': 2**63}]}),
                   (TypeError, {'ids': [1.0]}),
                   (ValueError, {'keys': ['a\0b']}), (OverflowError, {'files': [(2**32, 0, 0)]}),
                   (TypeError, {'ids': ['1']})]:
    fails(kind, c.add, [[1, 1]], **dict({'ids': [7]}, **more))
assert len(c) == 4 and c.search([0, 0], where="w = 'www'") == []
c.delete(ids)

# ids from the kernel, for several threads at once
c = vexfs.create(top + '/new/ids', 2)
got = []
threads = [threading.Thread(target=lambda: got.extend(sum((c.add([[1, 2], [3, 4]]) for _ in range(10)),
                                                          []))) for _ in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert len(c) == 80 and sorted(got) == sorted(c.ids()) == list(range(80)) and c.info().next_id == 80
assert c.add([[1, 2]], keys=['a']) == [80] and c.add([[5, 6], [7, 8]], keys=['b', 'a'], upsert=True) == [81, 80]
assert len(c) == 82 and list(c.get(key='a').vector) == [7, 8]
fails(FileExistsError, c.add, [[1, 2]], keys=['a'])
assert c.search([1, 2], k=1, max_visits=1).truncated == ('visits',) and c.search([1, 2], k=1).truncated == ()
assert len(c.search([1, 2], k=65536, radius=float('inf'), args=[-1, 2**64 - 1], timeout=600)) == 82

# what fails leaves nothing behind
fails(OSError, vexfs.create, top + '/new/x/y', 2, 'hamming')
os.mkdir(top + '/full')
with open(top + '/full/file', 'w') as f:
    f.write('text')
fails(OSError, vexfs.create, top + '/full', 2)
fails(FileExistsError, vexfs.create, top + '/new/ids', 2)
assert not os.path.exists(top + '/new/x') and os.listdir(top + '/full') == ['file']
if np is None:
    fails(ImportError, vexfs.Index, top + '/i', dim=3)
else:
    data = np.random.default_rng(3).standard_normal((2000, 32)).astype(np.float32)
    index = vexfs.Index(top + '/i', space='cosine', dim=32)
    index.add_items(data[:1500])
    index.add_items(data[1500:], np.arange(1500, 2000))
    labels, distances = index.knn_query(data[:50], k=5)
    unit = data / np.linalg.norm(data, axis=1, keepdims=True)
    truth = np.argsort(-(unit[:50] @ unit.T), axis=1)[:, :5]
    recall = np.mean([len(set(a) & set(b)) / 5 for a, b in zip(labels.tolist(), truth.tolist())])
    assert labels.shape == (50, 5) and distances.dtype == np.float32 and recall > 0.98, recall
    assert np.array_equal(index.get_items([7, 8]), data[7:9])
    index.mark_deleted(0)
    assert index.element_count == 1999 and vexfs.Index(top + '/i', space='cosine').knn_query(data[0])[0][0, 0] != 0
    print('recall@5 of Index', recall)
print('ok, %s NumPy' % ('without' if np is None else 'with'))
