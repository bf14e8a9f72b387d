# SPDX-License-Identifier: GPL-2.0
"""The shape of hnswlib's Index, over a collection."""
import collections
import errno
import math
import os
import threading

from .abi import MAX_BATCH_BYTES, MAX_DIMS, MAX_K, MAX_RANGE, MAX_SLOTS, MAX_TIMEOUT_US, TRUNCATED, call
from .collection import Collection, create
from .values import id_array, integer, np, string

METRICS = {'l2': 'l2', 'ip': 'dot', 'cosine': 'cosine'}
ADDED = 65536  # vectors inserted in one call, at most
UNDO, UNDO_BYTES = 65536, 64 << 20  # deleted records kept for unmark_deleted(), and their rows


class Index:
    """What hnswlib.Index offers, over a collection.  A program written for hnswlib gives it a path as well; the rest
    stays as it is.  Needs NumPy.

        index = vexfs.Index('/mnt/py', space='cosine', dim=384)
        index.add_items(vectors, ids)
        labels, distances = index.knn_query(queries, k=10)

    path: the directory.  A collection that is there is opened, and must have the space and dim that are given; if there
    is none, it is made, for which dim is needed.  Without a path nothing is opened until load_index().
    space: 'l2', squared; 'ip', 1 - the inner product; or 'cosine', 1 - cos: the distances of hnswlib.

    The records are in the filesystem: other programs see them at once, and they survive a crash after save_index().
    Differences from hnswlib:

    - There is no graph: M, ef_construction, ef, random_seed and num_threads are kept, and have no effect.
    - max_elements is kept, and limits nothing: a collection grows until the disk is full.
    - What mark_deleted() deletes is gone for everybody, and neither counted nor listed.  Its space comes back by
      itself, so replace_deleted is not needed for that.  unmark_deleted() puts back what this object has deleted.
    - add_items() without ids takes labels that nobody has, also when several threads and programs add at once.
    - get_items() gives vectors as they were added, not normalized for cosine.
    - load_index() cannot change the space, and save_index() cannot write elsewhere: both raise ValueError.
    - A pickle holds the path and the parameters, not the records: what is made of it is the same collection.

    RuntimeError is raised where hnswlib raises it: no such label, fewer than k records, an index that is not empty.
    Other errors are those of the rest of vexfs: TypeError, OverflowError, ValueError, OSError.
    """

    def __init__(self, path=None, space='l2', dim=None):
        if np is None:
            raise ImportError('Index needs NumPy')
        if not isinstance(space, str) or space not in METRICS:
            raise ValueError('the space is %r; it must be one of l2, ip, cosine' % (space,))
        dim = None if dim is None else integer(dim, 'dim', 1, MAX_DIMS, ValueError)
        self._start(dict(space=space, dim=dim, M=16, ef_construction=200, ef=10, num_threads=os.cpu_count() or 1,
                         random_seed=100, max_elements=0, allow_replace_deleted=False, initiated=False), path, True)

    def _start(self, state, path, make):
        self._state, self._lock, self.collection, self.path = state, threading.Lock(), None, None
        self._deleted = collections.OrderedDict()  # by label, oldest first; _lock
        if path is not None:
            self._open(path, make)

    def _open(self, path, make):
        path, state = os.path.abspath(os.fsdecode(path)), self._state
        try:
            c = Collection(path)
        except OSError as e:
            if not make or e.errno not in (errno.ENOENT, errno.ENODATA) or state['dim'] is None:
                raise
            try:
                c = create(path, state['dim'], METRICS[state['space']])
            except FileExistsError:  # somebody else was faster
                c = Collection(path)
        dim = state['dim'] if state['dim'] is not None else c.dims
        if c.metric != METRICS[state['space']] or c.dims != dim:
            c.close()
            raise ValueError('%s holds vectors of %d dimensions, metric %s; the index has %s and %s' %
                             (path, c.dims, c.metric, dim, METRICS[state['space']]))
        state['dim'], self.collection, self.path = dim, c, path

    def _opened(self):
        if self.collection is None:
            raise RuntimeError('the index has no collection: give Index a path, or call load_index')
        return self.collection

    def __repr__(self):
        return '<vexfs.Index(path=%r, space=%r, dim=%r)>' % (self.path, self.space, self.dim)

    def __getstate__(self):
        return dict(self._state, path=self.path)

    def __setstate__(self, state):
        state = dict(state)
        self._start(state, state.pop('path'), False)

    # --- parameters ---

    space = property(lambda self: self._state['space'])
    dim = property(lambda self: self._state['dim'], doc='None: not known before load_index()')
    M = property(lambda self: self._state['M'])
    ef_construction = property(lambda self: self._state['ef_construction'])

    def set_ef(self, ef):
        """Kept, without effect: what is measured does not depend on it."""
        self._state['ef'] = integer(ef, 'ef', 1)

    ef = property(lambda self: self._state['ef'], set_ef)

    def set_num_threads(self, num_threads):
        """Kept, without effect: a call searches in one thread; call from several."""
        self._state['num_threads'] = integer(num_threads, 'num_threads', -2**31, 2**31 - 1)

    num_threads = property(lambda self: self._state['num_threads'], set_num_threads)

    def get_current_count(self):
        """How many records there are."""
        return 0 if self.collection is None else len(self.collection)

    element_count = property(get_current_count)

    def get_max_elements(self):
        """What init_index(), load_index() or resize_index() was given, or the number of records if that is more; if
        nothing was given, how many the filesystem can hold."""
        return max(self._state['max_elements'] or MAX_SLOTS, self.get_current_count())

    max_elements = property(get_max_elements)

    def resize_index(self, new_size):
        """Kept, without effect.  RuntimeError: there are more records."""
        if integer(new_size, 'the size') < self.get_current_count():
            raise RuntimeError('cannot resize: there are more records than that')
        self._state['max_elements'] = integer(new_size, 'the size')

    # --- its life ---

    def init_index(self, max_elements, M=16, ef_construction=200, random_seed=100, allow_replace_deleted=False):
        """Begin with an empty index.  All parameters are kept, and only allow_replace_deleted has an effect: it allows
        replace_deleted in add_items().  RuntimeError: it was begun already, or the collection has records (load_index()
        goes on with them)."""
        new = dict(max_elements=integer(max_elements, 'max_elements'), M=integer(M, 'M'),
                   ef_construction=integer(ef_construction, 'ef_construction'),
                   random_seed=integer(random_seed, 'random_seed'), allow_replace_deleted=bool(allow_replace_deleted))
        if self._state['initiated']:
            raise RuntimeError('the index is already initiated')
        if len(self._opened()):
            raise RuntimeError('%s has %d records already: load_index goes on with them, `vexctl collection drop` '
                               'removes them' % (self.path, len(self.collection)))
        self._state.update(new, initiated=True)

    def load_index(self, path_to_index, max_elements=0, allow_replace_deleted=False):
        """Go on with the collection at a path.  ValueError: it has another space or dim; OSError: it is none."""
        new = dict(max_elements=integer(max_elements, 'max_elements'), initiated=True,
                   allow_replace_deleted=bool(allow_replace_deleted))
        self._open(path_to_index, False)
        self._state.update(new)
        with self._lock:
            self._deleted.clear()

    def save_index(self, path_to_index):
        """Wait until all records are on the disk.  ValueError: the path is not that of the collection."""
        self._opened()
        string(os.fsencode(path_to_index), 'the path', None)
        if not os.path.exists(path_to_index) or not os.path.samefile(path_to_index, self.path):
            raise ValueError('the index is kept in %s, not in %s; copy it by `vexctl export`' % (self.path,
                                                                                                 path_to_index))
        self.collection.sync()

    # --- records ---

    def add_items(self, data, ids=None, num_threads=-1, replace_deleted=False):
        """Add vectors, of the shape (n, dim) or (dim,).  Returns their labels, an array (n,) of uint64.

        ids: n integers, or one.  A record whose label is there is replaced, and of a label that is given twice the last
        vector stays.  None: labels that nobody has, in a new index 0, 1, ...
        num_threads: without effect.  replace_deleted: see init_index(); unmark_deleted() forgets one for each vector.
        65,536 vectors, or 64 MiB of them, are added in one step; after an error those of steps before are there.
        """
        if replace_deleted and not self._state['allow_replace_deleted']:
            raise RuntimeError('replacing deleted elements is not enabled: see allow_replace_deleted of init_index')
        c = self._opened()
        rows, address, n, _ = c._rows(data)
        labels = np.zeros(n, dtype=np.uint64)
        if ids is not None:
            labels = np.array(id_array(np.atleast_1d(ids) if np.ndim(ids) == 0 else ids), dtype=np.uint64)
            if len(labels) != n:
                raise ValueError('%d vectors, but %d ids' % (n, len(labels)))
        most = min(ADDED, MAX_BATCH_BYTES // c._row_bytes)
        for i in range(0, n, most):
            some = labels[i:i + most]
            some[:] = c._insert(address + i * c._row_bytes, len(some), None if ids is None else some, upsert=True)
        with self._lock:
            for label in labels.tolist() if self._deleted else ():
                self._deleted.pop(label, None)
            for _ in range(min(n if replace_deleted else 0, len(self._deleted))):
                self._deleted.popitem(last=False)
        return labels

    def get_ids_list(self):
        """All labels, in the order in which they were added."""
        while True:
            try:
                return list(self._opened().ids())
            except OSError as e:
                if e.errno != errno.ESTALE:  # compacted meanwhile
                    raise

    def get_items(self, ids=None, return_type='numpy'):
        """The vectors of labels, as an array (n, dim) of float32, or with return_type 'list' as lists.  A single label
        counts as a list of one.  RuntimeError: there is no such label."""
        if return_type not in ('numpy', 'list'):
            raise ValueError("return_type is %r; it must be 'numpy' or 'list'" % (return_type,))
        c = self._opened()
        labels = list(id_array(() if ids is None else np.ravel(ids) if isinstance(ids, np.ndarray) else
                               (ids,) if np.ndim(ids) == 0 else ids))
        out = np.empty((len(labels), c.dims), dtype=np.float32)
        for i, label in enumerate(labels):
            with _labelled(label):
                call('get', 'get', c.fd, label, out[i].ctypes.data, c._row_bytes, None)
        return out if return_type == 'numpy' else out.tolist()

    def mark_deleted(self, label):
        """Delete a record.  The last 65,536, or 64 MiB of them, are kept in memory for unmark_deleted().  RuntimeError:
        there is no such label."""
        c, label = self._opened(), integer(label, 'a label')
        with _labelled(label):
            record = c.get(label)
            c.delete([label])
        with self._lock:
            self._deleted[label] = record
            while len(self._deleted) > max(1, min(UNDO, UNDO_BYTES // c._row_bytes)):
                self._deleted.popitem(last=False)

    def unmark_deleted(self, label):
        """Put back what mark_deleted() has deleted through this object, without its file if it was bound to one.
        RuntimeError: it was not, or too long ago, or the label is there again."""
        c, label = self._opened(), integer(label, 'a label')
        with self._lock:
            record = self._deleted.pop(label, None)
        if record is None:
            raise RuntimeError('label %d was not deleted through this index' % label)
        try:
            c.add([record.vector], [label], [record.key], [record.attrs])
        except OSError as e:
            if e.errno == errno.EEXIST:
                raise RuntimeError('label %d, or its key, is there again' % label) from None
            with self._lock:
                self._deleted[label] = record
            raise

    # --- searching ---

    def knn_query(self, data, k=1, num_threads=-1, filter=None, where=None):
        """The k nearest records of each of n vectors: (labels, distances), arrays (n, k) of uint64 and float32.

        k: 1 to 65536.  filter: a function of a label that says whether it is wanted.  It is asked about what was found,
        nearest first, and more is searched until k are wanted or 65,536 were looked at.  where: a condition on the
        attributes, as for Collection.search, which is faster.  As hnswlib it takes its time: 600 s for each 1,024 vectors.
        RuntimeError: fewer than k records are there, or pass.  No vectors give arrays of the shape (0, k).
        """
        c = self._opened()
        k = integer(k, 'k', 1, MAX_RANGE, ValueError)
        if filter is not None and not callable(filter):
            raise TypeError('the filter is of type %s; a function is wanted' % type(filter).__name__)
        rows, address, n, _ = c._rows(data)
        labels, distances = np.empty((n, k), dtype=np.uint64), np.empty((n, k))
        left, room, known = np.arange(n), k if filter is None else max(2 * k, 64), {}
        while len(left):
            room = min(room, MAX_RANGE)
            # beyond MAX_K as a search within a radius
            request = c._request(room, radius=math.inf if room > MAX_K else None, where=where,
                                 timeout=MAX_TIMEOUT_US // 10**6)
            some, missed, first = np.ascontiguousarray(rows[left]), [], 0
            for hits, answers in c._ask_all(some.ctypes.data, len(some), request):
                found = np.ctypeslib.as_array(hits).reshape(len(answers), room)
                for query, answer, row in zip(left[first:first + len(answers)], answers, found):
                    row = row[:answer.n]
                    if filter is not None:
                        row = row[[_passes(filter, label, known) for label in row['id'].tolist()]][:k]
                    if len(row) < k and (answer.n < room or room == MAX_RANGE):
                        raise RuntimeError(_too_few(len(row), k, answer, filter, room))
                    if len(row) < k:
                        missed.append(query)
                    else:
                        labels[query], distances[query] = row['id'], row['distance']
                first += len(answers)
            left, room = np.array(missed, dtype=int), room * 8
        return labels, (distances + (self.space == 'ip')).astype(np.float32)


def _passes(filter, label, known):
    if label not in known:
        known[label] = bool(filter(label))
    return known[label]


def _too_few(n, k, answer, filter, room):
    why = ', '.join(why for bit, why in enumerate(TRUNCATED) if answer.truncated & 1 << bit and why != 'limit')
    return 'fewer than k records: %d of %d%s%s%s' % (
        n, k, ' pass the filter' if filter else '', ', of the %d nearest' % room if answer.n == room else '',
        '; the search was cut short by %s' % why if why else '')


class _labelled:
    """Makes "not there" hnswlib's RuntimeError."""

    def __init__(self, label):
        self.label = label

    def __enter__(self):
        pass

    def __exit__(self, kind, e, trace):
        if isinstance(e, KeyError) or (isinstance(e, OSError) and e.errno == errno.ENOENT):
            raise RuntimeError('label %d not found' % self.label) from None
