#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""vexctl without a kernel module: help, man page and completion agree; doctor; program new.  TAP."""
import json
import os
import re
import resource
import shutil
import subprocess
import tempfile
from tap import done, test

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
vexctl = os.path.join(top, 'build/bin/vexctl')


def run(*args, **more):
    return subprocess.run([vexctl, *args], capture_output=True, text=True, timeout=60, **more)


def complete(line):
    """What bash offers for a command line."""
    words = line.split(' ')
    script = '. %s/ctl/vexctl/completion.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _vexctl; ' \
             'printf "%%s\\n" "${COMPREPLY[@]}"' % top
    r = subprocess.run(['bash', '-c', script, 'bash', vexctl, *words[1:]], capture_output=True, text=True, check=True)
    return set(r.stdout.split('\n')) - {''}


verbs = re.findall(r'^  ([a-z]+(?: [a-z]+)?)  ', run('help').stdout, re.M)
test('there are verbs', len(verbs) > 30 and {'status', 'top', 'events', 'doctor', 'program dump'} <= set(verbs), verbs)

# --- help, man page, completion

man = open(os.path.join(top, 'build/man/vexctl.8')).read().replace('\\-', '-')
wrong = []
offered = complete('vexctl ')
for verb in verbs:
    r = run(*verb.split(), '--help')
    words = verb.split()
    if r.returncode or not r.stdout.startswith('usage: vexctl %s' % verb) or '--json' not in r.stdout:
        wrong.append((verb, '--help', r))
    if '\n.SS %s' % verb not in man:
        wrong.append((verb, 'not in the man page'))
    if words[0] not in offered or (len(words) == 2 and words[1] not in complete('vexctl %s ' % words[0])):
        wrong.append((verb, 'not completed'))
    options = set(re.findall(r'(?<![a-z0-9-])--[a-z][a-z-]*', r.stdout))
    if not options <= complete('vexctl %s --' % verb):
        wrong.append((verb, 'options not completed', options))
    for option in options - {'--help'}:
        if option not in man:
            wrong.append((verb, option, 'not in the man page'))
test('each verb and option is in its help, in the man page and completed', not wrong, *wrong)
test('what begins alike', complete('vexctl coll') == {'collection'}, complete('vexctl coll'))
test('behind --image FILE', complete('vexctl --i') == {'--image'} and not complete('vexctl --image ') and
     complete('vexctl --image x.img coll') == {'collection'} and '--where' in complete('vexctl --image x.img search --') and
     complete('vexctl --image x.img collection i') == {'info'})
test('what debug prints', complete('vexctl debug x.img ') == {'superblock', 'group', 'log', 'block', 'inode', 'extents', 'directory',
                                                             'collection', 'record'} and complete('vexctl debug x.img di') == {'directory'} and
     not complete('vexctl debug '))
test('values of --op', complete('vexctl program new x --op ') == {'search', 'distance', 'filter'})
wrong = []
for verb, args in (('export', ['-o', 'x.csv']), ('import', ['x', '-f', 'x']), ('eval', ['-f', 'x'])):
    names = re.search(r"(?:written:|is unknown; it is) ([a-z0-9, ]+ or [a-z]+)", run(verb, '/nowhere', *args).stderr)
    names = set(re.split(', | or ', names[1])) if names else set()
    for option in ('-f', '--format'):
        if len(names) < 5 or complete('vexctl %s d %s ' % (verb, option)) != names:
            wrong.append((verb, option, names, complete('vexctl %s d %s ' % (verb, option))))
test('values of --format', not wrong and not complete('vexctl mkfs -f '), *wrong)
wrong = []
for program in ('fsck.vexfs', 'mkfs.vexfs', 'vexd'):
    r = subprocess.run([os.path.join(top, 'build/bin', program), '-h'], capture_output=True, text=True, timeout=60)
    options = set(re.findall(r'(?<![A-Za-z0-9-])--?[A-Za-z][a-z-]*', r.stdout))
    page = open(os.path.join(top, 'ctl/man', program + '.8')).read().replace('\\-', '-')
    described = set(re.findall(r'--?[A-Za-z][a-z-]*', ''.join(re.findall(r'^\.TP\n(\.B[IR]? .*)$', page, re.M))))
    if r.returncode or len(options) < 5 or options - described or described - options:
        wrong.append((program, 'in one of them only', sorted(options ^ described), r))
test('each option of the other programs is in their help and in their man page', not wrong, *wrong)
for page in [os.path.join(top, 'build/man/vexctl.8')] + \
            [os.path.join(top, 'ctl/man', p) for p in sorted(os.listdir(os.path.join(top, 'ctl/man')))]:
    if page.endswith('.8'):
        r = subprocess.run(['groff', '-man', '-Tutf8', '-ww', '-z', page], capture_output=True, text=True)
        test('%s has no warning' % os.path.basename(page), r.returncode == 0 and not r.stderr, r)

# --- words that people try

wrong = []
for args, says in [
        (['collection'], 'collection needs a verb: create, info, drop; see `vexctl help collection`'),
        (['program', '--json'], 'program needs a verb: list, show, '),
        (['ls', '/x'], 'did you mean `vexctl list`?'), (['insert'], 'did you mean `vexctl import`?'),
        (['create', '/x'], 'did you mean `vexctl collection create` or `vexctl snapshot create`?'),
        (['info', '/x'], 'did you mean `vexctl collection info`?'), (['query'], 'did you mean `vexctl search`?'),
        (['drop'], 'did you mean `vexctl collection drop`?'), (['serach'], 'did you mean `vexctl search`?'),
        (['snapshto', 'create'], 'did you mean `vexctl snapshot create`?'), (['laod'], 'did you mean `vexctl load`?'),
        (['collection', 'rm', '/x'], 'did you mean `vexctl collection drop`?'),
        (['collection', 'creat', '/x'], 'did you mean `vexctl collection create`?'),
        (['collection', 'rename'], "no verb 'collection rename'; collection has create, info, drop"),
        (['help', 'ls'], 'did you mean `vexctl list`?'), (['help', 'nothing'], "there is no verb 'nothing'; see `vexctl help`"),
        (['frobnicate'], "there is no verb 'frobnicate'; see `vexctl help`"), (['x'], "there is no verb 'x'; see"),
        (['--json', 'status'], 'the verb comes first'), (['-v'], 'the verb comes first'), ([''], "no verb ''"),
        (['s' * 5000], 'there is no verb'), (['search', '/x', '-k', '0'], 'it is 1 to 1000, or with --radius 1 to 65536'),
        (['search', '/x', '-k', '1001'], '1001 is out of range; it is 1 to 1000, or with --radius 1 to 65536'),
        (['search', '/x', '--radius', '1', '-k', '65537'], '65537 is out of range; it is 1 to 1000, or with --radius'),
        (['search', '/x', '-k', '99999999999999999999'], 'it is 1 to 1000, or with --radius'),
        *[(args + ['--recall', r], '--recall: ' + says) for args in (['search', '/x'], ['explain', '/x', '--id', '1'],
                                                                     ['eval', '/x', '-q', 'x'])
          for r, says in (('0', '0 is out of range; it is above 0, and 1 at most'), ('-0.5', '-0.5 is out'), ('1.01', '1.01 is out'),
                          ('95', '95 is out'), ('inf', 'inf is out'), ('nan', "'nan' is not a number"), ('', "'' is not a"),
                          ('95%', "'95%' is not a number"))],
        *[(['search', '/x', '--exact', *more], 'give one of --exact and ' + more[0])
          for more in (['--recall', '0.9'], ['--effort', '8'])],
        (['eval', '/x', '-q', 'x', '--recall', '1', '--exact'], 'give one of --exact and --recall: an exact search finds all'),
        *[(args + ['--method', m], "--method: '%s' is unknown; it is auto, exact, coded, ivf or lsh" % m)
          for args in (['search', '/x'], ['explain', '/x', '--id', '1'], ['eval', '/x', '-q', 'x']) for m in ('', 'hnsw', 'IVF', 'ivf ')],
        *[(args + ['--exact', '--method', m], 'give one of --exact and --method ' + m)
          for args in (['search', '/x'], ['eval', '/x', '-q', 'x']) for m in ('coded', 'ivf', 'lsh')],
        (['search', '/x', '--method', 'exact', '--recall', '0.9'], 'give one of --method exact and --recall'),
        (['eval', '/x', '-q', 'x', '--method', 'exact', '--effort', '9'], 'give one of --method exact and --effort'),
        (['search', '/x', '--effort', '0'], '--effort: '), (['eval', '/x', '--effort', '4294967296'], '--effort: '),
        (['search', '/x', '-k', 'ten'], "'ten' is not a whole number"), (['get', '/x', '--key', ''], 'it has 1 to 255 bytes')]:
    r = run(*args)
    if r.returncode != 2 or r.stdout or says not in r.stderr or r.stderr.count('\n') != 1:
        wrong.append((args[:3], says, r))
for args, says in [(['-h'], 'usage: vexctl [--image FILE [--load OBJECT]...] VERB'), (['--help'], 'usage: vexctl [--image FILE [--load OBJECT]...] VERB'), (['-V'], 'vexctl '), (['version'], 'ops ABI'),
                   (['help', 'snapshot'], '  snapshot delete '), (['snapshot', '--help'], '  snapshot list '),
                   (['collection', '-h'], '  collection drop '), (['program', 'help'], '  program dump '),
                   (['search', '-h'], 'usage: vexctl search DIR'), (['collection', 'create', '/x', '-h'], 'usage: vexctl collection')]:
    r = run(*args)
    if r.returncode or r.stderr or says not in r.stdout:
        wrong.append((args, says, r))
test('words that people try', not wrong, *wrong)
meant = re.findall(r'vexctl ([a-z]+(?: [a-z]+)?)', ''.join(re.findall(r'^\t\{ "[a-z ]+", "(.*)" \},$', open(
    os.path.join(top, 'ctl/vexctl/guess.c')).read(), re.M)))
test('what they may mean is there', len(meant) > 50 and not [m for m in meant if m not in verbs], meant)

# --- bad command lines: one line, exit code 2, nothing on standard output

wrong = []
for args in [[], ['nothing'], ['program'], ['program', 'nothing'], ['top', '-d', '0'], ['top', '-n', '0'], ['top', 'x'],
             ['top', '-d', 'nan'], ['status', 'x'], ['events', '-n', '-1'], ['events', '--loud'], ['doctor', 'a', 'b'],
             ['program', 'new'], ['program', 'new', 'x'], ['program', 'new', 'x', '--op', 'y'],
             ['program', 'new', 'A', '--op', 'filter'], ['program', 'new', '', '--op', 'filter'],
             ['program', 'new', 'a/b', '--op', 'filter'], ['program', 'new', 'a' * 32, '--op', 'filter'],
             *[['collection', 'create', '/nowhere', '-d', '3', '-a', a] for a in ('and', 'or', 'not:int', 'in', 'is', 'null')],
             ['program', 'stats', '-s', '0'], ['program', 'dump'], ['umount', '--json'], ['use', 'x', '--json']]:
    r = run(*args)
    if r.returncode != 2 or r.stdout or len(r.stderr.strip().split('\n')) != 1:
        wrong.append((args, r))
test('bad command lines', not wrong, *wrong)
wrong = []
for args, says in [(['-o', 'x.npy.gz'], '-o: npy cannot be packed'), (['-o', 'x.fbin.gz'], '-o: fbin cannot be packed'),
                   (['-o', 'x.gz', '-f', 'npy'], '-o: npy cannot be packed')]:
    r = run('export', '/nowhere', *args)
    if r.returncode != 2 or r.stdout or says not in r.stderr or r.stderr.count('\n') != 1:
        wrong.append((args, r))
test('what cannot be packed', not wrong and run('export', '/nowhere', '-o', 'x.fvecs.gz').returncode == 1, *wrong)
r = run('compact', '/nowhere', '--min-dead', '101')
test('the first name of --min-deleted', r.returncode == 2 and '--min-deleted: 101 is out of range' in r.stderr and
     run('compact', '/nowhere', '--min-dead', '50').returncode == 1 and 'min-dead' not in run('compact', '-h').stdout, r)
r = run('umount', '/', '--json')
test('a plain verb that fails', r.returncode == 1 and not r.stdout and 'no VexFS mounted' in r.stderr, r)

# --- what others chose (names, arguments, labels, objects) cannot steer a terminal or fake a line

EVIL = b'e\x1b[31mvil\x07\x7f \x9b1m \xc2\x9b2m \xe2\x80\xaetxt \xff\nroot: all is well\\'
STEERS = re.compile('[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]')


def raw(program, *args, **more):
    return subprocess.run([os.path.join(top, 'build/bin', program), *args], capture_output=True, timeout=60,
                          stdin=subprocess.DEVNULL, **more)


def steers(r, lines=1):
    """Does the output hold what no tool may print, or more lines of errors than it has to say?"""
    try:
        text, errors = r.stdout.decode(), r.stderr.decode()
    except UnicodeDecodeError as e:
        return e
    return STEERS.search(text + errors) or 'root: all is well' in (text + errors).split('\n') or \
        len(errors.split('\n')) > lines + 1


with tempfile.TemporaryDirectory() as d:
    evil = os.path.join(d.encode(), EVIL)
    wrong = []
    for verb in verbs:
        for args in ([EVIL], [evil], [EVIL, EVIL], [evil, evil, evil], [b'--json', evil], [b'--' + EVIL], [b'-' + EVIL],
                     [b'--key', EVIL, evil], [b'--op', EVIL, EVIL], [b'--metric', EVIL, evil], [b'-o', EVIL, evil]):
            r = raw('vexctl', *verb.split(), *args)
            if r.returncode not in (0, 1, 2) or steers(r):
                wrong.append((verb, args, r))
    test('arguments that hold terminal escapes', not wrong, *wrong[:5])
    os.mkdir(evil)
    shutil.copy(os.path.join(top, 'README.md'), evil + b'/text')
    image = evil + b'/image'
    open(image, 'wb').truncate(64 << 20)
    wrong = []
    for args in ([b'-L', EVIL, image], [b'--json', b'-f', b'-L', EVIL[:30], image], [image], [evil], [b'-U', EVIL, image],
                 [b'-J', EVIL, image], [b'--' + EVIL], [b'-f', image], [EVIL]):
        r = raw('mkfs.vexfs', *args)
        if steers(r):
            wrong.append(('mkfs.vexfs', args, r))
        if b'--json' in args and json.loads(r.stdout)['device'].encode().count(b'\xef\xbf\xbd') < 2:
            wrong.append(('what is not UTF-8 is replaced in JSON', r))
    raw('mkfs.vexfs', b'-q', b'-f', b'-L', EVIL[:30], image)
    for args in ([image], [b'--json', image], [evil], [EVIL], [b'--explain', EVIL], [b'--' + EVIL], [evil + b'/text']):
        r = raw('fsck.vexfs', *args)
        if steers(r):
            wrong.append(('fsck.vexfs', args, r))
    with open(image, 'r+b') as f:
        f.seek(4096)
        f.write(b'\x1b' * 4096)
    for program, args in (('fsck.vexfs', [image]), ('fsck.vexfs', [b'--json', image]), ('vexctl', [b'doctor', image]),
                          ('vexctl', [b'doctor', b'--json', image]), ('vexctl', [b'doctor', evil]),
                          ('vexctl', [b'load', evil + b'/text']), ('vexctl', [b'search', evil, b'--id', b'1'])):
        r = raw(program, *args)
        if steers(r, 3) or (b'--json' in args and not json.loads(r.stdout)):
            wrong.append((program, args, r))
    test('files and labels that hold them', not wrong, *wrong[:5])

# --- output that does not get out is a failure


def no_files():
    """The limit of a file's size, which sends SIGXFSZ."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


with tempfile.TemporaryDirectory() as d:
    image = os.path.join(d, 'image')
    open(image, 'wb').truncate(64 << 20)
    wrong = []
    for args in (['vexctl', '--help'], ['vexctl', '--version'], ['vexctl', 'help', 'search'], ['vexctl', 'status'],
                 ['mkfs.vexfs', '--help'], ['mkfs.vexfs', '--version'], ['mkfs.vexfs', image],
                 ['mkfs.vexfs', '-f', '--json', image], ['vexctl', 'mkfs', '-f', '--json', image],
                 ['fsck.vexfs', '--help'], ['fsck.vexfs', '--version'], ['fsck.vexfs', '--list'],
                 ['fsck.vexfs', '--explain', '101'], ['fsck.vexfs', image], ['fsck.vexfs', '--json', image],
                 ['vexd', '--help'], ['vexd', '--version']):
        for name, says in ('/dev/full', 'No space left on device'), (os.path.join(d, 'out'), 'File too large'):
            if says == 'File too large' and 'mkf' in ' '.join(args) and image in args:
                continue        # it could not even make it
            with open(name, 'w') as out:
                r = subprocess.run([os.path.join(top, 'build/bin', args[0]), *args[1:]], stdout=out, stderr=subprocess.PIPE,
                                   text=True, timeout=60, preexec_fn=no_files if says == 'File too large' else None)
            if r.returncode != (8 if args[0] == 'fsck.vexfs' else 1) or \
                    not re.fullmatch(r'.*cannot write the (output|result): %s\n' % says, r.stderr):
                wrong.append((args, r))
    test('output to a full disk, or beyond the largest file', not wrong, *wrong)

if os.geteuid() == 0:       # others are not let so far
    r = run('mount', '/dev/null', '/nowhere')
    test('mount names the directory that is not there', r.returncode == 1 and
         r.stderr.startswith('vexctl mount: /nowhere: no such directory'), r)

# --- two who create at once, by a kernel that says so

with tempfile.TemporaryDirectory() as d:
    wrong = []
    for error, stays in (('EEXIST', True), ('ENOSPC', False)):
        subprocess.run(['cc', '-shared', '-fPIC', '-x', 'c', '-', '-o', d + '/ioctl.so'], text=True, check=True,
                       input='#include <errno.h>\nint ioctl() { errno = %s; return -1; }\n' % error)
        r = run('collection', 'create', d + '/c', '--dims', '3', env=dict(os.environ, LD_PRELOAD=d + '/ioctl.so'))
        if r.returncode != 1 or r.stderr.count('\n') != 1 or os.path.exists(d + '/c') != stays:
            wrong.append((error, r))
        shutil.rmtree(d + '/c', ignore_errors=True)
    test('the directory that one has made stays if it is the collection of another', not wrong, *wrong)

# --- doctor on a machine without the module

r = run('doctor')
line = re.compile(r'(ok  |warn|FAIL)  \S.* - \S')
lines = r.stdout.strip().split('\n')
test('doctor', all(line.match(x) for x in lines[:-1]) and re.match(r'\d+ ok, \d+ to look at, \d+ failed$', lines[-1]) and
     r.returncode == (1 if 'FAIL' in r.stdout else 0), r)
if not os.path.exists('/sys/module/vexfs'):
    test('the module is missing', r.returncode == 1 and re.search(r'^FAIL  module +- not loaded; .*vexfs', r.stdout, re.M), r)
r = run('doctor', '--json')
report = json.loads(r.stdout)
test('doctor as JSON', {'kernel', 'bpffs', 'rights', 'vexd', 'fuse'} <= {c['name'] for c in report['checks']} and
     sum(report[k] for k in ('ok', 'warnings', 'failures')) == len(report['checks']) and
     all(c['advice'] for c in report['checks'] if c['result'] == 'FAIL'), r)
with tempfile.TemporaryDirectory() as d:
    image = os.path.join(d, 'image')
    open(image, 'wb').truncate(64 << 20)

    def found(path, name):
        """(result, found) of a check about a path."""
        for c in json.loads(run('doctor', path, '--json').stdout)['checks']:
            if c['name'] == name:
                return c['result'], c['found']
        return None, None

    test('an empty image', found(image, 'superblock')[0] == 'FAIL', found(image, 'superblock'))
    made = run('mkfs', '-L', 'name', '--json', image)
    uuid = json.loads(made.stdout)['uuid']
    result, text = found(image, 'superblock')
    test('a good image', result == 'ok' and "label 'name'" in text and uuid in text, text)
    test('its log', found(image, 'log') == ('ok', 'empty'), found(image, 'log'))
    test('what libblkid says', found(image, 'blkid')[0] == 'ok', found(image, 'blkid'))
    os.truncate(image, 40 << 20)
    result, text = found(image, 'superblock')
    test('a truncated image', result == 'FAIL' and 'has 41943040 bytes and the filesystem needs 67108864' in text, text)
    os.truncate(image, 80 << 20)
    test('a longer one', found(image, 'superblock')[0] == 'ok', found(image, 'superblock'))
    os.truncate(image, 64 << 20)
    with open(image, 'r+b') as f:
        f.seek(60)
        f.write(b'\xff')
    result, text = found(image, 'superblock')
    test('a damaged superblock', result == 'FAIL' and 'checksum' in text, text)
    test('a directory elsewhere', found(d, 'directory')[0] == 'FAIL', found(d, 'directory'))
    test('nothing', found(os.path.join(d, 'none'), 'device')[0] == 'FAIL')

    # --- skeletons compile as they say

    cflags = subprocess.run(['make', '-s', '-C', top, 'print-bpf-cflags'], capture_output=True, text=True,
                            env={k: v for k, v in os.environ.items() if not k.startswith(('MAKE', 'MFLAGS'))})
    for op, name in (('search', 'my-search'), ('distance', '3d'), ('filter', 'int')):
        source = os.path.join(d, name + '.bpf.c')
        r = run('program', 'new', name, '--op', op, '-o', source)
        c = subprocess.run(['clang', *cflags.stdout.split(), '-c', source, '-o', source[:-1] + 'o'],
                           capture_output=True, text=True, cwd=top)
        lines = open(source).read().count('\n')
        test('a new %s program compiles' % op, r.returncode == 0 and c.returncode == 0 and lines < 40, r, c, lines)
    r = run('program', 'new', 'x', '--op', 'search', '-o', source)
    test('a file is not overwritten', r.returncode == 1 and 'not overwritten' in r.stderr, r)
    r = run('program', 'new', 'x', '--op', 'search', '--json')
    test('as JSON', json.loads(r.stdout)['source'] == run('program', 'new', 'x', '--op', 'search').stdout, r)
done()
