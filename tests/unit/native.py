#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Native programs on a mount by vexfs-fuse and in an image, by vexctl and Python: the verbs of the kernel's programs, who may
load, and what is refused.  TAP.

Usage: native.py VEXFS-FUSE, built with the sanitizers.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
from mounting import Mount, bin_dir, cannot, fresh, run, top, until, work  # noqa: E402
from tap import done, skip, test  # noqa: E402

os.environ['LIBVEXFS'] = os.path.join(top, 'build/lib/libvexfs.so.0')
sys.path.insert(0, os.path.join(top, 'ctl/python'))
import vexfs  # noqa: E402

root = os.geteuid() == 0
options = ('-o', 'allow_other') if root else ()
vectors = os.path.join(top, 'tests/data/glove-2k.fvecs')
os.chmod(work, 0o755)


def shipped(name):
    return os.path.join(top, 'bpf/%s.native.so' % name)


def other(name):
    return os.path.join(top, 'build/tests/vm/%s.native.so' % name)


def vexctl(*args, **options):
    return run(os.path.join(bin_dir, 'vexctl'), *args, **options)


def says(name, r, text, code=0):
    test(name, r.returncode == code and text in r.stdout, r.returncode, r.stdout)


def collection(m):
    words = m.path('words')
    r = vexctl('collection', 'create', words, '--dims', '100', '--attr', 'year:int')
    test('a collection', r.returncode == 0, r.stdout)
    r = vexctl('import', words, vectors)
    test('with records', r.returncode == 0, r.stdout)
    return words


def verbs():
    """load use search explain status list show replace unload."""
    m = Mount(fresh(), *options)
    words = collection(m)
    says('no program', vexctl('program', 'list', '--mount', m.dir), 'no programs')
    says('use of what is not loaded', vexctl('use', words, 'sample'), 'vexctl load --mount DIR', 1)
    r = vexctl('load', '--mount', words, shipped('sample'))
    test('load prints what it prints for the kernel', r.stdout == 'loaded sample: search, generation 1\n', r.stdout)
    says('load of a name that is taken', vexctl('load', '--mount', words, shipped('sample')), 'replace it, or unload it first', 1)
    says('use', vexctl('use', words, 'sample'), 'search is sample now')
    r = vexctl('search', words, '--id', '7', '-k', '3')
    says('search', r, 'strategy sample (')
    r = vexctl('explain', words, '--id', '7', '-k', '3')
    says('explain', r, 'program')
    r = json.loads(vexctl('program', 'list', '--mount', words, '--json').stdout)
    test('list --json', len(r) == 1 and r[0]['name'] == 'sample' and r[0]['ops'] == ['search'] and r[0]['queries'] == 2 and
         r[0]['bound'] == 1 and r[0]['state'] == 'loaded', r)
    says('show', vexctl('program', 'show', '--mount', words, 'sample'), 'queries     2, errors 0')
    r = json.loads(vexctl('status', '--json').stdout)
    test('status --json', any(f['dir'] == m.dir and f['programs'][0]['name'] == 'sample' for f in r['filesystems']), r)
    says('status', vexctl('status'), 'program sample: loaded (search), bindings 1, queries 2, errors 0')
    says('collection info', vexctl('collection', 'info', words), 'sample')
    r = vexctl('replace', '--mount', words, other('sample2'))
    test('replace', r.stdout == 'replaced sample: search, generation 2\n', r.stdout)
    says('the new one answers', vexctl('search', words, '--id', '7', '-k', '3', '--json'), '"visited": 2000')
    r = vexctl('unload', '--mount', words, 'sample')
    test('unload while it is used', r.returncode == 0 and '1 binding of collections still names it' in r.stdout and
         r.stdout.endswith('unloaded sample\n'), r.stdout)
    r = vexctl('search', words, '--id', '7', '-k', '3')
    says('then the built-in answers', r, 'the bound program is not loaded')
    says('a name that is bound to is listed', vexctl('program', 'list', '--mount', words), 'not loaded')
    says('unload once more', vexctl('unload', '--mount', words, 'sample'), "no program named 'sample' is loaded", 1)
    says('back to the built-in', vexctl('use', words, '--builtin'), 'built-in now')
    says('and nothing is left', vexctl('program', 'list', '--mount', words), 'no programs')

    # a filter that is bound and not there fails closed, also after a mount
    vexctl('load', '--mount', words, shipped('tenant'))
    says('a filter', vexctl('use', words, 'tenant'), 'filter is tenant now')
    image = m.image
    test('it ends well with a program loaded', m.end() == 0, m.said())
    m = Mount(image, *options)
    words = m.path('words')
    says('after a mount it is not loaded', vexctl('search', words, '--id', '7'), 'filter or distance program is not loaded', 1)
    vexctl('load', '--mount', words, shipped('tenant'))
    says('and works when it is', vexctl('search', words, '--id', '7', '-k', '3'), 'visited')

    # what goes together
    says('--verbose is for libbpf', vexctl('load', '--mount', words, '-v', shipped('flat')), 'one of --mount and --verbose', 2)
    says('a BPF object', vexctl('load', '--mount', words, os.path.join(top, 'bpf/flat.bpf.o')), 'is a BPF object', 1)
    says('--mount of no mount by FUSE', vexctl('load', '--mount', work, shipped('flat')), 'it is not mounted by vexfs-fuse', 1)
    says('--load without --image', vexctl('--load', shipped('flat'), 'search', words, '--id', '7'), 'goes with --image', 2)
    says('a native program for the kernel', vexctl('load', shipped('flat')), 'native program', 1)

    # what `program new` writes
    for op in 'search', 'distance', 'filter':
        source, object_ = (os.path.join(work, 'new-%s.%s' % (op, end)) for end in ('bpf.c', 'native.so'))
        vexctl('program', 'new', 'new-' + op, '--op', op, '-o', source)
        with open(source) as f:
            command = next(line[2:].strip() for line in f if 'VEXFS_NATIVE' in line)
        r = run('bash', '-c', 'umask 022; ' + command.replace('-DVEXFS_NATIVE', '-DVEXFS_NATIVE -I%s/include' % top), cwd=work)
        test('a new program of %s compiles' % op, r.returncode == 0, command, r.stdout)
        says('and is loaded', vexctl('load', '--mount', words, object_), 'loaded new-%s: %s' % (op, op))

    python(words)
    m.end()
    return image


def python(words):
    with vexfs.Collection(words) as c:
        p = c.load(shipped('flat'))
        test('Python: load', p.name == 'flat' and p.ops == ('search',) and p.loaded and p.generation > 0, p)
        c.use('flat')
        test('Python: search', c.search(c.get(7).vector, k=3)[0].id == 7)
        test('Python: programs', [(p.name, p.bound, p.queries > 0) for p in c.programs() if p.queries] ==
             [('flat', 1, True), ('tenant', 1, True)], c.programs())
        test('Python: replace', c.load(shipped('flat'), replace=True).generation > p.generation)
        try:
            c.load(shipped('flat'))
            test('Python: a name that is taken', False)
        except OSError as e:
            test('Python: a name that is taken', 'replace it, or unload it first' in str(e) and e.errno == 17, e)
        c.use(None)
        test('Python: unload', not c.unload('flat').loaded)
        try:
            c.unload('flat')
            test('Python: unload once more', False)
        except FileNotFoundError as e:
            test('Python: unload once more', 'flat' in str(e), e)


def image_verbs(image):
    """In an image a program is there for one verb."""
    arguments = '--image', image, '--load', shipped('flat'), '--load', shipped('tenant')
    says('--load and search', vexctl(*arguments, 'search', 'words', '--id', '7', '-k', '3'), 'visited')
    says('use', vexctl(*arguments, 'use', 'words', 'flat'), 'search is flat now')
    says('search by it', vexctl(*arguments, 'search', 'words', '--id', '7', '-k', '3'), 'strategy flat (')
    says('without its filter', vexctl('--image', image, 'search', 'words', '--id', '7'), 'filter or distance program is not loaded', 1)
    says('what is no program', vexctl('--image', image, '--load', vectors, 'search', 'words', '--id', '7'), 'is not a native program', 1)
    says('--load lacks its object', vexctl('--image', image, '--load'), 'lacks its OBJECT', 2)
    says('unbind', vexctl('--image', image, 'use', 'words', '--builtin', '--slot', 'filter'), 'built-in now')
    says('use of what is not loaded', vexctl('--image', image, 'use', 'words', 'sample'), '--load', 1)


def who():
    """Only who runs the daemon, and root."""
    m = Mount(fresh(), '-o', 'allow_other')
    collection(m)
    as_other = {'user': 1000, 'group': 1000, 'extra_groups': []}
    mine = os.path.join(work, 'mine.native.so')
    shutil.copy(shipped('flat'), mine)
    os.chown(mine, 1000, 1000)
    os.chmod(mine, 0o755)
    says('another user may not load', vexctl('load', '--mount', m.dir, mine, **as_other), 'for its owner, who runs it, and for root', 1)
    says('root loads no file of another user', vexctl('load', '--mount', m.dir, mine), 'belongs to another user (1000)', 1)
    os.chown(mine, 0, 0)
    os.chmod(mine, 0o775)
    says('nor one that others may write to', vexctl('load', '--mount', m.dir, mine), 'can be written to by others', 1)
    os.chmod(mine, 0o755)
    says('nor is another user allowed root\'s', vexctl('load', '--mount', m.dir, mine, **as_other), 'for its owner', 1)
    says('root may', vexctl('load', '--mount', m.dir, mine), 'loaded flat')
    says('another user sees it', vexctl('program', 'list', '--mount', m.dir, **as_other), 'flat')
    says('and may not unload it', vexctl('unload', '--mount', m.dir, 'flat', **as_other), 'for its owner', 1)
    says('nor replace it', vexctl('replace', '--mount', m.dir, mine, **as_other), 'for its owner', 1)
    says('nor use it in what is not his', vexctl('use', m.path('words'), 'flat', **as_other), 'ermi', 1)
    m.end()


def forbidden():
    m = Mount(fresh(), '-o', 'noprograms' + (',allow_other' if root else ''))
    words = collection(m)
    says('-o noprograms: load', vexctl('load', '--mount', words, shipped('flat')), 'programs are forbidden here (noprograms)', 1)
    says('-o noprograms: replace', vexctl('replace', '--mount', words, shipped('flat')), 'noprograms', 1)
    says('-o noprograms: list', vexctl('program', 'list', '--mount', words), 'no programs')
    m.end()


def swapped():
    """Versions come and go while clients search; a killed client's query is no obstacle."""
    m = Mount(fresh(), *options)
    words = collection(m)
    vexctl('load', '--mount', words, other('half'))
    vexctl('use', words, 'half')
    wrong, searches, stop = [], [0], threading.Event()

    def search():
        with vexfs.Collection(words) as c:
            query = c.get(99).vector
            while not stop.is_set():
                slots = {h.id // 64 % 2 for h in c.search(query, k=10)}
                searches[0] += 1
                if len(slots) != 1:
                    wrong.append(slots)

    threads = [threading.Thread(target=search) for _ in range(2)]
    for t in threads:
        t.start()
    for i in range(10):
        r = vexctl('replace', '--mount', words, other('half' if i % 2 else 'half-odd'))
        if r.returncode:
            wrong.append(r.stdout)
    stop.set()
    for t in threads:
        t.join()
    test('answers are of one version alone', searches[0] > 10 and not wrong, searches, wrong[:3])

    # by the clock of the query, and by the client that has gone
    vexctl('load', '--mount', words, other('spin'))
    vexctl('use', words, 'spin')
    p = subprocess.Popen([os.path.join(bin_dir, 'vexctl'), 'search', words, '--id', '7', '--timeout', '600'], stdout=subprocess.DEVNULL)
    until(lambda: any(p['name'] == 'spin' and p['bound'] for p in
                      json.loads(vexctl('program', 'list', '--mount', words, '--json').stdout)))
    p.send_signal(signal.SIGKILL)
    p.wait()
    says('what a killed client ran is unloaded', vexctl('unload', '--mount', words, 'spin'), 'unloaded spin')
    test('it ends well', m.end() == 0, m.said())


why = cannot()
if why:
    skip(why)
else:
    image_verbs(verbs())
    if root:
        who()
    forbidden()
    swapped()
done()
