# SPDX-License-Identifier: GPL-2.0
"""hnsw.py DIR: programs in the shape of hnswlib's README and examples, on vexfs.Index.  Exit code 0 or 1.

But for the import and the path they are what one writes for hnswlib; what they print is asserted here.
"""
import pickle
import sys
import threading

import numpy as np
import vexfs as hnswlib

top = sys.argv[1]
rng = np.random.default_rng(11)
DIM, N = 16, 1000


def vectors(n):
    return rng.random((n, DIM), dtype=np.float32)


def recall(labels, wanted):
    return np.mean(labels.reshape(-1) == wanted)


# --- create, insert, search, pickle

data, ids = vectors(N), np.arange(N)
p = hnswlib.Index(top + '/search', space='l2', dim=DIM)
p.init_index(max_elements=N, ef_construction=200, M=16)
p.add_items(data, ids)
p.set_ef(50)
labels, distances = p.knn_query(data, k=1)
assert labels.shape == distances.shape == (N, 1) and recall(labels, ids) > 0.99 and np.max(distances) < 0.5
copy = pickle.loads(pickle.dumps(p))
assert (copy.space, copy.dim, copy.M, copy.ef_construction, copy.element_count, copy.max_elements, copy.ef) == \
    ('l2', DIM, 16, 200, N, N, 50)
assert np.array_equal(copy.knn_query(data[:9], k=3)[0], p.knn_query(data[:9], k=3)[0])

# --- two halves, with saving and loading between them

first, second = data[:N // 2], data[N // 2:]
p = hnswlib.Index(top + '/halves', space='l2', dim=DIM)
p.init_index(max_elements=N // 2, ef_construction=100, M=16)
p.set_ef(10)
p.set_num_threads(4)
p.add_items(first)
labels, distances = p.knn_query(first, k=1)
assert recall(labels, np.arange(len(first))) > 0.99
p.save_index(top + '/halves')
del p
p = hnswlib.Index(space='l2', dim=DIM)
p.load_index(top + '/halves', max_elements=N)
p.add_items(second)
labels, distances = p.knn_query(data, k=1)
assert recall(labels, ids) > 0.99 and np.array_equal(p.get_items(labels), data[labels.reshape(-1).astype(int)])
assert sorted(p.get_ids_list()) == list(range(N)) and p.get_current_count() == p.get_max_elements() == N

# --- a filter by label

labels, distances = p.knn_query(data[:300], k=1, num_threads=1, filter=lambda label: label % 2 == 0)
assert np.all(labels % 2 == 0) and recall(labels, np.arange(300)) > 0.49
labels, distances = p.knn_query(data[:5], k=2, filter=lambda label: label >= N - 2)
assert {tuple(sorted(row)) for row in labels.tolist()} == {(N - 2, N - 1)}

# --- resizing

p.resize_index(2 * N)
p.add_items(vectors(10))
assert p.get_max_elements() == 2 * N and p.element_count == N + 10

# --- deleting, putting back, replacing

for label in range(100):
    p.mark_deleted(label)
labels, distances = p.knn_query(data[:100], k=1)
assert np.min(labels) >= 100
for label in range(100):
    p.unmark_deleted(label)
labels, distances = p.knn_query(data[:100], k=1)
assert recall(labels, np.arange(100)) > 0.98
p = hnswlib.Index(top + '/replace', space='l2', dim=DIM)
p.init_index(max_elements=400, ef_construction=200, M=16, allow_replace_deleted=True)
p.set_ef(10)
p.add_items(data[:200], ids[:200])
p.add_items(data[200:400], ids[200:400])
for label in ids[200:400]:
    p.mark_deleted(label)
p.add_items(data[400:600], ids[400:600], replace_deleted=True)
assert sorted(p.get_ids_list()) == list(range(200)) + list(range(400, 600))

# --- distances of the three spaces, from five vectors to the last of them

five = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1]], dtype=np.float32)
for space, wanted in [('l2', [0, 1, 2, 2, 2]), ('ip', [-2, -1, 0, 0, 0]), ('cosine', [0, .1835, .4226, .4226, .4226])]:
    p = hnswlib.Index(top + '/' + space, space=space, dim=3)
    p.init_index(max_elements=5)
    p.add_items(five)
    assert np.allclose(p.knn_query(five[-1:], k=5)[1], [wanted], atol=1e-3), space

# --- adding without ids from several threads

p = hnswlib.Index(top + '/threads', space='l2', dim=DIM)
p.init_index(max_elements=80)
adders = [threading.Thread(target=lambda: [p.add_items(data[i:i + 2]) for i in range(0, 20, 2)]) for _ in range(4)]
for t in adders:
    t.start()
for t in adders:
    t.join()
assert p.element_count == 80 and sorted(p.get_ids_list()) == list(range(80))
p.add_items(data[:3], [5, 6, 5])
assert np.array_equal(p.get_items([5, 6]), data[[2, 1]]) and p.element_count == 80
assert p.knn_query(np.empty((0, DIM)), k=3)[0].shape == (0, 3)
try:
    p.knn_query(data[0], k=81)
    raise AssertionError('81 of 80')
except RuntimeError:
    pass
print('ok')
