# SPDX-License-Identifier: GPL-2.0
"""Collections and their records."""
import collections
import ctypes as ct
import errno
import os

from . import abi, values
from .abi import (ATTR_INT, ATTR_KEYWORD, ELEM_F32, MAX_BATCH, MAX_BATCH_BYTES, MAX_HITS, MAX_K, MAX_KEY, MAX_QUERIES,
                  MAX_RANGE,
                  U32_MAX, U64_MAX, call, library, ptr, s64, u8, u64)
from .program import Programs
from .values import decoded, integer, np, number, string

Match = collections.namedtuple('Match', 'id distance file offset length stale')
Match.__doc__ = 'A hit.  file: inode of its file (see Collection.path), 0: none; offset, length: its bytes there.'
Record = collections.namedtuple('Record', 'id key attrs vector file offset length stale')
Record.__doc__ = 'A record.  key: str or None; attrs: a dict, None for no word; vector: float32; the rest as in Match.'


class Hits(list):
    """A list of Match, nearest first.  truncated: why it may miss something, any of 'deadline', 'visits', 'strategy',
    'precision', 'limit', 'files' and 'damaged' (see VEXFS_TRUNC_* in ioctl.h); empty: nothing is missing."""
    truncated = ()


def _directory(path):
    """A path for C."""
    return string(os.fsencode(path), 'the path', None)


def _make_directories(path):
    """Make a directory and those above it; those that were made."""
    made, missing, path = [], [], os.fsdecode(path).rstrip('/')
    while path and not os.path.lexists(path):
        missing.append(path)
        path = os.path.dirname(path)
    try:
        for path in reversed(missing):
            try:
                call('file', 'mkdir', _directory(path), what=path)
                made.append(path)
            except FileExistsError:  # somebody else was faster
                pass
    except OSError:
        _remove_directories(made)
        raise
    return made


def _remove_directories(made):
    for path in reversed(made):
        if library().vexfs_rmdir(_directory(path)):  # somebody else has put something there
            return


def create(path, dims, metric='l2', attrs=None):
    """Make an empty or new directory a collection, and open it.

    dims: 1 to 4096; metric: 'l2', 'cosine' or 'dot'; attrs: {name: 'int' or 'keyword'}, at most 8, in order.
    FileExistsError: it is a collection already; OSError ENOTEMPTY.  After an error no directory was made, unless it is
    a collection that somebody else has made meanwhile.
    """
    schema = abi.Schema(dims=integer(dims, 'dims', 1, abi.MAX_DIMS, ValueError), element=ELEM_F32)
    schema.metric = max(0, library().vexfs_metric_by_name(string(metric, 'the metric')))
    if not schema.metric:
        raise ValueError('there is no metric %r' % (metric,))
    for name, kind in (attrs or {}).items():
        if schema.attrs == abi.MAX_ATTRS:
            raise ValueError('at most %d attributes' % abi.MAX_ATTRS)
        if kind not in ('int', 'keyword'):
            raise ValueError("attribute %s is %r; 'int' or 'keyword' is wanted" % (name, kind))
        schema.attr[schema.attrs] = abi.Attr(values.attribute_name(name),
                                             ATTR_KEYWORD if kind == 'keyword' else ATTR_INT, 0)
        schema.attrs += 1
    encoded = _directory(path)
    made = _make_directories(path)
    try:
        fd = call('open', 'open', encoded, what=path)
        try:
            call('create', 'create', fd, ct.byref(schema), what=path)
        finally:
            library().vexfs_close(fd)
    except FileExistsError:  # somebody else was faster, and rmdir would remove that collection
        raise
    except OSError:
        _remove_directories(made)
        raise
    return Collection(path)


class Collection(Programs):
    """An open collection.  close() it, or use it in a with statement.

    name: its path, as it was given; dims, metric; attrs: [(name, 1 for int or 2 for keyword)].
    """
    fd = -1

    def __init__(self, path):
        self.name = path
        self.fd = call('open', 'open', _directory(path), what=path)
        try:
            info = self.info()
        except OSError:
            self.close()
            raise
        self.dims, self._row_bytes = info.dims, info.row_bytes
        self.metric = library().vexfs_metric_name(info.metric).decode()
        self.attrs = [(a.name.decode(), a.type) for a in info.attr[:info.attrs]]

    def close(self):
        if self.fd >= 0:
            library().vexfs_close(self.fd)
            self.fd = -1

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    __del__ = close

    def __len__(self):
        return self.info().live

    def info(self):
        """Counts and bindings, see struct vexfs_ioc_info in ioctl.h."""
        info = abi.Info()
        call('info', 'info', self.fd, ct.byref(info), what=self.name)
        return info

    def sync(self):
        """Wait until all that was acknowledged is on the disk."""
        call('sync', 'sync', self.fd, what=self.name)

    def _rows(self, vectors):
        return values.rows(vectors, self.dims, self.metric == 'cosine')

    # --- words of keyword attributes ---

    def _codes(self, attr, words, lookup=False):
        """The codes of words, as bytes, of an attribute; 0: lookup, and there is none."""
        codes, words = [], list(words)
        for i in range(0, len(words), MAX_BATCH // 8):
            some = words[i:i + MAX_BATCH // 8]
            text, lens = values.packed(some)
            buffer, out = ct.create_string_buffer(text, len(text)), (s64 * len(some))()
            l = abi.WordList(len(some), 0, 0, ct.addressof(buffer), ct.addressof(lens))
            call('intern', 'intern', self.fd, attr, ct.byref(l), out, abi.INTERN_LOOKUP if lookup else 0)
            codes += out
        return codes

    def _word(self, attr, code):
        text, lens = ct.create_string_buffer(MAX_KEY), u8()
        words = abi.WordList(0, 1, MAX_KEY, ct.addressof(text), ct.addressof(lens))
        call('words', 'words', self.fd, attr, code, ct.byref(words))
        return decoded(text.raw[:lens.value]) if words.n and lens.value else None

    def _attrs_of(self, item, words):
        """The attributes of a record; words: what was looked up so far."""
        out = {}
        for i, (name, kind) in enumerate(self.attrs):
            out[name] = value = item.attr[i]
            if kind == ATTR_KEYWORD:
                if value and (i, value) not in words:
                    words[i, value] = self._word(i, value)
                out[name] = words[i, value] if value else None
        return out

    def _numbers(self, attrs):
        """The numbers of attributes, a dict for each record, after all of them were looked at."""
        at = {name: i for i, (name, kind) in enumerate(self.attrs)}
        numbers, wanted = (s64 * (len(attrs) * len(at)))(), {}
        for i, record in enumerate(attrs):
            if record is not None and not hasattr(record, 'items'):
                raise TypeError('the attributes of a record are of type %s; a dict is wanted' % type(record).__name__)
            for name, value in (record or {}).items():
                if name not in at:
                    raise ValueError('there is no attribute %r' % (name,))
                where = i * len(at) + at[name]
                if self.attrs[at[name]][1] == ATTR_INT:
                    numbers[where] = values.attribute(value, name)
                elif value is not None and not (isinstance(value, (str, bytes)) and not value):
                    word = string(value, 'attribute ' + name)
                    wanted.setdefault(at[name], {}).setdefault(word, []).append(where)
        for attr, words in wanted.items():
            for code, places in zip(self._codes(attr, words), words.values()):
                for where in places:
                    numbers[where] = code
        return numbers

    # --- records ---

    def add(self, vectors, ids=None, keys=None, attrs=None, files=None, upsert=False):
        """Insert records, all or none; found at once, durable after sync().  Returns their ids, a list.

        ids: one for each vector; None: the kernel gives them, ids that nobody has.
        keys: a str, bytes or None for each.
        attrs: a dict {name: value} or None for each.  An int attribute takes integers of 64 bits with sign, bools,
        floats that are whole numbers, and None for 0; a keyword attribute str, bytes, and None or '' for no word.
        files: None or (open file or descriptor, offset, length) for each: the bytes that it stands for, of a file below
        the directory of the collection.
        upsert: replace the records of the same id or key, also those that come before in the call; without ids, one
        of a known key keeps its id.

        ValueError: more than 2**20 records or 64 MiB of rows.  FileExistsError: without upsert, an id or key is taken,
        or given twice.  OSError EBADF, EXDEV: the file is not open for reading, or not of this collection.
        """
        rows, address, n, _ = self._rows(vectors)
        return list(self._insert(address, n, ids, keys, attrs, files, upsert))

    def _insert(self, address, n, ids, keys=None, attrs=None, files=None, upsert=False):
        """add(), with rows in memory; a ctypes array of ids."""
        if n > MAX_BATCH or n * self._row_bytes > MAX_BATCH_BYTES:
            raise ValueError('%d vectors of %d bytes; at most %d, and %d bytes of them, are inserted in one call' %
                             (n, self._row_bytes, MAX_BATCH, MAX_BATCH_BYTES))
        keys, attrs, files = (None if x is None else list(x) for x in (keys, attrs, files))
        id_array = (u64 * n)() if ids is None else values.id_array(ids)
        for what, given in (('ids', id_array), ('keys', keys), ('attrs', attrs), ('files', files)):
            if given is not None and len(given) != n:
                raise ValueError('%d vectors, but %d %s' % (n, len(given), what))
        b = abi.Batch(n=n, row_bytes=self._row_bytes, rows=address)
        if ids is None:
            b.new_ids = ct.addressof(id_array)
        else:
            b.ids = ct.addressof(id_array)
        b.flags = (abi.INSERT_UPSERT if upsert else 0) | (abi.INSERT_AUTO_ID if ids is None else 0)
        if keys is not None:
            text, lens = values.packed(keys)
            text = ct.create_string_buffer(text, len(text) or 1)
            b.keys, b.key_lens, b.key_bytes = ct.addressof(text), ct.addressof(lens), sum(lens)
        if files is not None:
            binds = (abi.Bind * n)(*[self._bind(f) for f in files])
            b.binds = ct.addressof(binds)
        if attrs is not None:  # the last, as words get their codes
            numbers = self._numbers(attrs)
            b.attrs = ct.addressof(numbers) if self.attrs else None
        if not n:
            return id_array
        try:
            call('insert', 'insert', self.fd, ct.byref(b))
        except OSError as e:
            if b.bad < n:
                e.filename = 'record %d' % b.bad + (' (id %d)' % id_array[b.bad] if ids is not None else '')
            raise
        return id_array

    @staticmethod
    def _bind(what):
        if what is None:
            return abi.Bind(-1, 0, 0)
        file, offset, length = what
        fd = integer(file.fileno() if hasattr(file, 'fileno') else file, 'a descriptor', 0, 2**31 - 1)
        return abi.Bind(fd, integer(length, 'a length', 0, U32_MAX), integer(offset, 'an offset'))

    def _one(self, id, key):
        """(id, None) or (None, key): which record is meant, by id or by key."""
        if (id is None) == (key is None):
            raise TypeError('give an id or a key')
        return (integer(id, 'an id'), None) if key is None else (None, string(key, 'a key'))

    def get(self, id=None, key=None):
        """The Record of an id or of a key.  KeyError: there is none."""
        which, name = self._one(id, key)
        row, item = (ct.c_float * self.dims)(), abi.Item()
        text = ct.create_string_buffer(MAX_KEY)
        try:
            if name is None:
                call('get', 'get', self.fd, which, row, self._row_bytes, ct.byref(item))
            else:
                call('get', 'get_by_key', self.fd, name, len(name), row, self._row_bytes, ct.byref(item))
            if name is None and item.flags & abi.ITEM_KEYED:
                length = call('get', 'key', self.fd, item.id, text)
                name = text.raw[:length]
        except OSError as e:
            if e.errno == errno.ENOENT:
                raise KeyError(id if key is None else key) from None
            raise
        return self._record(item, name, row, {})

    def _record(self, item, key, row, words):
        vector = row if row is None else np.ctypeslib.as_array(row).copy() if np is not None else list(row)
        return Record(item.id, None if key is None else decoded(key), self._attrs_of(item, words), vector, item.file,
                      item.file_off, item.file_len, bool(item.flags & abi.ITEM_STALE))

    def delete(self, ids=None, keys=None):
        """Delete records by ids or by keys, all or none, at most 2**20.  KeyError: one is not there, or given twice."""
        if (ids is None) == (keys is None):
            raise TypeError('give ids or keys')
        given, bad = list(ids if keys is None else keys), u64()
        if len(given) > MAX_BATCH:
            raise ValueError('%d records; at most %d are deleted in one call' % (len(given), MAX_BATCH))
        if keys is None:
            args = 'delete', self.fd, values.id_array(given), len(given), ct.byref(bad)
        else:
            text, lens = values.packed([string(k, 'a key') for k in given])
            buffer = ct.create_string_buffer(text, len(text) or 1)
            args = 'delete_by_key', self.fd, buffer, lens, len(given), len(text), ct.byref(bad)
        if not given:
            return
        try:
            call('delete', *args)
        except OSError as e:
            if e.errno == errno.ENOENT:
                raise KeyError(given[bad.value] if bad.value < len(given) else None) from None
            raise

    def _pages(self, rows=None, keys=None, room=4096, flags=0, as_of=None):
        """All records, page by page: the items of a page; rows and keys are buffers."""
        items = (abi.Item * room)()
        page = abi.Listing(items=ct.addressof(items), flags=flags, row_bytes=self._row_bytes,
                           rows=rows and ct.addressof(rows), keys=keys and ct.addressof(keys),
                           snapshot=None if as_of is None else values.snapshot_name(as_of))
        while page.cursor != U64_MAX:
            page.n, page.key_bytes = room, len(keys or ())
            call('list', 'list', self.fd, ct.byref(page), what=self.name)
            yield items[:page.n]

    def ids(self):
        """The ids of all records, in the order in which they came.  OSError ESTALE: the collection was compacted
        meanwhile; begin anew."""
        for items in self._pages():
            for item in items:
                yield item.id

    def records(self, vectors=False, stale=False, as_of=None):
        """All records, a Record each, in the order in which they came; vector is None without `vectors`.

        stale: only those whose file has changed since; as_of: those of a snapshot.  OSError ESTALE: the collection was
        compacted meanwhile; begin anew.  ENOENT: no such snapshot.
        """
        room = max(1, min(1024, (1 << 20) // self._row_bytes)) if vectors else 1024
        rows = ((ct.c_float * self.dims) * room)() if vectors else None
        keys, words = ct.create_string_buffer(room * MAX_KEY), {}
        for items in self._pages(rows, keys, room, abi.LIST_STALE if stale else 0, as_of):
            text = keys.raw
            for i, item in enumerate(items):
                key = text[item.key_off:item.key_off + item.key_len] if item.flags & abi.ITEM_KEYED else None
                yield self._record(item, key, rows[i] if vectors else None, words)

    def path(self, file):
        """Where a bound file is, relative to the collection.  FileNotFoundError: it is gone, or no name is known."""
        text = ct.create_string_buffer(4096)
        call('path', 'path', self.fd, integer(file, 'a file'), text, 4096)
        return os.fsdecode(text.value)

    def snapshot(self, name):
        """Remember what was acknowledged so far under a name, a-z 0-9 . _ -, for as_of.  FileExistsError."""
        call('snapshot', 'snapshot_create', self.fd, values.snapshot_name(name), what=name)

    def delete_snapshot(self, name):
        """Forget a snapshot.  FileNotFoundError."""
        call('snapshot', 'snapshot_delete', self.fd, values.snapshot_name(name), what=name)

    def compact(self, min_deleted=0, *, min_dead=None):
        """Give the space of deleted records back; nothing is done if fewer than min_deleted percent of the slots are
        deleted, and in no snapshot.  (slots before, slots after).  min_dead: the former name of min_deleted."""
        before, after = u64(), u64()
        percent = integer(min_deleted if min_dead is None else min_dead, 'min_deleted', 0, 100, ValueError)
        call('compact', 'compact', self.fd, percent, ct.byref(before), ct.byref(after), what=self.name)
        return before.value, after.value

    def index(self):
        """Make the codes and lists that searches profit from now, of all records that are there; else a worker makes
        them after the first searches.  OSError ENOSPC: they do not fit into the mount option resident=."""
        call('index', 'index', self.fd, what=self.name)

    # --- searching ---

    def _condition(self, text):
        """A condition from its text."""
        failed = []

        def code(arg, attr, word):
            try:
                return self._codes(attr, [word], True)[0] or -1
            except Exception as e:  # ctypes would print it and go on with 0
                failed.append(e)
                return -1

        where, error, info = abi.Where(), ct.create_string_buffer(512), self.info()
        words = abi.Words(abi.CODE(code), None)
        if not isinstance(text, str):
            raise TypeError('a condition is of type %s; str is wanted' % type(text).__name__)
        if library().vexfs_where_parse(string(text, 'a condition', None), ct.byref(info), ct.byref(words),
                                       ct.byref(where), error, 512):
            raise ValueError(error.value.decode())
        if failed:
            raise failed[0]
        return where

    def _request(self, k, radius=None, exact=False, per_file=0, timeout=None, as_of=None, where=None, args=(),
                 max_visits=0, recall=None, effort=0, method='auto'):
        r = abi.Request(vector_bytes=self._row_bytes)
        r.k = integer(k, 'k', 1, MAX_K if radius is None else MAX_RANGE, ValueError)
        r.flags = (abi.SEARCH_EXACT if exact else 0) | (abi.SEARCH_RANGE if radius is not None else 0)
        r.radius = 0 if radius is None else number(radius, 'the radius')
        r.per_file = integer(per_file, 'per_file', 0, U32_MAX)
        if timeout is not None:
            us = number(timeout, 'the timeout') * 1e6
            if not 1 <= us <= abi.MAX_TIMEOUT_US:
                raise ValueError('the timeout is %r s; it must be from 1e-6 to %d' % (timeout,
                                                                                      abi.MAX_TIMEOUT_US // 10**6))
            r.timeout_us = int(us)
        r.snapshot = None if as_of is None else values.snapshot_name(as_of)
        r.arg = values.arguments(args, abi.MAX_ARGS)
        r.max_visits = integer(max_visits, 'max_visits')
        if recall is not None:
            r.recall = number(recall, 'the recall')
            if not 0 < r.recall <= 1:
                raise ValueError('the recall is %r; it must be above 0, and 1 at most' % (recall,))
        r.effort = integer(effort, 'effort', 0, U32_MAX)
        r.method = values.one_of(abi.METHODS, method, 'the method')
        if exact and method not in ('auto', 'exact'):
            raise ValueError('give one of exact and the method %s' % method)
        if (exact or method == 'exact') and (r.recall or r.effort):
            raise ValueError('give one of exact and recall or effort: an exact search finds all')
        if where is not None:
            condition = self._condition(where)
            r.where = ct.addressof(condition)
            r.keep = condition
        return r

    def _ask(self, request):
        """Search: (hits, k for each query; answers)."""
        n = max(request.queries, 1)
        hits, answers = (abi.Hit * (n * request.k))(), (abi.QueryAnswer * n)()
        request.answers = ct.addressof(answers)
        call('search', 'search', self.fd, ct.byref(request), hits, None, what=self.name)
        return hits, answers

    def _ask_all(self, address, n, request):
        """Search with rows in memory, as many in a call as it takes: _ask() of each call."""
        most = min(MAX_QUERIES, MAX_HITS // request.k)
        for first in range(0, n, most):
            request.vector, request.queries = address + first * self._row_bytes, min(most, n - first)
            yield self._ask(request)

    @staticmethod
    def _hits(hits, answer):
        found = Hits(Match(h.id, h.distance, h.file, h.file_off, h.file_len, bool(h.flags & abi.ITEM_STALE))
                     for h in hits[:answer.n])
        found.truncated = tuple(why for bit, why in enumerate(abi.TRUNCATED) if answer.truncated & 1 << bit)
        return found

    def search(self, vectors, k=10, where=None, exact=False, radius=None, per_file=0, timeout=None, as_of=None, args=(),
               max_visits=0, recall=None, effort=0, method='auto'):
        """The k nearest of one vector, as Hits, a list of Match; of several, a list of Hits.

        k: 1 to 1000.  where: a condition on the attributes, as for `vexctl search --where`.  exact: no estimates.
        radius: only what is within this distance, and then k may be up to 65536.  per_file: at most so many of one
        file, 0: no limit.  timeout: seconds, up to 600, for each 1,024 vectors; None: 10.  as_of: in a snapshot.  args:
        up to 4 integers of 64 bits for the programs.  max_visits: slots to look at for each vector, 0: no limit.
        recall: the part of the true neighbours to find, on average: above 0, up to 1; None: 0.99.  effort: lists of the
        index to probe, or buckets of hash tables, whatever recall asks for; 0: as many as that takes.  Neither goes with
        exact.  method: how to find them, without the bound search program: 'auto', 'exact', 'coded', 'ivf' or 'lsh'; what
        is not there yet is done otherwise.

        What ended early is in truncated of the answer.  OSError ENOLINK: a bound filter or distance program is not
        loaded; EPROTO: it failed; ENOENT: no such snapshot.
        """
        rows, address, n, one = self._rows(vectors)
        request = self._request(k, radius, exact, per_file, timeout, as_of, where, args, max_visits, recall, effort,
                                method)
        out = []
        for hits, answers in self._ask_all(address, n, request):
            out += [self._hits(hits[i * request.k:(i + 1) * request.k], a) for i, a in enumerate(answers)]
        return out[0] if one else out

    def similar(self, id=None, key=None, k=10, where=None, exact=False, radius=None, per_file=0, timeout=None,
                as_of=None, args=(), max_visits=0, recall=None, effort=0, method='auto'):
        """The k nearest of a record, itself included, as Hits; by id or by key, the rest as for search().

        FileNotFoundError: there is no such record, or snapshot.  OSError EOPNOTSUPP: a key with as_of.
        """
        which, name = self._one(id, key)
        request = self._request(k, radius, exact, per_file, timeout, as_of, where, args, max_visits, recall, effort,
                                method)
        if name is None:
            request.flags |= abi.SEARCH_BY_ID
            request.id = which
        else:
            request.flags |= abi.SEARCH_BY_KEY
            request.key, request.key_len = name, len(name)
        hits, answers = self._ask(request)
        return self._hits(hits, answers[0])
