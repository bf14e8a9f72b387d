# SPDX-License-Identifier: GPL-2.0
"""Programs: search strategies, distances and filters, bound to collections; and those that are compiled natively."""
import ctypes as ct
import os
from collections import namedtuple

from . import abi
from .abi import call, library
from .values import string

Program = namedtuple('Program', 'name ops loaded bound ejected generation queries errors')
Program.__doc__ = """A native program, or a name that a collection is bound to.  ops: of 'search', 'distance', 'filter'; bound:
how many bindings of collections that are in memory; ejected: of those, how many have given its search up for its errors."""
_MAX_LIST = 4096


def _program(p):
    return Program(p.name.decode(), tuple(name for i, name in enumerate(abi.SLOT_NAMES) if p.ops >> i & 1), bool(p.loaded),
                   p.bound, p.ejected, p.generation, p.queries, p.errors)


def _call(name, fd, argument, *flags):
    """vexfs_NAME() that fills in a struct vexfs_native, and says in words what is wrong."""
    out, why = abi.Native(), ct.create_string_buffer(abi.NATIVE_WHY)
    ret = getattr(library(), 'vexfs_' + name)(fd, argument, *flags, ct.byref(out), why)
    if ret < 0:
        text = why.value or library().vexfs_strerror_for(abi.OP['native'], ret)
        raise OSError(-ret, text.decode(errors='replace'), os.fsdecode(argument))
    return _program(out)


class Programs:
    """The part of a Collection that is about programs; fd, name are its."""

    def use(self, program, op='search'):
        """Bind a program that is loaded, by its name; None: back to what is built in.  op: search, distance or filter.  The
        binding is on the disk.  FileNotFoundError: nothing of that name is loaded; OSError EOPNOTSUPP: it has no such op."""
        if op not in abi.SLOT_NAMES:
            raise ValueError('the op is %r; it must be search, distance or filter' % (op,))
        name = string(program, 'the name', abi.PROG_NAME_LEN - 1) if program is not None else None
        call('use', 'use', self.fd, abi.SLOT_NAMES.index(op), name, what=self.name)

    def load(self, path, replace=False):
        """Load a native program, a shared object made by `make bpf/NAME.native.so`: for this process where the collection
        is in an attached image, for vexfs-fuse where it is on its mount.  replace: in place of one of the same name, while
        queries run.  The Program.

        It is code of that process from then on, and no verifier looks at it.  So the file must be yours or root's, and
        nobody else may write to it.  PermissionError: it is not, or you are neither root nor who runs vexfs-fuse, or
        programs are forbidden there; OSError EEXIST: the name is taken; ENOEXEC: it is no native program; ENOTTY: the
        collection is on a mount by the module, whose programs are loaded by vexctl.
        """
        return _call('native_load', self.fd, string(os.fsencode(path), 'the path', None), abi.NATIVE_REPLACE if replace else 0)

    def unload(self, program):
        """Unload a native program by its name.  Collections that are bound to it search as built in, and fail where it is
        their filter or distance.  What is left of it, a Program.  FileNotFoundError."""
        return _call('native_unload', self.fd, string(program, 'the name', abi.PROG_NAME_LEN - 1))

    def programs(self):
        """The native programs that are loaded, or bound to: a list of Program."""
        room = 16
        while True:
            out = (abi.Native * room)()
            n = call('native', 'native_list', self.fd, out, room, what=self.name)
            if n <= room or room == _MAX_LIST:
                return [_program(p) for p in out[:min(n, room)]]
            room = min(n + 16, _MAX_LIST)
