# SPDX-License-Identifier: GPL-2.0
"""TAP as tests/unit/run counts it: a script calls test() for what must hold, and done() at its end."""
import sys

count = 0


def test(name, good, *why):
    """One test.  why: what to print where it is not good."""
    global count
    count += 1
    print('%sok %d - %s' % ('' if good else 'not ', count, name))
    if not good:
        for w in why:
            print('#', str(w).replace('\n', '\n# '))
    sys.stdout.flush()


def skip(why):
    """A test that cannot be run here."""
    global count
    count += 1
    print('ok %d # SKIP %s' % (count, why))


def done():
    print('1..%d' % count)
