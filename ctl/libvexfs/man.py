#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""man.py HEADER DIRECTORY: a man page (section 3) for each function of HEADER, from the comment above it.

The comments are kernel-doc: `/** name - summary`, `@argument: text` lines, then paragraphs.
"""
import os
import re
import sys


def escape(text):
    text = text.replace('\\', '\\e').replace('-', '\\-')
    return '\n'.join('\\&' + line if line[:1] in ".'" else line for line in text.split('\n'))


def functions(header):
    """(name, summary, [(argument, text)], [paragraph], prototype) of each."""
    for comment, prototype in re.findall(r'/\*\*\n(.*?)\*/\n([^;{]*\([^;{]*\));', header, re.S):
        lines = [re.sub(r'^ \* ?', '', line) for line in comment.rstrip().split('\n')]
        name, summary = re.fullmatch(r'(\w+) - (.*)', lines[0]).groups()
        arguments, paragraphs, current = [], [], None
        for line in lines[1:]:
            argument = re.match(r'@(\w+): (.*)', line)
            if argument and not paragraphs:
                arguments.append(list(argument.groups()))
                current = arguments[-1]
            elif not line.strip():
                current = None
            elif current is not None and (current in arguments) and not paragraphs:
                current[1] += ' ' + line.strip()
            elif current is None:
                paragraphs.append(line.strip())
                current = paragraphs
            else:
                paragraphs[-1] += ' ' + line.strip()
        yield name, summary, arguments, paragraphs, ' '.join(prototype.split())


def page(name, summary, arguments, paragraphs, prototype, names):
    out = ['.TH %s 3 "" "VexFS" "VexFS library"' % name.upper(), '.SH NAME', '%s \\- %s' % (name, escape(summary)),
           '.SH SYNOPSIS', '.nf', '#include <vexfs/vexfs.h>', '', escape(prototype) + ';', '',
           'Link with \\-lvexfs.', '.fi', '.SH DESCRIPTION']
    for argument, text in arguments:
        out += ['.TP', '.I %s' % argument, escape(re.sub(r'@(\w+)', r'\1', text))]
    for paragraph in paragraphs:
        out += ['.PP', escape(re.sub(r'@(\w+)', r'\1', paragraph))]
    out += ['.SH RETURN VALUE', 'Unless said otherwise 0, or a negative errno value;',
            '.BR vexfs_strerror_for (3)', 'says what it means.  Every call on a descriptor can also give',
            'ENOTTY (not on VexFS), ENODATA (not a collection), EIO, EUCLEAN (damage), ENOMEM, EINTR (a fatal signal),',
            'EFAULT and EOPNOTSUPP.',
            '.SH ATTRIBUTES', 'MT\\-Safe.',
            '.SH SEE ALSO', ',\n'.join('.BR %s (3)' % n for n in names if n != name).replace(',\n', ' ,\n')]
    return '\n'.join(out) + '\n'


def main():
    header, directory = sys.argv[1:]
    with open(header, encoding='utf-8') as f:
        found = list(functions(f.read()))
    os.makedirs(directory, exist_ok=True)
    for function in found:
        near = [f[0] for f in found][:40]
        with open(os.path.join(directory, function[0] + '.3'), 'w', encoding='utf-8') as f:
            f.write(page(*function, near))


main()
