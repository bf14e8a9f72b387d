# SPDX-License-Identifier: GPL-2.0
"""What a contender of `make bench` found, counted against the truth of the set; see contender.h and native/truth.c."""
import array
import json
import os
import sys


def numbers(path):
    a = array.array('i')
    with open(path, 'rb') as f:
        a.frombytes(f.read())
    if sys.byteorder == 'big':
        a.byteswap()
    return a


class Set:
    """A set: what its set.json says, and of each filter (0: none) and query the ids that count, and how many do."""

    def __init__(self, dir):
        self.dir = dir
        with open(os.path.join(dir, 'set.json')) as f:
            self.about = json.load(f)
        self.k = self.about['k']
        self.truth = {b: self.read('truth-%d.ivecs' % b if b else 'truth.ivecs') for b in [0] + self.about['filters']}

    def read(self, file):
        a, at, out = numbers(os.path.join(self.dir, file)), 0, []
        while at < len(a):
            ids = a[at + 1:at + 1 + a[at]]
            out.append((frozenset(ids), min(self.k, len(ids))))
            at += 1 + a[at]
        return out

    def recall(self, filter, found, asked):
        """The mean over the queries of: those found that are among the nearest, of those that there are."""
        total = 0
        for q in range(asked):
            near, want = self.truth[filter][q]
            # a set: an id that is given twice is found once; ties may make more than are wanted
            hits = len(near.intersection(found[q * self.k:(q + 1) * self.k]))
            total += min(hits, want) / want if want else 1
        return total / asked


def median(x):
    x = sorted(x)
    n = len(x)
    return x[n // 2] if n % 2 else (x[n // 2 - 1] + x[n // 2]) / 2


def score(set, path):
    """The result of a contender, with recall and rate of each setting.  ValueError, KeyError, OSError: it is none."""
    with open(path) as f:
        result = json.load(f)
    ids, at = numbers(path + '.ids'), 0
    for s in result['settings']:
        n = s['asked'] * set.k
        if n <= 0 or at + n > len(ids):
            raise ValueError('%s.ids: too short' % path)
        s['recall'] = round(set.recall(s['filter'], ids[at:at + n], s['asked']), 6)
        s['qps'] = round(s['asked'] / max(median(s['passes']), 1e-9), 1)
        at += n
    if at != len(ids):
        raise ValueError('%s.ids: longer than its settings' % path)
    return result
