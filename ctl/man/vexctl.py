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
.RB [ \-\-image
.I FILE
.RB [ \-\-load
.IR OBJECT ]...]
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
has a verb for everything there is to do.
A directory of a mounted VexFS can become a collection.
Its records have an id and a vector, and may have attributes, a key and a file that they belong to.
.PP
With
.B \-\-json
the answer of any verb is one JSON value on one line
.RB ( search ", " list ", " stale ", " top " and " events
print one for each answer).
What goes wrong is one line on standard error that says what to do about it, also with
.BR \-\-json .
Verbs that take long show their progress on standard error, and stop cleanly on Ctrl\-C.
Control characters and other bytes in names, keys and words that could steer a terminal are printed as \exNN.
.PP
With
.B \-\-image
.I FILE
no kernel module, no mount and no root is needed: vexctl itself opens the image FILE, or a block device, and the directories
of the verb are those in it.
No other vexctl can use it meanwhile, but that several may read one file; verbs that only read leave it as it is.
What a program of the same user has attached to write, or vexfs\-fuse has mounted, is used by way of that one, which can so be
backed up while it is open; it alone makes and removes collections.
A device that is mounted is refused, and so is a file that is behind a loop device; do not mount a file while vexctl is at
work on it, since a loop device does not ask.
What a verb has said to be done is on the disk when it ends.
A program that the collection is bound to, or is to be, is loaded for the verb by
.B \-\-load
.IR OBJECT ,
which may be repeated: a native one, of vexctl itself then, see
.BR load .
Verbs on mounts and the daemon refuse.
.SH VERBS
'''

# What the words of search mean, here and in `vexctl explain`, tracepoints and <vexfs/ioctl.h>.
GLOSSARY = (
    ('record', 'A vector with its id and, optionally, a key, attributes and a file that it is bound to.'),
    ('slot', 'The place of a record in its collection, numbered from 0. A replaced or deleted record leaves its slot until '
             'the collection is compacted.'),
    ('deleted', 'Of a record: deleted, replaced, or its file is gone. Searches skip it, and compaction gives its space back.'),
    ('stale', 'Of a record: its file has changed, or was replaced by another one, since the record was inserted.'),
    ('snapshot', 'The records of a collection as they were at one moment, under a name.'),
    ('compaction', 'Copies the records that are not deleted, now or in a snapshot, and gives the space of the others back.'),
    ('dictionary', 'The words of a keyword attribute, each with the number that is stored in its place. '
                   'Words that only records have which the caller may not see, because of their file, are unknown to him.'),
    ('predicate', 'A condition on attributes (--where). Only records for which it holds become candidates. For how many slots it '
                  'holds is not told where there are or were records that the caller may not see, because of their file.'),
    ('strategy', 'What decides which slots a search visits: the bound search program, or one of the built-in strategies '
                 'exact, coded, ivf and lsh, of which --method chooses.'),
    ('visited', 'Of a slot: the strategy looked at it, whatever is in it. --max-visits limits how many; one that is visited '
                'twice counts twice.'),
    ('candidate', 'A slot that a search considers: its record is not deleted, the predicate holds for it, and the caller may '
                  'read its file.'),
    ('code', 'A small image of a vector, one bit for each dimension (RaBitQ), from which its distance is estimated. '
             'Lists have codes of four bits besides, for what the first ones leave, and where few records match.'),
    ('list', 'The records that are nearest to one of many centres, with codes relative to it. The strategy ivf probes the '
             'lists whose centres are nearest to the query.'),
    ('probed', 'Of a list: the strategy looked into it. How many it probes follows from --recall, or is --effort.'),
    ('bucket', 'The records whose codes have the same bits in a few places, which are those of a hash table. The strategy lsh '
               'looks into the buckets that the query would be in, were little of it changed: 128 of them, or --effort.'),
    ('recall', 'The part of the true nearest records that is found. --recall says what it is to be on average.'),
    ('estimated', 'Of a candidate: its distance was estimated from its code, as a lower and an upper bound.'),
    ('pruned', 'Of a candidate: left out, because its lower bound shows that it is not among the nearest.'),
    ('deferred', 'Of a candidate: put aside, to be measured in the order of the lower bounds.'),
    ('re-ranked', 'Of a deferred candidate: measured after all, because its bounds did not rule it out.'),
    ('filtered', 'Of a candidate: rejected by the filter program.'),
    ('scored', 'Of a candidate: its distance was measured from the vector itself, in single precision.'),
    ('fetched', 'Of a vector: read from the device, because it was not in memory.'),
    ('rescored', 'Of the best candidates: measured again in double precision, which gives the final order and the distances.'),
    ('penalty', 'What a distance program adds to a distance.'),
    ('hit', 'A record in the answer. Hits are ordered by distance, then by id.'),
    ('recall', 'The part of the true nearest neighbours that a search finds, on average over queries; see eval. A strategy '
               'that does not look at every record stops when what it has found is likely to reach the recall that was asked '
               'for (--recall).'),
    ('round', 'One call of the strategy. Between rounds, the vectors that it needs are read from the device.'),
    ('restart', 'A search that began anew: a program was switched or failed, or the first attempt could not be shown to be '
                'complete.'),
    ('fallback', 'A search that the built-in strategy finished, because the search program failed or took too long.'),
    ('ejected', 'Of a search program: no longer tried by a collection, after 16 failures in a row there.'),
    ('generation', 'Counts how often programs were loaded and replaced: which version of a program answered.'),
    ('truncated', 'Of an answer: it may be incomplete, for a reason that it names: deadline, visits, strategy, precision, limit, '
                  'files or damaged.'),
    ('probe', 'To visit one partition of an index. No index exists yet.'),
)

TAIL = r'''.SH EXIT STATUS
.TP
.B 0
Done.
.TP
.B 1
The command line was understood, but it could not be done; one line on standard error says why.
Of
.BR doctor :
at least one check failed.
Of
.BR debug :
something is wrong with what was printed.
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
ask it to make the change, and it logs who changed what.
With
.BR \-\-verbose ,
and where it does not run, vexctl makes the change itself.
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
.PP
The same without a kernel module, in a file:
.PP
.nf
truncate \-s 256M words.img
mkfs.vexfs words.img
vexctl \-\-image words.img collection create words \-\-dims 100 \-\-metric cosine
vexctl \-\-image words.img import words words.fvecs
vexctl \-\-image words.img search words \-\-id 5 \-k 3
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
    page += '.SH GLOSSARY\n' + ''.join('.TP\n.B %s\n%s\n' % (escape(word), escape(text)) for word, text in GLOSSARY)
    sys.stdout.write(page + TAIL)


main()
