#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""
open.py [--rows N] [--dims N] [--dir DIR] [--out DIR]

How long a process takes that has just begun to open an image with many rows, and to its first answer, behind `make
bench-open`: in files that are in memory, median of some, without the start of the interpreter.  CPU beside it: on a busy
machine that is what to look at.  Leaves OUT/open.txt.
"""
import argparse
import os
import subprocess
import sys
import time

TRIES = 5
top = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')
sys.path[:0] = [os.path.join(top, 'ctl/python'), os.path.join(top, 'bench')]
os.environ.setdefault('LIBVEXFS', os.path.join(top, 'build/lib/libvexfs.so.0'))
import numpy as np  # noqa: E402
import score  # noqa: E402
import vexfs  # noqa: E402

PART = 10000


def make(path, rows, dims):
    """Rows on a plane of 24 dimensions, in parts that are made of their numbers alone."""
    plane = np.random.default_rng(0).standard_normal((min(24, dims), dims)).astype('f4')
    with vexfs.attach(path, create=True, size=4 * rows * dims * 4 + (256 << 20)) as image:
        with image.create('c', dims=dims) as c:
            for at in range(0, rows, PART):
                n = min(PART, rows - at)
                part = np.random.default_rng(at + 1).standard_normal((n, len(plane))).astype('f4')
                c.add(part @ plane, ids=np.arange(at, at + n))
            c.index()


def once(path, dims):
    """What a fresh process does: milliseconds to the open collection and to the first answer, and of CPU."""
    query = np.random.default_rng(7).standard_normal(dims).astype('f4')
    wall, cpu = [time.monotonic()], [time.process_time()]
    with vexfs.attach(path) as image, image.open('c') as c:
        wall.append(time.monotonic())
        cpu.append(time.process_time())
        c.search(query, k=10)
        wall.append(time.monotonic())
        cpu.append(time.process_time())
    print(*(1000 * (t[i] - t[0]) for t in (wall, cpu) for i in (1, 2)))


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('--rows', type=int, default=1000000)
    p.add_argument('--dims', type=int, default=128)
    p.add_argument('--dir', default='build/bench')
    p.add_argument('--out', default='bench/results')
    p.add_argument('--once')
    args = p.parse_args()
    if args.once:
        return once(args.once, args.dims)
    path = os.path.join(args.dir, 'open.img')
    os.makedirs(args.dir, exist_ok=True)
    if os.path.exists(path):
        os.unlink(path)
    try:
        make(path, args.rows, args.dims)
        size = os.stat(path).st_blocks * 512 / (args.rows * args.dims * 4)
        tries = [[float(x) for x in subprocess.run([sys.executable, os.path.abspath(__file__), '--once', path, '--dims',
                                                    str(args.dims)], check=True, stdout=subprocess.PIPE).stdout.split()]
                 for _ in range(TRIES)]
    finally:
        if os.path.exists(path):
            os.unlink(path)
    opened, answered, opened_cpu, answered_cpu = (score.median(t) for t in zip(*tries))
    text = '%s rows of %d dims: open %.0f ms (CPU %.0f), first answer after %.0f ms (CPU %.0f), size %.2f, load %.1f\n' % (
        format(args.rows, ','), args.dims, opened, opened_cpu, answered, answered_cpu, size, os.getloadavg()[0])
    with open(os.path.join(args.out, 'open.txt'), 'w') as f:
        f.write(text)
    print(text, end='')


if __name__ == '__main__':
    main()
