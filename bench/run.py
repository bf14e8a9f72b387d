#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
run.py [--sets "NAME..."] [--peers "NAME..."] [--extra PROGRAM]... [--minutes N] [--since TIME] [--bin DIR] [--npm DIR] [--out DIR]

The race behind `make bench`: makes the sets, runs one contender after the other on each, VexFS first, and leaves
what each of them said in OUT/raw, for report.py.  --peers: those whose names begin so.  --extra: a contender from
elsewhere, see contender.h.  When --minutes are over (since TIME, in seconds since 1970, or the start) those that
are left are not started, and the report says so: the slowest are the last.
"""
import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time

import score

HERE = os.path.dirname(os.path.abspath(__file__))
DEFAULT_SETS = 'glove100 fashion manifold iid lowdim'
# Seconds that building may take, of a set, a contender, or all others.  A million rows are for those that build fast;
# the best known graph is waited for.
BUDGETS = {('lowdim', 'hnswlib'): 240, ('lowdim', None): 60, (None, 'hnswlib'): 150, (None, None): 75}
QUERYING = 75           # seconds that all the rest may take
# They go last, and on two sets unless they are asked for: what is slow by its nature, or a sibling of one that has gone.
LAST = ['faiss-hnsw', 'usearch-bf16', 'sqlite-vec', 'lancedb', 'chroma']
LAST_SETS = ['glove100', 'manifold']
# What did not end on two cores, within so many seconds, without telling how far it was: it is not begun unless it is asked for.
ENDLESS = {('glove100', 'zvec-hnsw-rabitq'): 150, ('lowdim', 'zvec-hnsw'): 135, ('lowdim', 'zvec-hnsw-rabitq'): 135}


def peers(args):
    """Names and commands, in the order of the tables; what a command needs is checked when it is run."""
    def program(name):
        return [os.path.join(args.bin, 'peers', name)]

    def script(name):
        return ['node', os.path.join(HERE, 'peers', name)]

    p = {'hnswlib': program('hnswlib')}
    for m in ('flat', 'ivf', 'hnsw'):
        p['faiss-' + m] = program('faiss') + ['--method', m]
    for m in ('f32', 'bf16', 'i8'):
        p['usearch-' + m] = program('usearch') + ['--method', m]
    for m in ('hnsw', 'hnsw-rabitq', 'ivf-rabitq'):
        p['zvec-' + m] = script('zvec.js') + ['--method', m]
    p['sqlite-vec'] = program('sqlite-vec')
    p['lancedb'] = script('lancedb.js')
    p['chroma'] = script('chroma.js')
    return p


def output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ''


def machine():
    cpu = {}
    with open('/proc/cpuinfo') as f:
        for line in f:
            if ':' in line:
                key, value = line.split(':', 1)
                cpu.setdefault(key.strip(), value.strip())
    flags = set(cpu.get('flags', '').split())
    known = ['avx2', 'fma', 'f16c', 'avx512f', 'avx512bw', 'avx512vl', 'avx512vbmi', 'avx512_vnni',
             'avx512_vpopcntdq', 'avx512_bf16']
    with open('/proc/meminfo') as f:
        memory = int(f.readline().split()[1])
    with open('/etc/os-release') as f:
        system = [line.split('=', 1)[1].strip().strip('"') for line in f if line.startswith('PRETTY_NAME=')]
    return {'cpu': cpu.get('model name', platform.machine()), 'cores': os.cpu_count(), 'memory_kib': memory,
            'cache': cpu.get('cache size', ''), 'features': [f for f in known if f in flags],
            'system': ''.join(system), 'kernel': platform.release(),
            'gcc': output('gcc', '-dumpfullversion'), 'node': output('node', '--version')}


def missing(command):
    """Why a contender cannot run here, or ''."""
    program = command[1] if command[0] == 'node' else command[0]
    if command[0] == 'node' and not shutil.which('node'):
        return 'not installed: node is missing'
    if not os.path.exists(program):
        why = program + '.why'
        if os.path.exists(why):
            with open(why, errors='replace') as f:
                return f.read().strip()
        return 'not installed: %s is missing' % program
    return ''


# Memory of all of them is to have large pages, as that of the kernel has, where ours runs; some ask for them themselves.
LARGE_PAGES = 'glibc.malloc.hugetlb=1'


def kill(p):
    """Ends a process, and what it has started: servers are of its session."""
    try:
        os.killpg(p.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    p.wait()


def run(command, dir, out, budget, limit, log):
    """Runs a contender, for `limit` seconds at most; why it has no result, or ''."""
    command = command[:1 + (command[0] == 'node')] + [dir, out, '--budget', str(budget)] + \
        command[1 + (command[0] == 'node'):]
    with open(log, 'w') as f:
        try:
            p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=f, stderr=f, start_new_session=True,
                                 env=dict(os.environ, GLIBC_TUNABLES=LARGE_PAGES))
        except OSError as e:
            return 'cannot be run: ' + e.strerror
        try:
            code = p.wait(limit)
        except subprocess.TimeoutExpired:
            code = 'took more than %d s' % limit
        except BaseException:
            kill(p)
            raise
    kill(p)
    if not code:
        return ''
    with open(log, errors='replace') as f:
        said = [line.strip() for line in f if line.strip()]
    said = ': ' + said[-1][:160] if said else ''
    return (code if isinstance(code, str) else 'failed (exit code %d)' % code) + said


def brief(result):
    plain = [s for s in result['settings'] if not s['filter']]
    if not plain:
        return result.get('skipped') or 'no answers'
    text = 'best recall %.4f' % max(s['recall'] for s in plain)
    good = [s['qps'] for s in plain if s['recall'] >= 0.95]
    if good:
        text = 'recall 0.95 at %s/s, %s' % (format(int(max(good)), ','), text)
    return text + (' (' + result['skipped'] + ')' if result.get('skipped') else '')


def keep(raw, meta):
    with open(os.path.join(raw, 'meta.json'), 'w') as f:
        json.dump(meta, f)


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('--sets', default=DEFAULT_SETS)
    p.add_argument('--peers')
    p.add_argument('--extra', action='append', default=[])
    p.add_argument('--minutes', type=float, default=38)
    p.add_argument('--since', type=float, default=time.time())
    p.add_argument('--bin', default='build/bench')
    p.add_argument('--npm', default='')
    p.add_argument('--out', default='bench/results')
    args = p.parse_args()
    over = args.since + args.minutes * 60
    table = peers(args)
    if args.peers is not None:
        want = args.peers.split()
        for w in want:
            if not any(name.startswith(w) for name in table):
                sys.exit('no peer is called %s; there are: %s' % (w, ' '.join(table)))
        table = {name: c for name, c in table.items() if any(name.startswith(w) for w in want)}
    contenders = {'vexfs': [os.path.join(args.bin, 'race')]}
    contenders.update(table)
    for e in args.extra:
        e = os.path.abspath(e)
        name = os.path.splitext(os.path.basename(e))[0]
        if name in contenders:
            sys.exit('%s: there is a contender of that name' % e)
        contenders[name] = [e]
    if args.npm:
        os.environ['NODE_PATH'] = args.npm
    raw = os.path.join(args.out, 'raw')
    shutil.rmtree(raw, ignore_errors=True)
    os.makedirs(raw)
    meta = {'date': time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime()), 'machine': machine(),
            'version': output('git', '-C', HERE, 'describe', '--always', '--dirty'), 'sets': {},
            'contenders': list(contenders), 'minutes': args.minutes}
    good, sets = True, []
    for name in args.sets.split():
        command = [sys.executable, os.path.join(HERE, 'sets', 'sets.py'), '--bin', args.bin, '--npm', args.npm, name]
        made = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if made.returncode:
            print('  %-9s cannot be made' % name, flush=True)
            meta['sets'][name] = {'skipped': 'the set cannot be made'}
            good = False
            continue
        sets.append(score.Set(made.stdout.strip()))
        meta['sets'][name] = sets[-1].about
        os.makedirs(os.path.join(raw, name))
    # so that report.py can tell of what there is when this is interrupted
    keep(raw, meta)
    first = [c for c in contenders if c not in LAST]
    for c, s in [(c, s) for s in sets for c in first] + [(c, s) for c in contenders if c in LAST for s in sets]:
        name = s.about['name']
        out = os.path.join(raw, name, c + '.json')
        t = time.time()
        why = missing(contenders[c])
        if not why and args.peers is None and c in LAST and name not in LAST_SETS:
            why = 'raced on %s only; PEERS=%s asks for it' % (' and '.join(LAST_SETS), c)
        if not why and args.peers is None and (name, c) in ENDLESS:
            why = 'had not ended after %d s when it was tried; PEERS=%s asks for it' % (ENDLESS[name, c], c)
        if not why and t > over:
            why = 'not started: the %g minutes were over' % args.minutes
        if not why:
            budget = next(BUDGETS[key] for key in ((name, c), (name, None), (None, c), (None, None)) if key in BUDGETS)
            # the last one may go on for a little while
            limit = min(budget + QUERYING, over - t + 60)
            why = run(contenders[c], s.dir, out, budget, limit, out[:-5] + '.log')
        try:
            result = score.score(s, out) if not why else None
        except (OSError, ValueError, KeyError, TypeError) as e:
            why = 'its result cannot be read: %s' % e
        if why:
            result = {'contender': c, 'version': '', 'note': '', 'builds': [], 'settings': [], 'skipped': why}
            # ours has to run
            good = good and c != 'vexfs'
        result['contender'] = c
        with open(out, 'w') as f:
            json.dump(result, f)
        print('  %-9s %-17s %3d s  %s' % (name, c, time.time() - t, brief(result)), flush=True)
    meta['seconds'] = round(time.time() - args.since)
    keep(raw, meta)
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
