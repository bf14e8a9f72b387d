# SPDX-License-Identifier: GPL-2.0
"""Images that are opened in this process, without a kernel module; files in them."""
import atexit
import ctypes as ct
import os
import stat

from . import abi
from .abi import call, library
from .collection import Collection, _directory, create
from .values import integer, size_of

_AT_FDCWD = -100
_MODES = {'r': os.O_RDONLY, 'r+': os.O_RDWR, 'w': os.O_RDWR | os.O_CREAT | os.O_TRUNC,
          'x': os.O_RDWR | os.O_CREAT | os.O_EXCL}


DEFAULT_SIZE = 64 << 30


def attach(path, readonly=False, create=False, size=None):
    """Open an image, a file or block device with a VexFS, in this process: without a kernel module, a mount and root.

        with vexfs.attach('x.img') as image:
            c = image.create('words', dims=100, metric='cosine')

    Until it is closed no other process can attach the image, but that several may be readonly; `vexctl --image` of the same
    user asks this one, and so can make backups meanwhile.  Every path of this module may lead into it:
    vexfs.Collection('x.img/words'), vexfs.Index('x.img/py', dim=384).  What a crash has left is recovered, unless it is
    readonly: then nothing is written.  close() makes everything durable; so does the end of the program, if it is one
    that Python sees.  Programs there are native ones, see Collection.load().  A child of fork() does not have it.

    OSError EBUSY: it is mounted, or in use by another process; EALREADY: this one has attached it; EINVAL: there is no
    VexFS in it, see mkfs.vexfs(8); EUCLEAN: it is damaged; ENXIO: the file was cut short.

    create: make it where nothing has that name, with room for `size`: bytes, or a number with K, M, G or T, of 1,024;
    None: 64G.  The file has holes, and takes that room as it is filled, but for a log of up to 48 MiB; an image cannot
    grow later, so ask for what it may ever need.  One that is there is opened as it is, if it is not smaller: ValueError.
    Where the disk that it is on becomes full, the call that needs room is OSError ENOSPC, and nothing is lost.
    """
    if create:
        if readonly:
            raise ValueError('give one of create and readonly')
        _create(path, size)
    elif size is not None:
        raise ValueError('a size is for create=True')
    return Image(path, readonly)


def _create(path, size):
    wanted = size_of(DEFAULT_SIZE if size is None else size, 'the size')
    try:
        call('create_image', 'create_image', _directory(path), wanted, what=path)
    except FileExistsError:
        there = os.stat(path)
        if size is not None and stat.S_ISREG(there.st_mode) and there.st_size < wanted >> 12 << 12:
            raise ValueError('%s has %d bytes, and no image can grow: leave the size out, or make a larger one of another '
                             'name and add its records there' % (path, there.st_size)) from None


class Image:
    """An image that is attached, from attach().  close() it, or use it in a with statement.  name: its path, as it was
    given.  Paths in it begin at its root, with or without a slash."""
    _path = None

    def __init__(self, path, readonly=False):
        _directory(path)
        absolute = os.path.abspath(os.fsdecode(path))
        call('attach', 'attach', _directory(absolute), abi.ATTACH_READONLY if readonly else 0, what=path)
        self.name, self._path, self._pid = path, absolute, os.getpid()
        atexit.register(self.close)

    def close(self):
        """Make everything durable and let the image go.  What is still open in it is of no use any more.  OSError EIO:
        a write failed, and what was not synced before may be lost."""
        if self._path is None:
            return
        path, self._path = self._path, None
        atexit.unregister(self.close)
        if os.getpid() == self._pid:
            call('detach', 'detach', _directory(path), what=self.name)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def path(self, path):
        """A path for the rest of this module, from one in the image."""
        if self._path is None:
            raise ValueError('the image is closed')
        return os.path.join(self._path, os.fsdecode(path).lstrip('/'))

    def open(self, path):
        """The Collection at a path in the image."""
        return Collection(self.path(path))

    def create(self, path, dims, metric='l2', attrs=None):
        """create() at a path in the image."""
        return create(self.path(path), dims, metric, attrs)

    def file(self, path, mode='r'):
        """The File at a path in the image."""
        return File(self.path(path), mode)

    def mkdir(self, path):
        """Make a directory.  FileExistsError."""
        call('file', 'mkdir', _directory(self.path(path)), what=path)

    def rmdir(self, path):
        """Remove an empty directory.  OSError ENOTEMPTY."""
        call('file', 'rmdir', _directory(self.path(path)), what=path)

    def unlink(self, path):
        """Remove a file; its records are found by nobody from then on.  FileNotFoundError."""
        call('file', 'unlink', _directory(self.path(path)), what=path)


class File:
    """A file, for `files` of Collection.add; also in an attached image, where open() does not reach.  close() it, or use
    it in a with statement.

    mode: 'r' to read, 'r+' to write as well, 'w' the same after it was made or emptied, 'x' after it was made, and is
    new: FileExistsError otherwise.
    """
    fd = -1

    def __init__(self, path, mode='r'):
        if mode not in _MODES:
            raise ValueError('the mode is %r; it must be one of r, r+, w, x' % (mode,))
        self.name, self.fd = path, call('file', 'open_file', _AT_FDCWD, _directory(path), _MODES[mode], what=path)

    def fileno(self):
        """A number for `files` of Collection.add; nothing else may be done with it."""
        return self.fd

    def read(self, n, at=0):
        """At most n bytes from byte `at` on; b'': the end."""
        n, at = integer(n, 'a length', 0, abi.S64_MAX), integer(at, 'an offset', 0, abi.S64_MAX)
        buffer = ct.create_string_buffer(n)
        got = call('file', 'pread', self.fd, buffer, n, at, what=self.name)
        return buffer.raw[:got]

    def write(self, data, at=0):
        """Write bytes from byte `at` on.  Durable after Collection.sync(), or when the image is closed."""
        data, at = bytes(data), integer(at, 'an offset', 0, abi.S64_MAX)
        while data:
            n = call('file', 'pwrite', self.fd, data, len(data), at, what=self.name)
            data, at = data[n:], at + n

    def sync(self):
        """Wait until all that was written is on the disk."""
        call('sync', 'sync', self.fd, what=self.name)

    def close(self):
        if self.fd >= 0:
            library().vexfs_close(self.fd)
            self.fd = -1

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    __del__ = close
