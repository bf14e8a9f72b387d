#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Instructions of inserting 10,000 records of 128 dims, in calls of 1,000:
#
#	tests/vm/run --icount bench/vm/insert.sh
#
# Under -icount the guest's nanoseconds are instructions executed.
. ./lib.sh

run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" vexctl mount /dev/vda /mnt
for i in 1 2 3; do
	run "collection" vexctl collection create /mnt/c$i --dims 128
	run "insert" insertcost /mnt/c$i 10000 128
	sed 's/^/# /' "$out"
done
run "umount" vexctl umount /mnt
finish
