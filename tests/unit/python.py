#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The Python module without a kernel: what reaches C, and the shape of hnswlib's Index.  With and without NumPy.  TAP.

The functions of the library that make system calls are replaced by a model of them, called through ctypes with the
argument types of the real ones, so that numbers and texts are cut as they would be.
"""
import ctypes as ct
import errno
import math
import os
import pickle
import sys
import tempfile
import threading
import uuid

sys.dont_write_bytecode = True
from pymodule import again, np, raises, test  # noqa: E402
import vexfs  # noqa: E402
from vexfs import abi  # noqa: E402

work = tempfile.mkdtemp(prefix='vexfs-python')


class Model:
    """The calls of libvexfs on a directory of the host, as one that is on VexFS."""

    def __init__(self):
        self.real = abi.library()
        self.real.vexfs_where_holds.restype, self.real.vexfs_where_holds.argtypes = ct.c_bool, [abi.ptr, abi.ptr]
        self.dirs, self.fds, self.opened, self.create_error, self.last = {}, {}, 0, 0, None
        for name, takes in abi._TAKES.items():
            made = getattr(self, '_' + name, None)
            if made is not None:
                made = ct.CFUNCTYPE(ct.c_int, *takes)(self.guard(made))
            setattr(self, 'vexfs_' + name, made or getattr(self.real, 'vexfs_' + name))

    @staticmethod
    def guard(function):
        def guarded(*args):
            try:
                return function(*args) or 0
            except OSError as e:
                return -e.errno
        return guarded

    def _open(self, path):
        path = os.fsdecode(path)
        if not os.path.isdir(path):
            return -errno.ENOENT
        self.opened += 1
        self.fds[self.opened] = os.path.realpath(path)
        return self.opened

    def _close(self, fd):
        self.fds.pop(fd)

    def at(self, fd):
        c = self.dirs.get(self.fds[fd])
        if c is None:
            raise OSError(errno.ENODATA, '')
        return c

    def _create(self, fd, schema):
        if self.create_error:
            return -self.create_error
        if self.fds[fd] in self.dirs:
            return -errno.EEXIST
        s = abi.Schema.from_address(schema)
        c = self.dirs[self.fds[fd]] = Model.__new__(Model)
        c.lock, c.records, c.words, c.next, c.seq = threading.Lock(), {}, {}, 0, 0
        c.schema = abi.Schema.from_buffer_copy(s)

    def _info(self, fd, info):
        c, i = self.at(fd), abi.Info.from_address(info)
        i.dims, i.element, i.metric, i.row_bytes = c.schema.dims, abi.ELEM_F32, c.schema.metric, 4 * c.schema.dims
        i.attrs, i.live = c.schema.attrs, len(c.records)
        i.attr = c.schema.attr

    def _insert(self, fd, batch):
        c, b = self.at(fd), abi.Batch.from_address(batch)
        width, at, upsert = c.schema.attrs, 0, b.flags & abi.INSERT_UPSERT
        ids = (abi.u64 * b.n).from_address(b.new_ids if b.flags & abi.INSERT_AUTO_ID else b.ids)
        rows = ((ct.c_float * c.schema.dims) * b.n).from_address(b.rows)
        attrs = (abi.s64 * (b.n * width)).from_address(b.attrs) if b.attrs else [0] * (b.n * width)
        with c.lock:
            records = dict(c.records)
            for i in range(b.n):
                key, bind = None, None
                if b.key_bytes:
                    n = (abi.u8 * b.n).from_address(b.key_lens)[i]
                    key = ct.string_at(b.keys + at, n) or None
                    at += n
                if b.binds:
                    bind = (abi.Bind * b.n).from_address(b.binds)[i]
                    bind = (bind.fd, bind.off, bind.len)
                same = [j for j, r in records.items() if key and r[1] == key]
                if b.flags & abi.INSERT_AUTO_ID:
                    ids[i] = same[0] if same and upsert else c.next
                c.next = max(c.next, ids[i] + 1)
                if not upsert and (ids[i] in records or same):
                    b.bad = i
                    return -errno.EEXIST
                for j in same:
                    del records[j]
                records[ids[i]] = list(rows[i]), key, list(attrs[i * width:(i + 1) * width]), bind
            if at != b.key_bytes:
                return -errno.EINVAL
            c.records.clear()
            c.records.update(records)

    def fill(self, c, i, item, row):
        if i not in c.records:
            return -errno.ENOENT
        vector, key, attrs, bind = c.records[i]
        if item:
            item = abi.Item.from_address(item)
            item.id, item.flags, item.key_len = i, abi.ITEM_KEYED if key else 0, len(key or b'')
            for j, a in enumerate(attrs):
                item.attr[j] = a
        if row:
            (ct.c_float * len(vector)).from_address(row)[:] = vector

    def _get(self, fd, i, row, room, item):
        return self.fill(self.at(fd), i, item, row)

    def _get_by_key(self, fd, key, n, row, room, item):
        c = self.at(fd)
        return self.fill(c, next((i for i, r in c.records.items() if r[1] == key[:n]), -1), item, row)

    def _key(self, fd, i, key):
        name = self.at(fd).records[i][1]
        ct.memmove(key, name, len(name))
        return len(name)

    def _delete(self, fd, ids, n, bad):
        c, ids = self.at(fd), (abi.u64 * n).from_address(ids)
        for i in range(n):
            if ids[i] not in c.records or ids[i] in ids[:i]:
                abi.u64.from_address(bad).value = i
                return -errno.ENOENT
        for i in ids:
            del c.records[i]

    def _list(self, fd, page):
        c, p = self.at(fd), abi.Listing.from_address(page)
        items = (abi.Item * p.n).from_address(p.items)
        some, at = list(c.records)[p.cursor:p.cursor + p.n], 0
        for n, i in enumerate(some):
            self.fill(c, i, ct.addressof(items[n]), p.rows and p.rows + n * p.row_bytes)
            key = c.records[i][1]
            if p.keys and key:
                ct.memmove(p.keys + at, key, len(key))
                items[n].key_off = at
                at += len(key)
        p.cursor = p.cursor + p.n if len(some) == p.n else abi.U64_MAX
        p.n = len(some)

    def _intern(self, fd, attr, words, codes, flags):
        w, at = abi.WordList.from_address(words), 0
        known = self.at(fd).words.setdefault(attr, [])
        for i, n in enumerate((abi.u8 * w.n).from_address(w.lens)):
            word = ct.string_at(w.bytes + at, n)
            at += n
            if word not in known and not flags:
                known.append(word)
            (abi.s64 * w.n).from_address(codes)[i] = known.index(word) + 1 if word in known else 0

    def _words(self, fd, attr, first, words):
        w, word = abi.WordList.from_address(words), self.at(fd).words[attr][first - 1]
        ct.memmove(w.bytes, word, len(word))
        abi.u8.from_address(w.lens).value, w.n = len(word), 1

    def _path(self, fd, file, path, room):
        self.last = file
        return -errno.ENOENT

    def _snapshot_create(self, fd, name):
        self.last = name

    def _compact(self, fd, percent, before, after):
        self.last = percent

    def _sync(self, fd):
        self.last = 'sync'

    def _search(self, fd, request, hits, answer):
        c, r = self.at(fd), abi.Request.from_address(request)
        self.last = abi.Request.from_buffer_copy(r)
        n, dims = max(r.queries, 1), c.schema.dims
        if r.flags & (abi.SEARCH_BY_ID | abi.SEARCH_BY_KEY):
            queries = [c.records[r.id][0]]
        else:
            queries = ((ct.c_float * dims) * n).from_address(r.vector)
        out = (abi.Hit * (n * r.k)).from_address(hits)
        answers = (abi.QueryAnswer * n).from_address(r.answers)
        for q in range(n):
            found = []
            for i, (vector, _, attrs, _) in c.records.items():
                if r.where and not self.real.vexfs_where_holds(r.where, (abi.s64 * 8)(*attrs)):
                    continue
                dot = sum(x * y for x, y in zip(queries[q], vector))
                norm = math.sqrt(sum(x * x for x in queries[q]) * sum(x * x for x in vector))
                found.append(((None, sum((x - y) ** 2 for x, y in zip(queries[q], vector)), 1 - dot / (norm or 1), -dot)
                              [c.schema.metric], i))
            found.sort()
            answers[q].n = min(len(found), r.k)
            for j, (d, i) in enumerate(found[:r.k]):
                out[q * r.k + j].id, out[q * r.k + j].distance = i, d


m = abi._lib = Model()


def fresh(dims=2, metric='l2', **attrs):
    return vexfs.create(tempfile.mkdtemp(dir=work), dims, metric, attrs)


def stored(c):
    return m.dirs[os.path.realpath(c.name)].records


def words(c):
    return m.dirs[os.path.realpath(c.name)].words


# --- numbers and texts: what does not fit is an error, and nothing is stored

INT = [(True, TypeError), (1.0, TypeError), ('1', TypeError), (None, TypeError), (b'1', TypeError), ([1], TypeError),
       (1j, TypeError)]
U64 = INT + [(-1, OverflowError), (2**64, OverflowError), (uuid.UUID(int=2**127 + 5).int, OverflowError)]
TEXT = [('', ValueError), ('a\0b', ValueError), ('a' * 256, ValueError), ('ä' * 128, ValueError), (b'\0', ValueError),
        (b'', ValueError), ('\ud800', UnicodeEncodeError), (1, TypeError), (1.5, TypeError), (['a'], TypeError)]
if np is not None:
    INT += [(np.float32(1), TypeError), (np.float64(1), TypeError), (np.bool_(True), TypeError),
            (np.str_('1'), TypeError)]
    U64 += INT[-4:] + [(np.int64(-1), OverflowError), (np.int8(-1), OverflowError)]

c = fresh(n='int', word='keyword')
wrong = []


def refused(what, values, function):
    for value, kind in values:
        got = raises(kind, function, value)
        if got is not True or stored(c) or any(words(c).values()):
            wrong.append((what, value, kind, got, stored(c)))
            stored(c).clear()


refused('id', U64, lambda v: c.add([[1, 2]], [v]))
refused('two ids', U64, lambda v: c.add([[1, 2], [3, 4]], [7, v]))
refused('delete', U64, lambda v: c.delete([v]))
refused('get', [x for x in U64 if x[0] is not None], c.get)
refused('similar', [x for x in U64 if x[0] is not None], c.similar)
refused('key', TEXT, lambda v: c.add([[1, 2]], [1], keys=[v]))
refused('key of get', TEXT, lambda v: c.get(key=v))
refused('key of similar', TEXT, lambda v: c.similar(key=v))
refused('key of delete', TEXT + [(None, TypeError)], lambda v: c.delete(keys=[v]))
refused('word', [x for x in TEXT if x[0] not in ('', b'')] + [(True, TypeError)],
        lambda v: c.add([[1, 2], [3, 4]], [1, 2], attrs=[{'word': 'good'}, {'word': v}]))
refused('number', [(2**63, OverflowError), (-2**63 - 1, OverflowError), (1.5, ValueError), (math.nan, ValueError),
                   (math.inf, ValueError), (2.0**53 * 2, ValueError), ('1', TypeError), ([], TypeError),
                   (1j, TypeError)],
        lambda v: c.add([[1, 2], [3, 4]], [1, 2], attrs=[{'word': 'good', 'n': 1}, {'n': v}]))
refused('attributes', [({'height': 1}, ValueError), (1, TypeError), ([1], TypeError)],
        lambda v: c.add([[1, 2]], [1], attrs=[v]))
refused('descriptor', [x for x in INT if x[0] is not None] + [(-1, OverflowError), (2**31, OverflowError),
                                                              (2**32, OverflowError)],
        lambda v: c.add([[1, 2]], [1], files=[(v, 0, 0)]))
refused('offset', U64, lambda v: c.add([[1, 2]], [1], files=[(0, v, 0)]))
refused('length', U64 + [(2**32, OverflowError)], lambda v: c.add([[1, 2]], [1], files=[(0, 0, v)]))
refused('file', [((0, 1), ValueError), (5, TypeError)], lambda v: c.add([[1, 2]], [1], files=[v]))
refused('k', INT + [(0, ValueError), (-1, ValueError), (1001, ValueError), (2**32 + 1, ValueError)],
        lambda v: c.search([1, 2], k=v))
refused('k within a radius', [(0, ValueError), (65537, ValueError), (2**32 + 1, ValueError)],
        lambda v: c.search([1, 2], k=v, radius=1))
refused('radius', [('1', TypeError), (True, TypeError), (math.nan, ValueError), ([], TypeError), (1j, TypeError)],
        lambda v: c.search([1, 2], radius=v))
refused('per_file', INT + [(-1, OverflowError), (2**32, OverflowError)], lambda v: c.search([1, 2], per_file=v))
refused('timeout', [(0, ValueError), (-1, ValueError), (math.nan, ValueError), (601, ValueError), (1e300, ValueError),
                    (math.inf, ValueError), ('1', TypeError), (True, TypeError)], lambda v: c.search([1, 2], timeout=v))
refused('argument', INT + [(2**64, OverflowError), (-2**63 - 1, OverflowError)], lambda v: c.search([1, 2], args=[v]))
refused('arguments', [([1] * 5, ValueError), (5, TypeError)], lambda v: c.search([1, 2], args=v))
refused('max_visits', U64, lambda v: c.search([1, 2], max_visits=v))
RECALL = [(x, ValueError) for x in (0, -0.1, 1.0001, 95, math.nan, math.inf)] + [('1', TypeError), (True, TypeError),
                                                                                ([], TypeError), (1j, TypeError)]
refused('recall', RECALL, lambda v: c.search([1, 2], recall=v))
refused('recall of similar', RECALL, lambda v: c.similar(1, recall=v))
refused('effort', INT + [(-1, OverflowError), (2**32, OverflowError)], lambda v: c.search([1, 2], effort=v))
refused('recall with exact', [(0.5, ValueError), (1, ValueError)], lambda v: c.search([1, 2], recall=v, exact=True))
refused('effort with exact', [(1, ValueError)], lambda v: c.search([1, 2], effort=v, exact=True))
METHOD = [('hnsw', ValueError), ('', ValueError), ('IVF', ValueError), (3, TypeError), (None, TypeError), (b'ivf', TypeError)]
refused('method', METHOD, lambda v: c.search([1, 2], method=v))
refused('method of similar', METHOD, lambda v: c.similar(1, method=v))
refused('method with exact', [(m, ValueError) for m in ('coded', 'ivf', 'lsh')], lambda v: c.search([1, 2], method=v, exact=True))
refused('recall with the method exact', [(0.5, ValueError)], lambda v: c.search([1, 2], recall=v, method='exact'))
refused('snapshot', [('', ValueError), ('a\0b', ValueError), ('A', ValueError), ('a/b', ValueError),
                     ('a' * 32, ValueError), (5, TypeError)],
        c.snapshot)
refused('as_of', [('', ValueError), ('a\0b', ValueError), ('a' * 32, ValueError), (5, TypeError)],
        lambda v: c.search([1, 2], as_of=v))
refused('condition', [('', ValueError), ('n = 1\0 and n = 2', ValueError), ('height = 1', ValueError),
                      (b'n = 1', TypeError),
                      (5, TypeError)], lambda v: c.search([1, 2], where=v))
PERCENT = [(-1, ValueError), (101, ValueError), (2**32, ValueError)]
refused('min_deleted', INT + PERCENT, c.compact)
refused('min_dead', [x for x in INT if x[0] is not None] + PERCENT, lambda v: c.compact(min_dead=v))
refused('file of path', U64, c.path)
VECTORS = [(['1', '2'], TypeError), ('12', TypeError), (b'\1\2', TypeError), ([1, math.nan], ValueError),
           ([math.inf, 1], ValueError), ([1, 1e300], ValueError), ([1], ValueError), ([1, 2, 3], ValueError),
           ([[1, 2], [3]], ValueError), ([[1, 2, 3]], ValueError), ([1j, 2], TypeError),
           (5, (ValueError, TypeError)[np is None]),
           (None, TypeError), ([None, 1], TypeError), ([[[1, 2]]], ValueError), ([[[1], [2]]],
                                                                                 (ValueError, TypeError)[np is None])]
if np is not None:
    VECTORS += [(np.array(['1', '2']), TypeError), (np.array([1, 2], dtype=complex), TypeError),
                (np.array([1, 2], dtype=object), TypeError), (np.array([1, 2], dtype='M8[s]'), TypeError),
                (np.zeros((1, 1, 2)), ValueError), (np.zeros((2, 1)), ValueError), (np.zeros((0, 3)), ValueError),
                (np.array([1, 1e39]), ValueError), (np.ma.masked_array([1., 2.], [0, 1]), ValueError)]
refused('vector', VECTORS, lambda v: c.add(v, [1]))
refused('query', VECTORS, c.search)
refused('how many', [([1], ValueError), ([1, 2, 3], ValueError), ([], ValueError), (1, TypeError)],
        lambda v: c.add([[1, 2], [3, 4]], v))
refused('how many keys', [(['a'], ValueError), (5, TypeError)], lambda v: c.add([[1, 2], [3, 4]], keys=v))
refused('id and key', [(1, TypeError), (None, TypeError)], lambda v: c.get(v, key=v and 'a'))
refused('ids and keys', [([1], TypeError), (None, TypeError)], lambda v: c.delete(v, keys=v and ['a']))
test('what does not fit is refused', not wrong, *wrong)

wrong = []
for args, kind in [((0,), ValueError), ((4097,), ValueError), ((2**32 + 2,), ValueError), ((2.0,), TypeError),
                   ((True,), TypeError),
                   (('2',), TypeError), ((2, 'l3'), ValueError), ((2, 'l2\0'), ValueError), ((2, None), TypeError),
                   ((2, ''), ValueError),
                   ((2, 'l2', {'n': 'float'}), ValueError), ((2, 'l2', {'n': 1}), ValueError),
                   ((2, 'l2', {'N': 'int'}), ValueError),
                   ((2, 'l2', {'a' * 32: 'int'}), ValueError), ((2, 'l2', {'a\0': 'int'}), ValueError),
                   ((2, 'l2', {'': 'int'}), ValueError),
                   ((2, 'l2', {'1a': 'int'}), ValueError), ((2, 'l2', {5: 'int'}), TypeError),
                   ((2, 'l2', {'a%d' % i: 'int' for i in range(9)}), ValueError)]:
    got = raises(kind, vexfs.create, work + '/new/a', *args)
    if got is not True or os.path.exists(work + '/new'):
        wrong.append((args, got))
for path in ('', work + '/a\0b', 5, None):
    got = raises(ValueError if isinstance(path, str) else TypeError, vexfs.create, path, 2)
    if got is not True:
        wrong.append((path, got))
test('a schema that is wrong leaves no directory', not wrong, *wrong)
try:
    vexfs.create(work + '/new', 2, attrs={'1a': 'int'})
except ValueError as e:
    test('and says what is wrong', str(e) == "'1a' is not the name of an attribute: a-z 0-9 _, and no digit first", e)
m.create_error = errno.ENOSPC
os.mkdir(work + '/there')
got = [raises(OSError, vexfs.create, work + '/new/a/b', 2), raises(OSError, vexfs.create, work + '/there', 2),
       raises(OSError, vexfs.create, work + '/there/x/../y/', 2)]
m.create_error = 0
test('nor does a kernel that refuses it; one that was there stays', got == [True] * 3 and
     not os.path.exists(work + '/new') and os.listdir(work + '/there') == [] and
     not set(m.fds.values()) & {work + '/there'},
     got, m.fds)


def overtaken(fd, schema):
    """The directory that create() has just made becomes the collection of somebody else."""
    m.vexfs_create = create
    other = abi.Schema(dims=3, element=abi.ELEM_F32, metric=library.vexfs_metric_by_name(b'cosine'))
    return create(fd, ct.addressof(other)) or create(fd, schema)


library, create = abi.library(), m.vexfs_create
got = []
for make, kind in [(lambda path: vexfs.create(path, 2), FileExistsError)] + (np is not None) * [
        (lambda path: vexfs.Index(path, dim=2, space='cosine'), ValueError),
        (lambda path: vexfs.Index(path, dim=3), ValueError)]:
    m.vexfs_create = overtaken
    got.append((raises(kind, make, work + '/two/at once'), os.path.isdir(work + '/two/at once')))
    m.dirs.pop(work + '/two/at once', None)
    for path in ('/two/at once', '/two'):
        if os.path.isdir(work + path):
            os.rmdir(work + path)
if np is not None:
    m.vexfs_create = overtaken
    got.append((raises(None, vexfs.Index, work + '/two', dim=3, space='cosine').startswith('no error, <vexfs.Index('),
                os.path.isdir(work + '/two')))
test('of two who create at once the second removes nothing', all(g == (True, True) for g in got), got)
if os.geteuid():
    os.chmod(work + '/there', 0o500)
    test('where nothing may be made', raises(PermissionError, vexfs.create, work + '/there/a/b', 2) is True)
fds = dict(m.fds)
test('what is no collection leaves no descriptor', raises(OSError, vexfs.Collection, work) is True and m.fds == fds)

# --- what fits arrives as it is

big = [0, 1, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1]
c.add([[i, 2] for i in range(6)], big)
test('ids of 64 bits', list(c.ids()) == big and c.get(2**64 - 1).id == 2**64 - 1 and c.get(2**53 + 1).vector[0] == 2)
c.delete(big)
keys = ['a' * 255, 'ä' * 127, b'\xff\xfe', '\udcff', 'b', None]
c.add([[i, 2] for i in range(6)], range(6), keys=keys[:3] + [None] + keys[4:])
test('keys', [c.get(i).key for i in range(6)] == ['a' * 255, 'ä' * 127, '\udcff\udcfe', None, 'b', None] and
     c.get(key=b'\xff\xfe').id == c.get(key='\udcff\udcfe').id == 2 and c.get(key='a' * 255).id == 0,
     [c.get(i).key for i in range(6)])
records = list(c.records(vectors=True))
test('records', [(r.id, r.key, r.vector[0]) for r in records] == [(i, c.get(i).key, i) for i in range(6)] and
     next(c.records()).vector is None, records)
c.delete(range(6))
attrs = [{'n': 2**63 - 1, 'word': 'w' * 255}, {'n': -2**63, 'word': b'w' * 255}, {'n': True, 'word': None},
         {'n': 2024.0, 'word': ''},
         {'n': None}, None]
c.add([[i, 2] for i in range(6)], range(6), attrs=attrs)
got = [c.get(i).attrs for i in range(6)]
test('attributes', got == [{'n': 2**63 - 1, 'word': 'w' * 255}, {'n': -2**63, 'word': 'w' * 255},
                           {'n': 1, 'word': None},
                           {'n': 2024, 'word': None}, {'n': 0, 'word': None}, {'n': 0, 'word': None}], got)
test('conditions', [h.id for h in c.search([0, 2], where="word = '%s' and n > 0" % ('w' * 255))] == [0] and
     c.search([0, 2], where="word = 'x'") == [])


def fails(*args):
    raise OSError(errno.EIO, 'x')


intern, m.vexfs_intern = m.vexfs_intern, fails
test('a word that cannot be looked up', raises(OSError, c.search, [0, 2], where="word != 'w'") is True)
m.vexfs_intern = intern
c = fresh()
test('ids by the kernel', c.add([[1, 2], [3, 4]]) == [0, 1] and c.add([[1, 2], [3, 4]], keys=['x', 'y']) == [2, 3] and
     c.add([[5, 6], [7, 8]], keys=['y', 'z'], upsert=True) == [3, 4] and len(c) == 5 and c.get(key='y').vector[0] == 5)
test('ids that are taken', raises(FileExistsError, c.add, [[1, 2]], [3]) is True and
     raises(FileExistsError, c.add, [[1, 2]] * 2, [90, 90]) is True)
test('ids that are not there', raises(KeyError, c.get, 90) is True and raises(KeyError, c.delete, [3, 90]) is True and
     len(c) == 5 and
     raises(KeyError, c.get, key='nobody') is True)
test('nothing', c.add([], []) == [] and c.add([]) == [] and c.search([]) == [] and c.delete([]) is None and len(c) == 5)
with open(work + '/file', 'w') as f:
    c.add([[1, 2]] * 3, [20, 21, 22], files=[(f, 2**63, 2**32 - 1), (f.fileno(), 1, 2), None])
    test('files', [stored(c)[i][3] for i in (20, 21, 22)] == [(f.fileno(), 2**63, 2**32 - 1), (f.fileno(), 1, 2),
                                                              (-1, 0, 0)])
c.search([1, 2], k=65536, radius=math.inf, per_file=2**32 - 1, timeout=600, args=[-1, 2**64 - 1, 3],
         max_visits=2**64 - 1, as_of='a', recall=0.95, effort=2**32 - 1)
r = m.last
test('recall and effort', (r.recall, r.effort) == (0.95, 2**32 - 1))
c.search([1, 2])
test('their defaults', (m.last.recall, m.last.effort, m.last.method) == (0, 0, 0))
got = []
for method in 'auto', 'exact', 'coded', 'ivf', 'lsh':
    c.search([1, 2], method=method)
    got.append(m.last.method)
test('methods', got == [0, 1, 2, 3, 4], got)
test('a request', (r.k, r.per_file, r.timeout_us, list(r.arg), r.max_visits, r.snapshot, r.flags, r.radius) ==
     (65536, 2**32 - 1, 600000000, [2**64 - 1, 2**64 - 1, 3, 0], 2**64 - 1, b'a', abi.SEARCH_RANGE, math.inf))
got = []
for args, kw in [((), {}), ((30,), {}), ((), {'min_deleted': 40}), ((), {'min_dead': 50})]:
    c.compact(*args, **kw)
    got.append(m.last)
test('when to compact, by its former name, too', got == [0, 30, 40, 50], got)
c.search([1, 2], timeout=1e-6)
test('a short timeout is one', m.last.timeout_us == 1)
asked = []
search = m.vexfs_search


def counted(fd, request, *rest):
    asked.append(request._obj.queries)
    return search(fd, request, *rest)


m.vexfs_search = counted
c.search([[1, 2]] * 33, k=65536, radius=0)
test('as many queries in a call as it takes', asked == [16, 16, 1], asked)
one, many = c.search([1, 2], k=1), c.search([[1, 2]], k=1)
test('one vector or several', one[0].id == many[0][0].id and len(many) == 1 and one.truncated == ())
m.vexfs_search = search
n = abi.MAX_BATCH + 1
got = raises(ValueError, c._insert, 0, n, None), raises(ValueError, fresh(4096)._insert, 0, 4097, None), \
    raises(ValueError, c._insert, 0, 2**32 + 1, None), raises(ValueError, c.delete, range(n))
test('more than a call takes', got == (True,) * 4, got)
cosine = fresh(2, 'cosine')
test('a vector of zeros', raises(ValueError, cosine.add, [[1, 2], [0, 0]]) is True and
     raises(ValueError, cosine.search, [0, -0.0]) is True and
     raises(ValueError, cosine.add, [[1e-50, 0]]) is True and len(cosine) == 0)

# --- the shape of hnswlib

if np is None:
    test('Index needs NumPy', raises(ImportError, vexfs.Index, work + '/index', dim=2) is True)
else:
    c.delete(list(c.ids()))
    c.add(np.ones((4, 2), dtype=np.int8), np.array([2**63, 1, 2, 3], dtype=np.uint64))
    c.add(np.asfortranarray(np.arange(6, dtype='>f8').reshape(3, 2))[::2], np.array([5, 4], dtype='>i2')[::-1])
    test('arrays of other types and orders', list(c.ids()) == [2**63, 1, 2, 3, 4, 5] and
         list(c.get(5).vector) == [4, 5])
    rng = np.random.default_rng(1)
    data = rng.standard_normal((60, 4)).astype(np.float32)
    for space, distance in [('l2', lambda a, b: ((a - b) ** 2).sum()), ('ip', lambda a, b: 1 - a @ b),
                            ('cosine', lambda a, b: 1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b))]:
        p = vexfs.Index('%s/%s' % (work, space), space=space, dim=4)
        p.init_index(max_elements=100, ef_construction=200, M=16)
        p.add_items(data)
        labels, distances = p.knn_query(data[:5], k=3)
        want = np.array([[distance(a, b) for b in data.astype(float)] for a in data[:5].astype(float)])
        test('distances of ' + space, np.allclose(np.sort(want)[:, :3], distances, atol=1e-5) and
             np.array_equal(np.argsort(want)[:, :3], labels) and labels.dtype == np.uint64 and
             distances.dtype == np.float32)
    p = vexfs.Index(work + '/l2', dim=4)
    test('an index with records is not begun anew', raises(RuntimeError, p.init_index, 100) is True)
    p.load_index(work + '/l2', max_elements=200)
    test('begun twice', raises(RuntimeError, p.init_index, 100) is True)
    test('parameters', (p.space, p.dim, p.M, p.ef_construction, p.ef, p.max_elements, p.get_max_elements(),
                        p.element_count) ==
         ('l2', 4, 16, 200, 10, 200, 200, 60))
    p.ef, p.num_threads = 50, 3
    p.resize_index(70)
    test('a size that is too small', raises(RuntimeError, p.resize_index, 59) is True and p.max_elements == 70)
    for name, value, kind in [('ef', 0, OverflowError), ('ef', 1.5, TypeError), ('num_threads', 'x', TypeError),
                              ('dim', 5, AttributeError)]:
        test('%s = %r' % (name, value), raises(kind, setattr, p, name, value) is True)
    q = pickle.loads(pickle.dumps(p))
    test('a pickle is the same collection', (q.path, q.ef, q.num_threads, q.max_elements, q.element_count) == (p.path,
                                                                                                               50, 3,
                                                                                                               70,
                                                                                                               60) and
         repr(q) == repr(p))
    q = vexfs.Index(space='l2', dim=4)
    test('no path, nothing open', q.element_count == 0 and raises(RuntimeError, q.add_items, data) is True and
         pickle.loads(pickle.dumps(q)).dim == 4 and raises(FileNotFoundError, q.load_index, work + '/none') is True and
         not os.path.exists(work + '/none'))
    test('another space or dim', raises(ValueError, vexfs.Index, work + '/l2', space='ip') is True and
         raises(ValueError, vexfs.Index, work + '/l2', dim=5) is True and raises(TypeError, vexfs.Index, work + '/l2',
                                                                                 dim=4.0) is True and
         raises(ValueError, vexfs.Index, work + '/l2',
                                                                                 space='l3') is True and
         raises(ValueError, vexfs.Index(space='ip', dim=4).load_index, work + '/l2') is True)
    test('a constructor that fails leaves nothing', raises(ValueError, vexfs.Index, work + '/x/y', dim=0) is True and
         raises(FileNotFoundError, vexfs.Index, work + '/x/y') is True and not os.path.exists(work + '/x'))
    p.save_index(work + '/l2/../l2')
    test('saving', m.last == 'sync' and raises(ValueError, p.save_index, work + '/elsewhere') is True and
         not os.path.exists(work + '/elsewhere'))
    got = [p.get_items(7), p.get_items([7, 8]), p.get_items(np.array([[7], [8]])), p.get_items(), p.get_items([])]
    test('get_items', np.array_equal(got[0], data[7:8]) and np.array_equal(got[1], data[7:9]) and
         np.array_equal(got[2], data[7:9]) and
         got[3].shape == got[4].shape == (0, 4) and p.get_items([7], 'list') == data[7:8].tolist(), got)
    for ids, kind in [([99], RuntimeError), (-1, OverflowError), (1.0, TypeError), ([1.0], TypeError),
                      ('1', TypeError), (True, TypeError)]:
        test('get_items(%r)' % (ids,), raises(kind, p.get_items, ids) is True, raises(kind, p.get_items, ids))
    test('return_type', raises(ValueError, p.get_items, [1], 'dict') is True)
    got = p.knn_query(np.empty((0, 4)), k=3), p.knn_query([], k=3)
    test('no queries', all(a.shape == b.shape == (0, 3) and a.dtype == np.uint64 and b.dtype == np.float32 for a,
                           b in got))
    test('fewer than k', raises(RuntimeError, p.knn_query, data[0], k=61) is True and
         p.knn_query(data[0], k=60)[0].shape == (1, 60))
    for k, kind in [(0, ValueError), (1.0, TypeError), (True, TypeError), (65537, ValueError)]:
        test('k = %r' % k, raises(kind, p.knn_query, data[0], k) is True)
    labels, distances = p.knn_query(data, k=2, num_threads=1, filter=lambda label: label % 2 == 0)
    truth = np.argsort(((data[:, None, :] - data[None, ::2, :]) ** 2).sum(axis=2), axis=1)[:, :2] * 2
    test('a filter', np.array_equal(labels, truth), labels[:3], truth[:3])
    test('a filter that too few pass', raises(RuntimeError, p.knn_query, data[:3], k=2,
                                              filter=lambda label: label == 5) is True and
         p.knn_query(data[:3], k=1, filter=lambda label: label == 5)[0].tolist() == [[5]] * 3 and
         raises(TypeError, p.knn_query, data[0], filter=5) is True and
         raises(ZeroDivisionError, p.knn_query, data[0], filter=lambda label: 1 // 0) is True)
    many = vexfs.Index(work + '/many', dim=1)
    many.add_items(np.arange(700, dtype=float).reshape(-1, 1))
    test('a filter that few pass', many.knn_query([0.0], k=2, filter=lambda label: label >= 650)[0].tolist() == [[650,
                                                                                                                  651]])
    test('k beyond 1000', many.knn_query([0.0], k=700)[0].shape == (1, 700))
    p.mark_deleted(7)
    test('deleted', p.element_count == 59 and 7 not in p.get_ids_list() and raises(RuntimeError, p.mark_deleted,
                                                                                   7) is True and
         raises(RuntimeError, p.get_items, [7]) is True and p.knn_query(data[7])[0][0, 0] != 7)
    p.unmark_deleted(7)
    test('and put back', p.element_count == 60 and p.knn_query(data[7])[0][0, 0] == 7 and
         raises(RuntimeError, p.unmark_deleted, 7) is True)
    p.mark_deleted(np.uint64(8))
    p.add_items(data[9], 8)
    test('added again', raises(RuntimeError, p.unmark_deleted, 8) is True and np.array_equal(p.get_items(8),
                                                                                             data[9:10]))
    for label, kind in [(-1, OverflowError), (7.0, TypeError), ('7', TypeError)]:
        test('mark_deleted(%r)' % label, raises(kind, p.mark_deleted, label) is True and p.element_count == 60)
    test('replace_deleted', raises(RuntimeError, p.add_items, data[:1], [1], replace_deleted=True) is True)
    r = vexfs.Index(work + '/replace', dim=4)
    r.init_index(max_elements=10, allow_replace_deleted=True)
    r.add_items(data[:10], np.arange(10))
    for label in range(5):
        r.mark_deleted(label)
    r.add_items(data[10:14], np.arange(10, 14), replace_deleted=True)
    test('replaced', sorted(r.get_ids_list()) == list(range(5, 14)) and raises(RuntimeError, r.unmark_deleted,
                                                                               0) is True and
         r.unmark_deleted(4) is None)
    dup = vexfs.Index(work + '/dup', dim=4)
    dup.add_items(data[:5], [3, 1, 3, 2, 1])
    test('of a label given twice the last stays', np.array_equal(dup.get_items([1, 2, 3]), data[[4, 3, 2]]) and
         dup.element_count == 3)
    test('ids of add_items', raises(ValueError, dup.add_items, data[:2], [1]) is True and
         raises(OverflowError, dup.add_items, data[:1], -1) is True and
         raises(OverflowError, dup.add_items, data[:1], [2**64]) is True and raises(TypeError, dup.add_items, data[:1],
                                                                                    np.array([1.0])) is True and
         raises(TypeError, dup.add_items, data[:1], [True]) is True and raises(OverflowError, dup.add_items, data[:2],
                                                                               np.array([1, -1])) is True and
         dup.element_count == 3)
    t = vexfs.Index(work + '/threads', dim=4)
    adders = [threading.Thread(target=lambda: [t.add_items(data[i:i + 4]) for i in range(0, 20, 4)]) for _ in range(4)]
    for a in adders:
        a.start()
    for a in adders:
        a.join()
    test('adding without ids from several threads loses nothing', t.element_count == 80 and
         sorted(t.get_ids_list()) == list(range(80)))
    wide, calls = vexfs.Index(work + '/wide', dim=4096), []

    def inserted(fd, batch):
        calls.append(batch._obj.n)
        return 0

    m.vexfs_insert = inserted
    wide.add_items(np.zeros((4100, 4096), dtype=np.float32))
    test('more rows than a call takes', calls == [4096, 4], calls)

for root, dirs, files in os.walk(work, topdown=False):
    for name in files:
        os.remove(os.path.join(root, name))
    os.chmod(root, 0o700)
    os.rmdir(root)
again()
