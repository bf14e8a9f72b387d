#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Images that vexfs.attach(create=True) makes, on a disk that becomes full, and with several processes.  TAP.

The disk is a tmpfs in a mount namespace of its own.
"""
import errno
import os
import random
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import tap  # noqa: E402
from tap import test  # noqa: E402
from pymodule import raises, says, top  # noqa: E402
os.environ['PYTHONPATH'] = os.path.join(top, 'ctl/python')
import vexfs  # noqa: E402

if 'VEXFS_INSIDE' not in os.environ:
    root = [] if os.geteuid() == 0 else ['--map-root-user']
    os.environ['VEXFS_INSIDE'] = str(os.geteuid())
    os.execvp('unshare', ['unshare', '--mount', *root, sys.executable, __file__])
random.seed(7)
DIMS, MIB = 768, 1 << 20
work = tempfile.mkdtemp(prefix='vexfs-images')


def disk(mib):
    """An empty disk of that size, which is where we are then."""
    os.chdir('/')
    subprocess.run(['umount', '-q', work])
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=%dm,mode=777' % mib, 'none', work], check=True)
    os.chdir(work)


def fsck(image):
    r = subprocess.run([os.path.join(top, 'build/bin/fsck.vexfs'), image], capture_output=True, text=True)
    return '' if r.returncode == 0 else r.stdout + r.stderr


def fill(name):
    """Take what room is left."""
    with open(name, 'wb', buffering=0) as f:
        try:
            while True:
                f.write(bytes(1 << 16))
        except OSError as e:
            if e.errno != errno.ENOSPC:
                raise


def vectors(n):
    return [[random.random() for _ in range(DIMS)] for _ in range(n)]


def python(code, **more):
    return subprocess.Popen([sys.executable, '-c', 'import sys, os, vexfs\n' + code], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def made():
    disk(300)
    with vexfs.attach('x.img', create=True, size='1G') as image:
        st = os.stat('x.img')
        test('as large as it was asked for, with holes', st.st_size == 1 << 30 and st.st_blocks * 512 < 40 * MIB, st)
        test('with the mode that umask(2) lets it', st.st_mode & 0o7777 == 0o644, oct(st.st_mode))
        with image.create('c', 3) as c:
            c.add([[1, 2, 3]], [7])
    test('nothing else is left there', os.listdir() == ['x.img'], os.listdir())
    test('fsck.vexfs finds nothing', fsck('x.img') == '', fsck('x.img'))
    for size in ('1G', None, '64M', 1 << 23):
        with vexfs.attach('x.img', create=True, size=size) as image:
            test('size %s of one that is there: it stays' % size, image.open('c').get(7).vector[1] == 2 and
                 os.stat('x.img').st_size == 1 << 30)
    text = says(vexfs.attach, 'x.img', create=True, size='2G')
    test('it cannot grow, which is said', 'x.img has 1073741824 bytes' in str(text) and 'make a larger one' in text, text)
    with open('text', 'w') as f:
        f.write('all my work')
    for name, kind in (('text', errno.EINVAL), ('.', errno.EISDIR)):
        got = raises(kind, vexfs.attach, name, create=True)
        test('never over what is no image: ' + name, got is True and open('text').read() == 'all my work', got)
    for sizes, kind in ((('7M', 0, '17T'), errno.EINVAL),
                        ((-1, '1X', '1.5G', '', 'G', '12345678901234567890123'), ValueError)):
        for size in sizes:
            got = raises(kind, vexfs.attach, 'y.img', create=True, size=size)
            test('size %r' % size, got is True, got)
    test('size 1.5', raises(TypeError, vexfs.attach, 'y.img', create=True, size=1.5) is True)
    test('size without create', raises(ValueError, vexfs.attach, 'x.img', size='1G') is True)
    test('create and readonly', raises(ValueError, vexfs.attach, 'y.img', True, create=True) is True)
    test('no directory', raises(FileNotFoundError, vexfs.attach, 'no/y.img', create=True) is True)
    text = says(vexfs.attach, 'x.img/y.img', create=True)
    test('below a file', 'Errno 20' in str(text), text)
    test('none of these left anything', sorted(os.listdir()) == ['text', 'x.img'], os.listdir())
    with vexfs.attach('8.img', create=True, size='8M'), vexfs.attach('d.img', create=True):
        test('the smallest, and by default', os.stat('8.img').st_size == 8 * MIB and os.stat('d.img').st_size == 64 << 30)
    # its root belongs to whoever makes it, as with mkfs.vexfs
    if os.environ['VEXFS_INSIDE'] == '0':
        pid = os.fork()
        if not pid:
            os.setgid(65533)
            os.setuid(65534)
            os._exit(0 if says(lambda: vexfs.attach('theirs.img', create=True, size='64M').close()) is None else 1)
        failed = os.waitpid(pid, 0)[1]
        r = subprocess.run([os.path.join(top, 'build/bin/vexctl'), 'debug', 'theirs.img', 'inode', '/', '--json'],
                           capture_output=True, text=True)
        test('of another user: the root directory is theirs', not failed and '"i_uid": 65534, "i_gid": 65533' in r.stdout, r)
    else:
        tap.skip('of another user: not root')
    # several at once: the file is made by one of them
    all_of = [python('image = vexfs.attach("many.img", create=True, size="64M")\nprint("mine", flush=True)\n'
                     'sys.stdin.read()') for _ in range(6)]
    told = []
    for p in all_of[::-1]:
        p.stdin.close()
    for p in all_of:
        told.append(p.stdout.read() or p.stderr.read().strip().split('\n')[-1])
        p.wait()
    test('several processes at once', 'mine\n' in told and all(t == 'mine\n' or 'Errno 16' in t for t in told) and
         not [n for n in os.listdir() if n.startswith('many.img.')], told, os.listdir())


def full():
    disk(96)
    with open('reserve', 'wb') as f:
        f.write(bytes(16 * MIB))
    image = vexfs.attach('x.img', create=True, size='2G')
    c, n, err = image.create('c', DIMS), 0, None
    while err is None and n < 100000:
        batch = vectors(64)
        try:
            c.add(batch, list(range(n, n + 64)))
            n += 64
            last = batch
        except OSError as e:
            err = e
    test('a disk that becomes full is an error of the insert', err is not None and err.errno == errno.ENOSPC and
         'image is on' in str(err), n, err)
    test('what was acknowledged is there', len(c) == n and c.search(last[5], k=1)[0].id == n - 59, len(c), n)
    test('and is made durable', says(c.sync) is None, says(c.sync))
    fill('filler')
    test('to the last byte', raises(errno.ENOSPC, c.add, vectors(4096), list(range(n, n + 4096))) is True)
    test('deletions go', says(c.delete, list(range(32))) is None and says(c.sync) is None and len(c) == n - 32, len(c))
    test('a file', raises(errno.ENOSPC, lambda: image.file('c/file', 'w').write(bytes(64 * MIB))) is True)
    test('what reads sees zeros and no signal', c.search(vectors(100), k=5, exact=True)[99][4].id < n)
    os.unlink('reserve')
    test('with room again, inserts', says(c.add, batch, list(range(n, n + 64))) == list(range(n, n + 64)))
    test('closed', says(image.close) is None)
    test('fsck.vexfs finds nothing', fsck('x.img') == '', fsck('x.img'))
    fill('filler2')
    with vexfs.attach('x.img') as image:
        c = image.open('c')
        test('one that was attached on a full disk', len(c) == n + 32 and c.get(n).id == n and says(c.sync) is None)
    test('no room for a new one', raises(errno.ENOSPC, vexfs.attach, 'y.img', create=True) is True and
         'log' in says(vexfs.attach, 'y.img', create=True))
    test('which leaves nothing', sorted(os.listdir()) == ['filler', 'filler2', 'x.img'], os.listdir())


def several():
    disk(200)
    with vexfs.attach('x.img', create=True, size='64M') as image:
        with image.create('c', 3) as c:
            c.add([[i, i, i] for i in range(100)])
    reader = 'c = vexfs.attach("x.img", readonly=True).open("c")\nprint(c.search([7, 7, 7], k=1)[0].id, flush=True)\n' \
             'sys.stdin.read()\nprint(len(c))'
    readers = [python(reader) for _ in range(3)]
    got = [p.stdout.readline() for p in readers]
    test('several processes read one image', got == ['7\n'] * 3, got)
    text = says(vexfs.attach, 'x.img')
    test('a writer is refused meanwhile, and told why', 'Errno 16' in text and 'in use by another process' in text, text)
    for p in readers:
        p.communicate()
    with vexfs.attach('x.img'):
        out, err = python(reader).communicate()
        test('and readers while there is a writer', out == '' and 'Errno 16' in err and 'end that first' in err, out, err)
    with vexfs.attach('x.img', readonly=True):
        pass
    # a writer that was killed: what it has synced is in the log alone
    p = python('c = vexfs.attach("x.img").open("c")\nc.add([[1000, 0, 0]], [1000])\nc.sync()\nprint("synced", flush=True)\n'
               'os.kill(os.getpid(), 9)')
    p.wait()
    os.chmod('x.img', 0o444)
    before = open('x.img', 'rb').read()

    def child():
        if os.environ['VEXFS_INSIDE'] == '0':
            os.setgid(65534)
            os.setuid(65534)
        text = says(vexfs.attach, 'x.img')
        with vexfs.attach('x.img', readonly=True) as image:
            found = image.open('c').search([1000, 0, 0], k=1)[0].id
        return 'Errno 13' in str(text) and 'attach it read-only' in text and found == 1000

    if os.environ['VEXFS_INSIDE'] == '0':
        pid = os.fork()
        if not pid:
            os._exit(0 if says(child) is True else 1)
        test('who may not write is told to read, and then finds what the log holds', os.waitpid(pid, 0)[1] == 0)
    else:
        tap.skip('who may not write is told to read: not root')
    test('which writes nothing', open('x.img', 'rb').read() == before)
    os.chmod('x.img', 0o644)
    os.truncate('x.img', 60 * MIB)
    for readonly in (False, True):
        text = says(vexfs.attach, 'x.img', readonly)
        test('one that was cut short', 'Errno 6' in str(text) and 'give it its size back' in text, text)
    os.truncate('x.img', 64 * MIB)
    with vexfs.attach('x.img') as image:
        test('with its size again', image.open('c').get(1000).id == 1000)


try:
    made()
    full()
    several()
finally:
    os.chdir('/')
    subprocess.run(['umount', '-ql', work])
    os.rmdir(work)
tap.done()
