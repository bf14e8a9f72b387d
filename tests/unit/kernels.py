#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Which kernels VexFS is for: the module's build, DKMS and vexctl doctor refuse the same ones, in plain words.  TAP."""
import json
import os
import re
import shutil
import subprocess
import tempfile
from tap import done, test

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


env = {k: v for k, v in os.environ.items() if not k.startswith(('MAKE', 'MFLAGS'))}


def run(*args):
    return subprocess.run(args, capture_output=True, text=True, timeout=60, env=env)


# --- by hand, or by DKMS with --force

headers = run('make', '-s', '-C', top, 'print-kdir').stdout.strip()
with tempfile.TemporaryDirectory() as d:
    shutil.copy(os.path.join(top, 'kmod/Kbuild'), d)
    for version in '11', '15':
        r = run('make', '-C', headers, 'M=' + d, 'PATCHLEVEL=' + version, 'modules')
        test('headers of 6.%s' % version, r.returncode != 0 and
             'VexFS is for Linux 6.12, and these are the headers of Linux 6.%s' % version in r.stderr, r)
    r = run('make', '-C', headers, 'M=' + d, 'PATCHLEVEL=15', 'clean')
    test('are no reason not to clean up', r.returncode == 0, r)
    # there is no source here
    r = run('make', '-C', headers, 'M=' + d, 'modules')
    test('those of 6.12 are taken', 'VexFS is for' not in r.stderr and 'super.o' in r.stderr, r)

# --- DKMS, which matches by bash's =~

conf = open(os.path.join(top, 'debian/vexfs-dkms.dkms')).read()
kernel = re.search('^BUILD_EXCLUSIVE_KERNEL="(.*)"$', conf, re.M).group(1)
arch = re.search('^BUILD_EXCLUSIVE_ARCH="(.*)"$', conf, re.M).group(1)


def matches(text, regex):
    return run('bash', '-c', '[[ $1 =~ $2 ]]', 'bash', text, regex).returncode == 0


for text, wanted in (('6.12.117+deb12-amd64', True), ('6.12-amd64', True), ('6.12.9-generic', True), ('6.1.0-37-amd64', False),
                     ('6.120.1', False), ('6.11.10', False), ('6.13.4', False), ('6.15.0-1', False), ('16.12.1', False), ('7.0.1', False)):
    test('DKMS and %s' % text, matches(text, kernel) == wanted)
for text, wanted in ('x86_64', True), ('aarch64', False), ('i686', False):
    test('DKMS and %s' % text, matches(text, arch) == wanted)

# --- the package, when it is installed

postinst = os.path.join(top, 'debian/vexfs-dkms.postinst')
r = run('setarch', '--uname-2.6', 'sh', postinst, 'configure')
test('the package says which kernel it wants', r.returncode == 0 and 'VexFS is for Linux 6.12' in r.stdout and ' is 2.6.' in r.stdout, r)
r = run('sh', postinst, 'configure')
test('and says it of others only', ('VexFS is for' in r.stdout) != matches(os.uname().release, kernel), r)
r = run('sh', postinst, 'abort-upgrade')
test('and only then', r.stdout == '' and r.returncode == 0, r)

# --- vexctl doctor, told another kernel by the personality of the process


def doctor(*before):
    r = run(*before, os.path.join(top, 'build/bin/vexctl'), 'doctor', '--json')
    return {c['name']: c for c in json.loads(r.stdout)['checks']}, r


checks, r = doctor('setarch', '--uname-2.6')
test('doctor refuses 2.6', checks['kernel']['result'] == 'FAIL' and 'is not supported' in checks['kernel']['found'] and
     'Linux 6.12 and no other' in checks['kernel']['found'] and 'boot Linux 6.12' in checks['kernel']['advice'] and r.returncode == 1, r)
checks, r = doctor('setarch', 'i686')
test('and i686', checks['machine']['result'] == 'FAIL' and 'i686 is not supported' in checks['machine']['found'], r)
release = os.uname().release
checks, r = doctor()
test('and judges this one as DKMS does', (checks['kernel']['result'] == 'ok') == matches(release, kernel), release, r)
done()
