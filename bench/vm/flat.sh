#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Instructions per query of the built-in exact scan and of bpf/flat, which does the same in BPF:
#
#	tests/vm/run --icount bench/vm/flat.sh
#
# 2,000 words of 100 dims, k 10, cosine.  Under -icount the guest's nanoseconds are instructions executed.
. ./lib.sh

run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" vexctl mount /dev/vda /mnt
run "collection" vexctl collection create /mnt/w --dims 100 --metric cosine
run "import" vexctl import /mnt/w data/glove-2k.fvecs
run "load flat" vexctl load /usr/lib/vexfs/flat.bpf.o
run "measure" querycost /mnt/w 51 coded bpf/flat
sed 's/^/# /' "$out"
run "load sample" vexctl load /usr/lib/vexfs/sample.bpf.o
run "measure sample" querycost /mnt/w 51 bpf/sample
sed 's/^/# /' "$out"
run "unload" vexctl unload flat
run "unload sample" vexctl unload sample
run "umount" vexctl umount /mnt
finish
