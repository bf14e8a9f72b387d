#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A search program replaced a thousand times under four query loops: no query fails, none mixes two programs.  And one
# that reads slots from memory which user space rewrites meanwhile.
. ./lib.sh

run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" vexctl mount /dev/vda /mnt
run "collection" vexctl collection create /mnt/w --dims 100 --metric cosine
run "import" vexctl import /mnt/w data/glove-2k.fvecs
run "1,000 switches under 4 query loops" switch /mnt/w /usr/lib/vexfs/half.bpf.o 1000 4
sed 's/^/# /' "$out"
run "slots from memory that changes" picks /mnt/w /usr/lib/vexfs/picks.bpf.o 5
run "umount" vexctl umount /mnt
# the objects of a process that ended are freed a moment later
for i in 1 2 3 4 5 6 7 8; do rmmod vexfs 2>/dev/null && break; sleep 1; done
run "rmmod left nothing" test ! -d /sys/module/vexfs
load vexfs
finish
