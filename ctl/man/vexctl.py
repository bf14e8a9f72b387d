#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""vexctl.py VEXCTL: the man page vexctl(8), of what the program itself says of its verbs.

Options and tables in a verb's help become lists; what remains stays as it is.
"""
import re
import subprocess
import sys

HEAD = r'''.TH VEXCTL 8 "" "VexFS" "VexFS administration"
.SH NAME
vexctl \- format, mount, fill, search and inspect VexFS
.SH SYNOPSIS
.B vexctl
.I VERB
.RI [ ARGUMENT | OPTION ]...
.br
.B vexctl help
.RI [ VERB ]
.br
.B vexctl \-\-version
.SH DESCRIPTION
VexFS keeps files and their embedding vectors on one partition; its kernel module answers nearest\-neighbour queries, and
the search strategy, the distance and a filter may be BPF programs.
.B vexctl
does all that there is to do, a verb for each.
A directory of a mounted VexFS becomes a collection; its records have an id, a vector, and may have attributes,
a key and a file.
.PP
With
.B \-\-json
the answer of any verb is one JSON value on one line (of
.BR search ", " top " and " events
one for each answer).
What goes wrong is one line on standard error, with what to do about it.
Verbs that take long show how far they are on standard error, and stop cleanly on Ctrl\-C.
.SH VERBS
'''

TAIL = r'''.SH EXIT STATUS
.TP
.B 0
Done.
.TP
.B 1
It was understood but could not be done; one line on standard error says why.
Of
.BR doctor :
at least one check failed.
.TP
.B 2
The command line is wrong; nothing was tried.
.TP
.B 130, 143
Ended by Ctrl\-C or SIGTERM in the middle of a verb that takes long.
.SH ENVIRONMENT
.TP
.B VEXD_SOCKET
Where vexd listens, instead of
.IR /run/vexfs/vexd.sock .
.SH FILES
.TP
.I /sys/fs/bpf/vexfs/NAME
The pins of a loaded program: its link and its maps.
.TP
.I /sys/fs/vexfs/programs/NAME
What the module knows of a program, a value per file.
.TP
.I /run/vexfs/vexd.sock
The daemon.
Where it runs,
.BR load ", " replace ", " unload " and " use
ask it, and it logs who changed what; they do it themselves with
.BR \-\-verbose ,
and where it does not run.
.SH EXAMPLES
.nf
vexctl mkfs /dev/sdb1
vexctl mount /dev/sdb1 /srv/vexfs
vexctl collection create /srv/vexfs/words \-\-dims 100 \-\-metric cosine
vexctl import /srv/vexfs/words words.fvecs
vexctl search /srv/vexfs/words \-\-id 5 \-k 3
vexctl load /usr/lib/vexfs/flat.bpf.o
vexctl use /srv/vexfs/words flat
vexctl top
.fi
.SH SEE ALSO
.BR mkfs.vexfs (8),
.BR fsck.vexfs (8),
.BR vexd (8),
.BR vexfs_open (3),
.BR bpftool (8)
'''


def escape(text):
    text = text.replace('\\', '\\e').replace('-', '\\-')
    return '\n'.join('\\&' + line if line[:1] in ".'" else line for line in text.split('\n'))


def say(vexctl, *args):
    return subprocess.run([vexctl, 'help', *args], capture_output=True, text=True, check=True).stdout


def verb(vexctl, name):
    usage, _, summary, *rest = say(vexctl, *name.split()).rstrip('\n').split('\n')
    out = ['.SS %s' % escape(usage.removeprefix('usage: vexctl ')), escape(summary[0].upper() + summary[1:] + '.')]
    text = []

    def flush():
        if text:
            out.append('.PP')
            out.append(escape(' '.join(text)))
            text.clear()

    for line in rest[:-1]:
        # the text of an option begins after two spaces or, where it is long, in column 23
        option = (re.match(r'  (-\S.*?|    --\S.*?)(?:\s{2,}(.*)|$)', line) if '  ' in line[8:] or len(line) < 24 else
                  re.match(r'  (-\S.{18}) (\S.*)', line))
        # and so does a table in the text, of formats
        option = option or re.match(r'  (\w\S*(?: \S+)*)\s{2,}(\S.*)', line)
        if option:
            flush()
            out += ['.TP', '.B %s' % escape(option.group(1).strip()), escape(option.group(2) or 'Print JSON.')]
        elif line.startswith('   ') and out[-3:-2] == ['.TP'] and not text:
            out[-1] += ' ' + escape(line.strip())
        elif line.strip():
            text.append(line.strip())
        else:
            flush()
    flush()
    return '\n'.join(out) + '\n'


def main():
    vexctl = sys.argv[1]
    page = HEAD
    for line in say(vexctl).split('\n'):
        name = re.match(r'  ([a-z]+(?: [a-z]+)?)  ', line)
        if name:
            page += verb(vexctl, name.group(1))
        elif line and not line.startswith(('usage', ' ', '`', 'Exit', 'Every')):
            page += '.PP\n.B %s\n' % escape(line)
    sys.stdout.write(page + TAIL)


main()
