#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Several queries in one call, and range searches: against one query at a time and an oracle, bad
# arguments, the deadline, threads that share a descriptor, and programs that are replaced under such calls.
. ./lib.sh

run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" vexctl mount /dev/vda /mnt
for m in l2 cosine dot; do
	run "many queries: $m" calls many /mnt $m 33 700
	run "range: $m" calls range /mnt $m 33 700
	run "range: $m, one dimension" calls range /mnt $m 1 300
done
run "threads on one descriptor" threads /mnt
sed "s/^/# /" "$out"
run "limits" calls limits /mnt
sed 's/^/# /' "$out"

run "collection" vexctl collection create /mnt/w --dims 100 --metric cosine
run "import" vexctl import /mnt/w data/glove-2k.fvecs
run "100 switches under 3 loops of 8 queries each" switch /mnt/w /usr/lib/vexfs/half.bpf.o 100 3 8
sed 's/^/# /' "$out"
run "umount" vexctl umount /mnt
finish
