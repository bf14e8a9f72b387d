# SPDX-License-Identifier: GPL-2.0
"""What the tests of vexfs-fuse share: images in a directory of their own, and mounts of them by a daemon with the sanitizers."""
import atexit
import errno
import os
import shutil
import subprocess
import sys
import tempfile
import time

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
fuse = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(top, 'build/tests/vexfs-fuse'))
bin_dir = os.path.join(top, 'build/bin')
work = tempfile.mkdtemp(prefix='vexfs-fuse')
MIB = 1 << 20


def run(*args, **options):
    return subprocess.run(args, **{'stdout': subprocess.PIPE, 'stderr': subprocess.STDOUT, 'text': True, 'errors': 'replace',
                                   'timeout': 120, **options})


def fails(fn, *args):
    """The name of the error that a call gives."""
    try:
        fn(*args)
    except OSError as e:
        return errno.errorcode[e.errno]
    return None


def until(good, seconds=30):
    end = time.monotonic() + seconds
    while not good() and time.monotonic() < end:
        time.sleep(0.01)
    return good()


class Mount:
    """An image, mounted by a daemon in the foreground."""
    def __init__(self, image, *options):
        self.image, self.dir = image, os.path.join(work, 'mnt')
        os.makedirs(self.dir, exist_ok=True)
        # the file itself: a pipe would be held by who reads it
        self.log = open(os.path.join(work, 'log'), 'w+')
        self.daemon = subprocess.Popen([fuse, '-f', *options, image, self.dir], stdout=self.log, stderr=self.log)
        if not until(lambda: os.path.ismount(self.dir) or self.daemon.poll() is not None) or self.daemon.poll() is not None:
            raise RuntimeError('no mount: ' + self.said())

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def end(self):
        """Unmount it.  The exit code of the daemon, 0 if it has said nothing, else what it has said."""
        subprocess.run(['fusermount3', '-u', self.dir], check=True)
        code = self.daemon.wait(60)
        return code or self.said() or 0

    def kill(self):
        self.daemon.kill()
        self.daemon.wait()
        subprocess.run(['fusermount3', '-u', '-q', '-z', self.dir])


def fresh(size=256 * MIB, name='image'):
    path = os.path.join(work, name)
    if os.path.exists(path):			# it may be one that must not be written
        os.unlink(path)
    with open(path, 'wb') as f:
        f.truncate(size)
    subprocess.run([os.path.join(bin_dir, 'mkfs.vexfs'), '-q', '--force', path], check=True)
    return path


def fsck(image):
    """'clean', 'log pending', or all that it says."""
    r = run(os.path.join(bin_dir, 'fsck.vexfs'), image)
    for state in 'clean', 'log pending':
        if r.returncode == 0 and r.stdout.splitlines()[-1].startswith('%s: %s, ' % (image, state)):
            return state
    return r.stdout


def cannot():
    """Why nothing can be mounted here, or None."""
    if not os.path.exists('/dev/fuse'):
        return 'no /dev/fuse'
    if not shutil.which('fusermount3'):
        return 'no fusermount3: install fuse3'
    try:
        Mount(fresh(16 * MIB)).end()
    except RuntimeError as e:
        # as in containers
        if 'Operation not permitted' in str(e) or 'Permission denied' in str(e):
            return 'no right to mount: ' + str(e).splitlines()[-1]
        raise
    return None


@atexit.register
def _clean():
    for name in 'mnt', 'other', 'files':
        subprocess.run(['fusermount3', '-u', '-q', '-z', os.path.join(work, name)])
    shutil.rmtree(work, ignore_errors=True)
