# SPDX-License-Identifier: GPL-2.0
"""What tests of the Python module share: the module of this tree, with NumPy and once more without, see again()."""
import os
import subprocess
import sys

import tap

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ['LIBVEXFS'] = os.path.join(top, 'build/lib/libvexfs.so.0')
sys.path.insert(0, os.path.join(top, 'ctl/python'))
if os.environ.get('VEXFS_NO_NUMPY'):
    sys.modules['numpy'] = None
script = os.path.abspath(sys.argv[0])     # before it goes elsewhere
tap.count = int(os.environ.get('VEXFS_COUNT', '0'))
from vexfs.values import np  # noqa: E402


def test(name, good, *why):
    tap.test(name + ('' if np is not None else ', without NumPy'), good, *why)


def raises(kind, function, *args, **kw):
    """Whether exactly this is raised, a class or the errno of an OSError; True, or what came instead."""
    try:
        out = function(*args, **kw)
    except Exception as e:  # noqa: BLE001
        return True if (e.errno == kind if isinstance(kind, int) and isinstance(e, OSError) else type(e) is kind) \
            else repr(e)
    return 'no error, %r' % (out,)


def says(function, *args, **kw):
    """What it returns, or what the error says."""
    try:
        return function(*args, **kw)
    except Exception as e:  # noqa: BLE001
        return str(e)


def again(**more):
    """At the end of a script: the same without NumPy, unless that was it.  more: further variables for it."""
    if np is not None:
        sys.stdout.flush()
        sys.exit(subprocess.run([sys.executable, script],
                                env=dict(os.environ, VEXFS_NO_NUMPY='1', VEXFS_COUNT=str(tap.count), **more)).returncode)
    tap.done()
