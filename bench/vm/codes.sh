#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Instructions per query and recall of the exact scan, of the built-in, which estimates by codes, and of
# bpf/coded, which does the same in BPF:
#
#	tests/vm/run --icount --mem 2G bench/vm/codes.sh
#
# k 10.  Under -icount the guest's nanoseconds are instructions executed.
. ./lib.sh
show() { run "$@"; sed 's/^/# /' "$out"; }

run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" vexctl mount /dev/vda /mnt
run "load coded" vexctl load /usr/lib/vexfs/coded.bpf.o
run "collection" vexctl collection create /mnt/w --dims 100 --metric cosine
run "import" vexctl import /mnt/w data/glove-2k.fvecs
show "2,000 words, 100 dims, cosine" querycost /mnt/w 101 coded bpf/coded
for d in 128 768 1536; do
	run "fill" codes fill /mnt/$d 5000 $d l2
	show "5,000 random rows, $d dims, l2" querycost /mnt/$d 51 coded bpf/coded
done
run "unload" vexctl unload coded
run "umount" vexctl umount /mnt
finish
