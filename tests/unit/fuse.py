#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""vexfs-fuse: files by FUSE, the POSIX tests of the guest on it, killed daemons, images that cannot be mounted.  TAP.

Usage: fuse.py VEXFS-FUSE, built with the sanitizers.
"""
import ctypes
import errno
import fcntl
import mmap
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
from mounting import MIB, Mount, bin_dir, cannot, fails, fresh, fsck, fuse, run, top, until, work  # noqa: E402
from tap import done, skip, test  # noqa: E402

posix = os.path.join(top, 'build/tests/vm/posix_')
libc = ctypes.CDLL(None, use_errno=True)
INFO = 0xc2a0f502			# VEXFS_IOC_INFO


def pattern(n, seed):
    return random.Random(seed).randbytes(n)


def write(path, data):
    with open(path, 'wb') as f:
        f.write(data)


def read(path):
    with open(path, 'rb') as f:
        return f.read()


# --- what Python can say of files

def files(m):
    a, b, c = m.path('a'), m.path('b'), m.path('c')
    write(a, b'one')
    os.link(a, b)
    test('a hard link', os.stat(a).st_nlink == 2 and os.stat(b).st_ino == os.stat(a).st_ino)
    os.symlink('a', c)
    os.symlink('x' * 3000, m.path('long'))
    test('symlinks, short and long', read(c) == b'one' and os.readlink(m.path('long')) == 'x' * 3000)
    write(m.path('new'), b'two')
    os.rename(m.path('new'), a)
    test('a rename replaces one name of two', read(a) == b'two' and read(b) == b'one' and os.stat(b).st_nlink == 1)
    test('RENAME_NOREPLACE', libc.renameat2(-100, a.encode(), -100, b.encode(), 1) == -1 and
         ctypes.get_errno() == errno.EEXIST)
    test('RENAME_EXCHANGE', libc.renameat2(-100, a.encode(), -100, b.encode(), 2) == 0 and
         read(a) == b'one' and read(b) == b'two')

    data = pattern(3 * MIB + 77, 1)
    write(m.path('data'), data)
    with open(m.path('data'), 'r+b') as f:
        with mmap.mmap(f.fileno(), 0) as p:
            test('a mapping shows what was written', p[:] == data)
            p[MIB:MIB + 5] = b'hello'
            p.flush()
        os.fsync(f.fileno())
        data = data[:MIB] + b'hello' + data[MIB + 5:]
    test('and what it changed is read', read(m.path('data')) == data)

    fd = os.open(m.path('holes'), os.O_RDWR | os.O_CREAT)
    os.pwrite(fd, b'x' * 5000, MIB)
    os.pwrite(fd, b'y', 5 * MIB)
    test('SEEK_DATA and SEEK_HOLE', [os.lseek(fd, 0, os.SEEK_DATA), os.lseek(fd, MIB, os.SEEK_HOLE),
                                     os.lseek(fd, 2 * MIB, os.SEEK_DATA)] == [MIB, MIB + 8192, 5 * MIB])
    test('holes take no blocks', os.fstat(fd).st_blocks == 3 * 8 and os.pread(fd, 10, 0) == b'\0' * 10)
    os.posix_fallocate(fd, 0, 8 * MIB)
    test('fallocate', os.fstat(fd).st_size == 8 * MIB and os.fstat(fd).st_blocks == 16384)
    test('punching holes is refused', libc.fallocate(fd, 3, ctypes.c_long(0), ctypes.c_long(4096)) == -1 and
         ctypes.get_errno() == errno.EOPNOTSUPP)
    test('ioctls go another way', fails(fcntl.ioctl, fd, INFO, b'\0' * 672) == 'ENOTTY')
    test('nor are xattrs', fails(os.setxattr, m.path('holes'), 'user.a', b'b') in ('ENOTSUP', 'EOPNOTSUPP'))
    free = os.statvfs(m.dir).f_bfree
    os.unlink(m.path('holes'))
    os.pwrite(fd, b'z' * 10, 0)
    test('an unlinked file lives while it is open', os.pread(fd, 10, 0) == b'z' * 10 and os.fstat(fd).st_nlink == 0)
    os.close(fd)
    test('and its space comes back', until(lambda: os.statvfs(m.dir).f_bfree >= free + 2048))


def many(m):
    """Names that stay are seen once, whatever is removed and made meanwhile."""
    d = m.path('many')
    os.mkdir(d)
    for i in range(5000):
        os.close(os.open('%s/%s-%d' % (d, 'stay' if i % 2 else 'go', i), os.O_CREAT | os.O_WRONLY))
    stop, errors = threading.Event(), []

    def remove():
        for i in range(0, 5000, 2):
            os.unlink('%s/go-%d' % (d, i))
        stop.set()

    def look():
        rounds = 0
        while not stop.is_set() or not rounds:
            with os.scandir(d) as entries:
                names = [e.name for e in entries if e.name.startswith('stay')]
            if len(names) != 2500 or len(set(names)) != 2500:
                errors.append(len(names))
            rounds += 1
            time.sleep(0.1)  # who removes has to come to it, too
    threads = [threading.Thread(target=t) for t in (remove, look, look)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    test('5,000 names, half of them removed while others look', not errors and len(os.listdir(d)) == 2500, errors)
    shutil.rmtree(d)


def full():
    """A small one: ENOSPC, short writes, and all of it again."""
    m = Mount(fresh(16 * MIB, 'small'))
    free, filled, n = os.statvfs(m.dir).f_bfree, 0, 0
    fd = os.open(m.path('big'), os.O_CREAT | os.O_RDWR)
    try:
        while True:
            n = os.write(fd, pattern(MIB - 100, filled))
            filled += n
    except OSError as e:
        test('a full filesystem is ENOSPC', e.errno == errno.ENOSPC, e)
    test('the last write took what there was', n < MIB - 100 and os.fstat(fd).st_size == filled and
         os.statvfs(m.dir).f_bavail == 0, n, os.statvfs(m.dir))
    sparse = os.open(m.path('sparse'), os.O_CREAT | os.O_RDWR)
    os.ftruncate(sparse, MIB)
    with mmap.mmap(sparse, MIB) as p:
        p[:] = b'x' * MIB
        test('what a mapping has changed finds no room: flushing it says so', fails(p.flush) == 'ENOSPC')
    os.ftruncate(sparse, 0)
    os.close(sparse)
    os.unlink(m.path('sparse'))
    test('and what was written is there', os.pread(fd, MIB - 100, 0) == pattern(MIB - 100, 0))
    # and a few for the tree of extents
    test('no blocks are behind the end', 0 <= os.fstat(fd).st_blocks // 8 - (filled + 4095) // 4096 <= 2, os.fstat(fd))
    os.close(fd)
    for _ in range(3):
        os.unlink(m.path('big'))
        fd = os.open(m.path('big'), os.O_CREAT | os.O_RDWR)
        os.posix_fallocate(fd, 0, free * 9 // 10 * 4096)
        os.close(fd)
    test('what is removed can be used at once, three times', True)
    os.unlink(m.path('big'))
    test('all space comes back', until(lambda: os.statvfs(m.dir).f_bfree == free), free, os.statvfs(m.dir))
    test('it ends well', m.end() == 0, m.said())
    test('and is clean', fsck(m.image) == 'clean')


# --- the tests of the guest

# `links` is 65,000 names, which take the guest a minute
LEFT_OUT = {'links', 'full'}
AS_ROOT = {'special', 'attributes', 'times', 'permissions', 'handles', 'straddle'}


def posix_tests(m):
    for program in 'names', 'data':
        for line in run(posix + program, '--list', check=True).stdout.splitlines():
            name, what = line.split(' ', 1)
            if name not in LEFT_OUT and (os.geteuid() == 0 or name not in AS_ROOT):
                r = run(posix + program, name, m.dir)
                test(what, r.returncode == 0, r.stdout)
                if r.returncode:
                    shutil.rmtree(m.path(name))


def killed():
    """kill -9 is a power cut, but for what the system keeps."""
    image = fresh()
    for round in range(3):
        m = Mount(image)
        d = m.path('kept')
        os.mkdir(d)
        user = subprocess.Popen([posix + 'state', '--leave', d], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        test('files, synced and not (%d)' % round, user.stdout.readline() == 'ready\n')
        m.kill()
        test('whoever has them open hears that it is gone', not user.communicate(timeout=60) is None and user.returncode == 0)
        test('the log is pending, nothing is wrong', fsck(image) == 'log pending', fsck(image))
        m = Mount(image)
        r = run(posix + 'state', '--kept', m.path('kept'))
        test('what was synced is there', r.returncode == 0, r.stdout)
        shutil.rmtree(m.path('kept'))
        said = m.end()
        test('orphans were freed', isinstance(said, str) and 'unlinked inodes freed' in said, said)
        test('it is clean', fsck(image) == 'clean', fsck(image))


def renamed():
    """A file is replaced whole: what the name leads to after a kill is one of both, entire."""
    image = fresh()
    old, new = pattern(300000, 2), pattern(500000, 3)
    for i in range(3):
        m = Mount(image)
        write(m.path('f'), old)
        with open(m.path('f'), 'rb') as f:
            os.fsync(f.fileno())
        write(m.path('tmp'), new)
        os.rename(m.path('tmp'), m.path('f'))
        if i:
            fd = os.open(m.dir, os.O_RDONLY)
            os.fsync(fd)
            os.close(fd)
        m.kill()
        m = Mount(image)
        test('a file that was replaced is whole after a kill (%d)' % i, read(m.path('f')) in ((new,) if i else (old, new)))
        for name in os.listdir(m.dir):
            os.unlink(m.path(name))
        m.end()


def commits():
    """What nobody syncs is committed after commit= seconds."""
    m = Mount(fresh(), '-o', 'commit=1')
    write(m.path('f'), b'written')
    time.sleep(2.5)
    m.kill()
    m = Mount(m.image)
    test('commit=1 commits within two seconds', read(m.path('f')) == b'written')
    m.end()


# --- mounts, and what cannot be mounted

def refused(name, want, *args, program=fuse, code=1):
    r = run(program, *args)
    test(name, r.returncode == code and want in r.stdout and 'Sanitizer' not in r.stdout, r.returncode, r.stdout)


def mounts():
    image, mnt = fresh(), os.path.join(work, 'mnt')
    m = Mount(image, '-o', 'nofail,x-systemd.automount,_netdev')
    with open('/proc/mounts') as f:
        line = [l for l in f if ' %s ' % m.dir in l][0]
    test('mount(8) shows what it is', line.startswith(image + ' ') and ' fuse.vexfs ' in line, line)
    refused('it is locked while it is mounted', 'somebody has it open; end that first', image, mnt)
    os.mkdir(m.path('c'))
    vexctl = os.path.join(top, 'build/bin/vexctl')
    r = [run(vexctl, 'collection', 'create', m.path('c'), '-d', '2')] + [run(vexctl, '--image', image, *words) for words in (['collection', 'info', 'c'], ['snapshot', 'create', 'c', 's'],
                                                              ['export', 'c', '-f', 'jsonl', '--as-of', 's'])]
    test('vexctl --image uses it by way of the daemon', [x.returncode for x in r] == [0] * 4 and
         's' in run(vexctl, 'snapshot', 'list', m.path('c')).stdout, r)
    r = run(vexctl, 'doctor')
    test('vexctl doctor shows it', ' fuse ' in r.stdout and ('mount %s' % m.dir)[:62] in r.stdout, r.stdout)
    test('fsck says so, too', 'in use' in fsck(image) or 'open' in fsck(image), fsck(image))
    write(m.path('file'), b'data')
    os.mkdir(m.path('dir'))
    with open(m.path('file'), 'rb'):
        with open(m.path('file'), 'r+b') as g:
            p = mmap.mmap(g.fileno(), 0)
        p[:4] = b'DATA'
        p.close()
        m.daemon.terminate()
        test('SIGTERM ends it, though a file is open', m.daemon.wait(60) == 0 and not os.path.ismount(m.dir), m.said())
    test('it is clean', fsck(image) == 'clean', fsck(image))
    m = Mount(image)
    with open(m.path('file'), 'r+b') as g:
        p = mmap.mmap(g.fileno(), 0)
    p[:4] = b'Data'
    p.close()
    m.daemon.send_signal(signal.SIGINT)
    test('SIGINT ends it', m.daemon.wait(60) == 0 and not os.path.ismount(m.dir), m.said())
    m = Mount(image, '--ro')
    test('what a mapping changed is there', read(m.path('file')) == b'Data')
    r = run(posix + 'state', '--readonly', m.dir)
    test('--ro takes no change', r.returncode == 0, r.stdout)
    other = os.path.join(work, 'other')
    os.mkdir(other)
    r = run(fuse, '-o', 'ro', image, other)
    test('several may have it read-only; in the background', r.returncode == 0 and os.path.ismount(other), r.stdout)
    subprocess.run(['fusermount3', '-u', other], check=True)
    test('it ends well', m.end() == 0, m.said())
    test('and is clean', until(lambda: fsck(image) == 'clean'), fsck(image))

    # as mount(8) calls it
    link = os.path.join(work, 'mount.fuse.vexfs')
    os.symlink(fuse, link)
    r = run(link, image, other, '-s', '-n', '-o', 'rw,noatime', '-t', 'fuse.vexfs')
    test('as a helper of mount(8)', r.returncode == 0 and os.path.ismount(other), r.stdout)
    subprocess.run(['fusermount3', '-u', other], check=True)
    test('clean after that', until(lambda: fsck(image) == 'clean'), fsck(image))
    def flags():
        with open('/proc/mounts') as f:
            return set([l for l in f if ' %s ' % other in l][0].split()[3].split(','))
    if os.geteuid() == 0:
        r = run(link, image, other, '-o', 'rw,nosuid')
        test('nosuid is what was said, nodev was not', r.returncode == 0 and flags() & {'nosuid', 'nodev'} == {'nosuid'}, flags())
        r = run(link, image, other, '-o', 'remount,ro,nodev')
        test('mounted anew, read-only', r.returncode == 0 and flags() >= {'ro', 'nodev'} and
             fails(write, os.path.join(other, 'no'), b'') == 'EROFS', r.stdout, flags())
        r = run(link, image, other, '-o', 'remount,rw')
        write(os.path.join(other, 'yes'), b'yes')
        test('and writable', r.returncode == 0 and not flags() & {'ro', 'nodev', 'nosuid'}, r.stdout, flags())
        subprocess.run(['fusermount3', '-u', other], check=True)
        refused('mounted anew: what is not mounted', 'cannot be mounted anew', image, other, '-o', 'remount,ro', program=link, code=32)

    # umount(8) returns before the daemon has ended
    codes = []
    for i in range(20):
        r = run(fuse, image, other)
        codes.append(r.returncode)
        if r.returncode:
            break
        write(os.path.join(other, 'again'), pattern(4 * MIB, i))
        subprocess.run(['fusermount3', '-u', other], check=True)
    test('what was unmounted can be mounted at once, 20 times', not any(codes), codes, r.stdout)
    test('clean after that, too', until(lambda: fsck(image) == 'clean'), fsck(image))

    refused('the helper tells mount(8) of a failure', 'no such file', '/none', mnt, '-o', 'rw', program=link, code=32)

    refused('no image', 'there is no such file', '/none', mnt)
    refused('no directory', 'No such file or directory', image, '/none')
    refused('a file as a directory', 'not a directory', image, image)
    refused('no VexFS', 'holds no VexFS', '--ro', '/etc/passwd', mnt)
    refused('one argument', 'see `vexfs-fuse --help`', image, code=2)
    refused('an unknown option', 'see `vexfs-fuse --help`', '--loud', image, mnt, code=2)
    refused('commit=0', 'takes 1 to 300 seconds', '-o', 'commit=0', image, mnt, code=2)
    refused('commit=5x', 'takes 1 to 300 seconds', '-o', 'commit=5x', image, mnt, code=2)
    refused('another fsname', 'not for you to choose', '-o', 'fsname=x', image, mnt, code=2)
    refused('an option that nobody knows', 'unknown option', '-o', 'shiny', image, mnt, code=2)
    short = os.path.join(work, 'short')
    shutil.copyfile(image, short)
    os.truncate(short, 100 * MIB)
    refused('a truncated image', 'give the partition or the image its size back', short, mnt)
    r = run(fuse, '--version')
    test('--version', r.returncode == 0 and r.stdout.startswith('vexfs-fuse '), r.stdout)
    if os.geteuid() == 0:
        loop = run('losetup', '-f', '--show', image)
        if loop.returncode == 0:
            refused('an image behind a loop device', 'behind a loop device', image, mnt)
            device = loop.stdout.strip()
            m = Mount(device)
            write(m.path('busy'), b'busy')
            said = fsck(device)
            test('fsck does not look at a device that is mounted by FUSE', 'open in another process' in said, said)
            m.end()
            test('and does when it is not any more', fsck(device) == 'clean', fsck(device))
            run('losetup', '-d', loop.stdout.strip())
    # nobody's: a dirty log, and no right to write
    m = Mount(image)
    write(m.path('late'), b'late')
    fd = os.open(m.path('late'), os.O_RDONLY)
    os.fsync(fd)
    m.kill()
    os.close(fd)
    os.chmod(image, 0o444)
    os.chmod(work, 0o755)
    if os.geteuid() == 0:
        r = run('setpriv', '--reuid=1000', '--clear-groups', fuse, image, '/tmp')
        test('a log to be replayed, and no right to write', r.returncode == 1 and 'mount it with -o ro' in r.stdout, r.stdout)
    m = Mount(image, '-o', 'ro')
    test('read-only its log is replayed in memory', read(m.path('late')) == b'late')
    m.end()
    test('and still pending on disk', fsck(image) == 'log pending', fsck(image))


def vexctl(image, *args):
    return run(os.path.join(bin_dir, 'vexctl'), '--image', image, *args)


def records():
    """Files with records, changed by FUSE."""
    image = fresh()
    vexctl(image, 'collection', 'create', 'notes', '--dims', '2', '--metric', 'l2')
    root = os.geteuid() == 0
    m = Mount(image, *(('-o', 'allow_other') if root else ()))
    for name in 'abcde':
        write(m.path('notes', name), b'text')
    os.chmod(m.path('notes/e'), 0o600)
    m.end()
    with open(os.path.join(work, 'records'), 'w') as f:
        for i, name in enumerate('abcde', 1):
            f.write('{"id": %d, "vector": [%d, 0], "file": "%s"}\n' % (i, i, name))
    r = vexctl(image, 'import', 'notes', f.name, '--format', 'jsonl')
    test('records of files', r.returncode == 0, r.stdout)
    m = Mount(image, *(('-o', 'allow_other') if root else ()))
    with open(m.path('notes/a'), 'ab') as f:
        f.write(b'more')
    os.unlink(m.path('notes/b'))
    write(m.path('notes/new'), b'new')
    os.rename(m.path('notes/new'), m.path('notes/c'))
    test('a file with records does not leave its collection', fails(os.rename, m.path('notes/d'), m.path('d')) == 'EXDEV' and
         fails(os.link, m.path('notes/d'), m.path('d')) == 'EXDEV')
    if root:
        os.chmod(m.path('notes'), 0o777)
        r = run('setpriv', '--reuid=1000', '--clear-groups', 'sh', '-c', 'echo > n && mv -f n e', cwd=m.path('notes'))
        test('somebody else replaces a file that he may not read', r.returncode == 0, r.stdout)
    else:
        os.unlink(m.path('notes/e'))
    m.end()
    found = [l.split()[1] for l in vexctl(image, 'search', 'notes', '--vector', '0,0', '-k', '9').stdout.splitlines()[1:-1]]
    test('records go with their files, or to what replaced them', found == ['1', '3', '4'], found)
    stale = [l.split()[1] for l in vexctl(image, 'stale', 'notes').stdout.splitlines()]
    test('and are stale', stale == ['1', '3'], stale)
    m = Mount(image)
    for name in os.listdir(m.path('notes')):
        os.unlink(m.path('notes', name))
    os.rmdir(m.path('notes'))
    test('with its files a collection goes', m.end() == 0, m.said())
    test('clean', fsck(image) == 'clean', fsck(image))


def host_full():
    """The disk under a sparse image is full: ENOSPC, what is there stays, and with more room it goes on."""
    host = os.path.join(work, 'host')
    os.mkdir(host)
    if run('mount', '-t', 'tmpfs', '-o', 'size=24M', 'tmpfs', host).returncode:
        skip('no tmpfs can be mounted here')
        return
    try:
        m = Mount(fresh(512 * MIB, 'host/image'))
        write(m.path('safe'), b'safe')
        with open(m.path('safe'), 'rb') as f:
            os.fsync(f.fileno())
        test('writing is ENOSPC when the disk of the image is full',
             fails(write, m.path('big'), pattern(64 * MIB, 4)) == 'ENOSPC')
        test('reading goes on', read(m.path('safe')) == b'safe')
        subprocess.run(['mount', '-o', 'remount,size=200M', host], check=True)
        write(m.path('big'), pattern(64 * MIB, 4))
        test('with more room writing goes on', read(m.path('big')) == pattern(64 * MIB, 4))
        test('it ends', m.end() == 0, m.said())
        m = Mount(m.image)
        test('and all is there', read(m.path('safe')) == b'safe' and read(m.path('big')) == pattern(64 * MIB, 4))
        m.end()
        test('clean', fsck(m.image) == 'clean', fsck(m.image))
    finally:
        run('umount', '-l', host)


def command_of(beginning):
    return run(os.path.join(top, 'tests/readme.py'), 'command', beginning, check=True).stdout.strip()


def readme():
    """The commands of the README, where the daemon goes into the background."""
    fresh(name='words.img')
    os.mkdir(os.path.join(work, 'files'))
    path = {'cwd': work, 'env': {**os.environ, 'PATH': ':'.join((os.path.dirname(fuse), bin_dir, os.environ['PATH']))}}
    r = run('bash', '-c', command_of('vexfs-fuse '), **path)
    test('README: mount', r.returncode == 0 and os.path.ismount(os.path.join(work, 'files')), r.stdout)
    write(os.path.join(work, 'files/file'), b'data')
    os.symlink(os.path.join(top, 'tests'), os.path.join(work, 'tests'))
    r = run('bash', '-c', 'vexctl collection create files/words --dims 100 && '
            'vexctl import files/words tests/data/glove-2k.fvecs', **path)
    test('a collection', r.returncode == 0, r.stdout)
    r = run('bash', '-c', command_of('vexctl search files/words '), **path)
    test('README: search', r.returncode == 0 and 'king' in r.stdout, r.stdout)
    r = run('bash', '-c', command_of('make bpf/coded.native.so'), cwd=top)
    test('README: a native program', r.returncode == 0, r.stdout)
    os.symlink(os.path.join(top, 'bpf'), os.path.join(work, 'bpf'))
    r = run('bash', '-c', command_of('vexctl load --mount '), **path)
    test('README: load it', r.returncode == 0 and 'loaded coded: search, generation 1' in r.stdout, r.stdout)
    r = run('bash', '-c', command_of('vexctl program list --mount '), **path)
    test('README: list it', r.returncode == 0 and 'coded' in r.stdout, r.stdout)
    r = run('bash', '-c', command_of('fusermount3 '), **path)
    test('README: unmount', r.returncode == 0 and not os.path.ismount(os.path.join(work, 'files')), r.stdout)
    test('it is clean a moment later', until(lambda: fsck(os.path.join(work, 'words.img')) == 'clean'))
    r = run('bash', '-c', command_of('vexctl --image words.img --load '), **path)
    test('README: load it for an image', r.returncode == 0 and 'strategy coded (' in r.stdout, r.stdout)


why = cannot()
if why:
    skip(why)
else:
    options = ('-o', 'allow_other') if os.geteuid() == 0 else ()
    m = Mount(fresh(512 * MIB), *options)
    free = (os.statvfs(m.dir).f_bfree, os.statvfs(m.dir).f_ffree)
    files(m)
    many(m)
    for name in os.listdir(m.dir):
        os.unlink(m.path(name))
    posix_tests(m)
    test('all space comes back', until(lambda: (os.statvfs(m.dir).f_bfree, os.statvfs(m.dir).f_ffree) == free),
         free, os.statvfs(m.dir))
    test('it ends well', m.end() == 0, m.said())
    test('nothing is wrong offline', fsck(m.image) == 'clean', fsck(m.image))
    full()
    killed()
    renamed()
    commits()
    mounts()
    readme()
    records()
    host_full()
done()
