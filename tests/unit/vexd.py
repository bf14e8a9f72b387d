#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""vexd without a kernel module: configurations, the socket, metrics, signals, bad clients.  TAP.

Usage: vexd.py VEXD, a daemon built with the sanitizers.
"""
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from tap import done, skip, test

vexd = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build/tests/vexd')
vexctl = os.path.join(os.path.dirname(os.path.dirname(vexd)), 'bin/vexctl')
work = tempfile.mkdtemp(prefix='vexd-test')
sock = os.path.join(work, 'run/vexd.sock')
seed = int(os.environ.get('VEXFS_SEED', '1'))


def write(name, text):
    path = os.path.join(work, name)
    with open(path, 'wb') as f:
        f.write(text if isinstance(text, bytes) else text.encode())
    return path


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


# --- the configuration

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
cflags = subprocess.run(['make', '-s', '-C', top, 'print-bpf-cflags'], capture_output=True, text=True, check=True,
                        env={k: v for k, v in os.environ.items() if not k.startswith(('MAKE', 'MFLAGS'))}).stdout.split()
with open(os.path.join(top, 'bpf/flat.bpf.c')) as f:
    flat = f.read()


def build(path, source, flags=()):
    """Compile a program.  An object file."""
    path = os.path.join(work, path)
    with open(path + '.c', 'w') as f:
        f.write(source)
    subprocess.run(['clang', *[x for x in cflags if x not in flags], *flags, '-Wno-error', '-c', path + '.c', '-o', path],
                   check=True, cwd=top, capture_output=True)
    os.unlink(path + '.c')
    return path


def program(name):
    return build(name + '.o', re.sub(r'\.name = "flat"', '.name = "%s"' % name, flat))


A, B, LONG = program('a'), program('b-2_c'), program('a' * 31)
shutil.copy(A, os.path.join(work, 'a#b;c d.o'))
shutil.copy(A, os.path.join(work, 'a #b.o'))
P = '[program a]\nobject = %s\n' % A
GOOD = [
    ('nothing', '', 0),
    ('comments', '# a\n  # b\n; c\n\t;d\nmetrics = off # c\n', 0),
    ('a program', P, 1),
    ('its directories', P + 'bind = /x\nbind = /y\n', 1),
    ('comments behind paths', '[program a] # a\nobject = %s\t# b\nbind = /x ; c\nbind = /y  #\n' % A, 1),
    ('CRLF and spaces', '  [ program   a ] \r\n object=%s/a#b;c d.o  \r\n' % work, 1),
    ('quotes', '[program a]\nobject = "%s/a #b.o" # c "\nbind="/x"\n' % work, 1),
    ('two programs', P + P.replace(' a]', ' b-2_c]').replace(A, B), 2),
    ('the longest name', P.replace(' a]', ' ' + 'a' * 31 + ']').replace(A, LONG), 1),
    ('no newline at the end', P + 'bind = /x', 1),
]
BAD = [
    ('an unknown key', 'speed = 9\n', ":1: unknown key 'speed'"),
    ('a key of the other level', P + 'metrics = 9\n', ":3: unknown key 'metrics'"),
    ('an unknown section', '\n[collection x]\n', ':2: unknown section [collection x]'),
    ('a section that does not end', '[program a\n', ':1: a section ends with ]'),
    ('no name', '[program]\n', ':1: unknown section'),
    ('an empty name', '[program  ]\n', ':1: unknown section'),
    ('a bad name', '[program A/b]\n', ":1: 'A/b' is not a name"),
    ('a long name', '[program %s]\n' % ('a' * 32), 'longer than 31 bytes'),
    ('a program twice', P + P, ':3: [program a] is there already, in line 1'),
    ('no object', '[program a]\nbind = /x\n[program b]\nobject = /b\n', ':3: [program a] of line 1 has no object'),
    ('no object at the end', '[program a]\n', 'has no object'),
    ('two objects', P + 'object = /b.o\n', ':3: object is there already'),
    ('a relative object', '[program a]\nobject = a.o\n', ":2: object: 'a.o' is not an absolute path"),
    ('a relative directory', P + 'bind = x\n', ":3: bind: 'x' is not an absolute path"),
    ('a directory twice', P + 'bind = /x\nbind = /x\n', ':4: bind: /x is there already'),
    ('a port of 0', 'metrics = 0\n', ":1: metrics: '0' is neither a port"),
    ('a large port', 'metrics = 65536\n', 'neither a port'),
    ('a negative port', 'metrics = -1\n', 'neither a port'),
    ('a port with a tail', 'metrics = 9734x\n', 'neither a port'),
    ('metrics twice', 'metrics = 1\nmetrics = 1\n', ':2: metrics is there already'),
    ('a socket twice', 'socket = /a\nsocket = /a\n', ':2: socket is there already'),
    ('a long socket', 'socket = /%s\n' % ('s' * 120), 'longer than'),
    ('no value', 'socket =\n', ':1: socket has no value'),
    ('neither of both', 'hello\n', ':1: neither [SECTION] nor KEY = VALUE'),
    ('a NUL', b'metrics = 9\0\n', ':1: holds a control character'),
    ('one quote', P + 'bind = "/x\n', ':3: a value in quotes is'),
    ('something behind quotes', P + 'bind = "/x" y\n', ':3: a value in quotes is'),
    ('quotes around nothing', P + 'bind = ""\n', ':3: bind has no value'),
    ('an escape', b'\nmetrics = \x1b\n', ':2: holds a control character'),
    ('a large file', b'#' * (1 << 20) + b'\n', 'larger than 1 MiB'),
    ('a directory that is a file', P + '\nbind = /etc/passwd\n', ':4: bind: /etc/passwd is not a directory'),
    ('a directory below a file', P + 'bind = /etc/passwd/x\n', ':3: bind: /etc/passwd/x is not a directory'),
    ('too many programs', ''.join('[program p%d]\nobject = /p\n' % i for i in range(257)), 'more than 256 programs'),
]


def check(path):
    return subprocess.run([vexd, '--check', '-c', path], capture_output=True, text=True, timeout=60)


wrong = []
for name, text, n in GOOD:
    r = check(write('c.conf', text))
    if r.returncode or ': %d programs, nothing wrong' % n not in r.stdout:
        wrong.append((name, r))
test('%d good configurations' % len(GOOD), not wrong, *wrong)
wrong = []
for name, text, says in BAD:
    r = check(write('c.conf', text))
    if r.returncode != 1 or says not in r.stderr or len(r.stderr.strip().split('\n')) != 1:
        wrong.append((name, r))
test('%d bad configurations' % len(BAD), not wrong, *wrong)

rnd = random.Random(seed)

# --- objects that --check and load refuse, before the kernel sees them

no_ops = re.sub(r'\.name = "flat"', '.name = "a"', flat).replace('.search = (void *)flat_search,', '')
os.mkfifo(os.path.join(work, 'fifo'))
OBJECTS = [
    ('one that is not there', '/none.o', '/none.o: No such file or directory'),
    ('a comment without a space before it', A + '#x', A + '#x: No such file or directory'),
    ('a directory', work, 'is a directory'),
    ('a FIFO', os.path.join(work, 'fifo'), 'is not a regular file'),
    ('a device', '/dev/zero', 'is not a regular file'),
    ('another name', B, "holds a program named 'b-2_c', not 'a'"),
    ('source', write('text.o', flat), 'is not a BPF object file: compile the program with clang -O2 -g -target bpf -c'),
    ('nothing', write('empty.o', ''), 'is not a BPF object file'),
    ('x86-64', vexctl, 'is not a BPF object file but for x86-64: compile it with clang -O2 -g -target bpf'),
    ('64-bit ARM', write('arm.o', b'\x7fELF\2\1\1' + bytes(9) + b'\1\0\xb7\0' + bytes(44)), 'but for 64-bit ARM'),
    ('big-endian', build('eb.o', flat, ['-target', 'bpfeb']), 'is BPF for big-endian machines'),
    ('another big-endian machine', write('s390.o', b'\x7fELF\2\2\1' + bytes(9) + b'\0\1\0\x16' + bytes(44)),
     'for another machine, a big-endian one'),
    ('no BTF', build('nobtf.o', flat, ['-g0']), 'has no BTF: compile it with clang -O2 -g -target bpf'),
    ('no -O2', build('o0.o', flat, ['-O0']), 'compile it with clang -O2 -g -target bpf'),
    ('no license', build('license.o', re.sub('char _license.*', '', flat)), 'add the line  char _license[] SEC("license") = "GPL";'),
    ('another ABI', build('abi.o', flat.replace('VEXFS_OPS_ABI', 'VEXFS_OPS_ABI + 1')), 'is built for ABI 2, this VexFS has ABI 1'),
    ('no op', build('ops.o', no_ops, ['-Wno-unused-function']), 'has no op: set .search, .distance or .filter'),
    ('cut off', write('cut.o', open(A, 'rb').read()[:900]), 'it ends too early, or is damaged'),
    ('cut off in its head', write('head.o', open(A, 'rb').read()[:30]), 'is not a whole BPF object file'),
]
if os.getuid():
    os.chmod(write('secret.o', ''), 0)
    OBJECTS.append(('one that may not be read', os.path.join(work, 'secret.o'), 'Permission denied'))
wrong = []
for name, path, says in OBJECTS:
    r = check(write('c.conf', '# line 1\n[program a]\nobject = %s\n' % path))
    if r.returncode != 1 or 'c.conf:3: object: ' not in r.stderr or says not in r.stderr or len(r.stderr.strip().split('\n')) != 1:
        wrong.append((name, r))
    if name != 'another name':
        r = subprocess.run([vexctl, 'load', path], capture_output=True, text=True, timeout=60)
        if r.returncode != 1 or says.replace(path + ': ', '') not in r.stderr or r.stderr.count(path) != 1:
            wrong.append((name, r))
test('%d bad objects' % len(OBJECTS), not wrong, *wrong)
whole = open(A, 'rb').read()
wrong = []
for i in range(60):
    bad = bytearray(whole[:rnd.randrange(len(whole))] if i % 3 == 0 else whole)
    for _ in range(rnd.randrange(1, 8)):
        if bad:
            where = rnd.randrange(min(64, len(bad)) if i % 2 else len(bad))
            bad[where] = rnd.choice((0, 1, 0x7f, 0x80, 0xff, rnd.randrange(256)))
    r = check(write('c.conf', '[program a]\nobject = %s\n' % write('noise.o', bytes(bad))))
    if r.returncode not in (0, 1) or (r.returncode == 1) != bool(r.stderr) or 'runtime error' in r.stderr:
        wrong.append((i, r))
test('60 damaged objects, seed %d' % seed, not wrong, *wrong[:3])
r = check(os.path.join(work, 'fifo'))
test('a FIFO as configuration', r.returncode == 1 and 'is not a file' in r.stderr, r)
r = check(os.path.join(work, 'none'))
test('one that is not there', r.returncode == 1 and 'No such file' in r.stderr, r)
default = re.search(r'--config FILE  \[(.*)\]', subprocess.run([vexd, '--help'], capture_output=True, text=True).stdout).group(1)
if os.path.exists(default):
    skip('no configuration: there is %s' % default)
else:
    r = subprocess.run([vexd, '--check'], capture_output=True, text=True, timeout=60)
    test('none, and the defaults hold', r.returncode == 0 and not r.stderr and
         r.stdout == default + ': not there, so the defaults hold: no programs, nothing wrong\n', r)
r = check(work)
test('a directory', r.returncode == 1 and 'Is a directory' in r.stderr, r)
pieces = ['[program ', 'a', ']', '\n', '=', 'object', 'bind', ' ', '#', '/x', 'metrics', 'off', '[', '\xe9', '\t']
wrong = []
for i in range(150):
    r = check(write('c.conf', ''.join(rnd.choice(pieces) for _ in range(rnd.randrange(60)))))
    if r.returncode not in (0, 1) or (r.returncode == 1) != bool(r.stderr):
        wrong.append(r)
test('150 random configurations, seed %d' % seed, not wrong, *wrong)
EVIL = b'\x9b31m\xc2\x9b2m\xe2\x80\xaetxt\xff'
STEERS = re.compile('[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]')
evil = os.path.join(work.encode(), EVIL)
wrong = []
for args in ([b'--check', b'-c', evil], [b'--check', b'-c', write('c.conf', b'[program a]\nobject = /' + EVIL + b'\n').encode()],
             [b'--check', b'-c', write('d.conf', b'x' + EVIL + b' = 1\n').encode()], [b'--' + EVIL], [EVIL]):
    r = subprocess.run([vexd, *args], capture_output=True, timeout=60)
    try:
        if STEERS.search((r.stdout + r.stderr).decode()) or (r.returncode == 0 and args[-1].endswith(b'd.conf')):
            wrong.append(r)
    except UnicodeDecodeError:
        wrong.append(r)
test('terminal escapes in its configuration and arguments', not wrong, *wrong)
r = subprocess.run([vexd, '--loud'], capture_output=True, text=True)
test('an unknown option', r.returncode == 2 and 'see `vexd --help`' in r.stderr and r.stderr.count('\n') == 1, r)
r = subprocess.run([vexd, '--version'], capture_output=True, text=True)
test('--version', r.returncode == 0 and re.match(r'vexd \d+\.\d+\.\d+\n$', r.stdout), r)

# --- a daemon

port = free_port()
conf = write('vexd.conf', 'socket = %s\nmetrics = %d\n%sbind = %s\n' % (sock, port, P, work))
log_path = os.path.join(work, 'log')


def start(stderr=None, extra=None):
    out = stderr or open(log_path, 'ab')
    p = subprocess.Popen([vexd, '-c', conf], stderr=out, stdout=subprocess.DEVNULL, **(extra or {}))
    end = time.time() + 30
    while time.time() < end and p.poll() is None:
        try:
            connect().close()
            return p
        except OSError:
            time.sleep(0.02)
    return p


def connect():
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect(sock)         # waits while the backlog is full
    except OSError:
        s.close()
        raise
    s.settimeout(30)
    return s


def ask(line, s=None):
    mine = s is None
    s = s or connect()
    s.sendall(line if isinstance(line, bytes) else (json.dumps(line) + '\n').encode())
    data = b''
    while not data.endswith(b'\n'):
        got = s.recv(65536)
        if not got:
            break
        data += got
    if mine:
        s.close()
    return json.loads(data) if data else None


def log():
    with open(log_path, errors='replace') as f:
        return f.read()


def waits_for(text, seconds=30):
    end = time.time() + seconds
    while time.time() < end:
        if text in log():
            return True
        time.sleep(0.05)
    return False


def http(path, method='GET'):
    try:
        r = urllib.request.urlopen(urllib.request.Request('http://127.0.0.1:%d%s' % (port, path), method=method),
                                   timeout=30)
        return r.status, r.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


daemon = start()
st = ask({'op': 'status'})
test('status', st['ok'] and st['pid'] == daemon.pid and st['socket'] == sock and st['metrics_port'] == port and
     not st['watching'] and 'not loaded' in st['watching_why'], st)
p = st['programs'][0]
test('a program that cannot be loaded', p['state'] == 'failed' and not p['bind'][0]['bound'] and p['why'], st)
test('which the log says, too', waits_for('program a: not loaded: '), log())
test('anyone may connect', os.stat(sock).st_mode & 0o777 == 0o666, oct(os.stat(sock).st_mode))
r = ask({'op': 'programs'})
test('programs without a module', not r['ok'] and r['code'] == 'ENODEV' and 'modprobe' in r['error'], r)

wrong = []
for line, says in [
        (b'\n', 'not JSON'), (b'hello\n', 'not JSON'), (b'{"op": "status"\n', 'ends too early'), (b'{}\n', 'op must'),
        (b'[]\n', 'is a JSON object'), (b'1 \n', ''), (b'null\n', ''), (b'{"op": 1}\n', 'op must'),
        (b'{"op": "statu"}\n', 'op must'), (b'{"op": "status\\u0000"}\n', 'op must'),
        (b'{"op": "status", "x": 1}\n', "does not take 'x'"), (b'{"op": "status"} {}\n', 'not JSON'),
        (b'{"op": "load"}\n', 'absolute path'), (b'{"op": "load", "object": "a.o"}\n', 'absolute path'),
        (b'{"op": "load", "object": ["/a"]}\n', 'absolute path'),
        (b'{"op": "load", "object": "%s/fifo"}\n' % work.encode(), 'not a regular file'), (b'{"op": "load", "object": "/none"}\n', 'No such'),
        (b'{"op": "unload"}\n', 'name must'), (b'{"op": "unload", "name": "a/../b"}\n', 'is not a name'),
        (b'{"op": "use", "dir": "x"}\n', 'absolute path'), (b'{"op": "use", "dir": "/", "name": "a"}\n', 'slot must'),
        (b'{"op": "use", "dir": "/none", "name": "a", "slot": "search"}\n', 'no such directory'),
        (b'{"op": "use", "dir": "/", "name": "a", "slot": "search"}\n', ''),
        (b'[' * 30000 + b'\n', 'not JSON'), (b'\xff\xfe{"op": "status"}\n', 'not JSON'),
        (b'{"op": "st\xffatus"}\n', 'not JSON'), (b'x' * 70000, '64 KiB')]:
    r = ask(line)
    if not r or r['ok'] or says.lower() not in r['error'].lower() or not r['code']:
        wrong.append((line[:60], says, r))
test('bad requests are told why', not wrong, *wrong)
s = connect()
s.sendall(b'{"op": "status"}\r\n{"op": "nothing"}\n{"op": "sta')
time.sleep(0.1)
s.sendall(b'tus"}\n')
got = b''
while got.count(b'\n') < 3:
    more = s.recv(65536)
    if not more:
        break
    got += more
lines = [json.loads(x) for x in got.decode().split('\n') if x]
test('several on a line, one in two pieces', [x['ok'] for x in lines] == [True, False, True], got)
s.close()

# --- other users

child = r'''
import json, os, socket, sys
os.setgroups(json.loads(sys.argv[2])); os.setgid(65534); os.setuid(65534)
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
for op in ({"op": "status"}, {"op": "reload"}, {"op": "load", "object": "/x"}, {"op": "unload", "name": "x"},
           {"op": "use", "dir": "/", "slot": "search", "name": ""}):
    s.sendall((json.dumps(op) + "\n").encode())
    r = json.loads(s.makefile().readline())
    print(r["ok"], r.get("code"), r.get("error"))
'''
os.chmod(work, 0o755)
if os.getuid() == 0:
    r = subprocess.run([sys.executable, '-c', child, sock, '[]'], capture_output=True, text=True)
    lines = r.stdout.split('\n')
    test('another user may look and no more', lines[0] == 'True None None' and
         lines[1:5] == ['False EPERM that needs root or the group vexfs'] * 4, r)
else:
    skip('another user: this is not root')

# --- vexctl

env = dict(os.environ, VEXD_SOCKET=sock)
r = subprocess.run([vexctl, 'status', '--json'], env=env, capture_output=True, text=True)
st = json.loads(r.stdout)
test('vexctl status', st['daemon']['running'] and st['daemon']['pid'] == daemon.pid, r)
listen = subprocess.Popen([vexctl, 'events', '--json'], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
end = time.time() + 30
while ask({'op': 'status'})['listeners'] < 1 and time.time() < end:
    time.sleep(0.05)
test('vexctl events is a listener', ask({'op': 'status'})['listeners'] == 1)

# --- metrics

code, text = http('/metrics')
line = re.compile(r'[a-z_]+(\{([a-z]+="([^"\\\n]|\\.)*",?)*\})? [0-9.e+-]+$')
bad = [x for x in text.split('\n') if x and not x.startswith('# ') and not line.match(x)]
test('metrics', code == 200 and 'vexd_watching 0' in text and 'vexd_info{version=' in text and not bad, code, bad)
test('elsewhere', http('/')[0] == 404 and http('/metrics', 'POST')[0] == 405)
idle = []
for i in range(30):
    s = socket.socket()
    s.settimeout(5)
    try:
        s.connect(('127.0.0.1', port))
        s.sendall(b'GET /met')
    except OSError:
        pass
    idle.append(s)
end = time.time() + 40
code = 0
while time.time() < end and code != 200:
    try:
        code = http('/metrics')[0]
    except OSError:
        time.sleep(0.5)
test('metrics come back after 30 half-open requests', code == 200)
for s in idle:
    s.close()

# --- 10,000 random and half-open requests

valid = [b'{"op": "status"}\n', b'{"op": "programs"}\n', b'{"op": "unload", "name": "none"}\n', b'{"op": "events"}\n']
held = []
for i in range(10000):
    try:
        s = connect()
    except OSError:
        test('connection %d' % i, False)
        break
    kind = rnd.randrange(6)
    try:
        if kind == 0:
            s.sendall(rnd.randbytes(rnd.randrange(1, 300)))
        elif kind == 1:
            s.sendall(rnd.choice(valid)[:rnd.randrange(1, 12)])
        elif kind == 2:
            s.sendall(rnd.choice(valid) * rnd.randrange(1, 4))
        elif kind == 3:
            b = bytearray(rnd.choice(valid))
            b[rnd.randrange(len(b) - 1)] = rnd.randrange(256)
            s.sendall(bytes(b))
        elif kind == 4:
            s.sendall(b'{"op": ' + b'[' * rnd.randrange(1, 200) + b'\n')
    except OSError:
        pass
    if rnd.randrange(3):
        s.close()
    else:
        held.append(s)
        if len(held) > 600:
            held.pop(rnd.randrange(600)).close()
test('10,000 random and half-open requests, seed %d' % seed, daemon.poll() is None and ask({'op': 'status'})['ok'],
     daemon.poll(), log()[-3000:])
for s in held:
    s.close()
end = time.time() + 30
while ask({'op': 'status'})['clients'] > 2 and time.time() < end:
    time.sleep(0.1)
st = ask({'op': 'status'})
test('none of them is left', st['clients'] <= 2, st)
test('the listener was spared', listen.poll() is None and st['listeners'] == 1, st)

# --- one that asks and never reads

s = connect()
s.settimeout(2)
sent = 0
try:
    while sent < 64 << 20:
        sent += s.send(b'{"op": "status"}\n' * 1000)
except OSError:
    pass
with open('/proc/%d/status' % daemon.pid) as f:
    rss = int(re.search(r'VmRSS:\s+(\d+)', f.read()).group(1))
test('one that never reads is not listened to', sent < 16 << 20 and rss < 400 << 10 and ask({'op': 'status'})['ok'],
     sent, rss)
s.close()

# --- SIGHUP

write('vexd.conf', 'socket = %s\nmetrics = %d\nnonsense\n' % (sock, port))
daemon.send_signal(signal.SIGHUP)
test('SIGHUP with an error in it', waits_for('vexd.conf:3: neither [SECTION] nor KEY = VALUE; the configuration in force '
                                             'stays') and len(ask({'op': 'status'})['programs']) == 1, log()[-500:])
r = ask({'op': 'reload'})
test('reload says it, too', not r['ok'] and ':3: neither' in r['error'], r)
port2 = free_port()
write('vexd.conf', 'socket = %s\nmetrics = %d\n%s%s' % (sock, port2, P, P.replace(' a]', ' b]')))
daemon.send_signal(signal.SIGHUP)
waits_for('configuration read: 2 programs')
old, port = port, port2
test('SIGHUP with two programs and another port', len(ask({'op': 'status'})['programs']) == 2 and
     http('/metrics')[0] == 200, log()[-500:])

# --- two of them; killed; ended

r = subprocess.run([vexd, '-c', conf], capture_output=True, text=True, timeout=30)
test('a second one is refused', r.returncode == 1 and 'another vexd serves it' in r.stderr, r)
test('the first does not mind', ask({'op': 'status'})['pid'] == daemon.pid)
daemon.kill()
daemon.wait()
test('its listener is told', listen.wait(30) == 1 and b'vexd has ended' in listen.stderr.read())
test('kill -9 leaves its socket', os.path.exists(sock))
daemon = start()
test('the next one takes it over', ask({'op': 'status'})['pid'] == daemon.pid)
daemon.terminate()
test('SIGTERM ends it', daemon.wait(30) == 0 and not os.path.exists(sock), log()[-500:])

# --- what it needs and cannot have

full = open('/dev/full', 'w')
daemon = start(full)
test('its log is on a full disk', daemon.poll() is None and ask({'op': 'status'})['ok'])
daemon.kill()
daemon.wait()
daemon = start(extra={'preexec_fn': lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))})
test('its log may not grow', daemon.poll() is None and ask({'op': 'status'})['ok'], daemon.poll())
with socket.socket() as s:
    s.bind(('127.0.0.1', 0))
    s.listen(1)
    write('vexd.conf', 'socket = %s\nmetrics = %d\n' % (sock, s.getsockname()[1]))
    ask({'op': 'reload'})
    test('a port that is taken', ask({'op': 'status'})['ok'])
    daemon.terminate()
    test('and it still ends', daemon.wait(30) == 0)
    daemon = start()
    test('the same at the start', waits_for('no metrics on 127.0.0.1') and ask({'op': 'status'})['ok'], log()[-500:])
    daemon.terminate()
    daemon.wait()
write('vexd.conf', 'socket = /proc/none/vexd.sock\nmetrics = off\n')
r = subprocess.run([vexd, '-c', conf], capture_output=True, text=True, timeout=30)
test('no place for the socket', r.returncode == 1 and '/proc/none' in r.stderr, r)
write('vexd.conf', 'socket = %s\nmetrics = off\n' % sock)
daemon = start(extra={'preexec_fn': lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))})
many = []
for i in range(60):
    try:
        many.append(connect())
    except OSError:
        break
test('more connections than descriptors', daemon.poll() is None and ask({'op': 'status'})['ok'], daemon.poll(),
     log()[-2000:])
daemon.terminate()
test('and it ends well', daemon.wait(30) == 0, log()[-2000:])
for s in many:
    s.close()
test('no sanitizer complained', 'Sanitizer' not in log() and 'runtime error' not in log(), log()[-3000:])

done()
shutil.rmtree(work, ignore_errors=True)
