# SPDX-License-Identifier: GPL-2.0
"""include/vexfs/ioctl.h and vexfs.h for ctypes, and the library; tests/unit/api.py compares them with C.

ctypes cuts a number to the width of its field, and C a text at its first NUL: what comes from a caller goes through
values.py before it goes in here.
"""
import ctypes as ct
import ctypes.util
import os

MAX_DIMS, MAX_ATTRS, ATTR_NAME_LEN, PROG_NAME_LEN, SNAPSHOT_NAME_LEN, SLOTS = 4096, 8, 32, 32, 32, 3
MAX_KEY, MAX_ARGS, MAX_SLOTS = 255, 4, 1 << 32
MAX_BATCH, MAX_BATCH_BYTES, MAX_STRING_BYTES = 1 << 20, 64 << 20, 64 << 20
MAX_K, MAX_RANGE, MAX_QUERIES, MAX_HITS, MAX_TIMEOUT_US = 1000, 65536, 1024, 1 << 20, 600000000
U32_MAX, U64_MAX, S64_MIN, S64_MAX = 2**32 - 1, 2**64 - 1, -2**63, 2**63 - 1
INSERT_UPSERT, INSERT_AUTO_ID = 1, 2
SEARCH_BY_ID, SEARCH_EXACT, SEARCH_BY_KEY, SEARCH_RANGE = 1, 4, 8, 16
LIST_STALE, INTERN_LOOKUP, ATTACH_READONLY, ATTACH_NOPROGRAMS, NATIVE_REPLACE, NATIVE_WHY = 1, 1, 1, 2, 1, 512
ITEM_KEYED, ITEM_STALE = 1, 4
ATTR_INT, ATTR_KEYWORD = 1, 2
ELEM_F32 = 1
METHODS = 'auto exact coded ivf lsh'.split()
TRUNCATED = 'deadline visits strategy precision limit files damaged'.split()
OP = {name: i for i, name in enumerate(
    'open create info insert get delete search use sync list words intern path drop snapshot compact '
    'attach detach file index create_image native'.split())}
SLOT_NAMES = 'search distance filter'.split()
u8, u16, u32, s32, u64, s64 = ct.c_uint8, ct.c_uint16, ct.c_uint32, ct.c_int32, ct.c_uint64, ct.c_int64
ptr = ct.c_void_p


class Attr(ct.Structure):
    _fields_ = [('name', ct.c_char * ATTR_NAME_LEN), ('type', u32), ('reserved', u32)]


class Schema(ct.Structure):
    _fields_ = [('dims', u32), ('element', u32), ('metric', u32), ('attrs', u32), ('attr', Attr * MAX_ATTRS)]


class Bound(ct.Structure):
    _fields_ = [('name', ct.c_char * PROG_NAME_LEN), ('state', u32), ('errors', u32), ('generation', u64)]


class Info(ct.Structure):
    _fields_ = [('size', u32), ('flags', u32), ('dims', u32), ('element', u32), ('metric', u32), ('row_bytes', u32),
                ('attrs', u32), ('reserved32', u32), ('count', u64), ('committed', u64), ('live', u64),
                ('next_seq', u64), ('resident', u64), ('queries', u64), ('fallbacks', u64),
                ('attr', Attr * MAX_ATTRS), ('bound', Bound * SLOTS), ('gone', u64), ('epoch', u64),
                ('compact_done', u64), ('compact_total', u64), ('snapshots', u32), ('reserved32b', u32),
                ('key_bytes', u64), ('next_id', u64), ('compact_lacked', u64),
                ('coded', u64), ('codes', u32), ('lists', u32), ('damaged', u64), ('linked', u64),
                ('checkpoint', u64), ('checkpoint_bytes', u64), ('lists_state', u32), ('reserved32c', u32)]


class Bind(ct.Structure):
    _fields_ = [('fd', s32), ('len', u32), ('off', u64)]


class Batch(ct.Structure):
    _fields_ = [('n', u32), ('row_bytes', u32), ('rows', ptr), ('ids', ptr), ('attrs', ptr), ('keys', ptr),
                ('key_lens', ptr), ('key_bytes', u32), ('flags', u32), ('binds', ptr), ('seq', u64), ('bad', u64),
                ('new_ids', ptr)]


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
                ('snapshot', ct.c_char_p), ('radius', ct.c_double), ('per_file', u32), ('queries', u32),
                ('answers', ptr), ('trace', ptr), ('recall', ct.c_double), ('effort', u32), ('method', u32)]


class Answer(ct.Structure):
    _fields_ = [('n', u32), ('truncated', u32), ('rounds', u32), ('restarts', u32), ('visited', u64), ('scored', u64),
                ('used', u32 * SLOTS), ('generation', u64 * SLOTS), ('strategy', ct.c_char * PROG_NAME_LEN)]


class Listing(ct.Structure):
    _fields_ = [('n', u32), ('flags', u32), ('items', ptr), ('rows', ptr), ('keys', ptr), ('row_bytes', u32),
                ('key_bytes', u32), ('cursor', u64), ('epoch', u64), ('snapshot', ct.c_char_p)]


class Native(ct.Structure):
    _fields_ = [('name', ct.c_char * PROG_NAME_LEN), ('loaded', u32), ('ops', u32), ('flags', u32), ('timeout_us', u32),
                ('bound', u32), ('ejected', u32), ('max_visits', u64), ('generation', u64), ('queries', u64), ('errors', u64)]


# What each function takes; all return int but for those that return a text, or how many bytes.
_TAKES = {
    'open': [ct.c_char_p], 'close': [ct.c_int], 'create': [ct.c_int, ptr], 'info': [ct.c_int, ptr],
    'insert': [ct.c_int, ptr], 'get': [ct.c_int, u64, ptr, u32, ptr],
    'get_by_key': [ct.c_int, ct.c_char_p, u32, ptr, u32, ptr], 'key': [ct.c_int, u64, ptr], 'list': [ct.c_int, ptr],
    'delete': [ct.c_int, ptr, u32, ptr], 'delete_by_key': [ct.c_int, ptr, ptr, u32, u32, ptr],
    'search': [ct.c_int, ptr, ptr, ptr], 'where_parse': [ct.c_char_p, ptr, ptr, ptr, ptr, ct.c_size_t],
    'words': [ct.c_int, u32, s64, ptr], 'intern': [ct.c_int, u32, ptr, ptr, u32], 'path': [ct.c_int, u64, ptr, u32],
    'snapshot_create': [ct.c_int, ct.c_char_p], 'snapshot_delete': [ct.c_int, ct.c_char_p],
    'compact': [ct.c_int, u32, ptr, ptr], 'index': [ct.c_int], 'sync': [ct.c_int], 'strerror_for': [ct.c_int, ct.c_int],
    'metric_name': [u32], 'metric_by_name': [ct.c_char_p],
    'attach': [ct.c_char_p, u32], 'create_image': [ct.c_char_p, u64], 'detach': [ct.c_char_p], 'mkdir': [ct.c_char_p], 'rmdir': [ct.c_char_p],
    'unlink': [ct.c_char_p], 'use': [ct.c_int, u32, ct.c_char_p],
    'native_load': [ct.c_int, ct.c_char_p, u32, ptr, ct.c_char_p], 'native_unload': [ct.c_int, ct.c_char_p, ptr, ct.c_char_p],
    'native_list': [ct.c_int, ptr, u32], 'open_file': [ct.c_int, ct.c_char_p, ct.c_int],
    'pread': [ct.c_int, ptr, ct.c_size_t, u64], 'pwrite': [ct.c_int, ct.c_char_p, ct.c_size_t, u64],
}
_lib = None


def library():
    """libvexfs: $LIBVEXFS, or where the linker finds it."""
    global _lib
    if _lib is None:
        lib = ct.CDLL(os.environ.get('LIBVEXFS') or ctypes.util.find_library('vexfs') or 'libvexfs.so.0')
        for name, takes in _TAKES.items():
            getattr(lib, 'vexfs_' + name).argtypes = takes
        lib.vexfs_strerror_for.restype = lib.vexfs_metric_name.restype = ct.c_char_p
        lib.vexfs_pread.restype = lib.vexfs_pwrite.restype = ct.c_ssize_t
        _lib = lib
    return _lib


def call(op, name, *args, what=None):
    """Call vexfs_NAME of the library; what it returns, or OSError that says what it means for the operation `op`."""
    lib = library()
    ret = getattr(lib, 'vexfs_' + name)(*args)
    if ret < 0:
        raise OSError(-ret, lib.vexfs_strerror_for(OP[op], ret).decode(), what)
    return ret
