#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
report.py OUT

Makes OUT/bench.txt, OUT/bench.json and OUT/*.svg out of what run.py has left in OUT/raw, and, where they are there, of
the lines of bench/native/load.c in OUT/raw/load.txt and of the virtual machine in OUT/raw/vm.txt.  Pictures need gnuplot; without it the text says so.
"""
import json
import os
import shutil
import subprocess
import sys

TARGETS = (0.90, 0.95, 0.99)
FILTERED_TARGET = 0.99
OURS = 'vexfs'
ELSEWHERE = 'SymphonyQG and the IVF of RaBitQ-Library, pyglass, SVS, FAISS with AVX2 or AVX-512'
# RAW/NAME.txt, and what it is
PARTS = {
    'load': 'Searches while a collection changes (bench/native/load.c):',
    'vm': 'In a virtual machine whose nanoseconds are instructions executed (bench/vm):',
}


class Line:
    """A row of the tables: a contender by one of its methods, the nth of which it is."""

    def __init__(self, result, method, nth):
        self.contender, self.method, self.result = result['contender'], method, result
        self.name = ('%s %s' % (self.contender, method)).strip()
        # what it is called may say how many lists a set has
        self.place = (self.contender, nth)
        self.settings = [s for s in result['settings'] if s['method'] == method]
        # what was built for all methods is for each of them
        builds = result['builds']
        self.build = next((b for b in builds if b['method'] == method), builds[0] if builds else None)

    def best(self, target, filter=0):
        """The fastest setting of at least that recall, or None."""
        good = [s for s in self.settings if s['filter'] == filter and s['recall'] >= target]
        return max(good, key=lambda s: s['qps']) if good else None

    def top(self, filter=0):
        all = [s['recall'] for s in self.settings if s['filter'] == filter]
        return max(all) if all else None

    def beside(self):
        """Bytes of memory beside one copy of the rows."""
        b, s = self.build, self.result['set']
        if not b or b.get('memory') is None:
            return None
        return max(0, b['memory'] - (s['n'] * s['dims'] * 4 if b['holds_rows'] else 0))


def lines(result):
    methods = []
    for s in result['settings']:
        if s['method'] not in methods:
            methods.append(s['method'])
    return [Line(result, m, i) for i, m in enumerate(methods)]


def number(x):
    if x is None:
        return '-'
    return format(int(round(x)), ',') if x >= 100 else '%.1f' % x if x >= 1 else '%.2f' % x


def inserts(build):
    """Rows a second; behind it by how many threads, where that is not one."""
    if not build:
        return '-'
    threads = build.get('rate_threads', 1)
    return number(build['rate']) + (' (%d)' % threads if threads > 1 else '')


def megabytes(x):
    return '-' if x is None else '%s MB' % number(x / 1e6)


def table(head, rows):
    """Text: the first column to the left, the others to the right."""
    rows = [head] + rows
    width = [max(len(str(r[i])) for r in rows) for i in range(len(head))]
    out = ['  '.join(str(c).ljust(width[0]) if not i else str(c).rjust(width[i]) for i, c in enumerate(r)).rstrip()
           for r in rows]
    out.insert(1, '  '.join('-' * w for w in width))
    return out


def fastest(all, ours, target, filter=0):
    """The line that is fastest at a recall, of ours or of the others; None: none gets there."""
    good = [(x.best(target, filter)['qps'], x) for x in all
            if (x.contender == OURS) == ours and x.best(target, filter)]
    return max(good, key=lambda g: g[0]) if good else None


def compare(all, target, filter=0):
    """Ours, the best peer's and ours / that one's; None where there is none."""
    a, b = fastest(all, True, target, filter), fastest(all, False, target, filter)
    return a, b, a[0] / b[0] if a and b else None


def cell(pair):
    a, b, ratio = pair
    if not a and not b:
        return '-'
    if not a:
        return 'behind: not reached'
    if not b:
        return 'only ours'
    return '%.2f %s' % (ratio, '(ahead of %s)' % b[1].name if ratio >= 1 else '(behind %s)' % b[1].name)


def of_set(set, results):
    all = [x for r in results for x in lines(r)]
    out = ['%s: %s rows of %s dims, %s, %d queries; %s' %
           (set['name'], format(set['n'], ','), format(set['dims'], ','), set['metric'], set['queries'],
            set['about']), '']
    rows = []
    for x in all:
        b = x.build
        rows.append([x.name] + [number((x.best(t) or {}).get('qps')) for t in TARGETS] +
                    ['-' if x.top() is None else '%.4f' % x.top(), inserts(b),
                     '-' if not b else '%.1f s' % b['seconds'], megabytes(x.beside())])
    out += table(['queries/s at recall@%d of at least' % set['k']] + ['%.2f' % t for t in TARGETS] +
                 ['best recall', 'inserts/s', 'built in', 'beside rows'], rows)
    out.append('')
    for t in TARGETS:
        out.append('  at %.2f ours / best peer: %s' % (t, cell(compare(all, t))))
    filters = [f for f in set['filters'] if any(x.top(f) is not None for x in all)]
    if filters:
        head = ['filtered, queries/s at recall of at least %.2f' % FILTERED_TARGET] + ['%g %%' % (f / 10) for f in filters]
        rows = []
        for x in all:
            if any(x.top(f) is not None for f in filters):
                # what does not reach it shows what it does reach
                rows.append([x.name] + [number(x.best(FILTERED_TARGET, f)['qps']) if x.best(FILTERED_TARGET, f) else
                                        '-' if x.top(f) is None else '(%.3f)' % x.top(f) for f in filters])
        ratio = [compare(all, FILTERED_TARGET, f)[2] for f in filters]
        rows.append(['ours / best peer'] + ['-' if r is None else '%.2f' % r for r in ratio])
        out += [''] + table(head, rows)
    left = [r for r in results if r.get('skipped') or not r['settings']]
    if left:
        out += ['', 'Left out:'] + ['  %s: %s' % (r['contender'], r.get('skipped') or 'it has answered nothing') for r in left]
    return out + ['']


def summary(sets):
    head = ['ours / best peer, at recall'] + [s['name'] for s, _ in sets]
    rows = []
    for t in TARGETS:
        row = ['%.2f' % t]
        for s, results in sets:
            a, b, ratio = compare([x for r in results for x in lines(r)], t)
            row.append('%.2f' % ratio if ratio else '-' if not a else 'only ours')
        rows.append(row)
    return table(head, rows)


def text(meta, sets):
    m = meta['machine']
    out = ['VexFS against its peers, %s, version %s' % (meta['date'], meta['version'] or 'unknown'),
           '%s, %d cores, %s; %s of memory; %s, Linux %s; gcc %s, node %s' %
           (m['cpu'], m['cores'], ' '.join(m['features']) or 'no AVX', '%.0f GB' % (m['memory_kib'] / 1e6),
            m['system'], m['kernel'], m['gcc'], m['node']), '',
           'One thread, one query at a time, recall@k over the same held-out queries and the same truth in double',
           'precision for all; of each curve the fastest setting of at least that recall, "-" where none has it; rates are',
           'medians over passes; what is slow asks the first queries only. Inserts: of one thread, into a full index where it',
           'is a graph, or of so many as stand behind. "Beside rows": memory without one copy of the rows. Ours is the engine',
           'in a process: no system call, no disk.', '']
    if sets:
        out += summary(sets) + ['']
    for set, results in sets:
        out += of_set(set, results)
    for name, about in meta['sets'].items():
        if about.get('skipped'):
            out += ['%s: %s' % (name, about['skipped']), '']
    notes = {}
    for _, results in sets:
        for r in results:
            if r['version'] or r['note']:
                notes[r['contender']] = '  %s %s%s' % (r['contender'], r['version'],
                                                      ': ' + r['note'] if r['note'] else '')
    if notes:
        out += ['Contenders:'] + [n.rstrip() for n in notes.values()] + ['']
    out += ['Not raced, as neither Debian nor npm has them: ' + ELSEWHERE + '.', 'What a contender from elsewhere has to do '
            'is in bench/contender.h; EXTRA="PROGRAM..." takes it.', '']
    for part, what in PARTS.items():
        if meta.get(part):
            out += [what, ''] + ['  ' + line for line in meta[part]] + ['']
    if meta.get('seconds'):
        out.append('This took %d minutes.' % round(meta['seconds'] / 60))
    return out


def plot(path, script):
    p = subprocess.run(['gnuplot'], input=script, text=True, capture_output=True)
    if p.returncode:
        sys.exit('gnuplot: %s: %s' % (path, p.stderr.strip()))


def quote(s):
    return '"%s"' % s.replace('\\', '').replace('"', '').replace('_', ' ')


def begin(path, title, wide=1000):
    return ['set terminal svg size %d,560 dynamic background "white" noenhanced font "sans,12"' % wide,
            'set output %s' % quote_path(path), 'set title %s' % quote(title), 'set grid', 'set key outside right']


def quote_path(path):
    return "'%s'" % path.replace("'", "''")


class Colours:
    """A colour and a mark for each line, the same in all pictures: ours warm and thick, the others cold."""

    OURS = ['#e66101', '#b8860b', '#d7191c', '#7f0000']
    OTHERS = ['#1f77b4', '#000000', '#2ca02c', '#17becf', '#9467bd', '#7f7f7f', '#00429d', '#93c47d', '#c27ba0', '#4d4d4d',
              '#6fa8dc', '#006d2c', '#54278f', '#38a3a5', '#a0a0a0']
    MARKS = (4, 6, 8, 10, 12, 1, 2, 3, 5, 9, 11, 13)

    def __init__(self, sets):
        self.lines = []
        for _, results in sets:
            for x in (x for r in results for x in lines(r)):
                if x.place not in self.lines:
                    self.lines.append(x.place)

    def of(self, x):
        """Of a line: colour, mark, width."""
        ours = x.contender == OURS
        i = [place for place in self.lines if (place[0] == OURS) == ours].index(x.place)
        colours = self.OURS if ours else self.OTHERS
        return colours[i % len(colours)], 7 if ours else self.MARKS[i % len(self.MARKS)], 3 if ours else 1


def curves(path, title, xlabel, extra, series, colours):
    """series: of (line, points)."""
    script = begin(path, title) + ['set logscale y', 'set ylabel "queries/s"', 'set xlabel "%s"' % xlabel] + extra
    plots = []
    for i, (x, points) in enumerate(series):
        script += ['$d%d << END' % i] + ['%g %g' % p for p in points] + ['END']
        colour, mark, wide = colours.of(x)
        plots.append('$d%d using 1:2 with linespoints lw %d pt %d ps 0.6 lc rgb "%s" title %s' %
                     (i, wide, mark, colour, quote(x.name)))
    plot(path, '\n'.join(script + ['plot ' + ', '.join(plots)]) + '\n')


def bars(path, title, ylabel, sets, value, colours):
    """One group per set, one bar for each that was built; value(line) or None."""
    names, cells = {}, {}
    for i, (_, results) in enumerate(sets):
        for x in (x for r in results for x in lines(r)):
            v = value(x)
            if not v:
                continue
            # methods that were built at once are one bar
            name = x.contender
            if len(x.result['builds']) > 1 and x.build['method']:
                name += ' ' + x.build['method']
            cells[name, i] = v
            names.setdefault(name, x)
    if not names:
        return
    script = begin(path, title, 1200) + ['set logscale y', 'set ylabel "%s"' % ylabel, 'set style data histograms',
                                         'set style histogram clustered gap 2', 'set style fill solid 0.8',
                                         'set datafile missing "?"', '$d << END']
    for i, (s, _) in enumerate(sets):
        script.append(' '.join([s['name']] + ['%g' % cells[n, i] if (n, i) in cells else '?' for n in names]))
    script += ['END', 'plot ' + ', '.join('$d using %d%s lc rgb "%s" title %s' %
                                          (i + 2, ':xtic(1)', colours.of(names[n])[0], quote(n))
                                          for i, n in enumerate(names))]
    plot(path, '\n'.join(script) + '\n')


# Recall is drawn by what is missing, on a logarithmic scale: 0.9, 0.95 and 0.99 are far from one another.
LEAST, MOST = 0.7, 0.9999
MISSED = ['set logscale x', 'set xrange [%g:%g]' % (1 - LEAST, (1 - MOST) / 1.15),
          'set xtics (%s)' % ', '.join('"%s" %g' % (r, 1 - min(float(r), MOST)) for r in
                                       ('0.7', '0.8', '0.9', '0.95', '0.98', '0.99', '0.995', '0.999', '1'))]


def frontier(settings):
    """(what is missing, queries/s) of the settings that no other one beats in both."""
    points, best = [], 0
    for s in sorted(settings, key=lambda s: (-s['recall'], -s['qps'])):
        if s['qps'] > best and s['recall'] >= LEAST:
            points.append((1 - min(s['recall'], MOST), s['qps']))
            best = s['qps']
    return points


def pictures(out, sets):
    colours = Colours(sets)
    for s, results in sets:
        all = [x for r in results for x in lines(r)]
        series = []
        for x in all:
            points = frontier([p for p in x.settings if not p['filter']])
            if points:
                series.append((x, points))
        if series:
            curves(os.path.join(out, 'recall-%s.svg' % s['name']),
                   'recall against queries/s: %s, %s x %s (up and to the right is better)' %
                   (s['name'], format(s['n'], ','), format(s['dims'], ',')), 'recall@%d' % s['k'], MISSED, series, colours)
        series = []
        for x in all:
            points = []
            for i, f in enumerate([0] + s['filters']):
                best = x.best(FILTERED_TARGET, f)
                if best:
                    points.append((i, best['qps']))
            if len(points) > 1:
                series.append((x, points))
        if series:
            ticks = ', '.join('"%g %%%%" %d' % (f / 10 if f else 100, i) for i, f in enumerate([0] + s['filters']))
            curves(os.path.join(out, 'filters-%s.svg' % s['name']),
                   'filtered, at recall of at least %.2f: %s' % (FILTERED_TARGET, s['name']), 'rows that match',
                   ['set xtics (%s)' % ticks], series, colours)
    bars(os.path.join(out, 'inserts.svg'), 'inserts', 'rows a second', sets, lambda x: x.build and x.build['rate'], colours)
    bars(os.path.join(out, 'memory.svg'), 'memory beside the rows', 'bytes per byte of row', sets,
         lambda x: x.beside() and x.beside() / (x.result['set']['n'] * x.result['set']['dims'] * 4.0), colours)


def load(out):
    raw = os.path.join(out, 'raw')
    with open(os.path.join(raw, 'meta.json')) as f:
        meta = json.load(f)
    sets = []
    for name, about in meta['sets'].items():
        results = []
        for c in meta['contenders']:
            path = os.path.join(raw, name, c + '.json')
            if os.path.exists(path):
                with open(path) as f:
                    results.append(dict(json.load(f), set=about))
        if results:
            sets.append((about, results))
    for part in PARTS:
        path = os.path.join(raw, part + '.txt')
        if os.path.exists(path):
            with open(path) as f:
                meta[part] = [line.rstrip() for line in f]
    return meta, sets


def as_json(meta, sets):
    out = dict(meta, sets=[])
    for about, results in sets:
        all = [x for r in results for x in lines(r)]
        out['sets'].append(dict(about, ratios={
            '%.2f' % t: {'ours': a and [a[1].name, a[0]], 'peer': b and [b[1].name, b[0]], 'ratio': r}
            for t in TARGETS for a, b, r in [compare(all, t)]},
            results=[{k: v for k, v in r.items() if k != 'set'} for r in results]))
    return out


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    out = sys.argv[1]
    meta, sets = load(out)
    for f in os.listdir(out):
        if f.endswith('.svg'):
            os.unlink(os.path.join(out, f))
    said = text(meta, sets)
    if shutil.which('gnuplot'):
        pictures(out, sets)
    else:
        said.append('No pictures: gnuplot is not installed.')
    with open(os.path.join(out, 'bench.json'), 'w') as f:
        json.dump(as_json(meta, sets), f, indent=1)
        f.write('\n')
    with open(os.path.join(out, 'bench.txt'), 'w') as f:
        f.write('\n'.join(said) + '\n')
    print('\n'.join(said))


if __name__ == '__main__':
    main()
