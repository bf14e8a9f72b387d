#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""fsck.vexfs as a program: what it prints, its exit codes, images that are none.  TAP.

Usage: fsck.py FSCK, built with the sanitizers.
"""
import fcntl
import json
import os
import pty
import random
import resource
import subprocess
import sys
import tempfile
from tap import done, test

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
fsck = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(top, 'build/tests/fsck.vexfs'))
mkfs = os.path.join(top, 'build/bin/mkfs.vexfs')


def run(*args, **options):
    return subprocess.run([fsck, *args], **{'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE, 'text': True,
                                            'errors': 'replace', 'timeout': 120, **options})


def small_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


with tempfile.TemporaryDirectory() as d:
    image = os.path.join(d, 'image')

    def fresh(size=256 << 20, *options):
        with open(image, 'wb') as f:
            f.truncate(size)
        subprocess.run([mkfs, '-q', '--force', *options, image], check=True)

    def poke(offset, data):
        with open(image, 'r+b') as f:
            f.seek(offset)
            f.write(data)

    def peek(offset):
        with open(image, 'rb') as f:
            f.seek(offset)
            return f.read(4096)

    def crc32c(data, crc=0xffffffff):
        for byte in data:
            crc ^= byte
            for _ in range(8):
                crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
        return crc

    def pending(log):
        """The log's superblock says that there are transactions, with a right checksum."""
        j = bytearray(peek(log * 4096)[:1024])
        j[28:32] = b'\0\0\0\1'
        j[0xfc:0x100] = b'\0' * 4
        j[0xfc:0x100] = crc32c(j).to_bytes(4, 'big')
        poke(log * 4096, j)

    def logged(log, data, before=0):
        """The log holds one transaction more than so many, with a block 0 of this content."""
        j = peek(log * 4096)
        sequence, seed = (int.from_bytes(j[24:28], 'big') + before).to_bytes(4, 'big'), crc32c(j[48:64])
        sum_of = crc32c(data, crc32c(sequence, seed)).to_bytes(4, 'big')
        tag = b'\0\0\0\0' b'\0\0\0\x08' b'\0\0\0\0' + sum_of + b'\0' * 16  # the last one
        for n, kind, rest, at in (1, 1, tag, 4092), (3, 2, b'', 16):
            b = bytearray((b'\xc0\x3b\x39\x98' + kind.to_bytes(4, 'big') + sequence + rest).ljust(4096, b'\0'))
            b[at:at + 4] = crc32c(b, seed).to_bytes(4, 'big')
            poke((log + n + 3 * before) * 4096, b)
        poke((log + 2 + 3 * before) * 4096, data)
        pending(log)

    fresh(256 << 20, '-L', 'a\x1bb')
    r = run(image)
    test('a good one', r.returncode == 0 and r.stdout == '%s: clean, 1 inodes, 1 directories, 0 collections, 0 records\n' %
         image and not r.stderr, r)
    before = os.stat(image).st_mtime_ns
    r = run('--json', image)
    o = json.loads(r.stdout)
    test('as JSON', r.returncode == 0 and o['state'] == 'clean' and 'error' not in o and o['errors'] == 0 and o['findings'] == [] and
         o['label'] == 'a\x1bb' and '\\u001b' in r.stdout and o['checked']['inodes'] == 1, r)
    r = run('-a', image)
    test('at boot', r.returncode == 0 and r.stdout.endswith(': clean, 65536 blocks of 4 KiB\n'), r)
    r = run('-p', '-f', image)
    test('at boot, with -f', r.returncode == 0 and 'clean, 1 inodes' in r.stdout, r)
    r = run('-y', image)
    test('there is nothing to repair', r.returncode == 0 and ': clean, 1 inodes' in r.stdout, r)
    test('nothing was written', os.stat(image).st_mtime_ns == before)

    numbers = [int(line.split()[0]) for line in run('--list').stdout.strip().split('\n')]
    test('the list', numbers == sorted(set(numbers)) and len(numbers) > 40, numbers)
    test('each is explained', all(len(run('--explain', str(n)).stdout) > 40 for n in numbers))
    advice = {101: '-b N takes', 111: 'Copy the device away', 201: 'makes it anew', 301: '`find DIR -inum N`'}
    test('with what to do', all(says in run('--explain', str(n)).stdout for n, says in advice.items()))
    test('others are not', all(run('--explain', x).returncode == 16 for x in ('1', '0', '-1', 'x', '', '99999999999999')))
    test('wrong command lines', all(run(*a).returncode == 16 and run(*a).stderr for a in ([], ['-x'], ['a', 'b'], ['--all'])))

    poke(4096 + 1600, b'\x55')
    r = run(image)
    test('a damaged group', r.returncode == 4 and ': [201] group: ' in r.stdout and
         r.stdout.rstrip().endswith('says what each means'), r)
    r = run('--json', image)
    o = json.loads(r.stdout)
    test('as JSON', r.returncode == 4 and o['state'] == 'errors' and o['errors'] >= 1 and
         o['findings'][0]['number'] == 201 and o['findings'][0]['severity'] == 'error', r)
    before = open(image, 'rb').read(1 << 16)
    r = run('-p', '-f', image)
    test('at boot that is not repaired', r.returncode == 4 and 'without being asked for' in r.stderr and
         open(image, 'rb').read(1 << 16) == before, r)
    undo = os.path.join(d, 'undo')
    r = run('-y', '--undo', undo, image)
    test('but with -y', r.returncode == 1 and 'repair: group 0: made anew' in r.stdout and
         'repaired, 2 blocks were written' in r.stdout and run(image).returncode == 0, r)
    r = run('--undo-apply', undo, image)
    test('and undone', r.returncode == 0 and '2 blocks were put back' in r.stdout and
         open(image, 'rb').read(1 << 16) == before, r)
    r = run('-y', '-z', undo, image)
    test('an undo file is not overwritten', r.returncode == 8 and 'File exists; nothing was written' in r.stderr and
         open(image, 'rb').read(1 << 16) == before, r)
    r = run('-y', '-z', os.path.join(d, 'full'), image, preexec_fn=small_files)
    test('one that cannot be written', r.returncode == 8 and 'before anything was written: File too large' in r.stderr and
         open(image, 'rb').read(1 << 16) == before and not os.path.exists(os.path.join(d, 'full')), r)
    r = run('--json', '-y', image)
    o = json.loads(r.stdout)
    test('as JSON', r.returncode == 1 and o['state'] == 'repaired' and all(f['repaired'] for f in o['findings']) and
         len(o['findings']) >= 1 and o['changes'] == ['group 0: made anew from what is in use'] and
         o['checked']['inodes'] == 1, r)
    o = json.loads(run('--json', image).stdout)
    test('and clean', o['state'] == 'clean' and o['changes'] == [], o)
    r = run('--undo-apply', image, image)
    test('an undo file that is none', r.returncode == 8 and 'is no undo file: nothing was written' in r.stderr, r)
    fresh()
    r = run('--undo-apply', undo, image)
    test('and of another filesystem', r.returncode == 8 and 'is of another filesystem' in r.stderr, r)
    super = bytearray(peek(0))
    super[120] ^= 1  # s_free_blocks
    super[116] |= 2
    super[8:12] = b'\0' * 4
    super[8:12] = crc32c(super).to_bytes(4, 'little')
    poke(0, super)
    r = run('-a', image)
    test('counts are put right at boot, and the mark goes', r.returncode == 1 and '[103] free counts' in r.stdout and
         'repaired, 1 blocks' in r.stdout, r)
    r = run('-a', image)
    test('once', r.returncode == 0 and r.stdout.endswith(': clean, 65536 blocks of 4 KiB\n'), r)

    def asked(answer, *args):
        """The same on a terminal."""
        master, slave = pty.openpty()
        p = subprocess.Popen([fsck, *args], stdin=slave, stdout=slave, stderr=subprocess.STDOUT, close_fds=True)
        os.close(slave)
        os.write(master, answer)
        out = b''
        try:
            while True:
                out += os.read(master, 4096)
        except OSError:
            pass
        os.close(master)
        return p.wait(60), out.decode(errors='replace')

    poke(4096 + 1600, b'\x55')
    before = open(image, 'rb').read(1 << 16)
    code, out = asked(b'n\n', image)
    test('asked on a terminal', code == 4 and 'write this, 2 blocks (y/n)?' in out and 'nothing was written' in out and
         open(image, 'rb').read(1 << 16) == before, code, out)
    code, out = asked(b'', '-n', image)
    test('not with -n', code == 4 and '(y/n)' not in out, code, out)
    code, out = asked(b'y\n', image)
    test('yes', code == 1 and 'repaired, 2 blocks' in out and run(image).returncode == 0, code, out)
    fresh(20 << 20)
    poke(0, b'\0' * 4096)
    r = run('-y', image)
    test('a superblock that has no copy', r.returncode == 1 and 'was made anew, from the log' in r.stdout and
         run(image).returncode == 0, r)
    fresh()
    poke(0, random.Random(3).randbytes(4096))
    r = run('-n', '-b', '49152', image)
    test('a copy by its number', r.returncode == 4 and 'the one in block 49152' in r.stdout and ', 1 inodes' not in r.stdout, r)
    r = run('-y', '--superblock', '49152', image)
    test('is taken', r.returncode == 1 and 'the superblock is the one in block 49152' in r.stdout and
         run(image).returncode == 0, r)
    test('no block numbers', all(run('-b', x, image).returncode == 16 for x in ('0', '-1', 'x', '', '99999999999')))
    test('nor may it all be wanted', all(run(*a, image).returncode == 16 for a in (
        ['-n', '-y'], ['-a', '-y'], ['-n', '-z', undo], ['--replay', '-y'], ['--undo-apply', undo, '-y'])))
    with open(image, 'wb') as f:
        f.truncate(256 << 20)
    subprocess.run(['/sbin/mkswap', image], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    r = run('-y', image)
    test('what is something else is left alone', r.returncode == 4 and 'holds swap: name the block' in r.stderr, r)
    fresh()
    poke(100, b'\xff')
    r = run(image)
    test('a damaged superblock, with its copies', r.returncode == 4 and '[101] superblock: ' in r.stdout and
         '2 good copies' in r.stdout, r)
    poke(0, b'\0' * 4096)
    r = run(image)
    test('none, with its copies', r.returncode == 4 and '[101] superblock: ' in r.stdout, r)
    fresh()
    poke(16384 * 4096 + 100, b'\xff')
    r = run(image)
    test('a damaged copy', r.returncode == 4 and '[104] superblock copy: in block 16384' in r.stdout, r)
    fresh()
    with open(image, 'rb') as f:
        f.seek(96)
        log = int.from_bytes(f.read(8), 'little')
    poke(log * 4096, b'\0' * 16)
    r = run(image)
    test('a damaged log', r.returncode == 4 and '[111] log: ' in r.stdout, r)
    r = run('-y', image)
    test('is emptied', r.returncode == 1 and 'the log was damaged, and is empty now' in r.stdout and
         run(image).returncode == 0, r)
    fresh()
    pending(log)
    before = peek(log * 4096)
    r = run(image)
    test('a log to replay', r.returncode == 0 and '[112] log pending: 0 transactions' in r.stdout and ': log pending, ' in r.stdout, r)
    r = run('-a', image)
    test('at boot that is for the mount', r.returncode == 0 and 'a mount replays it' in r.stdout, r)
    test('nothing was written', peek(log * 4096) == before)
    r = run('-n', '--replay', image)
    test('not and do', r.returncode == 16 and r.stderr, r)
    r = run('--replay', image, preexec_fn=small_files)
    test('a file size limit', r.returncode == 8 and peek(log * 4096) == before and
         'the log could not be replayed onto the device: File too large; it is as it was' in r.stderr, r)
    with open(os.path.join(d, 'out'), 'w') as f:
        f.seek(4096)
        r = run(image, preexec_fn=small_files, stdout=f)
    test('and for the result', r.returncode == 8 and 'cannot write the result: File too large' in r.stderr, r)
    r = run('--replay', image)
    test('replayed', r.returncode == 0 and ': clean, ' in r.stdout and peek(log * 4096) != before, r)
    r = run(image)
    test('and clean', r.returncode == 0 and '112' not in r.stdout, r)
    fresh()
    super = bytearray(peek(0))
    super[116] |= 2  # s_state: the kernel has found damage
    super[8:12] = b'\0' * 4
    super[8:12] = crc32c(super).to_bytes(4, 'little')
    logged(log, super)
    r = run(image)
    test('a mark that the log holds', r.returncode == 0 and '[112] log pending: 1 transactions, 1 blocks' in r.stdout and
         '[102] marked: ' in r.stdout and not peek(0)[116] & 2, r)
    r = run('-a', '--replay', image)
    test('is looked at at boot, too', r.returncode == 0 and '[102] marked: ' in r.stdout and ', 1 inodes, ' in r.stdout and
         peek(0)[116] & 2, r)
    r = run('-a', image)
    test('and after it', r.returncode == 0 and r.stdout.count('[102] marked: ') == 1 and ', 1 inodes, ' in r.stdout, r)

    fresh()
    super = peek(0)
    for i in range(3):
        logged(log, super, i)
    before = peek(log * 4096)
    poke((log + 6) * 4096 + 200, b'x')      # what commits the second one
    r = run(image)
    test('a log that is damaged in its middle', r.returncode == 4 and '[111] log: a commit block of the log has a bad' in r.stdout, r)
    poke((log + 6) * 4096, b'x')            # it is no block of a log any more
    r = run(image)
    test('and looks as if it ended there', r.returncode == 4 and '[112] log pending: 1 transactions' in r.stdout and
         '[111] log: it is damaged behind those: of 2 transactions more none' in r.stdout, r)
    r = run('--replay', image)
    test('is not replayed as if it were whole', r.returncode == 4 and peek(log * 4096) == before, r)
    r = run('-a', image, '--force')
    test('nor at boot', r.returncode == 4 and 'cannot be repaired without being asked for' in r.stderr, r)
    r = run('-y', image)
    test('is repaired up to there', r.returncode == 1 and
         'the first 1 transactions in it were brought back, and the last 2 are lost' in r.stdout, r)
    r = run(image)
    test('and nothing is left of it', r.returncode == 0 and '11' not in r.stdout.replace(image, ''), r)
    fresh()
    logged(log, super)
    poke((log + 2) * 4096 + 200, b'x')      # a copy, which its commit block vouches for
    r = run(image)
    test('a log that a mount refuses', r.returncode == 4 and '[111] log: ' in r.stdout, r)
    r = run('-y', image)
    test('is emptied, too', r.returncode == 1 and 'the first 0 transactions in it were brought back, and the last 1 are lost' in r.stdout and
         run(image).returncode == 0, r)

    with open(image, 'wb') as f:
        f.truncate(64 << 20)
    r = run(image)
    test('zeros', r.returncode == 8 and 'holds no VexFS' in r.stderr, r)
    with open(image, 'wb') as f:
        f.write(random.Random(5).randbytes(1 << 20))
    r = run(image)
    test('noise', r.returncode == 8 and 'holds no VexFS' in r.stderr, r)
    open(image, 'wb').close()
    r = run(image)
    test('an empty file', r.returncode == 8 and 'is too short to hold a VexFS' in r.stderr, r)
    fresh()
    os.truncate(image, 4096 * 3000)
    r = run(image)
    test('cut short', r.returncode == 8 and not r.stdout and
         'the device has 12288000 bytes and the filesystem needs 268435456: give' in r.stderr, r)
    fresh()
    os.truncate(image, 300 << 20)
    r = run(image)
    test('longer than it', r.returncode == 0, r)
    os.truncate(image, 100)
    test('shorter than a block', run(image).returncode == 8)
    test('a directory', run(d).returncode == 8 and 'neither' in run(d).stderr)
    test('nothing', run(d + '/none').returncode == 8)
    test('a device that is none', run('/dev/null').returncode == 8)
    fresh()
    wrong = []
    for path, says, options in ((d + '/no\x1bne', 'No such file', []), (d, 'is neither a block device nor a file', []),
                                ('/dev/null', 'is neither', []), (image, 'there is no superblock in block 5', ['-b', '5'])):
        r = run('--json', *options, path)
        try:
            o = json.loads(r.stdout)
            if r.returncode != 8 or o['state'] != 'not checked' or says not in o['error'] or o['device'] != path or \
                    says not in r.stderr or o['findings'] != [] or '\x1b' in r.stdout:
                wrong.append(r)
        except (ValueError, KeyError):
            wrong.append(r)
    os.truncate(image, 100)
    o = json.loads(run('--json', image).stdout)
    if o['error'] != 'is too short to hold a VexFS':
        wrong.append(o)
    test('what cannot be checked, as JSON', not wrong, *wrong)

    rnd = random.Random(7)
    codes = set()
    bad = None
    for i in range(200):
        fresh(64 << 20)
        for _ in range(rnd.randrange(1, 6)):
            where = rnd.choice([rnd.randrange(176), 4096 + rnd.randrange(4096), 8192 + rnd.randrange(512),
                                rnd.randrange(1 << 20)])
            poke(where, bytes([rnd.randrange(256)]))
        r = run(image)
        codes.add(r.returncode)
        if r.returncode not in (0, 4, 8) or 'Sanitizer' in r.stderr or 'runtime error' in r.stderr:
            bad = r
            break
        if r.returncode == 4:
            r = run('-y', image)
            if r.returncode != 1 or run(image).returncode != 0:
                bad = r
                break
    test('200 images with random bytes', not bad, bad)
    test('some of them were noticed', codes >= {0, 4}, codes)

    fresh(64 << 20)
    busy = 'is open in another process'
    with open(image, 'rb') as f:
        fcntl.flock(f, fcntl.LOCK_EX)   # as one that has it mounted in its own process
        r = run(image)
        test('one that somebody has open', r.returncode == 8 and busy in r.stderr, r)
        r = run('-n', image)
        test('the same with -n: a note', r.returncode == 0 and 'note: ' + busy in r.stderr, r)
        r = run('-y', image)
        test('it is not repaired', r.returncode == 8 and busy in r.stderr, r)
        r = run('--replay', image)
        test('nothing is replayed onto it', r.returncode == 8 and busy in r.stderr, r)
        r = subprocess.run([mkfs, '-q', '--force', image], stderr=subprocess.PIPE, text=True)
        test('nor is it made anew', r.returncode and busy in r.stderr and run('-n', image).returncode == 0, r)
        fcntl.flock(f, fcntl.LOCK_SH)
        test('but others may look at it, too', run(image).returncode == 0)

    p = subprocess.Popen([fsck, '-f', '/dev/stdin'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    p.stdin.close()
    test('standard input is none', p.wait(30) == 8)
done()
