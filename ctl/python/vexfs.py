# SPDX-License-Identifier: GPL-2.0
"""Collections of vectors on VexFS, through libvexfs.

    import vexfs
    c = vexfs.create('/mnt/docs', dims=384, metric='cosine', attrs={'year': 'int', 'lang': 'keyword'})
    c.add(vectors, ids=[1, 2, 3], keys=['a', None, 'b'], attrs=[{'year': 2024, 'lang': 'de'}, {}, {}])
    for hit in c.search(query, k=10, where="year > 2000 and lang = 'de'"):
        print(hit.id, hit.distance)
    c.sync()

Vectors are NumPy arrays, or anything that float() takes, row by row.  Index has the shape of hnswlib's class.
Errors of the kernel are OSError with the errno and what libvexfs says about it; wrong arguments ValueError.
Calls may come from several threads; ctypes lets others run meanwhile.
"""
import collections
import ctypes as ct
import ctypes.util
import errno
import os

try:
    import numpy as np
except ImportError:  # then rows are lists
    np = None

MAX_ATTRS, ATTR_NAME, PROG_NAME, SLOTS = 8, 32, 32, 3
U64_NONE = 2**64 - 1
UPSERT, BY_ID, EXACT, BY_KEY, RANGE = 1, 1, 4, 8, 16
MAX_K = 1000
INT, KEYWORD = 1, 2
F32 = 1
OP = {name: i for i, name in enumerate(
    'open create info insert get delete search use sync list words intern path drop snapshot compact'.split())}
u8, u16, u32, s32, u64, s64 = ct.c_uint8, ct.c_uint16, ct.c_uint32, ct.c_int32, ct.c_uint64, ct.c_int64
ptr = ct.c_void_p


# The structs of include/vexfs/ioctl.h and vexfs.h; tests/unit/api.py compares them with C.
class Attr(ct.Structure):
    _fields_ = [('name', ct.c_char * ATTR_NAME), ('type', u32), ('reserved', u32)]


class Schema(ct.Structure):
    _fields_ = [('dims', u32), ('element', u32), ('metric', u32), ('attrs', u32), ('attr', Attr * MAX_ATTRS)]


class Bound(ct.Structure):
    _fields_ = [('name', ct.c_char * PROG_NAME), ('state', u32), ('errors', u32), ('generation', u64)]


class Info(ct.Structure):
    _fields_ = [('size', u32), ('flags', u32), ('dims', u32), ('element', u32), ('metric', u32), ('row_bytes', u32),
                ('attrs', u32), ('reserved32', u32), ('count', u64), ('committed', u64), ('live', u64),
                ('next_seq', u64), ('resident', u64), ('queries', u64), ('fallbacks', u64),
                ('attr', Attr * MAX_ATTRS), ('bound', Bound * SLOTS), ('gone', u64), ('epoch', u64),
                ('compact_done', u64), ('compact_total', u64), ('snapshots', u32), ('reserved32b', u32),
                ('key_bytes', u64), ('reserved', u64 * 8)]


class Bind(ct.Structure):
    _fields_ = [('fd', s32), ('len', u32), ('off', u64)]


class Batch(ct.Structure):
    _fields_ = [('n', u32), ('row_bytes', u32), ('rows', ptr), ('ids', ptr), ('attrs', ptr), ('keys', ptr),
                ('key_lens', ptr), ('key_bytes', u32), ('flags', u32), ('binds', ptr), ('seq', u64), ('bad', u64)]


class Item(ct.Structure):
    _fields_ = [('id', u64), ('slot', u64), ('seq', u64), ('file', u64), ('file_off', u64), ('file_len', u32),
                ('flags', u32), ('key_off', u32), ('key_len', u32), ('attr', s64 * MAX_ATTRS)]


class Node(ct.Structure):
    _fields_ = [('op', u16), ('attr', u16), ('first', u32), ('n', u32), ('reserved', u32), ('value', s64)]


class Where(ct.Structure):
    _fields_ = [('n', u32), ('values', u32), ('node', Node * 64), ('value', s64 * 1024)]


CODE = ct.CFUNCTYPE(s64, ptr, u32, ct.c_char_p)


class Words(ct.Structure):
    _fields_ = [('code', CODE), ('arg', ptr)]


class WordList(ct.Structure):
    _fields_ = [('n', u32), ('room', u32), ('byte_room', u32), ('bytes', ptr), ('lens', ptr)]


class Hit(ct.Structure):
    _fields_ = [('id', u64), ('slot', u64), ('distance', ct.c_double), ('file', u64), ('file_off', u64),
                ('file_len', u32), ('flags', u32)]


class QueryAnswer(ct.Structure):
    _fields_ = [('n', u32), ('truncated', u32), ('visited', u64), ('scored', u64)]


class Request(ct.Structure):
    _fields_ = [('vector', ptr), ('vector_bytes', u32), ('k', u32), ('flags', u32), ('timeout_us', u32), ('id', u64),
                ('key', ct.c_char_p), ('key_len', u32), ('max_visits', u64), ('arg', u64 * 4), ('where', ptr),
                ('snapshot', ct.c_char_p), ('radius', ct.c_double), ('per_file', u32), ('queries', u32), ('answers', ptr), ('trace', ptr)]


class Answer(ct.Structure):
    _fields_ = [('n', u32), ('truncated', u32), ('rounds', u32), ('restarts', u32), ('visited', u64), ('scored', u64),
                ('used', u32 * SLOTS), ('generation', u64 * SLOTS), ('strategy', ct.c_char * PROG_NAME)]


class Listing(ct.Structure):
    _fields_ = [('n', u32), ('flags', u32), ('items', ptr), ('rows', ptr), ('keys', ptr), ('row_bytes', u32),
                ('key_bytes', u32), ('cursor', u64), ('epoch', u64), ('snapshot', ct.c_char_p)]


def _load():
    name = os.environ.get('LIBVEXFS') or ctypes.util.find_library('vexfs') or 'libvexfs.so.0'
    lib = ct.CDLL(name)
    lib.vexfs_strerror_for.restype = ct.c_char_p
    lib.vexfs_metric_name.restype = ct.c_char_p
    for f in (lib.vexfs_get, lib.vexfs_key):
        f.argtypes = [ct.c_int, u64] + ([ptr, u32, ptr] if f is lib.vexfs_get else [ptr])
    lib.vexfs_path.argtypes = [ct.c_int, u64, ptr, u32]
    return lib


_lib = None


def _call(op, function, *args, what=None):
    """Call a function of libvexfs; what it returns, or OSError."""
    ret = function(*args)
    if ret < 0:
        raise OSError(-ret, _lib.vexfs_strerror_for(OP[op], ret).decode(), what)
    return ret


def _library():
    global _lib
    if _lib is None:
        _lib = _load()
    return _lib


Match = collections.namedtuple('Match', 'id distance file offset length stale')
Match.__doc__ = 'A hit; file is an inode number, 0: not bound (see Collection.path).'
Record = collections.namedtuple('Record', 'id key attrs vector file offset length stale')


def create(path, dims, metric='l2', attrs=None):
    """Make an empty or new directory a collection, and open it.  attrs: {name: 'int' or 'keyword'}, in order."""
    lib = _library()
    schema = Schema(dims=dims, element=F32, metric=_call('create', lib.vexfs_metric_by_name, metric.encode()))
    for name, kind in (attrs or {}).items():
        if schema.attrs == MAX_ATTRS:
            raise ValueError('at most %d attributes' % MAX_ATTRS)
        schema.attr[schema.attrs] = Attr(name.encode(), {'int': INT, 'keyword': KEYWORD}[kind], 0)
        schema.attrs += 1
    os.makedirs(path, exist_ok=True)
    fd = _call('open', lib.vexfs_open, os.fsencode(path), what=path)
    try:
        _call('create', lib.vexfs_create, fd, ct.byref(schema), what=path)
    finally:
        lib.vexfs_close(fd)
    return Collection(path)


class Collection:
    """An open collection.  close() it, or use it in a with statement."""

    def __init__(self, path):
        _library()
        self.fd = -1
        self.fd = _call('open', _lib.vexfs_open, os.fsencode(path), what=path)
        self.name = path
        info = self.info()
        self.dims = info.dims
        self.metric = _lib.vexfs_metric_name(info.metric).decode()
        self.attrs = [(a.name.decode(), a.type) for a in info.attr[:info.attrs]]
        self._row_bytes = info.row_bytes

    def close(self):
        if self.fd >= 0:
            _lib.vexfs_close(self.fd)
            self.fd = -1

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    __del__ = close

    def __len__(self):
        return self.info().live

    def info(self):
        """Counts and bindings, see struct vexfs_ioc_info."""
        info = Info()
        _call('info', _lib.vexfs_info, self.fd, ct.byref(info), what=getattr(self, 'name', None))
        return info

    def sync(self):
        """Wait until all that was acknowledged is on the disk."""
        _call('sync', _lib.vexfs_sync, self.fd, what=self.name)

    # --- rows, words ---

    def _rows(self, vectors):
        """(buffer of float32, how many rows); one vector is a row."""
        if np is not None:
            a = np.ascontiguousarray(vectors, dtype=np.float32)
            a = a.reshape(1, -1) if a.ndim == 1 else a
            if a.ndim != 2 or a.shape[1] != self.dims:
                raise ValueError('vectors have the shape %s; (n, %d) is wanted' % (a.shape, self.dims))
            return a, a.ctypes.data, len(a)
        vectors = list(vectors)
        if vectors and not hasattr(vectors[0], '__len__'):
            vectors = [vectors]
        if any(len(v) != self.dims for v in vectors):
            raise ValueError('each vector must have %d numbers' % self.dims)
        a = (ct.c_float * (len(vectors) * self.dims))(*[float(x) for v in vectors for x in v])
        return a, ct.addressof(a), len(vectors)

    def _code(self, attr, word, lookup):
        """The code of a word; 0: lookup, and there is none."""
        word = word.encode() if isinstance(word, str) else word
        lens = u8(len(word))
        text = ct.create_string_buffer(word, max(len(word), 1))
        code = s64()
        words = WordList(1, 0, 0, ct.addressof(text), ct.addressof(lens))
        _call('intern', _lib.vexfs_intern, self.fd, attr, ct.byref(words), ct.byref(code), int(lookup))
        return code.value

    def _word(self, attr, code):
        text, lens = ct.create_string_buffer(255), u8()
        words = WordList(0, 1, 255, ct.addressof(text), ct.addressof(lens))
        _call('words', _lib.vexfs_words, self.fd, attr, s64(code), ct.byref(words))
        return text.raw[:lens.value].decode(errors='surrogateescape') if words.n else None

    def _attrs_of(self, item):
        out = {}
        for i, (name, kind) in enumerate(self.attrs):
            value = item.attr[i]
            if kind == KEYWORD:
                value = self._word(i, value) if value else None
            out[name] = value
        return out

    # --- records ---

    def add(self, vectors, ids, keys=None, attrs=None, files=None, upsert=False):
        """Insert records, all or none; found at once, durable after sync().

        keys: a str or bytes or None for each; attrs: a dict for each; files: None or (open file or descriptor, offset,
        length) for each.  upsert: replace those of the same id or key.
        """
        rows, address, n = self._rows(vectors)
        ids = [int(i) for i in ids]
        for what in (ids, keys, attrs, files):
            if what is not None and len(what) != n:
                raise ValueError('%d vectors, but %d of something else' % (n, len(what)))
        b = Batch(n=n, row_bytes=self._row_bytes, rows=address, flags=UPSERT if upsert else 0)
        id_array = (u64 * n)(*ids)
        b.ids = ct.addressof(id_array)
        if attrs is not None:
            names = {name: i for i, (name, kind) in enumerate(self.attrs)}
            numbers, codes = (s64 * (n * len(self.attrs)))(), {}
            for i, record in enumerate(attrs):
                for name, value in record.items():
                    if name not in names:
                        raise ValueError('there is no attribute %r' % name)
                    at = names[name]
                    if self.attrs[at][1] == KEYWORD and value is not None:
                        if (at, value) not in codes:
                            codes[at, value] = self._code(at, value, False)
                        value = codes[at, value]
                    numbers[i * len(self.attrs) + at] = value or 0
            b.attrs = ct.addressof(numbers) if self.attrs else None
        if keys is not None:
            packed = [k.encode() if isinstance(k, str) else k or b'' for k in keys]
            if any(len(k) > 255 for k in packed):
                raise ValueError('a key has at most 255 bytes')
            text = ct.create_string_buffer(b''.join(packed) or b'\0')
            lens = (u8 * n)(*[len(k) for k in packed])
            b.keys, b.key_lens, b.key_bytes = ct.addressof(text), ct.addressof(lens), sum(map(len, packed))
        if files is not None:
            binds = (Bind * n)()
            for i, f in enumerate(files):
                binds[i] = Bind(-1, 0, 0) if f is None else \
                    Bind(f[0] if isinstance(f[0], int) else f[0].fileno(), f[2], f[1])
            b.binds = ct.addressof(binds)
        try:
            _call('insert', _lib.vexfs_insert, self.fd, ct.byref(b))
        except OSError as e:
            if b.bad < n:
                e.filename = 'record %d (id %d)' % (b.bad, ids[b.bad])
            raise

    def _record(self, function, *which):
        row, item = (ct.c_float * self.dims)(), Item()
        _call('get', function, self.fd, *which, row, self._row_bytes, ct.byref(item))
        key = None
        if item.flags & 1:
            text = ct.create_string_buffer(255)
            n = _call('get', _lib.vexfs_key, self.fd, item.id, text)
            key = text.raw[:n].decode(errors='surrogateescape')
        vector = np.ctypeslib.as_array(row).copy() if np is not None else list(row)
        return Record(item.id, key, self._attrs_of(item), vector, item.file, item.file_off, item.file_len,
                      bool(item.flags & 4))

    def get(self, id=None, key=None):
        """A record by id or by key; KeyError: there is none."""
        try:
            if key is not None:
                key = key.encode() if isinstance(key, str) else key
                return self._record(_lib.vexfs_get_by_key, key, len(key))
            return self._record(_lib.vexfs_get, id)
        except OSError as e:
            if e.errno == errno.ENOENT:
                raise KeyError(id if key is None else key) from None
            raise

    def delete(self, ids=None, keys=None):
        """Delete records by id or by key, all or none; KeyError: one is not there."""
        bad = u64()
        try:
            if keys is not None:
                packed = [k.encode() if isinstance(k, str) else k for k in keys]
                text = ct.create_string_buffer(b''.join(packed) or b'\0')
                lens = (u8 * len(packed))(*map(len, packed))
                _call('delete', _lib.vexfs_delete_by_key, self.fd, text, lens, len(packed), sum(map(len, packed)),
                      ct.byref(bad))
            else:
                ids = [int(i) for i in ids]
                _call('delete', _lib.vexfs_delete, self.fd, (u64 * len(ids))(*ids), len(ids), ct.byref(bad))
        except OSError as e:
            if e.errno == errno.ENOENT:
                raise KeyError((keys or ids)[bad.value] if bad.value < len(keys or ids) else None) from None
            raise

    def ids(self):
        """The ids of all records, in the order in which they came."""
        items = (Item * 4096)()
        page = Listing(items=ct.addressof(items))
        while page.cursor != U64_NONE:
            page.n = len(items)
            _call('list', _lib.vexfs_list, self.fd, ct.byref(page), what=self.name)
            for item in items[:page.n]:
                yield item.id

    def path(self, file):
        """Where a bound file is, relative to the collection."""
        text = ct.create_string_buffer(4096)
        _call('path', _lib.vexfs_path, self.fd, file, text, 4096)
        return os.fsdecode(text.value)

    def snapshot(self, name):
        """Remember what was acknowledged so far under a name, for as_of."""
        _call('snapshot', _lib.vexfs_snapshot_create, self.fd, name.encode(), what=name)

    def delete_snapshot(self, name):
        _call('snapshot', _lib.vexfs_snapshot_delete, self.fd, name.encode(), what=name)

    def compact(self, min_dead=0):
        """Give the space of deleted records back.  (slots before, slots after)."""
        before, after = u64(), u64()
        _call('compact', _lib.vexfs_compact, self.fd, min_dead, ct.byref(before), ct.byref(after), what=self.name)
        return before.value, after.value

    # --- searching ---

    def _condition(self, text):
        lookup = CODE(lambda arg, attr, word: self._code(attr, word, True) or -1)
        where, error, info = Where(), ct.create_string_buffer(512), self.info()
        words = Words(lookup, None)
        if _lib.vexfs_where_parse(text.encode(), ct.byref(info), ct.byref(words), ct.byref(where), error, 512):
            raise ValueError(error.value.decode())
        return where

    def _search(self, request, where):
        n = max(request.queries, 1)
        hits, answers = (Hit * (n * request.k))(), (QueryAnswer * n)()
        request.answers = ct.addressof(answers)
        if where is not None:
            where = self._condition(where)
            request.where = ct.addressof(where)
        _call('search', _lib.vexfs_search, self.fd, ct.byref(request), hits, None, what=self.name)
        return [[Match(h.id, h.distance, h.file, h.file_off, h.file_len, bool(h.flags & 4))
                 for h in hits[i * request.k:i * request.k + answers[i].n]] for i in range(n)]

    def _request(self, k, radius, exact, per_file, timeout, as_of):
        return Request(k=k, snapshot=as_of.encode() if as_of else None, vector_bytes=self._row_bytes,
                       radius=radius or 0, per_file=per_file,
                       flags=(EXACT if exact else 0) | (0 if radius is None else RANGE),
                       timeout_us=int(timeout * 1e6) if timeout else 0)

    def search(self, vectors, k=10, where=None, exact=False, radius=None, per_file=0, timeout=None,
               as_of=None):
        """The k nearest of one vector, a list of Match; of several, a list of lists.

        where: a condition as `vexctl search --where`; exact: no estimates; radius: only those within it; per_file: at
        most so many of one file; timeout in seconds; as_of: a snapshot.
        """
        rows, address, n = self._rows(vectors)
        one = not hasattr(vectors[0], '__len__') if len(vectors) else False
        out = []
        for first in range(0, n, 1024):
            request = self._request(k, radius, exact, per_file, timeout, as_of)
            request.vector, request.queries = address + first * self._row_bytes, min(1024, n - first)
            out += self._search(request, where)
        return out[0] if one else out

    def similar(self, id=None, key=None, k=10, where=None, exact=False, radius=None, per_file=0, timeout=None,
                as_of=None):
        """The k nearest of a record, itself included."""
        request = self._request(k, radius, exact, per_file, timeout, as_of)
        if key is not None:
            key = key.encode() if isinstance(key, str) else key
            request.flags |= BY_KEY
            request.key, request.key_len = key, len(key)
        else:
            request.flags |= BY_ID
            request.id = id
        return self._search(request, where)[0]


class Index:
    """What hnswlib.Index offers, over a collection: created if it is not there.  Needs NumPy."""

    def __init__(self, path, space='l2', dim=None):
        if np is None:
            raise ImportError('Index needs NumPy')
        metric = {'l2': 'l2', 'cosine': 'cosine', 'ip': 'dot'}[space]
        try:
            self.collection = Collection(path)
        except OSError as e:
            if e.errno not in (errno.ENOENT, errno.ENODATA) or dim is None:
                raise
            self.collection = create(path, dim, metric)
        self.space, self.dim = space, self.collection.dims
        if self.collection.metric != metric or (dim is not None and dim != self.dim):
            raise ValueError('%s is %d x %s' % (path, self.dim, self.collection.metric))

    def get_current_count(self):
        return len(self.collection)

    element_count = property(get_current_count)

    def get_ids_list(self):
        return list(self.collection.ids())

    def add_items(self, data, ids=None):
        data = np.atleast_2d(np.asarray(data, dtype=np.float32))
        if ids is None:
            first = max(self.collection.ids(), default=-1) + 1
            ids = range(first, first + len(data))
        ids = list(np.atleast_1d(ids)) if np.ndim(ids) else list(ids) if hasattr(ids, '__len__') else [ids]
        for i in range(0, len(data), 65536):
            self.collection.add(data[i:i + 65536], ids[i:i + 65536], upsert=True)

    def get_items(self, ids):
        return np.array([self.collection.get(int(i)).vector for i in ids])

    def mark_deleted(self, label):
        self.collection.delete([label])

    def knn_query(self, data, k=1, where=None):
        """(labels, distances), each (n, k).  RuntimeError, as hnswlib says it, when there are fewer than k."""
        found = self.collection.search(np.atleast_2d(np.asarray(data, dtype=np.float32)), k, where=where)
        if any(len(f) < k for f in found):
            raise RuntimeError('fewer than k records match')
        labels = np.array([[m.id for m in f] for f in found], dtype=np.uint64)
        distances = np.array([[m.distance for m in f] for f in found], dtype=np.float32)
        return labels, distances + 1 if self.space == 'ip' else distances
