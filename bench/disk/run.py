#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
run.py [--set NAME] [--stores "NAME..."] [--dir DIR] [--bin DIR] [--npm DIR] [--out DIR]

What needs a disk, behind `make bench-disk`: each store (store.h) on the file system of DIR, one after the other: durable
inserts in batches, time from a fresh process to the first answer, size, memory, queries, ten turnovers, and a kill in the
middle.  Leaves OUT/disk.txt and OUT/disk.json.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import report  # noqa: E402
import run as race  # noqa: E402
import score  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
BATCHES = (1, 100, 1000)
SECONDS = 4             # of inserting, by each of them
LIMIT = 300             # seconds that a command may take
TURNED, TURNS = 10000, 10
FLUSHES = 'fsync,fdatasync,msync,sync_file_range,syncfs,sync'
TRACED = 20             # batches, of which flushes are counted
TRIES = 5               # first answers


class Failed(Exception):
    pass


def stores(args):
    """Names and commands, ours first."""
    def program(name):
        return [os.path.join(args.bin, 'disk', name + '-store')]

    def script(name):
        return ['node', os.path.join(HERE, name + '.js')]

    return {'vexfs': program('vexfs'), 'vexfs-fuse': program('vexfs-fuse'), 'sqlite': program('sqlite'),
            'sqlite-vec': program('sqlite-vec'), 'zvec': script('zvec'), 'lancedb': script('lancedb'),
            'chroma': script('chroma')}


class Store:
    def __init__(self, command, set, dir, out):
        self.command, self.set, self.dir, self.out = command, set, dir, out

    def args(self, *command):
        return self.command + [self.set.dir, self.out, self.dir] + [str(c) for c in command]

    def run(self, *command, prefix=()):
        """What a command says: the last number behind each word."""
        try:
            p = subprocess.run([*prefix, *self.args(*command)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                               errors='replace', timeout=LIMIT)
        except subprocess.TimeoutExpired:
            raise Failed('%s took more than %d s' % (command[0], LIMIT))
        if p.returncode:
            said = (p.stderr.strip() or p.stdout.strip() or 'nothing').splitlines()[-1][:120]
            raise Failed('%s failed: %s' % (command[0], said))
        return {m.group(1): float(m.group(2)) for m in re.finditer(r'^(\w+) ([\d.]+)$', p.stdout, re.M)}

    def create(self):
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.run('create')

    def size(self):
        total = 0
        for at, _, files in os.walk(self.dir):
            for f in files:
                total += os.lstat(os.path.join(at, f)).st_blocks * 512
        return total


def first_answer(store):
    """Milliseconds from the start of a process to its first answer: the median of some."""
    times = []
    for _ in range(TRIES):
        t = time.monotonic()
        p = subprocess.Popen(store.args('first'), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             text=True)
        said = next((line for line in p.stdout if line.startswith('first ')), '')  # a server says what it likes before
        times.append(1000 * (time.monotonic() - t))
        p.stdout.read()
        if p.wait() or not said:
            return None
    return score.median(times)


def flushes(store, batch):
    """How many flushes a batch takes, without those of opening and closing; None: strace does not tell."""
    trace, counts = store.out + '.strace', []
    for batches in (TRACED, 0):
        store.create()
        try:
            store.run('insert', 0, batches * batch, batch, prefix=('strace', '-f', '-qq', '-e', 'signal=none', '-e',
                                                                     'trace=' + FLUSHES, '-o', trace))
            with open(trace) as f:
                counts.append(sum('resumed' not in line for line in f))
            os.unlink(trace)
        except (Failed, OSError):
            return None
    return (counts[0] - counts[1]) / TRACED


def killed(store, rows):
    """(acknowledged, found) of a process that is killed in the middle of inserts, 100 a batch."""
    p = subprocess.Popen(store.args('insert', 0, rows, 100), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True, start_new_session=True)
    done = 0
    for line in p.stdout:
        if line.startswith('done '):
            done = int(line.split()[1])
        if done >= min(2000, rows / 2):
            break
    race.kill(p)
    for line in p.stdout:
        if line.startswith('done ') and line.endswith('\n'):
            done = int(line.split()[1])
    return done, store.run('found', done)['found']


def measure(store, about, say):
    r, n = {}, about['n']
    for batch in BATCHES:
        store.create()
        said = store.run('insert', 0, n, batch, SECONDS)
        r['insert %d' % batch] = said['done'] / said['took']
        r['flushes %d' % batch] = flushes(store, batch)
        say('batches of %d: %s rows/s, %s flushes each' %
            (batch, report.number(r['insert %d' % batch]), report.number(r['flushes %d' % batch])))
    store.create()
    r['acknowledged'], r['found'] = killed(store, n)
    say('killed: %d rows were acknowledged, %d are found' % (r['acknowledged'], r['found']))
    store.create()
    t = time.monotonic()
    store.run('insert', 0, n, 1000)
    store.run('index')
    r['load'] = time.monotonic() - t
    r['size'] = store.size() / (n * about['dims'] * 4)
    r['first'] = first_answer(store)
    said = store.run('ask')
    if 'memory' in said:
        r['memory'] = said['memory']
        result = score.score(store.set, store.out)
        r['version'], r['note'] = result['version'], result['note']
        for target in (0.95, 0.99):
            r['queries %.2f' % target] = max((s['qps'] for s in result['settings'] if s['recall'] >= target), default=None)
        r['recall'] = max(s['recall'] for s in result['settings'])
    say('loaded in %.1f s, size %.2f, first answer %s ms, queries/s at 0.95 %s, 0.99 %s' %
        (r['load'], r['size'], report.number(r['first']), report.number(r.get('queries 0.95')),
         report.number(r.get('queries 0.99'))))
    store.create()
    turned = min(TURNED, n)
    store.run('insert', 0, turned, 1000)
    before, t = store.size(), time.monotonic()
    for _ in range(TURNS):
        store.run('turn', turned)
    r['turned'] = turned * TURNS / (time.monotonic() - t)
    r['grown'] = store.size() / before
    r['kept'] = store.run('found', turned)['found'] / turned
    say('%d turnovers: %s rows/s, grown to %.2f, %.4f found' % (TURNS, report.number(r['turned']), r['grown'], r['kept']))
    return r


def flush_rate(dir):
    """Syncs a second of 4 KB at the end of a file: what the disk can do."""
    path = os.path.join(dir, 'flush')
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    n, t = 0, time.monotonic()
    while time.monotonic() - t < 1:
        os.pwrite(fd, b'x' * 4096, n % 256 * 4096)
        os.fdatasync(fd)
        n += 1
    os.close(fd)
    os.unlink(path)
    return n


def text(meta, about, results):
    m = meta['machine']
    out = ['VexFS and its peers on disk, %s, version %s' % (meta['date'], meta['version'] or 'unknown'),
           '%s, %d cores; %s; %s, %d fdatasync/s of 4 KB' % (m['cpu'], m['cores'], meta['directory'], meta['filesystem'],
                                                             meta['flushes']),
           '%s: %s rows of %d dims, %s' % (about['name'], format(about['n'], ','), about['dims'], about['about']), '',
           'Rows a second, each batch durable before the next one as far as the store offers it; beside it how many flushes of',
           'the disk a batch took (strace): with none, nothing was durable.', '']
    rows = []
    for name, r in results.items():
        rows.append([name] + [c for b in BATCHES for c in (report.number(r.get('insert %d' % b)),
                                                           report.number(r.get('flushes %d' % b)))] +
                    ['%d of %d' % (r['found'], r['acknowledged']) if 'found' in r else '-'])
    out += report.table(['durable batches of'] + [c for b in BATCHES for c in (format(b, ','), 'flushes')] +
                        ['found after kill -9'], rows) + ['']
    rows = []
    for name, r in results.items():
        rows.append([name, '-' if 'load' not in r else '%.1f s' % r['load'],
                     '-' if r.get('first') is None else '%.0f ms' % r['first'],
                     report.number(r.get('queries 0.95')), report.number(r.get('queries 0.99')),
                     '-' if 'recall' not in r else '%.4f' % r['recall'], report.megabytes(r.get('memory')),
                     '-' if 'size' not in r else '%.2f' % r['size']])
    out += ['All rows in batches of 1,000, and the index; a fresh process to its first answer (median of %d, files in memory);' % TRIES,
            'one query at a time, recall@%d; memory of the process without mapped files; bytes on disk / bytes of rows.' % about['k'], '']
    out += report.table(['all rows', 'loaded', 'first answer', 'queries/s 0.95', '0.99', 'best recall', 'memory', 'size'], rows) + ['']
    rows = [[name, report.number(r.get('turned')), '-' if 'grown' not in r else '%.2f' % r['grown'],
             '-' if 'kept' not in r else '%.4f' % r['kept']] for name, r in results.items()]
    out += ['%d rows replaced by themselves %d times, each thousand durable: rows a second, size / size before, found:' %
            (TURNED, TURNS), '']
    out += report.table(['turnovers', 'rows/s', 'grown', 'found'], rows) + ['']
    out += ['%s %s: %s' % (name, r.get('version', ''), r['skipped'] if 'skipped' in r else r.get('note', ''))
            for name, r in results.items() if 'skipped' in r or r.get('note')]
    return out + ['']


def keep(out, meta, about, results):
    """What there is so far, as text, too: an interrupted run has something to show."""
    with open(os.path.join(out, 'disk.json'), 'w') as f:
        json.dump({'meta': meta, 'set': about, 'stores': results}, f, indent=1)
    lines = '\n'.join(text(meta, about, results))
    with open(os.path.join(out, 'disk.txt'), 'w') as f:
        f.write(lines)
    return lines


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('--set', default='disk')
    p.add_argument('--stores')
    p.add_argument('--dir', default='build/bench/stores')
    p.add_argument('--bin', default='build/bench')
    p.add_argument('--npm', default='')
    p.add_argument('--out', default='bench/results')
    args = p.parse_args()
    table = stores(args)
    if args.stores is not None:
        table = {name: c for name, c in table.items() if any(name == w for w in args.stores.split())}
    if args.npm:
        os.environ['NODE_PATH'] = args.npm
    os.environ['PATH'] = os.path.abspath(os.path.join(args.bin, '..', 'bin')) + ':' + os.environ['PATH']
    os.makedirs(args.dir, exist_ok=True)
    os.makedirs(args.out, exist_ok=True)
    made = subprocess.run([sys.executable, os.path.join(HERE, '..', 'sets', 'sets.py'), '--bin', args.bin, '--npm', args.npm,
                           args.set], stdout=subprocess.PIPE, text=True)
    if made.returncode:
        sys.exit('the set cannot be made')
    set = score.Set(made.stdout.strip())
    meta = {'date': time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime()), 'machine': race.machine(),
            'version': race.output('git', '-C', HERE, 'describe', '--always', '--dirty'),
            'directory': args.dir, 'filesystem': race.output('stat', '-f', '-c', '%T', args.dir), 'flushes': flush_rate(args.dir)}
    results, good = {}, True
    for name, command in table.items():
        why = race.missing(command)
        t = time.monotonic()
        if why:
            results[name] = {'skipped': why}
        else:
            store = Store(command, set, os.path.abspath(os.path.join(args.dir, name)),
                          os.path.abspath(os.path.join(args.dir, name + '.json')))
            try:
                results[name] = measure(store, set.about, lambda what: print('  %-11s %s' % (name, what), flush=True))
            except (Failed, OSError, ValueError, KeyError) as e:
                results[name] = {'skipped': str(e)}
            shutil.rmtree(store.dir, ignore_errors=True)
            for end in ('', '.ids'):
                if os.path.exists(store.out + end):
                    os.unlink(store.out + end)
        if 'skipped' in results[name]:
            print('  %-11s %s' % (name, results[name]['skipped']), flush=True)
            good = good and not name.startswith('vexfs')
        results[name]['seconds'] = round(time.monotonic() - t)
        keep(args.out, meta, set.about, results)
    print(keep(args.out, meta, set.about, results))
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
