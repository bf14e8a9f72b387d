#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The seeds of the fuzz targets, tests/fuzz/corpus/NAME/seed-*: run it after a change of what they are made of.

Inputs that once were findings are kept beside them, under names of their own, and are not touched.
"""
import os
import struct
import zlib

import numpy

top = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'corpus')
count = {}


def seed(target, data):
    d = os.path.join(top, target)
    os.makedirs(d, exist_ok=True)
    count[target] = count.get(target, 0) + 1
    with open(os.path.join(d, 'seed-%02d' % count[target]), 'wb') as f:
        f.write(data if isinstance(data, bytes) else data.encode())


for d, _, files in os.walk(top):
    for f in files:
        if f.startswith('seed-'):
            os.unlink(os.path.join(d, f))

# --- where: the text ---

for text in (
        'tenant = 5 and not (made < 100 or "in" in (1, 2, 0x7fffffffffffffff))',
        "lang = 'en' or lang in ('it''s', \"de\", 'none') and lang != ''",
        'tenant!=-1&&made<>5||!(tenant<=1&&made>=-0x8000000000000000)',
        'lang is null or lang is not null and not lang not in (\'a\', \'b\')',
        'tenant & 4 and made > 9223372036854775807',
        '((((((((tenant = 1))))))))',
        'tenant in (5, 1, 5, 0, -1) or not not not made == 0',
        "lang = '\xe9t\xe9' x",
        'tenant = 1.5',
        "'lang' = 'de",
        'tenant < 5 < 6'):
    seed('where', text)

# --- jsonl, text: a byte (see the targets), the file.  '1' is 2 dims; 'q', 'p' and so on have bit 4 set ---

for text in (
        '1{"id": 7, "key": "doc-1", "attrs": {"age": 3, "lang": "de"}, "file": "a/b.txt", "offset": 0, "length": 100, '
        '"vector": [0.5, -2e-3]}\n{"vector": [1, 2]}\n',
        '!\xef\xbb\xbf[1, 2]\r\n\n[3e38, -0.0]\n[1]\n{"key": null, "vector": [0, 0]}\n'.encode('latin-1'),
        '!{"id": 18446744073709551615, "attrs": {"a": -9223372036854775808, "b": true, "c": 2024.0}, "vector": [1e39, 1]}\n',
        '!{"key": "\\u00e9\\ud83d\\ude00\\n\\u0000", "vector": [1, 2]}\n',
        '!{"file": "x", "offset": 9223372036854775807, "length": 4294967295, "vector": [1, 2]}\n',
        '!{"attrs": {"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9}, "vector": [1, 2]}\n',
        '1[{"id": 1, "vector": [1, 2]}, [3, 4], {"vector": [5, 6], "key": "]"}]\n',
        '1[ ]', '1[{"vector": [1, 2]}, {"vec'):
    seed('jsonl', text)
    if b'[{' in (text if isinstance(text, bytes) else text.encode()):
        seed('jsonl', 'q' + text[1:] if isinstance(text, str) else text)
for text in (
        ')king 0.5 -1\nqueen 1e-3 2\ntwo words 3 4\n',
        '!3 2\nking 0.5 1\nqueen 1 2\nthe 3 4\n',
        ' 1 1\n7 1\n', '1[1, 2, 3]', '1-9223372036854775808', '10xffffffffffffffff', '1 1\t2\r\n3 4\n',
        '1{"vector": [1, 2]}\n', '1[[1, 2], [3, 4]]', '1a,b,c\n1,2,3\n',
        '!king 1 nan\nqueen 1\nx 1 2 3\n'):
    seed('text', text)

# --- npy: a byte, the file ---


def npy(array, **k):
    import io
    f = io.BytesIO()
    numpy.lib.format.write_array(f, array, **k)
    return f.getvalue()


rows = numpy.arange(6).reshape(3, 2)
for t in '<f4', '>f4', '<f8', '<f2', 'i1', '>i2', '<i4', '<i8', 'u1', '<u2', '<u4', '>u8', 'b1':
    seed('npy', b'\1' + npy(rows.astype(t)))
seed('npy', b'\1' + npy(numpy.asfortranarray(rows.astype('<f8'))))
seed('npy', b'\1' + npy(rows.astype('<f4'), version=(2, 0)))
seed('npy', b'\1' + npy(numpy.array([1, 2], dtype='<f4')))
seed('npy', b'\0' + npy(numpy.array([1, 2, 3], dtype='<f4')))
seed('npy', b'\1' + npy(rows.astype('<c8')))
head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (np.int64(1), 2L,), }\n"
seed('npy', b'\1\x93NUMPY\1\0' + struct.pack('<H', len(head)) + head + struct.pack('<2f', 1, 2))

# --- vecs: a byte, the file ---

f, i = struct.pack('<2f', 0.5, -1), struct.pack('<2i', 7, -1)
dims = struct.pack('<I', 2)
seed('vecs', b'\x11' + (dims + f) * 2)
seed('vecs', b'\x01' + (dims + f) * 2)
seed('vecs', b'\x21' + (dims + b'\0\xff') * 3)
seed('vecs', b'\x31' + (dims + i) * 2 + struct.pack('<2I', 1, 3))
for form, row in (4, f), (5, b'\0\x3c\xff\x7b'), (6, b'\1\2'), (7, b'\x80\0'), (8, i):
    seed('vecs', bytes([form << 4 | 1]) + struct.pack('<2I', 3, 2) + row * 3)
seed('vecs', b'\1' + struct.pack('<2I', 3, 2) + f * 3)
seed('vecs', b'\x81' + struct.pack('<2I', 1, 2) + i + f)
seed('vecs', b'\1PK\3\4' + b'\0' * 30 + b'a.npy')
seed('vecs', b'\1' + b'3 2\nword ' + f + b'\nq ' + f)

# --- gzip: how it is wrapped, packed data ---

text = b'king 0.5 -1\nqueen 1e-3 2\n'
for how in range(9):
    z = zlib.compressobj(9, zlib.DEFLATED, -15)
    seed('gzip', bytes([how]) + z.compress(text * (1 + how * 100)) + z.flush())
seed('gzip', b'\0\1\5\0\xfa\xffabcde')

# --- log: how, number of the first transaction, where it begins; blocks: kind, flags, bytes.  See fuzz_log.c ---


def log(*blocks, how=0, sequence=1, start=0, fields=()):
    out = bytes([how | bool(fields)]) + struct.pack('<IH', sequence, start)
    if fields:
        out += bytes([len(fields)]) + b''.join(struct.pack('>BI', *x) for x in fields)
    for kind, flags, data in blocks:
        out += bytes([kind, flags, len(data)]) + data
    seed('log', out)


def tags(*numbers, flags=0):
    out = b''
    for n, block in enumerate(numbers):
        f = flags | (2 if n else 0) | (8 if n == len(numbers) - 1 else 0)
        out += struct.pack('>IIII', block & 0xffffffff, f, block >> 32, 0) + (b'' if n else b'\0' * 16)
    return 1, 0, out


def revoke(*numbers):
    return 5, 0, struct.pack('>I', 16 + 8 * len(numbers)) + b''.join(struct.pack('>Q', x) for x in numbers)


def copy(data):
    return 0, 0, data


commit = 2, 0, b''
log()
log(commit)
log(tags(1500, 1501), copy(b'one'), copy(b'two'), commit)
log(tags(1500, flags=1), copy(b'\0\0\0\0escaped'), commit, tags(1500), copy(b'again'), commit, sequence=0xffffffff)
log(tags(1500, 1501, 1502), copy(b'1'), copy(b'2'), copy(b'3'), commit, revoke(1501), tags(1500), copy(b'4'), commit,
    start=1020)
log(tags(1500), copy(b'1'), commit, revoke(1500), commit, tags(1500), copy(b'2'))
log(tags(1500), copy(b'1'), (2, 1, b''), tags(1501), copy(b'2'), commit)
log(tags(1 << 40), copy(b'1'), commit)
log(tags(600), copy(b'1'), commit)
log(tags(1500), tags(1501), commit, commit)
log(tags(1500), copy(b'1'), commit, fields=((4, 20), (5, 3), (21, 9)))
log(fields=((7, 0),))

# --- image: how, changes of blocks: which, flags, where, bytes.  See fuzz_image.c; FUZZ_SHOW=1 prints which there are ---

SUPER, GROUP, INODES, ROOT, INODES2, TREE, INODES3, MANY, MANY2, COLLECTION, DIR, VECTORS, RECORDS, RECORDS2, KEYS, DEAD, \
    INODES4, SNAPSHOT, WORDS, HEIRS, LOG = range(21)
FREE = 28


def change(spot, at, data, kind=0, copy=None, owner=None):
    out = bytes([spot, kind | (0 if copy is None else 0x10) | (0 if owner is None else 0x20)])
    out += b'' if copy is None else bytes([copy])
    out += b'' if owner is None else bytes(owner)
    return out + struct.pack('<HB', at, len(data)) + data


def field(ino, at, data):
    return change((INODES, INODES2, INODES3, INODES4)[(ino - 1) // 8], (ino - 1) % 8 * 512 + at, data)


def image(*changes):
    # as it is and mounted; by the log and changed; by the log and mounted for reading
    for how in 4, 3, 13:
        seed('image', bytes([how]) + b''.join(changes))


def le(n, size=4):
    return struct.pack({2: '<H', 4: '<I', 8: '<Q'}[size], n)


image()
image(change(SUPER, 80, le(4096, 8) + le(1)), change(GROUP, 2048, b'\xff' * 8))
image(change(SUPER, 112, le(2) + le(0, 2)))                           # groups in use, not clean
image(change(SUPER, 136, le(11, 8)), field(11, 80, le(16, 8)))       # orphans
image(change(GROUP, 1536 + 2, b'\0\0'), change(GROUP, 2048 + 140, b'\0' * 4))
image(field(11, 152, le(0) + le(3) + le(1129, 8)))                   # somebody else's blocks
image(field(11, 4, le(0o40755, 2)), field(11, 24, le(4)))             # a file becomes a directory
image(field(12, 6, le(2, 2)), change(TREE, 8, le(30, 2) + le(1, 2)))  # a deeper tree
image(change(TREE, 32, le(5) + le(0x80000002) + le(1000, 8)))
image(change(FREE, 0, b'', kind=4, copy=TREE, owner=(11, 0)), field(11, 6, le(1, 2)), field(11, 152, le(0) * 2 + le(2047, 8)))
image(field(17, 24, le(12)))                                         # hashed
image(change(MANY, 16 + 8, le(8, 2)), change(MANY2, 16, le(0, 8)))
image(change(ROOT, 16, le(17, 8)), change(ROOT, 16 + 11, b'\4x/'))
image(change(MANY2, 0, b'', copy=MANY), change(MANY2, 8, le(1)))
image(field(13, 32, le(100, 8)), field(14, 28, le(0)))               # symlinks
image(field(19, 88, le(1140, 8)))                                    # another block as collection
image(change(COLLECTION, 24, le(4096) + le(16384) + le(1 << 32, 8) + le(1, 8)))
image(change(COLLECTION, 64, le(22, 8) + le(21, 8) + le(0, 8) + le(24, 8)))
image(change(COLLECTION, 120, le(8)), change(COLLECTION, 128 + 32, le(2, 2)))
image(change(COLLECTION, 544, le(40, 8) + le(24, 8) + le(0, 8) + b'a/b'), change(COLLECTION, 544 + 56, le(1, 8) * 3 + b'before'))
image(change(COLLECTION, 544 + 32 * 56, le(26, 8) + le(1 << 40, 8) + le(0, 8)))
image(change(RECORDS, 4, le(3) + le(7, 8) + le(500, 8) + le(21, 8)), change(RECORDS, 56, le((1 << 56) | 255, 8)))
image(change(RECORDS2, 24, le(17, 8)), change(RECORDS, 0, b'\0', kind=15))
image(change(DEAD, 8, le(1) + le(4)), change(SNAPSHOT, 16, b'\xff' * 8))
image(change(WORDS, 4, b'\0\xff'), change(KEYS, 0, b'x'))
image(change(HEIRS, 12, le(3)), change(HEIRS, 16 + 24, le(20, 8) + le(300, 8) + le(1) + le(9)))
image(field(22, 32, le(0, 8)), field(21, 28, le(0)), field(20, 24, le(0)))
image(field(24, 24, le(2)), field(27, 24, le(6) + le(1) + le(1 << 44, 8)))
image(change(LOG, 28, b'\0\0\0\1'), change(LOG + 1, 0, b'\xc0\x3b\x39\x98\0\0\0\2\0\0\0\1'))

# --- ioctl: steps, the number of a call with changes of its arguments (where, byte), or another one; see fuzz_ioctl.c ---

CREATE, INFO, INSERT, GET, DELETE, SEARCH, USE, LIST, INTERN, GET_WORDS, DROP, PATH, SNAP, SNAPS, COMPACT, RECALL, MEMORY, FILL, \
    BACK, SYNC, UNLINK, RENAME, WRITE, MKDIR, REMOUNT, KILL = range(1, 27)


def call(nr, *changes):
    return bytes([nr, len(changes)]) + b''.join(struct.pack('<HB', at, byte) for at, byte in changes)


def fill(at, data):
    return bytes([FILL]) + struct.pack('<HB', at, len(data)) + data


def steps(*steps):
    seed('ioctl', b''.join(x if isinstance(x, bytes) else bytes([x]) for x in steps))


steps(call(INFO), call(INSERT), call(GET), call(SEARCH), call(LIST), SYNC, call(DELETE), KILL, call(INFO))
steps(call(INSERT, (4, 2), (72, 0)), call(INSERT, (4, 3)), call(SEARCH, (4, 1), (24, 0xeb), (25, 3)), REMOUNT, call(LIST))
steps(call(INTERN), call(GET_WORDS), call(INTERN, (4, 1)), call(INSERT), KILL, call(GET_WORDS))
steps(call(SNAP), call(INSERT), call(SNAPS), call(LIST, (96, 115)), call(SEARCH, (248, 115)), call(SNAP, (8, 2)), call(SNAPS))
steps(call(DELETE, (8, 5)), call(COMPACT), call(INFO), call(LIST), REMOUNT, call(COMPACT, (8, 50)))
steps(BACK, call(INFO), call(CREATE), call(INSERT, (80, 0), (81, 0)), call(SEARCH), call(DROP), call(CREATE, (8, 8)), BACK)
steps(WRITE, RENAME, call(LIST), call(PATH), call(SEARCH), UNLINK, call(SEARCH), REMOUNT, call(LIST, (4, 1)))
steps(call(DELETE, (4, 1), (32 + 8, 0)), call(GET, (4, 1), (36, 6)), call(USE), call(USE, (16, 120)))
steps(call(SEARCH, (292, 2), (304, 0)), call(SEARCH, (4, 16), (176, 0), (183, 64)), call(SEARCH, (164, 3)))
steps(MKDIR, call(DROP), call(INFO), call(CREATE), UNLINK)
steps(fill(0, struct.pack('<4f', 1e38, float('nan'), 0, -1)), call(INSERT), call(SEARCH), fill(0x1000, b'\xff' * 8))
steps(fill(0x2000, struct.pack('<2Q', 7, 7)), call(INSERT, (4, 0)), call(INSERT), call(GET, (8, 7), (9, 0)))
# each field of each struct, a little and much too large; the directory is dropped and made again by that, too
SIZES = {CREATE: 376, INFO: 728, INSERT: 120, GET: 200, DELETE: 80, SEARCH: 352, USE: 64, LIST: 160, INTERN: 80,
         GET_WORDS: 88, DROP: 32, PATH: 48, SNAP: 64, SNAPS: 40, COMPACT: 56, RECALL: 56, MEMORY: 80}
for nr, size in SIZES.items():
    fields = [call(nr, (at + byte, value)) for at in range(0, min(size, 512), 4) for byte, value in ((0, 9), (3, 127))]
    for at in range(0, len(fields), 24):
        steps(*fields[at:at + 24])
steps(call(INSERT, (0, 4)), call(INSERT, (0, 255), (1, 1)), call(INSERT, (119, 1)), call(LIST, (8, 0)), b'\0\0\3')

print(', '.join('%s: %d' % x for x in count.items()))
