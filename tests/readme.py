#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The commands of README.md, so that a test runs every one of them.

readme.py               check that each is run somewhere, and that verbs, options and files named in the text exist; run
                        those that need no root.  TAP
readme.py steps         a shell function that runs those for the guest, in order: tests/vm/t_readme.sh
readme.py demo LOG      compare the session with what tests/vm/demo printed.  TAP
readme.py command TEXT  the one command that begins with TEXT: tests/deb.sh
"""
import os
import re
import shlex
import subprocess
import sys
import tempfile

top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Where commands that are not for the guest are run, or what they consist of: a file, and what it must contain.
ELSEWHERE = {
    'make demo': ('tests/tests.mk', '\ndemo: '),
    'make check': ('tests/tests.mk', '\ncheck:'),
    'make bench': ('bench/bench.mk', '\nbench-smoke: '),
    'make bench-disk': ('bench/smoke.py', "'disk', 'run.py'"),
    'make demo-fuse': ('tests/vm/demo_test', 'tests/demo/fuse'),
    'make help': ('Makefile', '\nhelp:'),
    'make deps': ('ctl/deps.mk', '\ndeps:'),
    'make tools': ('ctl/ctl.mk', '\ntools: '),
    'make node': ('ctl/ctl.mk', '\nnode: '),
    'make deps deb': ('tests/deb.sh', 'make -C "$top" deb '),
    'make deps all': ('tests/check', 'for step in deps all '),
    'make install install-module && ldconfig': ('tests/deb.sh', 'install install-module DESTDIR='),
    'make uninstall uninstall-module': ('tests/deb.sh', 'uninstall uninstall-module DESTDIR='),
    'apt install git make': ('ctl/deps.mk', ' git'),
    'apt install linux-image-6.12-amd64 linux-headers-6.12-amd64':
        ('tests/deb.sh', 'linux-headers-6.12-amd64 python3\n\tlinux-image-6.12-amd64'),
    'apt install ./build/deb/*_all.deb ./build/deb/libvexfs0_*.deb ./build/deb/libvexfs-dev_*.deb '
    './build/deb/vexfs-tools_*.deb ./build/deb/vexfs-fuse_*.deb': ('tests/deb.sh', 'readme.py" command "apt install ./build/deb'),
    'apt purge vexfs-tools vexfs-fuse vexfs-dkms libvexfs0': ('tests/deb.sh', '--purge vexfs-tools vexfs-fuse vexfs-dkms '),
    # by FUSE
    'vexfs-fuse words.img files': ('tests/unit/fuse.py', "command_of('vexfs-fuse ')"),
    'vexctl search files/words --word king --labels tests/data/glove-2k.words -k 2':
        ('tests/unit/fuse.py', "command_of('vexctl search files/words ')"),
    'make bpf/NAME.native.so': ('bpf/bpf.mk', '\n%.native.so: %.bpf.c'),
    'make bpf/coded.native.so': ('tests/unit/fuse.py', "command_of('make bpf/coded.native.so')"),
    'vexctl load --mount files bpf/coded.native.so && vexctl use files/words coded':
        ('tests/unit/fuse.py', "command_of('vexctl load --mount ')"),
    'vexctl program list --mount files': ('tests/unit/fuse.py', "command_of('vexctl program list --mount ')"),
    'vexctl --image words.img --load bpf/coded.native.so search words --id 7':
        ('tests/unit/fuse.py', "command_of('vexctl --image words.img --load ')"),
    'fusermount3 -u files': ('tests/unit/fuse.py', "command_of('fusermount3 ')"),
    'mount -t fuse.vexfs words.img files': ('tests/deb.sh', 'command="mount -t fuse.vexfs words.img files"'),
    'systemctl reload vexd': ('tests/deb-guest.sh', 'systemctl reload vexd'),
    'journalctl -u vexd': ('tests/deb-guest.sh', 'journalctl -u vexd'),
    'systemd-analyze security vexd': ('tests/deb.sh', 'systemd-analyze security'),
    'dkms status': ('tests/deb.sh', 'dkms status'),
    # these take minutes; they are benches
    'tests/vm/run --icount bench/vm/flat.sh': ('bench/vm/flat.sh', 'tests/vm/run --icount bench/vm/flat.sh\n'),
    'tests/vm/run --icount --mem 2G bench/vm/codes.sh': ('bench/vm/codes.sh', 'tests/vm/run --icount --mem 2G bench/vm/codes.sh\n'),
    'tests/vm/run --icount bench/vm/insert.sh': ('bench/vm/insert.sh', 'tests/vm/run --icount bench/vm/insert.sh\n'),
    # a longer run of what make check runs
    'STATES=24 ROUNDS=20 tests/crash/states.sh': ('tests/crash/states.sh', '${STATES:-'),
    # they start slowly in the emulator, once is enough
    'bpftrace ctl/examples/search.bt': ('tests/vm/t_trace.sh', '/usr/bin/bpftrace search.bt'),
    'ctl/examples/search.perf COMMAND': ('tests/vm/t_trace.sh', ' search.perf vexctl search'),
    # of a damaged filesystem
    'mount -o ro,norecovery': ('tests/vm/t_mount.sh', 'mount -t vexfs -o ro,norecovery '),
    # a symptom
    'bpftool struct_ops': ('README.md', '| `bpftool struct_ops` crashes'),
    # needs a firmware with Secure Boot
    'mokutil --import /var/lib/dkms/mok.pub': ('README.md', 'Secure Boot'),
}
# run here, and by an ordinary user
NATIVE = ('Try it without a kernel module', 'In a program of yours')
# what begins a command within the text, as opposed to a name
PROGRAMS = {'apt', 'bpftool', 'bpftrace', 'clang', 'dkms', 'fsck.vexfs', 'journalctl', 'make', 'mkfs.vexfs', 'mokutil', 'mount',
            'systemctl', 'systemd-analyze', 'vexctl', 'vexd', 'wget'}
# what stands for something else
PLACEHOLDERS = {'DIR': '/srv/vexfs/words', 'DEVICE': '/dev/vdb', 'NAME': 'coded', 'SECONDS': '7', 'BYTES': '67108864', 'PERCENT': '40'}
# what differs from run to run; for Python and for sed -E
# - is what is not known in a table
VARIES = [(' - ', ' N '), ('[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', 'UUID'), ('tag [0-9a-f]{16}', 'tag'),
          ('tcg|kvm', 'ACCEL'), ('rounds?', 'rounds'), ('[0-9][0-9.,:]*', 'N'), ('[ \t]+', ' '), ('^ ', ''), (' $', '')]


def same_shape(line):
    for regex, to in VARIES:
        line = re.sub(regex, to, line)
    return line


class Block:
    """An indented block, or a table, of a section."""
    def __init__(self, section, line, kind):
        self.section, self.line, self.kind, self.lines = section, line, kind, []

    def kind_of(self):
        first = self.lines[0]
        if self.section == 'A session':
            return 'demo'
        if self.section == 'Layout':
            return 'text'
        if first.startswith('$ '):
            return 'transcript'
        if first.startswith('import '):
            return 'node' if ';' in first else 'python'
        return 'fstab' if first.startswith('/dev/') else 'commands'


def parse(text):
    blocks, section, block = [], '', None
    for number, line in enumerate(text.split('\n'), 1):
        if line.startswith('#'):
            section = line.lstrip('#').strip()
        kind = 'table' if line.startswith('|') else 'block' if line.startswith('    ') else ''
        if block and kind != block.kind:
            blocks.append(block)
            block = None
        if kind and not block:
            block = Block(section, number, kind)
        if block:
            block.lines.append(line[4:] if kind == 'block' else line)
    for b in blocks:
        if b.kind == 'block':
            b.kind = b.kind_of()
    return blocks


def uncomment(line):
    return re.sub(r'\s+#\s.*$', '', line).strip()


def commands_of(block):
    """(command, output) of a block or of the first column of a table; output: as the README shows it, or None."""
    if block.kind == 'python':
        yield "python3 - <<'E'\n%s\nE" % '\n'.join(block.lines), None
    elif block.kind == 'node':
        yield "node --input-type=module - <<'E'\n%s\nE" % '\n'.join(block.lines), None
    elif block.kind == 'fstab':
        yield "echo '%s' > /etc/fstab && umount /srv/vexfs && mount /srv/vexfs" % block.lines[0], None
    elif block.kind == 'transcript':
        command = output = None
        for line in block.lines:
            if line.startswith('$ '):
                if command:
                    yield command, output
                command, output = line[2:], []
            else:
                output.append(line)
        yield command, output
    elif block.kind == 'commands':
        end = None
        for line in block.lines:
            if end:
                command += '\n' + line
            else:
                command = uncomment(line)
                end = (re.findall(r"<<'(\w+)'$", command) or [None])[0]
                if end:
                    continue
            if line == end:
                end = None
            if not end:
                yield command, None
    elif block.kind == 'table' and block.section != 'When something is wrong':     # which begins with symptoms
        options = block.lines[0].startswith('| mount option')
        for line in block.lines[2:]:
            for span in re.findall('`([^`]+)`', line.split('|')[1]):
                if options:
                    yield 'umount /srv/vexfs && mount -t vexfs -o %s /dev/sdb1 /srv/vexfs' % span, None
                elif span.split()[0] in PROGRAMS:
                    yield span, None
        if options:             # the last of them are read-only
            yield 'umount /srv/vexfs && mount -t vexfs /dev/sdb1 /srv/vexfs', None


def replaced(command):
    for name, value in PLACEHOLDERS.items():
        command = re.sub(r'(?<![A-Z])%s(?![A-Z=])' % name, value, command)
    return command


def steps(blocks):
    print('readme_normal() { sed -E %s; }' % ' '.join('-e ' + shlex.quote("s'%s'%s'g" % v) for v in VARIES))
    print('readme_steps() {')
    for b in blocks:
        if b.kind in ('demo', 'text') or b.section in NATIVE:
            continue
        for command, output in commands_of(b):
            if command in ELSEWHERE:
                continue
            print('step %s %s %s' % (b.line, shlex.quote(b.section), shlex.quote(replaced(command))), end='')
            print(" <<'README'\n%s\nREADME" % '\n'.join(output) if output else ' < /dev/null')
    print('}')


count = failed = 0


def test(name, good, *why):
    global count, failed
    count += 1
    failed += not good
    print('%sok %d - %s' % ('' if good else 'not ', count, name))
    if not good:
        for w in why:
            print('#', str(w).replace('\n', '\n# '))


def helps(command):
    """What is wrong with a command's verb and options, by its help; '' if nothing is."""
    words = shlex.split(command)
    words = words[:next((i for i, w in enumerate(words) if w in ('&&', '|', '>')), None)]
    program, words = os.path.join(top, 'build/bin', words[0]), words[1:]

    def help_of(*verb):
        r = subprocess.run([program, *verb, '--help'], capture_output=True, text=True)
        return r.stdout + r.stderr

    verb = []
    if program.endswith('/vexctl') and words and not words[0].startswith('-'):
        verbs = help_of()
        verb = next((v for v in (words[:2], words[:1]) if re.search('^  %s  ' % ' '.join(v), verbs, re.M)), None)
        if not verb:
            return 'no verb ' + words[0]
    text = help_of(*verb)
    if verb == ['explain']:
        text += help_of('search')
    missing = [w for w in words if w.startswith('-') and w != '--help' and not re.search(r'(?<![\w-])%s(?![\w-])' % w, text)]
    return 'no option %s of %s' % (missing, ' '.join([os.path.basename(program), *verb])) if missing else ''


def native(blocks):
    """The commands of these sections in one shell, in a directory that looks like the clone: what they print is shown."""
    with tempfile.TemporaryDirectory() as there:
        os.chmod(there, 0o777)
        for name in ('build', 'ctl', 'tests'):
            os.symlink(os.path.join(top, name), os.path.join(there, name))
        script, want = ['export PYTHONPATH=$PWD/ctl/python LIBVEXFS=$PWD/build/lib/libvexfs.so.0'], []
        for b in blocks:
            if b.section in NATIVE:
                for command, output in commands_of(b):
                    if command not in ELSEWHERE:
                        want.append((b.line, command, output))
                        script.append('%s\necho "[exit $?]"' % command)
        user = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] if os.getuid() == 0 else []
        r = subprocess.run([*user, 'bash', '-c', '\n'.join(script)], cwd=there, capture_output=True, text=True)
        got = re.split(r'^\[exit (\d+)\]\n', r.stdout, flags=re.M)
        for i, (line, command, output) in enumerate(want):
            printed, code = got[2 * i:2 * i + 2] if 2 * i + 1 < len(got) else ('', 'none')
            want_lines = [same_shape(x) for x in output or []]
            lines = [same_shape(x) for x in printed.splitlines()]
            if want_lines and want_lines[-1] == '...':
                want_lines.pop()
                lines = lines[:len(want_lines)]
            # a block of Python shows no output, nor does a command that is not worth it
            good = code == '0' and (lines == want_lines or output is None)
            test('README.md:%d, %s' % (line, command.split('\n')[0]), good, 'exit code ' + code, printed, r.stderr)
        test('a part of it was run by nobody in particular', len(want) > 8 and len(got) == 2 * len(want) + 1, r.stderr)


def check(text, blocks):
    commands = {c for b in blocks if b.kind not in ('demo', 'text') for c, _ in commands_of(b)}
    here = {c for b in blocks if b.section in NATIVE for c, _ in commands_of(b)}
    test('there are commands', len(commands) > 50, len(commands))
    test('and a session', sum(line.startswith('$ ') for b in blocks if b.kind == 'demo' for line in b.lines) > 30)
    # code spans of the text and of the tables
    spans = set(re.findall('`([^`\n]+)`', re.sub(r'^    .*$', '', text, flags=re.M)))
    for command in sorted(commands | {s for s in spans if s.split()[0] in PROGRAMS and ' ' in s or s in ELSEWHERE}):
        if command in ELSEWHERE:
            path, has = ELSEWHERE[command]
            test('%s: see %s' % (command, path), has in open(os.path.join(top, path)).read(), 'it has no %r' % has)
        elif command in here:
            continue
        elif command.split()[0] in ('vexctl', 'vexd', 'mkfs.vexfs', 'fsck.vexfs'):
            wrong = helps(command)
            test(command, not wrong, wrong)
        elif command not in commands:
            test('%s is run by a test' % command, False, 'put it into a block or a table, or into ELSEWHERE')
    gone = [c for c in ELSEWHERE if c not in commands and c not in spans]
    test('ELSEWHERE has no others', not gone, gone)
    files = {s for s in spans if re.match(r'(bench|bpf|ctl|debian|include|kmod|tests)/[\w./-]*$', s)}
    files |= {'bpf/%s.bpf.c' % name for name in re.findall(r'^\| `(\w+)` \| (?:search|filter|distance) \|', text, re.M)}
    missing = [f for f in sorted(files) if not os.path.exists(os.path.join(top, f))]
    test('%d files are there' % len(files), len(files) > 10 and not missing, missing)


def demo(blocks, log):
    """The session is in the log, in order.  Output is indented, and complete but for `...`; whole commands may be left out."""
    # a slow machine shows how far it is
    progress = re.compile(r'^ *\w+: \d+ of \d+ \w+$')
    got = [(same_shape(line), line.startswith('  ')) for line in log.split('\n') if line.strip() and not progress.match(line)]
    emulated = 'in QEMU (kvm)' not in log
    at, skip, wrong = 0, True, ''
    want = [(b.line + n, line) for b in blocks if b.kind == 'demo' for n, line in enumerate(b.lines) if line.strip()]
    for number, line in want:
        if line.startswith('The machine was emulated') and not emulated:
            continue
        if line.strip() == '...':
            skip = True
            continue
        line = (same_shape(line), line.startswith('  '))
        # what comes next begins a command: there must be no more output of the one before
        if not line[1] and (skip or at == len(got) or not got[at][1]):
            skip = True
        found = next((i for i in range(at, len(got)) if got[i] == line), None) if skip else at if got[at:at + 1] == [line] else None
        if found is None:
            wrong = 'README.md:%d: %s\nthe demo says: %s' % (number, line[0], got[at][0] if at < len(got) else 'no more')
            break
        at, skip = found + 1, False
    test('the session is what the demo prints', not wrong and len(want) > 100, wrong)


text = open(os.path.join(top, 'README.md')).read()
blocks = parse(text)
what = sys.argv[1] if len(sys.argv) > 1 else 'check'
if what == 'steps':
    steps(blocks)
elif what == 'command':
    found = [c for b in blocks for c, _ in commands_of(b) if c.startswith(sys.argv[2])]
    if len(found) != 1:
        sys.exit('README.md has %d commands that begin with: %s' % (len(found), sys.argv[2]))
    print(found[0])
else:
    if what == 'demo':
        demo(blocks, open(sys.argv[2], errors='replace').read())
    else:
        check(text, blocks)
        native(blocks)
    print('1..%d' % count)
sys.exit(failed > 0)
