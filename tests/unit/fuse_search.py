#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Collections on a mount by vexfs-fuse: by libvexfs and what is built on it, as others than who has mounted it, by clients
that say anything at all, and what is said when the daemon has ended.  TAP.

Usage: fuse_search.py VEXFS-FUSE, built with the sanitizers.
"""
import ctypes
import errno
import fcntl
import json
import mmap
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
from mounting import MIB, Mount, bin_dir, cannot, fresh, fsck, run, top, until, work  # noqa: E402
from tap import done, skip, test  # noqa: E402

os.environ['LIBVEXFS'] = os.path.join(top, 'build/lib/libvexfs.so.0')
sys.path.insert(0, os.path.join(top, 'ctl/python'))
import vexfs  # noqa: E402
from vexfs import abi  # noqa: E402

programs = os.path.join(top, 'build/tests/fuse')
root = os.geteuid() == 0
options = ('-o', 'allow_other') if root else ()
vectors, words = os.path.join(top, 'tests/data/glove-2k.fvecs'), os.path.join(top, 'tests/data/glove-2k.words')
os.chmod(work, 0o755)


def vexctl(*args, **options):
    return run(os.path.join(bin_dir, 'vexctl'), *args, **options)


def raises(fn, *args, **kw):
    """The name of the error that is raised, with its text; None: none is."""
    try:
        fn(*args, **kw)
    except OSError as e:
        return errno.errorcode[e.errno], str(e)
    return None, ''


# --- the same answers

def answers(c):
    """Of some searches, and all records."""
    out = []
    for id in range(0, 2000, 97):
        v = c.get(id).vector
        for how in {}, {'exact': True}, {'where': 'n > 500'}, {'per_file': 1}:
            out.append(c.search(v, k=7, **how))
    out.append(c.search([c.get(5).vector, c.get(1500).vector], k=20))
    out.append(c.similar(key='k7', k=3))
    return out, [r._replace(vector=list(r.vector)) for r in c.records(vectors=True)], c.path(c.get(0).file)


def same():
    """What is put in through a mount is found there, and in the image when it is attached."""
    m = Mount(fresh(), *options)
    r = vexctl('collection', 'create', m.path('words'), '--dims', '100', '--metric', 'cosine')
    test('vexctl makes a collection', r.returncode == 0, r.stdout)
    r = vexctl('import', m.path('words'), vectors)
    test('and imports into it', r.returncode == 0, r.stdout)
    r = vexctl('search', m.path('words'), '--word', 'king', '--labels', words, '-k', '2')
    test('and searches it', r.returncode == 0 and 'prince' in r.stdout, r.stdout)

    ctime = os.stat(m.dir).st_ctime_ns
    c = vexfs.create(m.path('c'), 8, attrs={'n': 'int', 'kind': 'keyword'})
    test('the kernel sees that it has changed', os.stat(m.path('c')).st_ctime_ns > ctime)
    r = random.Random(1)
    rows = [[r.uniform(-1, 1) for _ in range(8)] for _ in range(2000)]
    attrs = [{'n': i, 'kind': ('red', 'green', None)[i % 3]} for i in range(2000)]
    with open(m.path('c', 'a'), 'w+') as a, open(m.path('c', 'b'), 'w+') as b:
        for f in a, b:
            f.write('text')
            f.flush()
        files = [((a, i, 1), (b, i, 1), None)[i % 3] for i in range(2000)]
        c.add(rows, ids=range(2000), keys=['k%d' % i if i % 3 else None for i in range(2000)], attrs=attrs, files=files)
        test('a file that is open for writing only',
             raises(c.add, rows[:1], files=[(open(m.path('c/new'), 'w'), 0, 1)])[0] == 'EBADF')
        test('a file of another filesystem', raises(c.add, rows[:1], files=[(open(words), 0, 1)])[0] == 'EXDEV')
        test('one that is in no collection', raises(c.add, rows[:1], files=[(open(m.path('out'), 'w+'), 0, 1)])[0] == 'EXDEV')
        test('a descriptor that is not open', raises(c.add, rows[:1], files=[(999, 0, 1)])[0] == 'EBADF')
        test('one that no process has', raises(c.add, rows[:1], files=[(2**31 - 1, 0, 1)])[0] == 'EBADF')
        b.write('more')
    test('what changes a file makes its records stale', [x.stale for x in c.records()][:3] == [False, True, False])
    with open(m.path('c', 'a'), 'r+b') as f, mmap.mmap(f.fileno(), 0) as p:
        p[:4] = b'TEXT'
        c.add(rows[:1], ids=[5000], attrs=attrs[:1], files=[(f, 0, 4)])
        p.flush()
        test('what a mapping had changed before is not after', not c.get(5000).stale and c.get(0).stale)
        p[:4] = b'text'
        p.flush()
        test('and what it changes then is', c.get(5000).stale)
    before = answers(c)
    c.snapshot('then')
    c.delete([1, 2])
    test('a snapshot has what is deleted now', len(c) == 1999 and c.search(rows[1], k=1, as_of='then')[0].id == 1 and
         c.search(rows[1], k=1)[0].id != 1)
    r = run('bash', '-c', 'set -o pipefail; "$0" snapshot list "$1" && "$0" get "$1" 3 && "$0" collection info "$1"',
            os.path.join(bin_dir, 'vexctl'), m.path('c'))
    test('vexctl reads it', r.returncode == 0 and 'then' in r.stdout and '1999' in r.stdout, r.stdout)
    now = answers(c)
    c.sync()
    c.close()
    test('it is unmounted', m.end() == 0, m.said())
    test('and clean', fsck(m.image) == 'clean', fsck(m.image))
    with vexfs.attach(m.image) as image:
        with image.open('c') as c:
            test('an attached image gives the same answers', answers(c) == now)
            c.add(rows[1:3], ids=[1, 2], attrs=attrs[1:3])
            now = answers(c)
    m = Mount(m.image, '--ro', *options)
    with vexfs.Collection(m.path('c')) as c:
        test('so does a mount that is read-only', answers(c) == now)
        test('where nothing is changed', raises(c.delete, [1])[0] == 'EROFS')
    m.end()
    test('they were answers', before != now and len(before[0]) == 86 and len(before[0][0]) == 7)


# --- the tests of the guest

GUEST = [
    'collection oracle . cosine 100 600', 'collection extreme .', 'collection names .',
    'records history . 5 300', 'records check . 5 100', 'records bad .', 'records race . 2',
    'ids threads .', 'calls many . l2 30 300', 'calls range . dot 12 300', 'calls limits .',
    'words history . 5 150', 'words bad .', 'where oracle . 3 5', 'where bad .',
    'snapshots run . 5 0 300', 'snapshots bad .', 'snapshots files .', 'snapshots storm . 2',
    'files vanish .', 'files paths .', 'files spread .',
    'readers secrets .', 'sides lengths .', 'sides paths .', 'sides snapshot .', 'sides near .',
]
AS_ROOT = {'words bad', 'snapshots bad', 'snapshots files', 'readers secrets', 'files paths', 'sides lengths',
           'sides paths', 'sides snapshot', 'sides near'}


def guest_tests():
    m = Mount(fresh(512 * MIB), *options)
    for line in GUEST:
        name, verb, *args = line.split()
        where = m.path(name if name == 'records' else name + '-' + verb)
        os.makedirs(where, exist_ok=True)
        if not root and '%s %s' % (name, verb) in AS_ROOT:
            continue
        r = run(os.path.join(programs, name), verb, *(where if a == '.' else a for a in args), timeout=300)
        test(line, r.returncode == 0, r.stdout[-2000:])
    r = run(sys.executable, os.path.join(top, 'tests/vm/pytest.py'), m.dir,
            env={**os.environ, 'PYTHONPATH': os.path.join(top, 'ctl/python')})
    test('pytest.py', r.returncode == 0, r.stdout)
    node = shutil.which('node') or shutil.which('nodejs')
    if node:
        r = run(node, os.path.join(top, 'ctl/node/search.js'), m.path('c'), '3', *map(str, range(12)),
                env={**os.environ, 'PATH': bin_dir + ':' + os.environ['PATH']})
        test('search.js', r.returncode == 0 and len(r.stdout.splitlines()) == 3, r.stdout)
    test('it ends', not isinstance(m.end(), int) or not m.daemon.returncode, m.said())
    test('and is clean', fsck(m.image) == 'clean', fsck(m.image))


# --- whoever says anything

KNOCK = 0xc0000000 | 136 << 16 | 0xf5fd		# VEXFS_DOOR_KNOCK
NR_CREATE, NR_INFO, NR_INSERT, NR_DELETE, NR_SEARCH, NR_LIST, NR_DROP, NR_COMPACT, NR_LAST = 1, 2, 3, 5, 6, 8, 11, 15, 18
SIZES = {1: 376, 2: 672, 3: 120, 4: 200, 5: 80, 6: 344, 7: 64, 8: 160, 9: 80, 10: 88, 11: 32, 12: 48, 13: 64, 14: 40, 15: 48,
         16: 56, 17: 136, 18: 32}
FIRST = 64


def ioc(nr):
    return 0xc0000000 | SIZES.get(nr, 64) << 16 | 0xf500 | nr


def knock(fd, line=0):
    """The socket, and a pass."""
    out = fcntl.ioctl(fd, KNOCK, struct.pack('<IIQ', 1, 0, line) + bytes(120))
    return out[40:104].rstrip(b'\0'), out[16:40]


class Line:
    """A client that says what it is told to."""
    def __init__(self, fd):
        name, _ = knock(fd)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(60)
        self.socket.connect(b'\0' + name)
        message, fds, _, _ = socket.recv_fds(self.socket, 100, 1)
        _, self.error, self.number, self.bytes = struct.unpack('<IiQI4x', message)
        if fds:
            self.memory = mmap.mmap(fds[0], self.bytes)
            self.sealed = fcntl.fcntl(fds[0], fcntl.F_GET_SEALS)
            self.shrinks = raises(os.ftruncate, fds[0], 4096)[0]
            os.close(fds[0])
            try:
                os.setxattr(fd, 'system.vexfs.line', struct.pack('<Q', self.number))
            except OSError:
                pass
            self.pass_ = knock(fd, self.number)[1]

    def send(self, cmd, bytes=None, files=0, passes=0, pass_=None):
        self.socket.send(struct.pack('<IIII', cmd, self.bytes if bytes is None else bytes, files, passes) +
                         (self.pass_ if pass_ is None else pass_))

    def ask(self, *args, **kw):
        """The answer, or None: it was hung up on."""
        self.send(*args, **kw)
        message, fds, _, _ = socket.recv_fds(self.socket, 16384, 1)
        for fd in fds:
            self.memory = mmap.mmap(fd, os.fstat(fd).st_size)
            os.close(fd)
        return struct.unpack('<i', message[:4])[0] if message else None

    def call(self, nr, *fields, size=None):
        """fields: (offset, format, value), which are put behind the size."""
        self.memory[FIRST:FIRST + 4096] = bytes(4096)
        struct.pack_into('<I', self.memory, FIRST, SIZES[nr] if size is None else size)
        for at, form, value in fields:
            struct.pack_into('<' + form, self.memory, FIRST + at, value)
        return self.ask(ioc(nr))

    def close(self):
        self.socket.close()


def collection(m, name='c', n=500):
    c = vexfs.create(m.path(name), 8, attrs={'n': 'int', 'kind': 'keyword'})
    r = random.Random(2)
    c.add([[r.uniform(-1, 1) for _ in range(8)] for _ in range(n)], ids=range(n),
          attrs=[{'n': i, 'kind': 'red'} for i in range(n)])
    return c


def sane(m):
    """The daemon is there, and has not complained."""
    return m.daemon.poll() is None and not any(w in m.said() for w in ('Sanitizer', 'runtime error', 'vexfs:'))


def bounds():
    """What a call may look at is its memory, and what it may do is its pass."""
    m = Mount(fresh(), *options)
    c = collection(m)
    fd = os.open(m.path('c'), os.O_RDONLY)
    l, other = Line(fd), Line(fd)
    test('the memory does not shrink', l.shrinks == 'EPERM' and
         l.sealed == fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    test('a call by hand', l.call(NR_INFO) == 0 and struct.unpack_from('<I', l.memory, FIRST + 8)[0] == 8)
    test('with the pass of another line', l.ask(ioc(NR_INFO), pass_=other.pass_) == -errno.EKEYREJECTED)
    changed = [bytes(b ^ (1 << i % 8) if i == at else b for i, b in enumerate(l.pass_)) for at in range(24)]
    test('with a changed one', all(l.ask(ioc(NR_INFO), pass_=p) == -errno.EKEYREJECTED for p in changed))
    test('with none', l.ask(ioc(NR_INFO), pass_=bytes(24)) == -errno.EKEYREJECTED)
    test('an ioctl of others', l.ask(0x8004587d) == -errno.ENOTTY)	# FS_IOC_SHUTDOWN
    l.call(NR_INFO)
    test('a struct that is not all in what the call has', l.ask(ioc(NR_INFO), bytes=FIRST + 100) == -errno.EFAULT)
    test('no memory at all', l.ask(ioc(NR_INFO), bytes=0) == -errno.EFAULT)

    def delete(ids):
        return l.call(NR_DELETE, (8, 'I', 10), (16, 'Q', ids))
    test('an array before the memory', delete(8) == -errno.EFAULT)
    test('one that ends behind it', delete(l.bytes - 79) == -errno.EFAULT)
    test('one behind it', delete(l.bytes) == -errno.EFAULT and delete(l.bytes + 4096) == -errno.EFAULT)
    test('one at the end of all addresses', delete(2**64 - 8) == -errno.EFAULT and delete(2**63) == -errno.EFAULT)
    test('nothing was deleted', len(c) == 500)
    struct.pack_into('<10Q', l.memory, l.bytes - 80, *range(10))
    test('one at its end', delete(l.bytes - 80) == 0 and len(c) == 490)

    def search(hits, queries, k, vector=8192):
        struct.pack_into('<8f', l.memory, vector, *[0.5] * 8)
        return l.call(NR_SEARCH, (8, 'I', k), (12, 'I', 32), (16, 'Q', vector), (32, 'Q', hits), (184, 'I', queries))
    test('hits that wrap around', search(2**64 - 48, 4, 2) == -errno.EFAULT and search(2**64 - 24, 1, 1) == -errno.EFAULT)
    test('hits', search(16384, 1, 3) == 0 and struct.unpack_from('<I', l.memory, FIRST + 84)[0] == 3)
    test('more memory than there is', l.ask(0, bytes=2**31) == -errno.EINVAL and l.ask(0, bytes=100) == -errno.EINVAL)
    test('more memory', l.ask(0, bytes=64 * MIB) == 0 and len(l.memory) == 64 * MIB)
    l.bytes = len(l.memory)
    test('is used', search(60 * MIB, 1, 3, 63 * MIB) == 0)
    old, kept = Line(fd), []
    for _ in range(2):				# what is written there is not kept with it
        kept.append(old.memory)
        kept[-1][8192] = 1
        old.ask(0, bytes=2 * MIB)
    test('memory that was replaced is empty', [k[8192] for k in kept] == [0, 0])
    kept = old.memory
    kept[8192] = 1
    old.close()
    test('so is that of who has hung up', until(lambda: kept[8192] == 0))
    lines = [Line(fd) for _ in range(3)]
    got = [x.ask(0, bytes=256 * MIB) for x in lines]
    test('memory of a user is limited', -errno.EUSERS in got, got)
    for x in lines:
        x.close()
    test('but not for long', until(lambda: Line(fd).ask(0, bytes=256 * MIB) == 0))
    lines = [Line(fd)]
    while lines[-1].error != -errno.EUSERS and len(lines) < 600:
        lines.append(Line(fd))
    p = subprocess.Popen([os.path.join(bin_dir, 'vexctl'), 'get', m.path('c'), '20'], stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True)
    time.sleep(0.2)
    for x in lines:
        x.close()
    said = p.communicate(timeout=60)[0]
    test('who finds no line waits a while for one', p.returncode == 0, said)
    fds = [os.open(words, os.O_RDONLY) for _ in range(100)]
    socket.send_fds(l.socket, [struct.pack('<IIII', ioc(NR_INFO), l.bytes, 0, 0) + l.pass_], fds)
    test('descriptors are not taken', len(os.listdir('/proc/%d/fd' % m.daemon.pid)) < 60)
    l.socket.recv(16384)
    for message in b'', b'x', bytes(39), bytes(41), bytes(65536):
        other = Line(fd)
        other.socket.send(message)
        test('a message of %d bytes ends the line' % len(message), other.socket.recv(100) == b'')
    test('the daemon goes on', len(c) == 490 and sane(m), m.said())
    test('a line to a directory that is removed', True)
    os.mkdir(m.path('gone'))
    gone = os.open(m.path('gone'), os.O_RDONLY)
    l = Line(gone)
    os.rmdir(m.path('gone'))
    test('is ENODATA', l.call(NR_INFO) == -errno.ENODATA)
    os.close(gone)
    test('and none once it is closed', until(lambda: l.call(NR_INFO) == -errno.EKEYREJECTED))
    lines = []
    while len(lines) < 600 and (not lines or not lines[-1].error):
        lines.append(Line(fd))
    test('lines of a user are limited', 100 < len(lines) < 200 and lines[-1].error == -errno.EUSERS, len(lines))
    threads = [threading.Thread(target=lambda: c.search([0.5] * 8)) for _ in range(20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    test('who has one goes on', len(c) == 490)
    for x in lines:
        x.close()
    os.close(fd)
    c.close()
    test('it ends', m.end() == 0, m.said())
    test('and is clean', fsck(m.image) == 'clean', fsck(m.image))


def chance():
    """Numbers at random, some of them likely to be taken for something, also while a call looks at them."""
    m = Mount(fresh(), *options)
    c = collection(m)
    with open(m.path('c/file'), 'w') as f:
        f.write('text')
    seed = int.from_bytes(os.urandom(4), 'little')
    r = random.Random(seed)
    fd, file = os.open(m.path('c'), os.O_RDONLY), os.open(m.path('c/file'), os.O_RDONLY)
    l = Line(fd)
    passes = [l.pass_, knock(file, l.number)[1], knock(fd, l.number + 1)[1], bytes(24)]

    def number():
        return r.choice([0, 0, 1, 2, 4, 7, 8, 10, 32, 255, 256, 500, 4096, 8192, 65536, 2**20, l.bytes - 64, l.bytes, 2**31 - 1,
                         2**31, 2**32 - 1, 2**63, 2**64 - 1, 2**64 - 48, r.randrange(l.bytes), r.getrandbits(64)])

    def fill():
        at = 4096
        l.memory[at:at + 65536] = r.randbytes(65536)
        for i in range(0, 32768, 8):
            struct.pack_into('<Q', l.memory, at + i, number())
        for i in range(32768, 65536, 4):
            struct.pack_into('<f', l.memory, at + i, r.uniform(-2, 2))

    def flip(memory):
        """In a process of its own: words of the struct change, and change back."""
        x = random.Random(seed)
        while True:
            at = FIRST + 8 + 4 * x.randrange(80)
            was = memory[at:at + 4]
            memory[at:at + 4] = struct.pack('<I', x.choice([0, 1, 2**20, 2**32 - 1, x.getrandbits(32)]))
            memory[at:at + 4] = was
    for flipped in False, True:
        child = os.fork() if flipped else 0
        if flipped and not child:
            flip(l.memory)
        answered = {}
        end = time.monotonic() + 20
        n = 0
        while time.monotonic() < end and n < 4000:
            n += 1
            nr = r.choice([r.randrange(1, NR_LAST + 3), NR_INSERT, NR_SEARCH, NR_LIST, NR_DELETE, 4, 9, 10])
            if nr in (NR_DROP, NR_COMPACT, NR_CREATE):
                continue
            if n % 50 == 1:
                fill()
            size = SIZES.get(nr, 64)
            l.memory[FIRST:FIRST + size + 64] = bytes(size + 64)
            struct.pack_into('<II', l.memory, FIRST, r.choice([size] * 20 + [0, 8, size - 8, size + 8, 4096, 4097, 2**32 - 1]),
                             r.choice([0, 0, 0, 1, 2, 4, 8, 16, r.getrandbits(32)]))
            # most of it as it should be, or it is refused at once
            fields = {NR_INSERT: [(8, 'I', r.choice([1, 2, 5])), (12, 'I', 32), (16, 'Q', 40000), (24, 'Q', 8192)],
                      NR_SEARCH: [(8, 'I', r.choice([1, 3, 10])), (12, 'I', 32), (16, 'Q', 40000), (32, 'Q', 100000)],
                      NR_LIST: [(8, 'I', r.choice([1, 9, 100])), (32, 'Q', 100000)],
                      NR_DELETE: [(8, 'I', r.choice([1, 2, 3])), (16, 'Q', 8192)]}.get(nr, [])
            for at, form, value in fields:
                struct.pack_into('<' + form, l.memory, FIRST + at, value)
            for _ in range(r.choice([0, 1, 1, 2, 3, 8])):
                at = r.randrange(8, max(size, 12), 4)
                if at % 8 or r.random() < 0.3:
                    struct.pack_into('<I', l.memory, FIRST + at, number() % 2**32)
                else:
                    struct.pack_into('<Q', l.memory, FIRST + at, number())
            if nr == NR_SEARCH:			# not for minutes
                struct.pack_into('<I', l.memory, FIRST + 80, 50000)
            ret = l.ask(r.choice([ioc(nr)] * 30 + [r.getrandbits(32) | 1]), bytes=r.choice([l.bytes] * 9 + [number() % 2**32]),
                        files=r.choice([0, 0, 1, 4, 70000, number() % 2**32]), passes=r.choice([0, 4096, number() % 2**32]),
                        pass_=r.choice(passes[:1] * 30 + passes))
            answered[ret] = answered.get(ret, 0) + 1
            if ret is None:
                break
        if child:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        test('%d calls at random%s' % (n, ', that change meanwhile' if flipped else ''),
             None not in answered and answered.get(0, 0) > 50 and len(answered) > 6 and sane(m), 'seed %d' % seed, answered,
             m.said())
    test('the collection is there', c.search([0.5] * 8, k=1) and len(c) > 0)
    l.close()
    for x in fd, file:
        os.close(x)
    c.close()
    m.end()
    test('and nothing is damaged', fsck(m.image) == 'clean', fsck(m.image))


def large():
    """The largest batches, and more of them at once than there is memory for; pages and answers with much room."""
    m = Mount(fresh(2048 * MIB), *options)
    c = vexfs.create(m.path('c'), 4096)
    rows = mmap.mmap(-1, 64 * MIB)
    address = ctypes.addressof(ctypes.c_char.from_buffer(rows))

    def add():
        batch = abi.Batch(n=4096, row_bytes=16384, rows=address, flags=abi.INSERT_AUTO_ID)
        abi.call('insert', 'insert', c.fd, ctypes.byref(batch))
    errors = []
    threads = [threading.Thread(target=lambda: errors.append(raises(add))) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    test('six batches of 64 MiB at once', errors == [(None, '')] * 6 and len(c) == 6 * 4096, errors)
    room = mmap.mmap(-1, 200 * MIB)
    items = ctypes.addressof(ctypes.c_char.from_buffer(room))
    page, n = abi.Listing(items=items, rows=items + MIB * 2, row_bytes=16384), 0
    while page.cursor != 2**64 - 1:
        page.n = 12000
        abi.call('list', 'list', c.fd, ctypes.byref(page))
        n += page.n
    test('pages of 12,000 rows', n == 6 * 4096, n)
    hits = (abi.Hit * 10240)()
    request = abi.Request(vector=address, vector_bytes=16384, k=10, queries=1024, max_visits=100)
    abi.call('search', 'search', c.fd, ctypes.byref(request), hits, None)
    test('1,024 queries in a call', all(h.distance == 0 for h in hits) and len({h.id for h in hits}) == 10)
    c.close()
    test('it ends', m.end() == 0, m.said())


# --- who goes away

def killed_clients():
    m = Mount(fresh(1024 * MIB), *options)
    c = vexfs.create(m.path('c'), 128)
    script = """
import os, sys, vexfs
c = vexfs.Collection(sys.argv[1])
rows = [[float(i % 97 + j) for j in range(128)] for i in range(20000)]
while True:
    c.add(rows)
    c.search(rows[:200], k=100, exact=True)
"""
    env = {**os.environ, 'PYTHONPATH': os.path.join(top, 'ctl/python')}
    for i in range(4):
        p = subprocess.Popen([sys.executable, '-c', script, m.path('c')], env=env)
        time.sleep(1.5 + i / 3)
        p.kill()
        p.wait()
        test('a client is killed in the middle (%d)' % i, len(c) % 20000 == 0 and sane(m), len(c), m.said())
    fd = os.open(m.path('c'), os.O_RDONLY)
    # who does not read his answers, and who asks for much and goes
    lines = [Line(fd) for _ in range(8)]
    for l in lines:
        l.memory[8192:8192 + 512] = struct.pack('<128f', *range(128))
        struct.pack_into('<II', l.memory, FIRST, SIZES[NR_SEARCH], 4)
        for at, form, value in [(8, 'I', 1000), (12, 'I', 512), (16, 'Q', 8192), (32, 'Q', 16384), (80, 'I', 600 * 10**6)]:
            struct.pack_into('<' + form, l.memory, FIRST + at, value)
        l.send(ioc(NR_SEARCH))
    for l in lines[:4]:
        l.close()
    before = len(c)
    c.add([[1.0] * 128])
    test('others are not held up', len(c) == before + 1)
    for l in lines[4:]:
        l.send(ioc(NR_INFO))
    test('who asks twice has given up', all(l.socket.recv(16384) for l in lines[4:]))
    for l in lines:
        l.close()
    os.close(fd)
    c.close()
    test('it ends', m.end() == 0, m.said())
    test('and is clean', fsck(m.image) == 'clean', fsck(m.image))


def cancelled():
    """A call of somebody who has gone ends, and leaves nothing."""
    m = Mount(fresh(1024 * MIB), *options)
    c = vexfs.create(m.path('c'), 128)
    for i in range(12):
        c.add([[float(i + j) for j in range(128)]] * 5000, ids=range(5000 * i, 5000 * i + 5000))
    c.delete(range(0, 60000, 2))
    fd = os.open(m.path('c'), os.O_RDONLY)
    for _ in range(10):				# it may be faster than we are
        l = Line(fd)
        epoch = c.info().epoch
        l.memory[FIRST:FIRST + SIZES[NR_COMPACT]] = struct.pack('<I', SIZES[NR_COMPACT]) + bytes(SIZES[NR_COMPACT] - 4)
        l.send(ioc(NR_COMPACT))
        until(lambda: c.info().compact_total or c.info().epoch != epoch)
        l.close()
        test_it = until(lambda: not c.info().compact_total)
        if c.info().epoch == epoch:
            break
        c.add([[1.0] * 128] * 10000)
    test('a compaction whose caller hangs up is given up', test_it and c.info().epoch == epoch, c.info().epoch)
    before = len(c)
    c.compact()
    test('and another one can be made', c.info().epoch == epoch + 1 and c.info().count == len(c) == before)
    os.close(fd)
    c.close()
    test('it ends', m.end() == 0, m.said())
    test('clean', fsck(m.image) == 'clean', fsck(m.image))


def daemon_killed():
    m = Mount(fresh(), *options)
    c = collection(m)
    c.sync()
    child = os.fork()
    if not child:				# what the parent has is not its own, and it gets its own
        os._exit(0 if len(c) == 500 and len(c.search([0.5] * 8, k=5)) == 5 else 1)
    test('a child of fork() goes on', os.waitpid(child, 0)[1] == 0)
    m.daemon.kill()
    m.daemon.wait()
    name, text = raises(len, c)
    test('the daemon is killed: what to do is said', name == 'ENOTCONN' and 'fusermount3 -u' in text, name, text)
    name, text = raises(vexfs.Collection, m.path('c'))
    test('of a new one, too', name == 'ENOTCONN' and 'fusermount3 -u' in text, name, text)
    r = vexctl('search', m.path('c'), '--id', '5')
    test('vexctl says it', r.returncode == 1 and 'vexfs-fuse has ended' in r.stdout and len(r.stdout.splitlines()) == 1, r.stdout)
    m.kill()
    m = Mount(m.image, *options)
    c.close()
    c = vexfs.Collection(m.path('c'))
    test('mounted again it is there', len(c) == 500)
    m.daemon.send_signal(signal.SIGTERM)
    m.daemon.wait(60)
    name, text = raises(len, c)
    test('unmounted under who has it open', name == 'ENOTCONN', name, text)
    m = Mount(m.image, *options)
    test('with a descriptor of before', raises(len, c)[0] == 'ENOTCONN')
    c.close()
    with vexfs.Collection(m.path('c')) as c:
        test('and one of now', len(c) == 500)
    r = run(os.path.join(programs, 'calls'), 'limits', m.dir, env={**os.environ, 'VEXFS_DOOR_VERSION': '2'})
    test('a daemon of another version', 'Protocol not supported' in r.stdout, r.stdout)
    if root:
        with vexfs.Collection(m.path('c')):
            r = run('unshare', '-n', os.path.join(bin_dir, 'vexctl'), 'search', m.path('c'), '--id', '5')
        test('another network namespace', r.returncode == 1 and 'network namespace' in r.stdout, r.stdout)
    m.end()


# --- others

OTHERS = """
import os, sys, vexfs
os.setgroups([])
os.setgid(1000)
os.setuid(1000)
"""


def as_other(code, *args):
    """What Python prints as another user, who has no groups but his own."""
    p = run(sys.executable, '-c', OTHERS + code, *args, env={**os.environ, 'PYTHONPATH': os.path.join(top, 'ctl/python')})
    return p.stdout.strip()


def others():
    m = Mount(fresh(), *options)
    c = collection(m)
    with open(m.path('c/open'), 'w+') as f, open(m.path('c/closed'), 'w+') as g:
        c.add([[10.0] * 8, [11.0] * 8], ids=[1000, 1001], files=[(f, 0, 1), (g, 0, 1)], keys=['open', 'closed'])
    os.chmod(m.path('c/closed'), 0o600)
    os.chmod(m.path('c'), 0o755)
    look = 'c = vexfs.Collection(sys.argv[1])\nprint([h.id for h in c.search([10.9] * 8, k=2)])'
    test('a record of a file that one may not read is not found', [h.id for h in c.search([10.9] * 8, k=2)] == [1001, 1000] and
         '1000' in as_other(look, m.path('c')) and '1001' not in as_other(look, m.path('c')), as_other(look, m.path('c')))
    test('nor by its key', 'FileNotFoundError' in as_other('vexfs.Collection(sys.argv[1]).similar(key="closed")', m.path('c')))
    for what, code in [('insert', 'c.add([[1.0] * 8])'), ('delete', 'c.delete([1])'), ('snapshot', 'c.snapshot("x")'),
                       ('compact', 'c.compact()')]:
        said = as_other('c = vexfs.Collection(sys.argv[1])\n' + code, m.path('c'))
        test('who may not write may not %s' % what, 'PermissionError' in said and 'Errno 13' in said, said)
    os.chmod(m.path('c'), 0o777)
    test('who may may', as_other('c = vexfs.Collection(sys.argv[1])\nc.delete([1])\nprint(len(c))', m.path('c')) == '501')
    r = run('setpriv', '--reuid=1000', '--clear-groups', os.path.join(bin_dir, 'vexctl'), 'collection', 'drop', m.path('c'),
            '--yes')
    test('but not drop it', r.returncode == 1 and len(c) == 501, r.stdout)
    os.chmod(m.path('c'), 0o700)
    said = as_other('vexfs.Collection(sys.argv[1])', m.path('c'))
    test('who may not open it may not search it', 'PermissionError' in said, said)
    # a descriptor that somebody else has opened is as good as in the module
    fd = os.open(m.path('c'), os.O_RDONLY)
    p = run(sys.executable, '-c', OTHERS + 'import ctypes\nfrom vexfs import abi\ni = abi.Info()\n'
            'print(abi.library().vexfs_info(%d, ctypes.byref(i)), i.live)' % fd, pass_fds=[fd],
            env={**os.environ, 'PYTHONPATH': os.path.join(top, 'ctl/python')})
    test('unless with a descriptor that he was given', p.stdout.strip() == '0 501', p.stdout)
    os.close(fd)
    bound = os.path.join(work, 'other')
    os.mkdir(bound)
    run('mount', '--bind', m.dir, bound, check=True)
    run('mount', '-o', 'remount,bind,ro', bound, check=True)
    with vexfs.Collection(os.path.join(bound, 'c')) as d:
        test('a read-only bind mount is searched', len(d.search([10.9] * 8, k=2)) == 2)
        test('and not written', raises(d.delete, [2])[0] == 'EROFS')
        c.delete([2])
        test('where it is not read-only it is', len(d) == 500)
        l = Line(d.fd)
        l.memory[8192:8200] = struct.pack('<Q', 3)
        test('whoever calls', l.call(NR_DELETE, (8, 'I', 1), (16, 'Q', 8192)) == -errno.EROFS)
        l.close()
        run('mount', '-o', 'remount,bind,rw', bound, check=True)
        d.delete([3])
        test('until it is not any more', len(d) == 499)
    run('umount', bound)
    # a program that gives its rights up is somebody else from then on
    os.chmod(m.path('c'), 0o755)
    said = run(sys.executable, '-c', 'import os, sys, vexfs\nc = vexfs.Collection(sys.argv[1])\n'
               'a = [h.id for h in c.search([10.9] * 8, k=1)]\nos.setgroups([])\nos.setgid(1000)\nos.setuid(1000)\n'
               'print(a, [h.id for h in c.search([10.9] * 8, k=1)])', m.path('c'),
               env={**os.environ, 'PYTHONPATH': os.path.join(top, 'ctl/python')}).stdout.strip()
    test('whoever gives up his rights has', said == '[1001] [1000]', said)
    os.chown(m.path('c/closed'), 0, 1000)
    os.chmod(m.path('c/closed'), 0o640)
    test('who is of the group of a file finds it', '1001' in as_other(look, m.path('c')))
    c.close()
    m.end()


def ordinary():
    """Somebody without any right makes an image, mounts it, and has a collection there."""
    mine = os.path.join(work, 'mine')
    os.mkdir(mine)
    os.chown(mine, 1000, 1000)
    env = {**os.environ, 'PATH': bin_dir + ':' + os.environ['PATH']}
    p = run('setpriv', '--reuid=1000', '--regid=1000', '--clear-groups', 'bash', '-c', """set -e
        truncate -s 64M x.img
        mkfs.vexfs -q x.img
        mkdir files
        vexfs-fuse x.img files
        trap 'fusermount3 -u files' EXIT
        vexctl collection create files/c --dims 2
        echo '{"id": 5, "vector": [1, 2]}' > r.jsonl
        vexctl import files/c r.jsonl
        vexctl search files/c --vector '1 2' -k 1""", cwd=mine, env=env)
    test('an ordinary user makes, mounts and searches an image',
         p.returncode == 0 and p.stdout.splitlines()[-2].split()[:2] == ['1', '5'], p.stdout)


why = cannot()
if why:
    skip(why)
else:
    same()
    bounds()
    large()
    chance()
    killed_clients()
    cancelled()
    daemon_killed()
    if root:
        others()
        ordinary()
    guest_tests()
done()
