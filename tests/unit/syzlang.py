#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""tests/fuzz/vexfs.txt, the ioctls in syzkaller's language, is in step with <vexfs/ioctl.h>.  TAP.

Sizes and places are those that a C compiler gives the header's structs; what the description says is reckoned here, by the
few types that it uses.  It is no check of its grammar: that is what syzkaller's own compiler is for.
"""
import os
import re
import subprocess
import tempfile
from tap import done, test

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
text = open(os.path.join(top, 'tests/fuzz/vexfs.txt')).read()
header = open(os.path.join(top, 'include/vexfs/ioctl.h')).read()
header = re.sub(r'/\*.*?\*/', ' ', header, flags=re.S)
header = re.sub(r'#ifdef __KERNEL__\n(.*?)#else.*?#endif\n', r'\1', header, flags=re.S)  # of the same size


def c_fields(body):
    """The names of the members of a struct, in order."""
    names = []
    for line in re.findall(r'[^;]+;', body):
        line = re.sub(r'^\s*(struct )?\w+\s', '', line)
        names += [re.match(r'\s*(\w+)', n)[1] for n in line.rstrip(';').split(',')]
    return names


structs = {name: c_fields(body) for name, body in re.findall(r'struct (vexfs_\w+) \{(.*?)\n\};', header, re.S)}
calls = dict(re.findall(r'#define (VEXFS_IOC_[A-Z]+)\s+_IOWR\(VEXFS_IOC_MAGIC, \d+, struct (vexfs_\w+)\)', header))
used = sorted(set(re.findall(r'\bVEXFS_[A-Z0-9_]+\b', re.sub(r'^ioctl\$\w+', '', text, flags=re.M))) - set(calls))

with tempfile.TemporaryDirectory() as d:
    source = os.path.join(d, 'x.c')
    with open(source, 'w') as f:
        f.write('#include <stddef.h>\n#include <stdio.h>\n#include <vexfs/ioctl.h>\nint main(void)\n{\n')
        for name, fields in structs.items():
            f.write('\tprintf("%s . 0 %%zu\\n", sizeof(struct %s));\n' % (name, name))
            for field in fields:
                f.write('\tprintf("%s %s %%zu %%zu\\n", offsetof(struct %s, %s), sizeof(((struct %s *)0)->%s));\n' %
                        (name, field, name, field, name, field))
        for name in used:
            f.write('\tprintf("%s . 0 %%llu\\n", (unsigned long long)(%s));\n' % (name, name))
        f.write('\treturn 0;\n}\n')
    r = subprocess.run(['cc', '-I', os.path.join(top, 'include'), '-o', os.path.join(d, 'x'), source], capture_output=True, text=True)
    test('each constant and struct that it names is in the header', r.returncode == 0, r.stderr)
    c = {}
    for line in subprocess.run([os.path.join(d, 'x')], capture_output=True, text=True, check=True).stdout.split('\n')[:-1]:
        name, field, offset, size = line.split()
        c.setdefault(name, {})[field] = (int(offset), int(size))


def split(options):
    """"a[b, c], d" into its parts."""
    parts, depth = [''], 0
    for ch in options:
        depth += {'[': 1, ']': -1}.get(ch, 0)
        if ch == ',' and not depth:
            parts.append('')
        else:
            parts[-1] += ch
    return [p.strip() for p in parts]


def number(s):
    return int(s, 0) if s[0].isdigit() else c[s]['.'][1]


def size_of(kind, description):
    """Bytes of a type of the description, and its alignment."""
    name, options = re.fullmatch(r'(\w+)(?:\[(.*)\])?', kind, re.S).groups()
    options = split(options) if options else []
    if re.fullmatch(r'int(8|16|32|64)', name):
        return (int(name[3:]) // 8,) * 2
    if name == 'ptr64':
        return 8, 8
    if name in ('const', 'flags', 'len', 'bytesize'):
        return size_of(options[-1], description)
    if name == 'string':
        return number(options[1]), 1
    if name == 'array':
        size, align = size_of(options[0], description)
        return size * number(options[1]), align
    if name == 'fd':
        return 4, 4
    resource = re.search(r'^resource %s\[(\w+)\]' % name, description, re.M)
    if resource:
        return size_of(resource[1], description)
    layout = layout_of(name, description)
    return layout['.'][1], layout['.align']


def layout_of(name, description):
    body = re.search(r'^%s \{\n(.*?)^\}' % name, description, re.M | re.S)
    if not body:
        return None
    at, most, layout = 0, 1, {}
    for line in body[1].strip().split('\n'):
        field, kind = re.fullmatch(r'\t(\w+)\t+(.*?)(?:\t\((?:in|out|inout)\))?', '\t' + line.strip()).groups()
        size, align = size_of(kind, description)
        at = -(-at // align) * align
        layout[field] = (at, size)
        at, most = at + size, max(most, align)
    layout['.'] = (0, -(-at // most) * most)
    layout['.align'] = most
    return layout


def differences(description):
    """What is not as in the header."""
    wrong = []
    for call, struct in calls.items():
        if not re.search(r'^ioctl\$%s\(fd fd_vexfs\w*, cmd const\[%s\], arg ptr\[(in|inout), %s\]\)$' % (call, call, struct),
                         description, re.M):
            wrong.append('no ioctl$%s of a %s' % (call, struct))
    for call in re.findall(r'^ioctl\$(\w+)', description, re.M):
        if call not in calls:
            wrong.append('ioctl$%s is none' % call)
    for name, fields in structs.items():
        layout = layout_of(name, description)
        if not layout:
            wrong.append('no %s' % name)
            continue
        del layout['.align']
        if list(layout)[:-1] != fields:
            wrong.append('%s has the fields %s, not %s' % (name, list(layout)[:-1], fields))
        wrong += ['%s.%s is at %d with %d bytes, not at %d with %d' % (name, f, *layout[f], *c[name][f])
                  for f in layout if f in c[name] and layout[f] != c[name][f]]
    return wrong


wrong = differences(text)
test('each ioctl, and each field of each struct: its order, place and size', len(calls) > 15 and len(structs) > 25 and not wrong, *wrong)
test('no number of an ioctl is left out', len(calls) == int(re.search(r'#define VEXFS_IOC_LAST\s+(\d+)', header)[1]), calls)

# what may be set in flags and enumerations; answers are not asked for
asked = [n for n in re.findall(r'#define (VEXFS_\w+)', header + re.sub(r'/\*.*?\*/', ' ', open(
    os.path.join(top, 'include/vexfs/format.h')).read(), flags=re.S)) if re.match(
        r'VEXFS_(INSERT|GET|DELETE|LIST|INTERN|SEARCH|METHOD|PRED|SNAPSHOT|ELEM|METRIC|SLOT|ATTR)_', n) or n == 'VEXFS_RECALL_MOUNT']
missing = [n for n in asked if n not in used and not n.endswith('_LEN') and n != 'VEXFS_ATTR_NONE']
test('each flag and value that a caller may give', len(asked) > 35 and not missing, missing)

# and it would be told
line = '\tmetric\t\tflags[vexfs_metrics, int32]\n'
wrong = [what for what, other in (
    ('a field less', text.replace(line, '')), ('another size', text.replace(line, line.replace('int32', 'int64'))),
    ('another order', text.replace(line + '\tattrs\t\tint32[0:VEXFS_MAX_ATTRS]\n', '\tattrs\t\tint32[0:VEXFS_MAX_ATTRS]\n' + line)),
    ('an ioctl less', re.sub(r'\nioctl\$VEXFS_IOC_DROP.*', '', text)), ('a struct less', re.sub(r'\nvexfs_hit \{.*?\n\}', '', text, flags=re.S)),
    ('an ioctl more', text + 'ioctl$VEXFS_IOC_NEW(fd fd_vexfs)\n')) if other == text or not differences(other)]
test('a difference is found', not wrong, wrong)
done()
