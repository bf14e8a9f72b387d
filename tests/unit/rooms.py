#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The floors of kmod/: what a file of one room may include.

The pure rooms are compiled twice.  That user space compiles them shows that they need no kernel header; this
shows that they stand on lower floors only, and that a kernel header reaches them through platform.h alone.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# room -> rooms whose headers it may include, besides its own
FLOORS = {
    'core': [],
    'engine': [],
    'collection': ['core', 'engine'],
    'search': ['collection', 'engine'],
    'ioctl': ['search', 'collection'],
}
KERNEL = ['fs', 'hooks']
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)


def wrong(room, path, text):
    """What is wrong with the includes of a file of a pure room: a list of lines."""
    found = []
    for kind, name in INCLUDE.findall(text):
        first = name.split('/')[0]
        if name.startswith('vexfs/') or name in ('immintrin.h',):
            continue
        if path.name == 'platform.h':   # the door: kernel headers under __KERNEL__, a user-space one else
            if first in KERNEL or first in ('ioctl', 'search'):
                found.append(f'{name}: the host is above')
        elif kind == '<':
            found.append(f'<{name}>: only platform.h may')
        elif '/' in name and first != room and first not in FLOORS[room]:
            found.append(f'{name}: not below {room}/')
        elif name == 'vexfs.h':
            found.append(f'{name}: the kernel\'s')
    return found


def check():
    """Every file of the pure rooms; how many were looked at, and what is wrong."""
    files, found = 0, []
    for room in FLOORS:
        for path in sorted((ROOT / 'kmod' / room).glob('*.[ch]')):
            if path.name.endswith('.mod.c'):
                continue
            files += 1
            found += [f'kmod/{room}/{path.name}: {w}' for w in wrong(room, path, path.read_text())]
    return files, found


def main():
    files, found = check()
    tests = [(f'{files} files of pure rooms include what is below them', files > 50 and not found)]
    for line in found:
        print('#', line)
    # the check itself must bite
    p = pathlib.Path
    for room, name, text in [('collection', 'a.c', '#include <linux/fs.h>\n'), ('core', 'a.c', '#include "engine/engine.h"\n'),
                             ('search', 'a.c', '#include "hooks/hooks.h"\n'), ('collection', 'a.h', '#include "vexfs.h"\n'),
                             ('collection', 'platform.h', '#include "fs/fs.h"\n')]:
        tests.append((f'{room}/{name} with {text.split()[1]} would be noticed', bool(wrong(room, p(name), text))))
    for n, (what, ok) in enumerate(tests, 1):
        print('ok' if ok else 'not ok', n, '-', what)
    return any(not ok for _, ok in tests)


sys.exit(main())
