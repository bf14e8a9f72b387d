#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Collections in an image, without a kernel module and without root: vexctl --image and vexfs.attach().  TAP.

What is found is compared with brute force over what was put there.  Run by root, it goes on as nobody, if that may enter
the directory of the sources.
"""
import array
import errno
import hashlib
import json
import math
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
from pymodule import again, np, raises, test, top  # noqa: E402
from tap import skip  # noqa: E402
import vexfs  # noqa: E402
work = os.environ.get('VEXFS_WORK') or tempfile.mkdtemp(prefix='vexfs-attach')

def nobody_enters():
    return all(os.stat(top.rsplit('/', n)[0] or '/').st_mode & 1 for n in range(top.count('/') + 1))


if os.geteuid() == 0 and nobody_enters():
    os.chown(work, 65534, 65534)
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
os.chdir(work)
random.seed(5)
IMAGE, DIMS = 'x.img', 8
KINDS = ['red', 'green', 'blue', None]


def tool(program, *args, **more):
    more.setdefault('timeout', 120)
    return subprocess.run([os.path.join(top, 'build/bin', program), *args], capture_output=True, text=True, **more)


def vexctl(*args, **more):
    return tool('vexctl', '--image', IMAGE, *args, **more)


def answer(*args, **more):
    """The JSON of a verb."""
    r = vexctl(*args, '--json', **more)
    return json.loads(r.stdout) if r.returncode == 0 else r


def lines(*args):
    """The JSON of a verb that prints a value a line."""
    r = vexctl(*args, '--json')
    return [json.loads(line) for line in r.stdout.split('\n') if line] if r.returncode == 0 else r


def fresh(size=64 << 20):
    with open(IMAGE, 'wb') as f:
        f.truncate(size)
    r = tool('mkfs.vexfs', '-q', '--force', IMAGE)
    if r.returncode:
        sys.exit(r.stderr)


def whole():
    """What fsck.vexfs finds wrong; '' if nothing."""
    r = tool('fsck.vexfs', IMAGE)
    return '' if r.returncode == 0 else r.stdout + r.stderr


def digest():
    with open(IMAGE, 'rb') as f:
        return hashlib.sha256(f.read()).digest()


def f32(x):
    return struct.unpack('f', struct.pack('f', x))[0]


def vector():
    return [f32(random.uniform(-1, 1)) for _ in range(DIMS)]


def l2(a, b):
    return sum((x - y) ** 2 for x, y in zip(a, b))


def nearest(records, query, k, good=lambda r: True):
    """[(distance, id)] by brute force."""
    return sorted((l2(r['vector'], query), r['id']) for r in records if good(r))[:k]


def same(hits, want):
    """Hits of vexctl or of Python against nearest()."""
    got = [(h['distance'], h['id']) if isinstance(h, dict) else (h.distance, h.id) for h in hits]
    return [i for _, i in got] == [i for _, i in want] and all(math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9)
                                                               for (a, _), (b, _) in zip(got, want))


def with_files(made, data):
    with open(made, 'wb') as f:
        f.write(data)
    return made


def clean_up():
    os.chdir('/')
    shutil.rmtree(work, ignore_errors=True)


def commands():
    fresh()
    r = vexctl('collection', 'create', 'words', '--dims', str(DIMS), '-a', 'n:int', '-a', 'kind:keyword')
    test('collection create', r.returncode == 0 and r.stdout == 'created x.img/words: 8 x f32, l2, 2 attributes\n', r)
    r = vexctl('collection', 'create', '/words', '--dims', '3')
    test('of one that is there', r.returncode == 1 and r.stderr.startswith(
        'vexctl collection create: x.img/words: it is a collection already'), r)
    r = vexctl('collection', 'create', 'no/way', '--dims', '3')
    test('below nothing', r.returncode == 1 and 'No such file or directory' in r.stderr, r)
    r = vexctl('collection', 'create', 'bad', '--dims', '3', '--metric', 'hamming')
    test('one that fails leaves no directory', r.returncode == 1 and vexctl('collection', 'info', 'bad').stderr.endswith(
        'there is no such directory; create it with `vexctl collection create`\n'), r)

    records = [{'id': i * 3, 'key': 'key-%d' % i, 'attrs': {'n': i, **({'kind': KINDS[i % 4]} if KINDS[i % 4] else {})},
                'vector': vector()} for i in range(1000)]
    with open('records.jsonl', 'w') as f:
        f.writelines(json.dumps(r) + '\n' for r in records)
    r = vexctl('import', 'words', 'records.jsonl')
    test('import', r.returncode == 0 and r.stdout.startswith('imported 1000 records into x.img/words: ids between 0 and '
                                                             '2997, 8 dimensions, on disk'), r)
    r = vexctl('import', 'words', 'records.jsonl')
    test('what is there already', r.returncode == 1 and 'is taken' in r.stderr, r)
    test('fsck.vexfs finds nothing', whole() == '', whole())
    before = digest()

    query = vector()
    text = ' '.join(map(repr, query))
    wrong = []
    for where, good in [(None, lambda r: True), ('n < 500', lambda r: r['attrs']['n'] < 500),
                        ("kind = 'red' and n & 4", lambda r: r['attrs'].get('kind') == 'red' and r['attrs']['n'] & 4),
                        ("kind is null or kind in ('blue', 'green') and not n >= 100",
                         lambda r: r['attrs'].get('kind') is None or
                         r['attrs'].get('kind') in ('blue', 'green') and not r['attrs']['n'] >= 100),
                        ("kind = 'nothing'", lambda r: False)]:
        for more in ([], ['--exact']):
            a = answer('search', 'words', '--vector', text, '-k', '7', *(['--where', where] if where else []), *more)
            if not isinstance(a, dict) or not same(a['hits'], nearest(records, query, 7, good)) or a['truncated']:
                wrong.append((where, more, a, nearest(records, query, 7, good)))
    test('search with conditions', not wrong, *wrong)
    a, want = answer('search', 'words', '--id', '30', '-k', '3'), nearest(records, records[10]['vector'], 3)
    test('by id', same(a['hits'], want), a, want)
    a = answer('search', 'words', '--key', 'key-10', '-k', '3')
    test('by key', same(a['hits'], want), a)
    radius = nearest(records, query, 50)[-1][0]
    a = answer('search', 'words', '--vector', text, '--radius', repr(radius + 1e-9), '--exact')
    test('within a distance', same(a['hits'], nearest(records, query, 50)), a)
    queries = [vector() for _ in range(20)]
    got = lines('search', 'words', '-k', '3', '--batch', '7')
    r = vexctl('search', 'words', '-k', '3', '--batch', '7', '--json',
               input='\n'.join(' '.join(map(repr, q)) for q in queries))
    got = [json.loads(line)['hits'] for line in r.stdout.split('\n') if line]
    test('queries from standard input', len(got) == 20 and all(same(h, nearest(records, q, 3))
                                                               for h, q in zip(got, queries)), r)
    a = answer('search', 'words', '--vector', text, '--repeat', '200', '--threads', '4')
    test('from several threads', a['ok'] == 200 and a['failed'] == 0 and same(a['hits'], nearest(records, query, 10)), a)
    r = vexctl('explain', 'words', '--vector', text, '--where', 'n < 500')
    test('explain', r.returncode == 0 and re.search(r'500 .*match|match.* 500', r.stdout), r)
    got = [answer('explain', 'words', '--vector', text, *more)['explain']
           for more in ([], ['--recall', '1'], ['--recall', '0.95', '--effort', '9'], ['--exact'])]
    test('the plan, why, and what recall was wanted', [(g['plan'].split()[0], g['why'], g['recall']) for g in got] ==
         [('measure', 'because there are few records', r) for r in (0.99, 1, 0.95)] +
         [('measure', 'because the caller wants it so', 1)], got)
    a = answer('get', 'words', '--key', 'key-7')
    test('get', a['id'] == 21 and a['attrs'] == {'n': 7} and [f32(x) for x in a['vector']] == records[7]['vector'], a)
    got = lines('list', 'words')
    test('list', [g['id'] for g in got] == [r['id'] for r in records] and
         all(g['attrs'] == r['attrs'] and g['key'] == r['key'] for g, r in zip(got, records)), got[:3])
    r = vexctl('export', 'words', '-o', 'out.jsonl')
    with open('out.jsonl') as f:
        got = [json.loads(line) for line in f]
    for g in got:
        g['vector'] = [f32(x) for x in g['vector']]
        g['attrs'] = {k: v for k, v in g['attrs'].items() if v is not None}
    test('export', r.returncode == 0 and got == records, r, got[:1], records[:1])
    with open('queries.fvecs', 'wb') as f:
        f.writelines(struct.pack('<i8f', 8, *q) for q in queries)
    a = answer('eval', 'words', '--queries', 'queries.fvecs', '--write-truth', 'truth.ivecs')
    with open('truth.ivecs', 'rb') as f:
        data = f.read()
    truth = [list(struct.unpack_from('<10i', data, 44 * i + 4)) for i in range(20)]
    test('eval', a['queries'] == 20 and a['recall'] == 1 and truth == [[i for _, i in nearest(records, q, 10)]
                                                                       for q in queries], a)
    a = answer('collection', 'info', 'words')
    test('info', (a['records'], a['slots'], a['committed'], a['dims']) == (1000, 1000, 1000, DIMS) and
         a['attrs'] == [{'name': 'n', 'type': 'int'}, {'name': 'kind', 'type': 'keyword'}], a)
    test('what only reads has changed nothing', digest() == before)
    os.chmod(IMAGE, 0o444)
    r = vexctl('search', 'words', '--id', '30', '-k', '3')
    test('an image that may not be written can be read', r.returncode == 0, r)
    if os.geteuid():
        r = vexctl('delete', 'words', '30')
        test('and not be changed', r.returncode == 1 and digest() == before and
             r.stderr == 'vexctl delete: x.img: no permission to open it; attach it read-only if it may be read, '
             'or ask its owner\n', r)
    os.chmod(IMAGE, 0o644)

    # --- changes
    r = vexctl('snapshot', 'create', 'words', 'before')
    test('snapshot create', r.returncode == 0, r)
    gone = set(range(0, 600 * 3, 3))
    r = vexctl('delete', 'words', *map(str, gone))
    test('delete', r.returncode == 0 and r.stdout == 'deleted 600 records\n', r)
    left = [x for x in records if x['id'] not in gone]
    a = answer('search', 'words', '--vector', text)
    test('it is on the disk without a sync', same(a['hits'], nearest(left, query, 10)), a)
    a = answer('search', 'words', '--vector', text, '--as-of', 'before')
    test('as of the snapshot', same(a['hits'], nearest(records, query, 10)), a)
    for verb in (['search', 'words', '--vector', text], ['export', 'words', '-o', os.devnull]):
        r = vexctl(*verb, '--as-of', '')
        test('%s as of nothing is not the present' % verb[0], r.returncode == 1 and 'snapshot' in r.stderr, r)
    a = answer('snapshot', 'list', 'words')
    test('snapshot list', [(s['name'], s['records']) for s in a] == [('before', 1000)], a)
    r = vexctl('snapshot', 'delete', 'words', 'before')
    a = answer('compact', 'words')
    test('compact', r.returncode == 0 and a == {'slots_before': 1000, 'slots': 400}, r, a)
    a = answer('search', 'words', '--vector', text)
    test('search after that', same(a['hits'], nearest(left, query, 10)), a)
    with open('more.jsonl', 'w') as f:
        for x in left[:50]:
            x['vector'] = vector()
            f.write(json.dumps({'key': x['key'], 'attrs': x['attrs'], 'vector': x['vector']}) + '\n')
    r = vexctl('import', 'words', 'more.jsonl', '--upsert')
    a = answer('search', 'words', '--vector', text)
    test('import --upsert', r.returncode == 0 and same(a['hits'], nearest(left, query, 10)), r, a)
    r = vexctl('sync', 'words')
    test('sync', r.returncode == 0, r)
    a = answer('delete', 'words', '--key', left[0]['key'])
    test('as JSON', a == {'ok': True, 'verb': 'delete', 'message': 'deleted 1 record'}, a)
    test('fsck.vexfs finds nothing wrong', whole() == '', whole())

    # --- formats
    wrong = []
    flat = array.array('f', [x for q in queries for x in q])
    head = "{'descr': '<f4', 'fortran_order': False, 'shape': (20, 8), }"
    head += ' ' * (117 - len(head)) + '\n'
    with_files('q.npy', b'\x93NUMPY\1\0' + struct.pack('<H', len(head)) + head.encode() + flat.tobytes())
    for name in ('q.npy', 'queries.fvecs'):
        made = vexctl('collection', 'create', 'c', '-d', '8')
        r = vexctl('import', 'c', name)
        out = vexctl('export', 'c', '-f', 'jsonl')
        got = [[f32(x) for x in json.loads(line)['vector']] for line in out.stdout.split('\n') if line]
        dropped = vexctl('collection', 'drop', 'c', '--yes')
        if made.returncode or r.returncode or got != queries or dropped.returncode:
            wrong.append((name, made, r, out, dropped))
    test('npy, fvecs, collection drop', not wrong, *wrong)
    r = vexctl('collection', 'info', 'c')
    test('what was dropped is a plain directory', r.returncode == 1 and 'not a collection' in r.stderr, r)


def has_open(pid, name, locked=False):
    proc = '/proc/%d/' % pid
    try:
        for fd in os.listdir(proc + 'fd'):
            if os.path.basename(os.readlink(proc + 'fd/' + fd)) == name:
                with open(proc + 'fdinfo/' + fd) as f:
                    return not locked or 'FLOCK' in f.read()
    except OSError:         # it has not begun yet
        pass
    return False


def has_socket(pid):
    """Has it come to whoever has the image: is there a memory that they share?"""
    with open('/proc/%d/maps' % pid) as f:
        return 'memfd:vexfs-fuse' in f.read()


def interrupted(after, *words):
    """A verb on the image with Ctrl-C so many seconds after it has it open: its exit code and what it says."""
    p = subprocess.Popen([os.path.join(top, 'build/bin/vexctl'), '--image', IMAGE, *words],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not has_open(p.pid, IMAGE) and p.poll() is None:
        pass
    time.sleep(after)
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=60)
    return p.returncode, out, err


def has_written(pid, n):
    try:
        with open('/proc/%d/io' % pid) as f:
            return int(re.search(r'wchar: (\d+)', f.read())[1]) >= n
    except OSError:         # it has ended
        return False


def elsewhere(program, **more):
    """What another process prints, and the last line of what it says if it fails."""
    r = subprocess.run([sys.executable, '-c', 'import vexfs\n' + program], capture_output=True, text=True, timeout=60,
                       env=dict(os.environ, PYTHONPATH=os.path.join(top, 'ctl/python'), **more))
    return r.stdout + (r.stderr.strip().split('\n')[-1] if r.returncode else '')


def reader():
    """A process that has the image open to read, until it has a line."""
    p = subprocess.Popen([sys.executable, '-c', """import sys, vexfs
with vexfs.attach('x.img', readonly=True) as image:
    c = image.open('c')
    print(len(c), [h.id for h in c.search([0] * 8, k=3)], flush=True)
    sys.stdin.readline()
    print(len(c), [h.id for h in c.search([0] * 8, k=3)])"""],
                         env=dict(os.environ, PYTHONPATH=os.path.join(top, 'ctl/python')),
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return p, p.stdout.readline()


def readers():
    """Several processes that read one image, which a writer has left as he was killed."""
    fresh()
    vexctl('collection', 'create', 'c', '-d', '8')
    p = subprocess.Popen([sys.executable, '-c', """import time, vexfs
image = vexfs.attach('x.img')
c = image.open('c')
for i in range(50):
    c.add([[i] * 8], [i])
    c.sync()
print('synced', flush=True)
time.sleep(60)"""], env=dict(os.environ, PYTHONPATH=os.path.join(top, 'ctl/python')), stdout=subprocess.PIPE, text=True)
    said = p.stdout.readline()
    p.kill()
    p.wait()
    before = digest()
    r = tool('fsck.vexfs', '-n', IMAGE)
    test('a killed writer leaves something in the log', said == 'synced\n' and 'log' in r.stdout + r.stderr, said, r)
    three = [reader() for _ in range(3)]
    want = '50 [0, 1, 2]\n'
    test('three processes read it at a time', [said for _, said in three] == [want] * 3,
         [said or p.communicate() for p, said in three])
    got = elsewhere('vexfs.attach("x.img")')
    test('who would write is refused', 'Errno 16' in got and 'end that first' in got, got)
    r = vexctl('delete', 'c', '5')
    test('and told why', r.returncode == 1 and r.stderr == 'vexctl delete: x.img: somebody has it open; end that first\n', r)
    os.chmod(IMAGE, 0o444)
    r = vexctl('search', 'c', '--id', '7', '-k', '1')
    test('one more, by vexctl, where nobody may write', r.returncode == 0 and '"id"' not in r.stderr, r)
    os.chmod(IMAGE, 0o644)
    ends = [p.communicate('\n', timeout=60) for p, _ in three]
    test('they are not in the way of each other', ends == [(want, '')] * 3, ends)
    test('nothing of the image has changed', digest() == before)
    got = elsewhere("""image = vexfs.attach('x.img', readonly=True)
c = image.open('c')
c.add([[1] * 8])""")
    test('who only reads writes nothing', 'Errno 30' in got and 'attach it for writing' in got, got)
    r = vexctl('collection', 'info', 'c')
    test('a writer after them finds all of it', vexctl('delete', 'c', '5').returncode == 0 and
         answer('collection', 'info', 'c')['records'] == 49 and not whole(), r)


def backups():
    """What another process has attached, by way of that one."""
    fresh(256 << 20)
    with vexfs.attach(IMAGE) as image:
        c = image.create('c', dims=8, attrs={'n': 'int'})
        rows = [vector() for _ in range(3000)]
        c.add(rows[:2000], range(2000), attrs=[{'n': i} for i in range(2000)])
        r = vexctl('snapshot', 'create', 'c', 'first')
        test('a snapshot of what is open elsewhere', r.returncode == 0 and raises(FileExistsError, c.snapshot, 'first') is True, r)
        c.add(rows[2000:], range(2000, 3000), attrs=[{'n': i} for i in range(2000, 3000)])
        c.delete(range(100))
        r = vexctl('export', 'c', '-o', 'first.fvecs', '--as-of', 'first')
        with open('first.fvecs', 'rb') as f:
            data = f.read()
        test('an export as of it', r.returncode == 0 and data == b''.join(struct.pack('<i8f', 8, *x) for x in rows[:2000]), r)
        r = vexctl('export', 'c', '-f', 'jsonl')
        got = [json.loads(line) for line in r.stdout.split('\n') if line]
        test('and of the present', [g['id'] for g in got] == list(range(100, 3000)) and
             all([f32(x) for x in g['vector']] == rows[g['id']] and g['attrs'] == {'n': g['id']} for g in got), r.stderr)
        a = answer('search', 'c', '--id', '777', '-k', '5', '--where', 'n >= 700')
        want = c.search(rows[777], k=5, where='n >= 700')
        test('a search', [h['id'] for h in a['hits']] == [h.id for h in want], a)
        r = vexctl('delete', 'c', '100')
        test('a change, which both see', r.returncode == 0 and len(c) == 2899 and
             answer('collection', 'info', 'c')['records'] == 2899, r)
        r = vexctl('collection', 'create', 'other', '-d', '3')
        test('but no new names', r.returncode == 1 and 'another process has the image open' in r.stderr, r)
        r = vexctl('collection', 'info', 'nothing')
        test('what is not there', r.returncode == 1 and 'there is no such directory' in r.stderr, r)
        r = vexctl('sync', 'c')
        test('sync', r.returncode == 0, r)
        if os.getuid() == 0:
            r = tool('vexctl', '--image', IMAGE, 'collection', 'info', 'c', user=65534)
            test('not for others', r.returncode == 1, r)
        # inserts go on while it is exported
        writer = threading.Thread(target=lambda: [c.add([vector()], attrs=[{'n': i}]) for i in range(2000)])
        writer.start()
        counts = []
        while writer.is_alive() or not counts:
            r = vexctl('export', 'c', '-o', 'now.fvecs')
            counts.append((r.returncode, os.path.getsize('now.fvecs') % 36, os.path.getsize('now.fvecs') // 36))
        writer.join()
        test('exports of what is being written', all(c[:2] == (0, 0) for c in counts) and
             sorted(counts) == counts and 2899 <= counts[0][2] and counts[-1][2] <= 4899, counts)
        p = subprocess.Popen([os.path.join(top, 'build/bin/vexctl'), '--image', IMAGE, 'search', 'c'],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        t = time.time() + 60
        while time.time() < t and not has_socket(p.pid):
            time.sleep(0.01)
    out, err = p.communicate('1 2 3 4 5 6 7 8\n', timeout=60)
    test('who has it open lets go of it', p.returncode == 1 and 'has ended' in err, p.returncode, out, err)
    test('fsck.vexfs finds nothing wrong after that', whole() == '', whole())


def refusals():
    wrong = []
    for args, says in [(['--image'], 'lacks its FILE'), (['--image='], 'lacks its FILE'),
                       (['--image', IMAGE], 'a verb is missing'),
                       (['--image', IMAGE, 'get', '--image', IMAGE, 'words', '1'], 'given twice'),
                       (['--image', IMAGE, 'nothing'], 'there is no verb')] + [
            (['--image', IMAGE, *verb.split()], 'not done in an image')
            for verb in ('mount a b', 'umount a', 'mkfs a', 'load a', 'unload a', 'replace a', 'program list',
                         'program show a', 'program dump a', 'program stats', 'program new a --op search', 'top', 'status',
                         'events', 'reload', 'doctor')]:
        r = tool('vexctl', *args)
        if r.returncode != 2 or r.stdout or says not in r.stderr or r.stderr.count('\n') != 1:
            wrong.append((args, r))
    test('command lines', not wrong, *wrong)
    r = vexctl('use', 'words', 'flat')
    test('use', r.returncode == 1 and 'no program of that name is loaded there' in r.stderr and r.stderr.count('\n') == 1, r)
    r = vexctl('use', 'words', '--builtin')
    test('use --builtin', r.returncode == 0 and 'nothing is bound' in r.stdout, r)
    r = tool('vexctl', 'collection', 'info', 'words', '--image=' + IMAGE)
    test('behind the verb, and with =', r.returncode == 0, r)
    with_files('none.img', bytes(16 << 20))
    with_files('short.img', b'x')
    wrong = []
    for image, says in [('none.img', 'VexFS'), ('short.img', ''), ('nothing.img', 'there is no such file'), ('.', '')]:
        for verb in (['collection', 'info', 'words'], ['delete', 'words', '1']):
            r = tool('vexctl', '--image', image, *verb)
            if r.returncode != 1 or r.stdout or says not in r.stderr or r.stderr.count('\n') != 1 or \
                    ': %s: ' % image not in r.stderr:
                wrong.append((image, verb, r))
    test('what is no image', not wrong, *wrong)
    with vexfs.attach(IMAGE):
        got = elsewhere('vexfs.attach("x.img", readonly=True)')
        test('two processes, the second of which would only read', 'Errno 16' in got and 'end that first' in got, got)
        got = elsewhere('vexfs.attach("x.img")')
        test('or would write', 'Errno 16' in got and 'end that first' in got, got)
        test('twice in one', raises(errno.EALREADY, vexfs.attach, IMAGE) is True)
        test('by another name', raises(errno.EALREADY, vexfs.attach, os.path.join(work, '.', IMAGE)) is True)
    r = vexctl('collection', 'info', 'words')
    test('one after the other', r.returncode == 0, r)
    holder = subprocess.Popen([os.path.join(top, 'build/bin/vexctl'), '--image', IMAGE, 'search', 'words'],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    t = time.time() + 60
    while time.time() < t and not has_open(holder.pid, IMAGE, True):
        time.sleep(0.01)
    got = raises(errno.EBUSY, vexfs.attach, IMAGE)
    r = vexctl('collection', 'info', 'words')
    out, err = holder.communicate(b'1 2 3 4 5 6 7 8\n', timeout=60)
    test('one that reads keeps a writer out, and lets another one read', got is True and r.returncode == 0 and
         holder.returncode == 0 and b'strategy' in out, got, r, out, err)


def ends():
    """How a process may end: killed, interrupted."""
    fresh(512 << 20)
    vexctl('collection', 'create', 'c', '-d', '8')
    with open('some.fvecs', 'wb') as f:
        f.writelines(struct.pack('<i8f', 8, *vector()) for _ in range(1000))
    with open('many.fvecs', 'wb') as f:
        f.write(open('some.fvecs', 'rb').read() * 600)
    vexctl('import', 'c', 'some.fvecs')
    for sig, name in ((signal.SIGKILL, 'killed'), (signal.SIGINT, 'interrupted'), (signal.SIGTERM, 'told to end')):
        first = answer('collection', 'info', 'c')['records']
        p = subprocess.Popen([os.path.join(top, 'build/bin/vexctl'), '--image', IMAGE, 'import', 'c', 'many.fvecs',
                              '--append', '--batch', '16'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while p.poll() is None and not has_written(p.pid, 4 << 20):     # of hundreds
            time.sleep(0.001)
        p.send_signal(sig)
        out, err = p.communicate(timeout=60)
        a, bad, r = answer('collection', 'info', 'c'), whole(), vexctl('export', 'c', '-o', 'out.fvecs')
        good = not bad and r.returncode == 0 and a['records'] == a['committed'] and \
            os.path.getsize('out.fvecs') == 36 * a['records']
        if sig == signal.SIGKILL:
            # what was synced, and a prefix of the batches
            test('killed in the middle', good and p.returncode == -sig and first <= a['records'] < 600000 and
                 (a['records'] - first) % 16 == 0, p.returncode, out, err, a, bad, r)
        else:
            said = re.search(r'interrupted; (\d+) of 600000 records are in', err)
            test(name, good and p.returncode == 128 + sig and said and a['records'] == first + int(said[1]),
                 p.returncode, out, err, a, bad, r)
    fresh(256 << 20)
    vexctl('collection', 'create', 'c', '-d', '8')
    vexctl('import', 'c', 'many.fvecs', '--skip', '500000', '--start-id', '0')
    vexctl('delete', 'c', *map(str, range(500000, 520000)))
    wrong, ended, todo = [], 0, [0, 0.01, 0.02, 0.05, 0.1, 0.2]
    subprocess.run(['cp', '--sparse=always', IMAGE, 'before.img'], check=True)
    for _ in range(20):
        after = todo.pop(0)
        code, out, err = interrupted(after, 'compact', 'c')
        a, bad = answer('collection', 'info', 'c'), whole()
        done = a['epoch'] == 1
        if bad or a['records'] != 80000 or code != (0 if done else 130) or \
                (not done and (a['slots'] != 100000 or 'interrupted' not in err)):
            wrong.append((after, code, out, err, a, bad))
        ended += not done
        if not todo or (done and ended):
            break
        if done:            # a busy machine, and the signal came too late
            todo.insert(0, 0)
            subprocess.run(['cp', '--sparse=always', 'before.img', IMAGE], check=True)
    test('a compaction that is interrupted has changed nothing', not wrong and ended, ended, *wrong)
    wrong, ended = [], 0
    for after in [0, 0.05, 0.2, 0.5]:
        subprocess.run(['cp', '--sparse=always', 'before.img', IMAGE], check=True)
        code, out, err = interrupted(after, 'index', 'c')
        bad = whole()
        if bad or code != (0 if ' lists\n' in out else 130) or (code and 'interrupted' not in err):
            wrong.append((after, code, out, err, bad))
        ended += code == 130
    os.unlink('before.img')
    test('index is interrupted', not wrong and ended, ended, *wrong)
    a = answer('index', 'c')
    test('and taken up again', a['slots'] == a['coded'] == a['linked'] == a['checkpoint'] and a['lists'] > 0, a)
    a = answer('search', 'c', '--id', '550000')
    test('the next process searches by lists', a['strategy'] == 'ivf', a)


def python():
    fresh()
    with vexfs.attach(IMAGE) as image:
        c = image.create('deep/er/docs', DIMS, attrs={'n': 'int', 'kind': 'keyword'})
        data = [vector() for _ in range(300)]
        ids = c.add(data, keys=['k%d' % i for i in range(300)],
                    attrs=[{'n': i, 'kind': KINDS[i % 4]} for i in range(300)])
        records = [{'id': i, 'vector': v, 'n': i, 'kind': KINDS[i % 4]} for i, v in zip(ids, data)]
        query = vector()
        test('Python: add and search', same(c.search(query, k=9), nearest(records, query, 9)) and len(c) == 300)
        hits = c.search(query, k=9, where="kind = 'blue' and n < 200")
        test('a condition', same(hits, nearest(records, query, 9, lambda r: r['kind'] == 'blue' and r['n'] < 200)), hits)
        test('several queries', all(same(h, nearest(records, q, 4)) for h, q in zip(c.search(data[:40], k=4), data)))
        test('similar', same(c.similar(key='k5', k=3), nearest(records, data[5], 3)))
        r = c.get(key='k6')
        test('get', (r.id, r.attrs, [float(x) for x in r.vector]) == (6, {'n': 6, 'kind': 'blue'}, data[6]), r)
        with image.file('deep/er/docs/a.txt', 'w') as f:
            f.write(b'one two three')
            c.add([query], [1000], files=[(f, 4, 3)])
            test('files', f.read(3, 4) == b'two' and f.read(100, 100) == b'' and
                 raises(OSError, os.write, f.fileno(), b'x') is True)
        hit = c.search(query, k=1)[0]
        test('of a hit', (hit.id, hit.offset, hit.length, hit.stale, c.path(hit.file)) == (1000, 4, 3, False, 'a.txt'), hit)
        with image.file('/deep/er/docs/a.txt', 'r+') as f:
            f.write(b'ONE')
        test('that changes', c.search(query, k=1)[0].stale and [r.id for r in c.records(stale=True)] == [1000])
        image.unlink('deep/er/docs/a.txt')
        test('and goes', c.search(query, k=1)[0].id == nearest(records, query, 1)[0][1])
        c.snapshot('s')
        c.delete(list(range(100)))
        test('a snapshot', same(c.search(query, k=9), nearest(records[100:], query, 9)) and
             same(c.search(query, k=9, as_of='s'), nearest(records, query, 9)))
        c.delete_snapshot('s')
        test('index, of few', c.index() is None)
        # numbers so large that neither codes nor lists serve them: searches measure all
        wide = image.create('wide', 3)
        wide.add([[1e10 * (i % 97), 1e9 * i, -1e10] for i in range(9000)])
        test('index, of large numbers', wide.index() is None)
        found = wide.search([1e10 * (7000 % 97), 7e12, -1e10], k=1)
        test('which are found', found[0].id == 7000 + wide.search([0, 0, -1e10], k=1)[0].id, found)
        before, after = c.compact()
        test('compact', before == 301 and after == 200 and same(c.search(query, k=9), nearest(records[100:], query, 9)),
             before, after)
        test('the same, opened otherwise', len(vexfs.Collection('x.img/deep/er/docs')) == 200 ==
             len(vexfs.Collection(os.path.join(work, IMAGE, 'deep/er/docs'))) == len(image.open('/deep/er/docs')))
        if np is not None:
            index = vexfs.Index('x.img/index', dim=DIMS)
            index.add_items(np.array(data))
            labels, _ = index.knn_query(np.array(data[:5]), k=1)
            test('an Index', labels.ravel().tolist() == [0, 1, 2, 3, 4])
        test('errors', raises(FileNotFoundError, image.open, 'nothing') is True and
             raises(FileExistsError, image.create, 'deep/er/docs', DIMS) is True and
             raises(FileExistsError, image.mkdir, 'deep') is True and
             raises(errno.ENOTEMPTY, image.rmdir, 'deep') is True and
             raises(FileNotFoundError, image.file, 'deep/none') is True and
             raises(FileExistsError, image.create, 'deep/er/docs', 3) is True and
             raises(ValueError, image.file, 'deep/x', 'q') is True)
        pid = os.fork()
        if not pid:
            ok = raises(errno.ENOTTY, len, c) is True and image.close() is None
            os._exit(0 if ok else 1)
        test('a child has no part in it', os.waitpid(pid, 0)[1] == 0 and len(c) == 200)
    test('closed', raises(errno.EBADF, len, c) is True and raises(NotADirectoryError, vexfs.Collection,
                                                                   'x.img/deep/er/docs') is True and
         raises(ValueError, image.open, 'deep/er/docs') is True and image.close() is None)
    c.close()
    test('fsck.vexfs finds nothing wrong with it', whole() == '', whole())
    before = digest()
    with vexfs.attach(IMAGE, readonly=True) as image:
        c = image.open('deep/er/docs')
        test('read-only', same(c.search(query, k=9), nearest(records[100:], query, 9)) and
             raises(errno.EROFS, c.add, [query]) is True and raises(errno.EROFS, c.snapshot, 's') is True and
             raises(errno.EROFS, image.mkdir, 'x') is True and raises(errno.EROFS, c.sync) in (True, 'no error, None'))
    test('nothing has changed', digest() == before)
    # a program that forgets to close it
    r = subprocess.run([sys.executable, '-c', 'import vexfs; vexfs.attach("x.img").open("deep/er/docs").add([%r], [77])'
                        % (query,)], env=dict(os.environ, PYTHONPATH=os.path.join(top, 'ctl/python')))
    a = answer('get', 'deep/er/docs', '77')
    test('the end of a program closes it', r.returncode == 0 and a['id'] == 77, r, a)
    test('what is no path', raises(ValueError, vexfs.attach, '') is True and raises(TypeError, vexfs.attach, 5) is True and
         raises(ValueError, vexfs.attach, 'x\0') is True and raises(FileNotFoundError, vexfs.attach, 'none') is True and
         raises(errno.EINVAL, vexfs.attach, 'none.img') is True)


def troubles():
    """What the world around an image may do."""
    log = 4 << 20
    vexfs.abi.call('create_image', 'create_image', b'new.img', 16 << 20)
    test('a new image has room for its log, and holes', log <= os.stat('new.img').st_blocks * 512 < 12 << 20,
         os.stat('new.img'))
    os.unlink('new.img')
    fresh()
    with vexfs.attach(IMAGE) as image, image.create('c', dims=8) as c:
        c.add([vector() for _ in range(10)], range(10))
        c.delete(range(4))
    r = tool('fsck.vexfs', IMAGE)
    test('fsck.vexfs counts records, not slots', r.returncode == 0 and r.stdout.endswith('1 collections, 6 records\n'), r)
    image = vexfs.attach(IMAGE)
    c = image.open('c')
    os.truncate(IMAGE, 1 << 20)
    got = raises(errno.EIO, c.sync)
    test('a sync after somebody has cut the file', got is True, got)
    test('and what comes then', raises(errno.EIO, c.sync) is True and raises(errno.EIO, c.add, [vector()]) is True)
    test('and closing it', raises(errno.EIO, image.close) is True)
    # a container: no /dev/fuse, no privileges, no capabilities
    inside = ['unshare', '-Urm', 'sh', '-c', 'mount -t tmpfs none /dev && exec setpriv --no-new-privs --bounding-set=-all '
              '--inh-caps=-all "$0" "$@"', sys.executable, '-c', """import os, vexfs
assert not os.path.exists('/dev/fuse')
with open('/proc/self/status') as f:
    assert 'CapEff:\\t0000000000000000' in f.read()
with vexfs.attach('contained.img', create=True, size='64M') as image:
    c = image.create('c', dims=2, metric='cosine')
    c.add([[i, 1] for i in range(100)], range(100))
    print([h.id for h in c.search([99, 1], k=2)])
with vexfs.attach('contained.img') as image:
    print([h.id for h in image.open('c').search([5, 1], k=1)], len(image.open('c')))"""]
    if subprocess.run(['unshare', '-Urm', 'mount', '-t', 'tmpfs', 'none', '/dev'], capture_output=True).returncode:
        skip('there are no user namespaces')
    else:
        r = subprocess.run(inside, capture_output=True, text=True, timeout=60,
                           env=dict(os.environ, PYTHONPATH=os.path.join(top, 'ctl/python')))
        test('in a container without /dev/fuse', r.returncode == 0 and r.stdout == '[99, 98]\n[5] 100\n', r)


PROGRAM = r'''
#include <stdio.h>
#include <vexfs/vexfs.h>
int main(void)
{
	float rows[2][3] = { { 1, 2, 3 }, { 4, 5, 6 } };
	__u64 ids[2] = { 10, 11 };
	struct vexfs_schema schema = { .dims = 3 };
	struct vexfs_batch b = { .n = 2, .row_bytes = sizeof(rows[0]), .rows = rows, .ids = ids };
	struct vexfs_request q = { .vector = rows[1], .vector_bytes = sizeof(rows[1]), .k = 2 };
	struct vexfs_hit hit[2];
	struct vexfs_answer a;
	int fd;

	if (vexfs_attach("x.img", 0) || vexfs_mkdir("x.img/c"))
		return 1;
	fd = vexfs_open("x.img/c");
	if (fd < 0 || vexfs_create(fd, &schema) || vexfs_insert(fd, &b) || vexfs_search(fd, &q, hit, &a))
		return 2;
	printf("%u %llu %g %llu %g\n", a.n, hit[0].id, hit[0].distance, hit[1].id, hit[1].distance);
	vexfs_close(fd);
	return -vexfs_detach("x.img");
}
'''


def library():
    """A program that knows the header and -lvexfs alone."""
    fresh()
    lib = os.path.join(top, 'build/lib')
    r = subprocess.run(['gcc', '-Wall', '-Wextra', '-Werror', '-I', os.path.join(top, 'include'), '-xc', '-', '-o', 'a.out',
                        '-L', lib, '-lvexfs'], input=PROGRAM, text=True, capture_output=True)
    out = subprocess.run(['./a.out'], capture_output=True, text=True, env=dict(os.environ, LD_LIBRARY_PATH=lib))
    test('a program with -lvexfs', r.returncode == 0 and out.returncode == 0 and out.stdout == '2 11 0 10 27\n', r, out)
    needs = re.findall(r'\(NEEDED\).*\[(.*)\]', subprocess.run(['readelf', '-d', lib + '/libvexfs.so.0'], text=True,
                                                              capture_output=True).stdout)
    test('needs the C library alone', needs and set(needs) <= {'libc.so.6', 'libm.so.6', 'ld-linux-x86-64.so.2'}, needs)


if 'VEXFS_COUNT' not in os.environ:
    commands()
    refusals()
    ends()
    readers()
    backups()
    troubles()
    library()
python()
if np is None:
    clean_up()
again(VEXFS_WORK=work)
