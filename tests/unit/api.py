#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The shared library, its man pages and the module of Python agree with include/vexfs/vexfs.h.  TAP."""
import ctypes
import os
import re
import subprocess
import sys
import tempfile

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(top, 'ctl/python'))
from vexfs import abi  # noqa: E402

count = 0


def test(name, wanted, got):
    global count
    count += 1
    print('%sok %d - %s' % ('' if wanted == got else 'not ', count, name))
    if wanted != got:
        print('# wanted %s\n# got %s' % (wanted, got))


def c_layout(structs):
    """{struct: (size, {field: offset})} as the compiler says it."""
    source = '#include <stdio.h>\n#include <stddef.h>\n#include <vexfs/vexfs.h>\nint main(void)\n{\n'
    for name, fields in structs:
        source += 'printf("%s %%zu\\n", sizeof(struct %s));\n' % (name, name)
        for field in fields:
            source += 'printf("%s.%s %%zu\\n", offsetof(struct %s, %s));\n' % (name, field, name, field)
    return run(source + 'return 0;\n}\n')


def run(source):
    """What a program prints, a name and a number a line."""
    with tempfile.TemporaryDirectory() as d:
        exe = os.path.join(d, 'a')
        subprocess.run(['gcc', '-I', os.path.join(top, 'include'), '-xc', '-', '-o', exe], input=source, text=True,
                       check=True)
        lines = subprocess.run([exe], capture_output=True, text=True, check=True).stdout.split('\n')
    return dict(line.split() for line in lines if line)


def c_constants(names):
    source = '#include <stdio.h>\n#include <vexfs/vexfs.h>\nint main(void)\n{\n'
    source += ''.join('printf("%s %%llu\\n", (unsigned long long)VEXFS_%s);\n' % (name, name) for name in names)
    return {k: int(v) for k, v in run(source + 'return 0;\n}\n').items()}


names = {'Attr': 'vexfs_attr', 'Schema': 'vexfs_schema', 'Bound': 'vexfs_bound', 'Info': 'vexfs_ioc_info',
         'Bind': 'vexfs_bind', 'Batch': 'vexfs_batch', 'Item': 'vexfs_item', 'Node': 'vexfs_predicate_node',
         'Where': 'vexfs_where', 'Words': 'vexfs_words', 'WordList': 'vexfs_word_list', 'Hit': 'vexfs_hit',
         'QueryAnswer': 'vexfs_query_answer', 'Request': 'vexfs_request', 'Answer': 'vexfs_answer',
         'Listing': 'vexfs_listing', 'Native': 'vexfs_native'}
structs = [(c, [f[0] for f in getattr(abi, p)._fields_]) for p, c in names.items()]
layout = c_layout(structs)
for p, c in names.items():
    cls = getattr(abi, p)
    got = {c: str(ctypes.sizeof(cls))}
    got.update({'%s.%s' % (c, f[0]): str(getattr(cls, f[0]).offset) for f in cls._fields_})
    test('struct %s of Python is that of C' % c, {k: layout[k] for k in got}, got)
test('every struct of Python is compared', sorted(names),
     sorted(k for k, v in vars(abi).items() if isinstance(v, type) and issubclass(v, ctypes.Structure)))

constants = {k: v for k, v in vars(abi).items() if k.isupper() and isinstance(v, int) and not k.endswith('64_MAX')
             and k not in ('U32_MAX', 'S64_MIN')}
test('constants of Python are those of C', constants, c_constants(constants))
with open(os.path.join(top, 'include/vexfs/vexfs.h')) as f:
    header = f.read()
functions = sorted(re.findall(r'^(?:int|bool|void|ssize_t|const char \*) ?\*?(vexfs_\w+)\(', header, re.M))
test('vexfs.h has functions', True, len(functions) > 20)
so = os.path.join(top, 'build/lib/libvexfs.so.0')
symbols = subprocess.run(['nm', '-D', '--defined-only', so], capture_output=True, text=True, check=True).stdout
test('the shared library exports them and no more, with a version',
     [f + '@@VEXFS_0.1' for f in functions],
     sorted(line.split()[2] for line in symbols.split('\n') if ' T ' in line))
pages = os.path.join(top, 'build/man')
test('each has a man page', [f + '.3' for f in functions],
     sorted(p for p in os.listdir(pages) if p.startswith('vexfs_')))
ops = re.search(r'enum vexfs_op \{(.*?)VEXFS_OP_MAX', header, re.S).group(1)
test('the calls of Python are numbered as in C', [o.lower() for o in re.findall(r'VEXFS_OP_(\w+)', ops)],
     sorted(abi.OP, key=abi.OP.get))
print('1..%d' % count)
