#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
smoke.py [BIN]

The harness of `make bench` on its smallest set, with our contender alone: what it counts has to be right, an exact
search has to find everything, and the report has to be written.  Takes seconds; a part of `make check`.
"""
import array
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, '..', 'tests', 'unit')]
import score  # noqa: E402
import tap  # noqa: E402


def floats(path, dims):
    a = array.array('f')
    with open(path, 'rb') as f:
        a.frombytes(f.read())
    return [a[i:i + dims] for i in range(0, len(a), dims)]


def nearest(base, attr, query, filter, k):
    """The oracle of the oracle: plain Python, in double precision."""
    def distance(row):
        dot = sum(x * y for x, y in zip(row, query))
        return 1 - dot / (sum(x * x for x in row) * sum(y * y for y in query)) ** 0.5
    return [i for _, i in sorted((distance(row), i) for i, row in enumerate(base) if not filter or attr[i] < filter)[:k]]


def main():
    bin = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, '..', 'build', 'bench')
    with tempfile.TemporaryDirectory() as dir:
        # a cache of its own: whatever the real one holds, this makes a set
        os.environ['XDG_CACHE_HOME'] = os.path.join(dir, 'cache')
        out = os.path.join(dir, 'out')
        run = subprocess.run([sys.executable, os.path.join(HERE, 'run.py'), '--bin', bin, '--out', out, '--sets', 'tiny',
                              '--peers', ''], capture_output=True, text=True)
        tap.test('run.py', run.returncode == 0, run.stdout + run.stderr)
        if run.returncode:
            return
        made = subprocess.run([sys.executable, os.path.join(HERE, 'sets', 'sets.py'), '--bin', bin, 'tiny'],
                              capture_output=True, text=True, check=True)
        set = score.Set(made.stdout.strip())
        about, k = set.about, set.k
        base = floats(os.path.join(set.dir, 'base.f32'), about['dims'])
        query = floats(os.path.join(set.dir, 'query.f32'), about['dims'])
        attr = score.numbers(os.path.join(set.dir, 'attr.i32'))
        for filter in [0] + about['filters']:
            wrong = [q for q in range(5)
                     if not set.truth[filter][q][0] >= frozenset(nearest(base, attr, query[q], filter, k))]
            tap.test('truth, filter %d' % filter, not wrong, 'queries %s' % wrong)
        with open(os.path.join(out, 'raw', 'tiny', 'vexfs.json')) as f:
            result = json.load(f)
        exact = [s for s in result['settings'] if s['method'] == 'exact']
        tap.test('exact finds everything', len(exact) == 1 + len(about['filters']) and
                 all(s['recall'] == 1 and s['asked'] == about['queries'] for s in exact), exact)
        others = [s for s in result['settings'] if s['method'] != 'exact']
        # 'recall 0.95': of 100 queries, so some less may be found
        tap.test('the others find most', others and
                 all(s['recall'] >= float(s['effort'].split()[-1] if s['effort'] else 0.99) - 0.05 for s in others), others)
        tap.test('memory and inserts', all(b['memory'] > 0 and b['rate'] > 0 for b in result['builds']),
                 result['builds'])
        # ids that are wrong, given twice, or of rows that the filter does not admit count nothing
        right = sorted(set.truth[0][0][0])[:k]
        tap.test('recall of a right answer', set.recall(0, right, 1) == 1)
        tap.test('recall of half an answer', set.recall(0, right[:5] + [right[0]] * 5, 1) == 0.5)
        tap.test('recall of no answer', set.recall(0, [-1] * k, 1) == 0)
        out_of_it = [i for i in range(about['n']) if attr[i] >= 500][:k]
        tap.test('recall of what is not admitted', set.recall(500, out_of_it, 1) == 0)
        report = subprocess.run([sys.executable, os.path.join(HERE, 'report.py'), out], capture_output=True, text=True)
        with open(os.path.join(out, 'bench.json')) as f:
            whole = json.load(f)
        tap.test('report.py', report.returncode == 0 and 'vexfs exact' in report.stdout and
                 whole['sets'][0]['results'][0]['settings'] == result['settings'], report.stdout + report.stderr)
        # every answer is judged against what was live
        load = subprocess.run([os.path.join(bin, 'load'), '--seconds', '1', '--rows', '10000', '--rate', '2000'],
                              capture_output=True, text=True)
        tap.test('load', load.returncode == 0 and '2 threads' in load.stdout, load.stdout + load.stderr)
        # a store on disk: nothing that was acknowledged is lost, and it finds what there is
        disk = subprocess.run([sys.executable, os.path.join(HERE, 'disk', 'run.py'), '--bin', bin, '--out', out, '--set', 'tiny',
                               '--stores', 'vexfs', '--dir', os.path.join(dir, 'stores')], capture_output=True, text=True)
        with open(os.path.join(out, 'disk.json')) as f:
            store = json.load(f)['stores']['vexfs']
        tap.test('a store on disk', disk.returncode == 0 and store['recall'] > 0.99 and store['kept'] == 1 and
                 store['found'] == store['acknowledged'] >= 1000, disk.stdout + disk.stderr)
        opened = subprocess.run(['/usr/bin/python3', os.path.join(HERE, 'disk', 'open.py'), '--rows', '20000', '--dims', '32',
                                 '--out', out, '--dir', dir], capture_output=True, text=True)
        tap.test('opening an image', opened.returncode == 0 and opened.stdout.startswith('20,000 rows of 32 dims: open '),
                 opened.stdout + opened.stderr)


if __name__ == '__main__':
    main()
    tap.done()
