#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""make deps: what is said and what goes to a log, with stand-ins for apt-get, dpkg-query and id on the PATH.  TAP."""
import os
import subprocess
import tempfile
from tap import done, test

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def program(name, text):
    with open(os.path.join(d, name), 'w') as f:
        f.write('#!/bin/bash\n' + text)
    os.chmod(f.name, 0o755)


def make(*args, missing='', uid=0, fail=''):
    """make deps, where packages are missing and an apt-get command fails: what it says, and what apt-get was called with."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(('MAKE', 'MFLAGS', 'DEBIAN_FRONTEND')) and k != 'V'}
    env.update(PATH='%s:%s' % (d, env['PATH']), MISSING=missing, FAKE_UID=str(uid), FAIL=fail, CALLS=calls)
    open(calls, 'w').close()
    if os.path.exists(log):
        os.unlink(log)
    r = subprocess.run(['make', '-s', '-C', top, 'deps', 'B=' + build, *args], capture_output=True, text=True, env=env)
    return r, r.stdout + r.stderr, open(calls).read().splitlines()


with tempfile.TemporaryDirectory() as d:
    calls, build = os.path.join(d, 'calls'), os.path.join(d, 'build')
    log = os.path.join(build, 'deps.log')
    # all packages are installed but those in $MISSING
    program('dpkg-query', 'for p; do case $p in -*|*"{"*) ;; *) [[ " $MISSING " = *" $p "* ]] || echo "$p installed";; esac; done\n')
    program('id', 'echo $FAKE_UID\n')
    program('apt-get', 'echo "$DEBIAN_FRONTEND: $*" >> "$CALLS"\n'
                       'for i in {1..400}; do echo "$1 line $i"; done\n'
                       '[ "$1" != "$FAIL" ] || { echo "E: no such thing" >&2; exit 100; }\n')

    r, text, called = make()
    test('all is there: nothing is said', (r.returncode, text, called) == (0, '', []), r, called)

    r, text, called = make(missing='sparse cpio')
    lines = text.splitlines()
    test('what is missing is installed', r.returncode == 0 and len(called) == 2 and called[0].startswith('noninteractive: update')
         and called[1].startswith('noninteractive: install -') and called[1].endswith(' cpio sparse'), r, called)
    test('one line says so', len(lines) == 1 and '2 Debian packages' in lines[0] and 'minutes' in lines[0] and
         'cpio sparse' in lines[0] and log in lines[0], text)
    test('what apt says is in the log', len(open(log).read().splitlines()) == 800)

    for step in 'update', 'install':
        r, text, called = make(missing='cpio', fail=step)
        test('apt-get %s fails: so does make' % step, r.returncode != 0 and len(called) == (1 if step == 'update' else 2), r, called)
        test('the log is named and its end shown', 'The end of %s' % log in text and 'E: no such thing' in text and
             '%s line 400' % step in text and len(text.splitlines()) < 30, text)

    r, text, called = make('V=1', missing='cpio')
    test('V=1 shows everything', r.returncode == 0 and len(text.splitlines()) > 800, len(text.splitlines()))
    r, text, called = make('V=1', missing='cpio', fail='install')
    test('and fails as well', r.returncode != 0 and text.count('E: no such thing') == 1, r)

    r, text, called = make(missing='cpio', uid=1000)
    test('a user is told what to run', r.returncode != 0 and not called and
         'apt-get install -y --no-install-recommends cpio' in text, r, called)

    empty = os.path.join(d, 'headers')
    os.mkdir(empty)
    r, text, called = make('KDIR=' + empty)
    test('headers without their kernel', r.returncode == 0 and called[-1].endswith(' linux-headers-6.12-amd64'), r, called)
done()
