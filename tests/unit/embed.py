#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""ctl/examples/embed-files without a kernel: the pieces of files, and what its command gives.  TAP."""
import argparse
import importlib.machinery
import importlib.util
import os
import random
import subprocess
import sys
import tempfile
import time
import types

sys.dont_write_bytecode = True
from tap import done, test  # noqa: E402
top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(top, 'ctl/python'))
loader = importlib.machinery.SourceFileLoader('embed_files', os.path.join(top, 'ctl/examples/embed-files'))
embed = importlib.util.module_from_spec(importlib.util.spec_from_loader('embed_files', loader))
loader.exec_module(embed)


def refused(line):
    try:
        embed.vector(line, 1, 3)
    except embed.Failure:
        return True


wrong = []
random.seed(1)
for _ in range(3000):
    size = random.choice((16, 20, 50, 100))
    overlap = random.randint(0, size // 2)
    words = random.choices(('a', 'ä', '€', '\U0001f600', ' ', '\n', 'word ', 'line\n', 'x' * 30), k=random.randint(0, 80))
    data = ''.join(words).encode()
    got, end, good = embed.pieces(data, size, overlap), 0, True
    for at, n in got:
        try:
            data[at:at + n].decode()
            good = 0 < n <= size and end - overlap <= at <= end < at + n <= len(data) and \
                (at in (0, end) or data[at - 1:at] == b'\n') and \
                (at + n == len(data) or data[at + n - 1:at + n] == b'\n' or b'\n' not in data[end:at + size])
        except UnicodeDecodeError:
            good = False
        end = at + n
        if not good:
            break
    if not good or end != len(data):
        wrong.append((size, overlap, data, got))
test('pieces of files', not wrong, *wrong[:3])
test('a piece repeats lines of the one before', embed.pieces(b'one\ntwo\nthree\nfour\nfive\n', 16, 8) ==
     [(0, 14), (8, 16)], embed.pieces(b'one\ntwo\nthree\nfour\nfive\n', 16, 8))
wrong = [line for line in (b'', b'1 2', b'1 2 3 4', b'1 x 3', b'[1, 2, "3"]', b'[[1, 2, 3]]', b'{"a": 1}', b'[1, 2',
                           b'\xff', b'null', b'[1, 2, %s]' % (b'9' * 400), b'[1, 2, %s]' % (b'9' * 5000), b'[' * 100000,
                           b'1 2 ' + b'9' * 400 + b'x') if not refused(line)]
test('lines of a command', not wrong and embed.vector(b' 1, -2.5e3\t3 ', 1, 3) == [1, -2500, 3] and
     embed.vector(b'[1, -2500, 3]', 1, 3) == [1, -2500, 3], wrong)

wrong = []
c = types.SimpleNamespace(dims=3)
for says, *command in [
        ('exit code 3', 'sh', '-c', 'cat > /dev/null; exit 3'), ('SIGKILL', 'sh', '-c', 'kill -9 $$'),
        ('exit code 1', 'sh', '-c', 'echo 1 2 3; echo 1 2 3; exit 1'),
        ('cannot run nowhere: No such file', 'nowhere'), ('cannot run /: Permission denied', '/'),
        ('gave 0 lines for 2', 'true'), ('gave 3 lines for 2', 'printf', '1 2 3\n\n1 2 3\n'),
        ('gave 1 line for 2', 'echo', '1 2 3'), ('line 1 of the command is not a vector: a', 'cat'),
        ('line 2 of the command has 2 numbers; the collection has 3', 'printf', '1 2 3\n1 2'),
        ('line 2 of the command has 1 number; the collection has 3 dimensions', 'printf', '1 2 3\n1')]:
    run = embed.Run(argparse.Namespace(command=command, dir='/'), c)
    try:
        got = run.ask(['a', 'b'])
    except embed.Failure as e:
        got = str(e)
    if says not in got:
        wrong.append((command, got))
run = embed.Run(argparse.Namespace(command=['sed', 's/.*/1 2 3/'], dir='/'), c)
r = subprocess.run([sys.executable, os.path.join(top, 'ctl/examples/embed-files'), '/', 'cat'], capture_output=True,
                   text=True, env=dict(os.environ, LIBVEXFS='/no/libvexfs.so', PYTHONPATH=top + '/ctl/python'))
test('without the library', r.returncode == 1 and not r.stdout and r.stderr.count('\n') == 1 and
     r.stderr.startswith('embed-files: /: ') and '/no/libvexfs.so' in r.stderr, r)
much = ['x' * 1000] * 1000  # more than a pipe holds
test('commands that fail', not wrong and run.ask(much) == [[1, 2, 3]] * 1000, *wrong)


# --- a collection, as far as embed-files looks at it

class Collection:
    dims = 3

    def __init__(self, dir):
        self.dir, self.all, self.next = dir, {}, 1000

    def put(self, id, name, stale, key=None, **attrs):
        self.all[id] = types.SimpleNamespace(id=id, key=key, attrs=dict({'n': 0, 'word': None}, **attrs), stale=stale,
                                             file=os.stat(os.path.join(self.dir, name)).st_ino)

    def records(self):
        return list(self.all.values())

    def add(self, vectors, files):
        if len(vectors) * self.dims * 4 > 64 << 20:
            raise ValueError('more than 64 MiB')
        if not all(map(any, vectors)):
            raise ValueError('vector 0 is all zeros')
        for f, offset, length in files:
            self.next += 1
            self.put(self.next, f.name if isinstance(f.name, str) else '/proc/self/fd/%d' % f.fileno(), False)
        return list(range(self.next - len(files) + 1, self.next + 1))

    def delete(self, ids):
        for i in ids:
            del self.all[i]

    def sync(self):
        pass


def embedded(c, **more):
    """Run over the collection: (counts, what was complained of)."""
    options = dict(dir=c.dir, command=['sed', 's/.*/1 2 3/'], size=1000, overlap=200, batch=10, max_size=10000, json=False)
    options.update(more)
    run, complaints = embed.Run(argparse.Namespace(**options), c), []
    run.complain = lambda path, why: complaints.append((os.path.basename(path), why))
    run.run()
    return run, complaints


with tempfile.TemporaryDirectory() as d:
    c = Collection(d)

    def write(name, data):
        with open(os.path.join(d, name), 'wb') as f:
            f.write(data)

    for name, data in [('image', b'\xff\xd8\xff'), ('text', b'some words\n'), ('done', b'more words\n'), ('empty', b''),
                       ('large', b'x' * 10001), ('blank', b' \n'), ('.hidden', b'hidden\n'), ('two', b'\x89PNG\0')]:
        write(name, data)
    others = [(1, 'image', True, 'key'), (2, 'image', True), (3, 'text', True, 'key'), (4, 'text', False, 'fresh'),
              (5, 'done', True, 'done'), (6, 'empty', True), (7, 'large', True), (8, '.hidden', True),
              (9, 'two', True), (10, 'two', False)]
    for each in others:
        c.put(*each)
    c.put(11, 'image', True, n=-1)
    c.put(12, 'text', True, word='w')
    c.put(13, 'done', False, word='w')
    ours = [(20, 'text', True), (21, 'done', True), (22, 'done', False), (23, 'blank', True)]
    for each in ours:
        c.put(*each)
    run, complaints = embedded(c)
    kept = set(range(1, 14)) | {22, 1001}
    test('what others made stays', set(c.all) == kept and c.all[1001].file == os.stat(d + '/text').st_ino and
         run.left == 4 and complaints == [('large', 'larger than --max-size')], sorted(c.all), run.left, complaints)
    test('and is counted', (run.new, run.again, run.same, run.no_text) == (0, 1, 2, 2), vars(run))
    run, _ = embedded(c, command=['false'])
    test('and again', set(c.all) == kept and (run.same, run.left) == (3, 4), sorted(c.all), vars(run))

# --- times: those of the future, and a file that is being changed

with tempfile.TemporaryDirectory() as d:
    c, path = Collection(d), os.path.join(d, 'future')
    with open(path, 'w') as f:
        f.write('from tomorrow\n')
    os.utime(path, (time.time() + 86400,) * 2)
    run, _ = embedded(c)
    test('a file whose mtime is in the future', (run.new, run.meanwhile, len(c.all)) == (1, 0, 1), vars(run))
    run, _ = embedded(c)
    test('is as it was', (run.same, len(c.all)) == (1, 1), vars(run))
    c.all.clear()
    state_of = embed.File.state_of
    embed.File.state_of = staticmethod(lambda f: state_of(f)[:4] + (time.time_ns(),))
    run, _ = embedded(c)
    test('a file that changes all the time', (run.new, run.meanwhile, len(c.all)) == (0, 1, 0), vars(run))
    then = time.time_ns() + 3600 * 10**9
    embed.File.state_of = staticmethod(lambda f: state_of(f)[:4] + (then,))
    run, _ = embedded(c)
    test('a file that changed before the clock was set back', (run.new, run.meanwhile) == (1, 0), vars(run))
    embed.File.state_of = staticmethod(state_of)

# --- a file that cannot be stored does not stop the others

with tempfile.TemporaryDirectory() as d:
    c, got = Collection(d), []
    for name, text in [('a', 'x' * 16 + '\n'), ('many', ('x' * 15 + '\n') * 5), ('zeros', 'zero\n'), ('zz', 'last\n')]:
        with open(os.path.join(d, name), 'w') as f:
            f.write(text)
    c.dims = (64 << 20) // 4 // 4  # then 4 vectors are 64 MiB
    with open(os.path.join(d, '.command'), 'w') as f:
        f.write('while read x; do [ "$x" = zero ] && echo 0 || echo 1; done')
    vector, embed.vector = embed.vector, lambda line, n, dims: [float(line)]
    for size in 16, 80:
        run, complaints = embedded(c, size=size, overlap=0, command=['sh', os.path.join(d, '.command')])
        got.append((run.new, run.same, run.failed, sorted(complaints), len(c.all)))
    embed.vector = vector
    test('a file of too many pieces, or with a vector of zeros', [g[:2] for g in got] == [(2, 0), (1, 2)] and
         [name for name, _ in got[0][3]] == ['many', 'zeros'] and 'larger --size' in got[0][3][0][1] and
         got[1][3] == [('zeros', 'vector 0 is all zeros')], *got)
done()
