#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""vexctl debug: every structure and field there is, logs, damage of any kind.  TAP.

Usage: debug.py VEXCTL, built with the sanitizers.
"""
import fcntl
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from tap import done, test

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
vexctl = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(top, 'build/tests/vexctl'))
plain = os.path.join(top, 'build/bin/vexctl')
BLOCK = 4096
RECORDS = 8300      # enough for lists, and with them a checkpoint
# what there is of an image that vexctl made, with two groups, and of that of tests/fuzz, with something of everything
BIG = (['superblock'], ['superblock', '1'], ['group', '0'], ['group', '1'], ['log'], ['log', 'blocks'], ['inode', '/'],
       ['inode', '/c'], ['extents', '4098'], ['directory', '/'], ['directory', '/c'], ['collection', '/c'],
       ['record', '/c', '0', '-x'], ['record', '/c', '7'], ['record', '/c', '16', '-i'], ['block', '16898', '-x'])
SMALL = (['superblock'], ['group', '0'], ['inode', '/short'], ['inode', '/long'], ['inode', '/fifo'], ['inode', '/tree'],
         ['extents', '/tree'], ['extents', '/file'], ['directory', '/'], ['directory', '/many'], ['collection', '/collection'],
         ['record', '/collection', '3'], ['record', '/collection', '25'])


def crc32c(data, crc=0xffffffff):
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc


def keys(value):
    """All names in an answer."""
    if isinstance(value, dict):
        return set(value).union(*map(keys, value.values()))
    return set().union(*map(keys, value)) if isinstance(value, list) else set()


with tempfile.TemporaryDirectory() as d:
    image = os.path.join(d, 'image')
    good = os.path.join(d, 'good')
    small = os.path.join(d, 'small')
    current = None

    def debug(*args, image=image):
        return subprocess.run([vexctl, 'debug', image, *args], capture_output=True, text=True, errors='replace', timeout=60)

    def answer(*args, **more):
        r = debug(*args, '--json', **more)
        try:
            return r, json.loads(r.stdout)
        except ValueError:
            return r, {}

    def peek(offset, n=BLOCK):
        with open(image, 'rb') as f:
            f.seek(offset)
            return f.read(n)

    poked = []          # places, and what was there

    def poke(offset, data):
        poked.append((offset, peek(offset, len(data))))
        with open(image, 'r+b') as f:
            f.seek(offset)
            f.write(data)

    def fresh(source=good):
        """The image is as that one; copying 80 MiB each time would take long."""
        global current
        if source == current:
            while poked:
                offset, data = poked[-1]
                poke(offset, data)
                del poked[-2:]
        else:
            subprocess.run(['cp', '--sparse=always', source, image], check=True)
            poked.clear()
            current = source

    def make(*args, **more):
        subprocess.run([plain, '--image', good, *args], check=True, stdout=subprocess.DEVNULL, **more)

    with open(good, 'wb') as f:
        f.truncate(80 << 20)
    subprocess.run([plain, 'mkfs', '-q', '-L', 'a\x1bb', good], check=True)
    make('collection', 'create', '/c', '-d', '4', '-a', 'year:int', '-a', 'lang:keyword')
    rows = [{'id': 2 * i, 'key': 'key-%d' % i, 'attrs': {'year': 1900 + i, 'lang': ('de', 'en')[i % 2]},
             'vector': [i, i % 7, 2, 3.5]} for i in range(RECORDS)]
    make('import', '/c', '-f', 'jsonl', '-', input='\n'.join(map(json.dumps, rows)), text=True)
    make('snapshot', 'create', '/c', 'before')
    make('delete', '/c', '6', '8')
    make('index', '/c')
    subprocess.run([os.path.join(top, 'build/tests/vm/hostile'), 'make', small], check=True)
    fresh()

    # --- sound

    wrong, seen = [], set()
    for whats, source in (BIG, good), (SMALL, small):
        before = open(source, 'rb').read()
        for what in whats:
            r, o = answer(*what, image=source)
            text = debug(*what, image=source)
            seen |= keys(o)
            if r.returncode or r.stderr or o.get('what') != what[0] or o.get('wrong') != [] or text.returncode or \
                    'WRONG' in text.stdout or '\x1b' in r.stdout + text.stdout:
                wrong.append((what, r, text))
        if open(source, 'rb').read() != before:
            wrong.append(('it was written to', source))
    test('each structure', not wrong, *wrong)

    header = open(os.path.join(top, 'include/vexfs/format.h')).read()
    header = re.sub(r'/\*.*?\*/', '', header, flags=re.S)
    missing = []
    for name in ('super', 'group', 'inode', 'collection', 'record', 'attr_def', 'snapshot', 'checkpoint', 'extent_block', 'dirent'):
        body = re.search(r'struct vexfs_%s \{(.*?)\n\};' % name, header, re.S)[1]
        fields = re.findall(r'(\w+)(?:\[[^;]*\])?[,;]', re.sub(r'(union|struct) \{', '', body))
        for field in fields:
            if field not in seen and 'reserved' not in field and field not in (
                    # shown as what they mean
                    'g_inodes', 'g_blocks', 'eb_extent', 'eb_index', 'eb_bytes', 'i_index', 'i_xattr'):
                missing.append('%s.%s' % (name, field))
        if len(fields) < 3:
            missing.append(name)
    test('each field of <vexfs/format.h>', not missing, missing)

    o = answer('collection', '/c')[1]
    test('a collection', o['c_count'] == RECORDS and o['c_live'] == RECORDS - 2 and o['dead_in_bitmap'] == 2 and
         [(a['a_name'], a['a_type'], a['words']) for a in o['c_attr']] == [('year', '1 int', 0), ('lang', '2 keyword', 2)] and
         {'vectors', 'records', 'keys', 'dead', 'words', 'checkpoint', 'dead of before'} <= {p['plane'] for p in o['planes']} and
         o['c_snapshot'][0]['n_name'] == 'before' and o['c_snapshot'][0]['n_count'] == RECORDS and
         o['checkpoint']['h_count'] == RECORDS and o['checkpoint']['pieces_of_codes'] >= 1, o)
    r = answer('record', '/c', '3')[1]['records'][0]
    test('a record', (r['r_id'], r['dead'], r['committed'], r['key'], r['vector']) == (6, True, True, 'key-3', [3, 3, 2, 3.5]) and
         [a['value'] for a in r['r_attr']] == [1903, 2] and r['r_attr'][1]['word'] == 'en', r)
    r = answer('record', '/c', '--id', str(2 * RECORDS - 2))[1]['records']
    test('by its id', len(r) == 1 and r[0]['slot'] == RECORDS - 1 and not r[0]['dead'], r)
    o = answer('directory', '/', image=small)[1]
    names = {e['d_name']: e['d_type'] for e in o['entries']}
    test('a directory', names == {'file': 'file', 'tree': 'file', 'short': 'link', 'long': 'link', 'fifo': 'fifo', 'many': 'dir',
                                  'collection': 'dir'}, o)
    o = answer('directory', '/many', image=small)[1]
    test('of several blocks', len(o['entries']) == 80 and o['entries'][-1]['block'] >= 1 and o['path'] == '/many', o)
    o = answer('collection', '/collection', image=small)[1]
    test('a collection with heirs', len(o['heirs']) == 1 and o['heirs'][0]['h_ino'] == 300, o)
    inode = answer('inode', '/c')[1]
    test('an inode by path and by number', inode['path'] == '/c' and inode['in_use'] and
         answer('inode', str(inode['inode']))[1] == inode, inode)
    o = answer('inode', '/short', image=small)[1]
    test('a symbolic link', o['i_link'] == 'file' and o['path'] == '/short', o)
    o = answer('extents', '/tree', image=small)[1]
    test('a tree of extents', o['i_depth'] == 1 and len(o['nodes']) >= 1 and
         [e['logical'] for e in o['extents']] == list(range(0, 60, 2)), o)
    node, first = o['nodes'][0]['node'], o['extents'][0]['block']
    o = answer('block', str(first), image=small)[1]
    test('whose a block is', o['place'] == 'data' and o['in_use'] and [w['as'] for w in o['owners']] == ['data'], o)
    o = answer('block', str(node), image=small)[1]
    test('and a node', o['magic'] == 'extent node' and [w['as'] for w in o['owners']] == ['extent node'], o)
    o = answer('block', '16898', '--hex')[1]
    test('and a collection, as bytes', o['magic'] == 'collection' and o['owners'][0]['as'] == 'collection' and
         ''.join(line['bytes'] for line in o['hex']).replace(' ', '') == peek(16898 * BLOCK).hex(), o)

    # --- what there is not

    r = debug('nothing')
    test('unknown names', r.returncode == 2 and not r.stdout and r.stderr.count('\n') == 1 and
         'superblock, group, log, block, inode, extents, directory, collection, record' in r.stderr, r)
    wrong = []
    for code, args in ((2, ['superblock', '2']), (2, ['superblock', 'x']), (2, ['group']), (2, ['group', 'x']), (1, ['group', '9']),
                       (2, ['log', 'x']), (2, ['block']), (2, ['block', '-1']), (1, ['block', '9999999']), (2, ['inode']),
                       (2, ['inode', 'x']), (1, ['inode', '/nothing']), (1, ['inode', '/c/x/y']), (1, ['inode', '0']),
                       (1, ['inode', '99999999999']), (1, ['collection', '/']), (2, ['record', '/c']), (2, ['record', '/c', 'x']),
                       (1, ['record', '/c', '18446744073709551615']), (1, ['record', '/c', '7', '-i']), (2, ['--loud']),
                       (2, ['superblock', '0', '0'])):
        r = debug(*args)
        if r.returncode != code or r.stdout or r.stderr.count('\n') != 1:
            wrong.append((code, args, r))
    for code, args in ((2, []), (1, [os.path.join(d, 'none')]), (1, [d]), (1, ['/dev/null'])):
        r = subprocess.run([vexctl, 'debug', *args], capture_output=True, text=True, timeout=60)
        if r.returncode != code or r.stdout or r.stderr.count('\n') != 1:
            wrong.append((code, args, r))
    test('what there is not', not wrong, *wrong)
    with open(image, 'rb') as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        r = debug('superblock')
    test('open in another process', r.returncode == 0 and 'note: is open for writing' in r.stderr and 's_uuid' in r.stdout, r)

    # --- the log

    def pending(log, data):
        """The log holds one transaction, with a block 0 of this content."""
        j = peek(log * BLOCK)
        sequence, seed = j[24:28], crc32c(j[48:64])
        sum_of = crc32c(data, crc32c(sequence, seed)).to_bytes(4, 'big')
        tag = b'\0\0\0\0' b'\0\0\0\x08' b'\0\0\0\0' + sum_of + b'\0' * 16  # the last one
        for n, kind, rest, at in (1, 1, tag, 4092), (3, 2, b'', 16):
            b = bytearray((b'\xc0\x3b\x39\x98' + kind.to_bytes(4, 'big') + sequence + rest).ljust(BLOCK, b'\0'))
            b[at:at + 4] = crc32c(b, seed).to_bytes(4, 'big')
            poke((log + n) * BLOCK, b)
        poke((log + 2) * BLOCK, data)
        j = bytearray(j[:1024])
        j[28:32] = b'\0\0\0\1'
        j[0xfc:0x100] = b'\0' * 4
        j[0xfc:0x100] = crc32c(j).to_bytes(4, 'big')
        poke(log * BLOCK, j)

    log = answer('superblock')[1]['s_journal_start']
    s = bytearray(peek(0))
    s[48:80] = b'logged'.ljust(32, b'\0')
    s[8:12] = b'\0' * 4
    s[8:12] = crc32c(s).to_bytes(4, 'little')
    pending(log, bytes(s))
    o = answer('log')[1]
    test('a transaction', [t['blocks'] for t in o['transactions']] == [[0]] and o['transactions'][0]['committed'] != 'no' and
         o['wrong'] == [], o)
    o = answer('log', 'blocks')[1]
    test('and its blocks', [b['kind'] for b in o['blocks'][:2]] == ['descriptor', 'commit'], o)
    test('things are as the log has them', answer('superblock')[1]['s_label'] == 'logged' and
         answer('superblock', '--raw')[1]['s_label'] == 'a\x1bb')
    poke((log + 2) * BLOCK + 50, b'x')
    r, o = answer('log')
    test('a damaged copy in it', r.returncode == 1 and [w for w in o['wrong'] if re.fullmatch(
        r'log: transaction \d+: copy of block 0: checksum: stored 0x[0-9a-f]{8}, computed 0x[0-9a-f]{8}', w)], r)
    r, o = answer('superblock')
    test('is not replayed', r.returncode == 1 and o['s_label'] == 'a\x1bb' and o['wrong'][0].startswith('log: a block in the log'), r)

    # --- damage

    fresh()
    wrong = []
    table = answer('inode', '/c')[1]
    dead = [p['inode'] for p in answer('collection', '/c')[1]['planes'] if p['plane'] in ('dead', 'checkpoint', 'words')]
    places = {p: answer('extents', str(p))[1]['extents'][0]['block'] * BLOCK for p in dead}
    slot = answer('extents', str([p for p in answer('collection', '/c')[1]['planes'] if p['plane'] == 'records'][0]['inode']))[1]
    for says, offset, what in (
            ('superblock: checksum: stored 0x', 60, ['superblock']), ('superblock: checksum', 16384 * BLOCK + 60, ['superblock', '1']),
            ('group: checksum: stored 0x', BLOCK + 20, ['group', '0']),
            ('inode %d: checksum: stored 0x' % table['inode'], table['block'] * BLOCK + table['offset'] + 16, ['inode', '/c']),
            ('extent node %d: checksum: stored 0x' % node, node * BLOCK + 3000, ['extents', '/tree']),
            ('directory 1, block 0: checksum: stored 0x', answer('extents', '/')[1]['extents'][0]['block'] * BLOCK + 4000,
             ['directory', '/']),
            ('collection: checksum: stored 0x', 16898 * BLOCK + 3000, ['collection', '/c']),
            ('dead: block 0: checksum: stored 0x', places[dead[0]] + 4000, ['collection', '/c']),
            ('words: the entry at 0: checksum: stored 0x', places[dead[1]] + 8, ['collection', '/c']),
            ('checkpoint: piece at 4096: checksum: stored 0x', places[dead[2]] + 8192, ['collection', '/c']),
            ('record in slot 2: checksum: stored 0x', slot['extents'][0]['block'] * BLOCK + 2 * 128 + 16, ['record', '/c', '2']),
            ('log: superblock: checksum: stored 0x', log * BLOCK + 60, ['log'])):
        fresh(small if what[-1] == '/tree' else good)
        poke(offset, bytes([peek(offset, 1)[0] ^ 0x41]))
        r, o = answer(*what)
        text = debug(*what)
        if r.returncode != 1 or not [w for w in o.get('wrong', []) if says in w] or says not in text.stdout or \
                'wrong with this %s\n' % what[0] not in r.stderr:
            wrong.append((says, what, r))
    test('each checksum that is wrong, as stored and as computed', not wrong, *wrong)

    fresh()
    poke(0, b'\0' * BLOCK)
    r, o = answer('inode', '/c')
    test('by a copy of the superblock', r.returncode == 1 and o['inode'] == inode['inode'] and
         'going by the copy in block 16384' in o['wrong'][0], r)
    poke(0, peek(16384 * BLOCK))
    poke(16384 * BLOCK, b'\0' * BLOCK)
    poke(60, b'\xff')
    r, o = answer('group', '0')
    test('by a damaged one, without a copy', r.returncode == 1 and o['g_number'] == 0 and 'going by it' in o['wrong'][0], r)
    poke(0, b'\0' * BLOCK)
    r = debug('inode', '/')
    test('without any', r.returncode == 1 and not r.stdout and 'holds no VexFS' in r.stderr, r)
    r = debug('block', '16898')
    test('a block of it all the same', r.returncode == 1 and 'magic  collection' in r.stdout, r)
    fresh()
    with open(image, 'r+b') as f:
        f.truncate(40 << 20)
    current = None
    r, o = answer('superblock')
    test('cut short', r.returncode == 1 and o['wrong'] == ['superblock: the device is smaller than the filesystem'], r)
    r = debug('inode', '/c')
    test('what is behind the end', r.returncode == 1 and r.stderr.endswith('/c: its inode cannot be read\n'), r)

    # whatever is in it: an answer, or a line, and an end
    seed = int(os.environ.get('VEXFS_SEED', '14'))
    rounds = int(os.environ.get('VEXFS_ROUNDS', '40'))
    rng = random.Random(seed)
    targets = (
        (good, BIG, [0, 1, log, log + 1, 2, 16384, 16385, table['block'], 16898, *(p // BLOCK for p in places.values()),
                     slot['extents'][0]['block'], answer('extents', '/', image=good)[1]['extents'][0]['block']]),
        (small, SMALL, [0, 1, *range(2, 12), node, *(e['block'] for f in ('/', '/many') for e in
                                                     answer('extents', f, image=small)[1]['extents'])]))
    wrong, damaged = [], 0
    for n in range(rounds):
        source, whats, blocks = targets[n % 2]
        fresh(source)
        for _ in range(rng.randrange(1, 5)):
            block = rng.choice(blocks) * BLOCK
            kind = rng.randrange(5)
            if kind == 0:
                poke(block, rng.randbytes(BLOCK))
            elif kind == 1:
                poke(block, peek(rng.choice(blocks) * BLOCK))
            else:
                for _ in range(rng.randrange(1, 30)):
                    poke(block + rng.randrange(BLOCK - 4 if kind == 2 else 512),
                         rng.choice((b'\xff', b'\0', b'\x7f\xff\xff', rng.randbytes(4))))
        for what in rng.sample(whats, 3):
            r, o = answer(*what)
            damaged += r.returncode == 1
            if r.returncode not in (0, 1) or r.stderr.count('\n') > 2 or 'Sanitizer' in r.stderr or \
                    (r.returncode == 0) != (o.get('wrong') == []):
                wrong.append((n, what, r.returncode, r.stderr[:2000]))
    test('%d images with damage by chance, seed %d: %d answers name some' % (rounds, seed, damaged),
         not wrong and damaged > rounds // 4, *wrong[:5])
done()
