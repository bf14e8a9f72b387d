#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Hostile programs: each is stopped, refused by what it calls, or harmless; those that the verifier refuses are t_hooks'.
. ./lib.sh

run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" vexctl mount /dev/vda /mnt
villain /mnt/c /usr/lib/vexfs/villain.bpf.o > "$out" 2>&1; rc=$?
sed 's/^/# /' "$out"
equal "each of them" 0 $rc
says "28 of them" "^28 villains$"
run "the collection is whole" sh -c "vexctl search /mnt/c --id 23760 --exact && sync"
run "seen from below" vexctl debug /dev/vda collection /c
says "what is mounted may change" "vexctl debug: /dev/vda: note: is mounted on /mnt: "
says "9,000 slots" "^c_count  *9000$"
run "nothing is loaded any more" sh -c "for i in 1 2 3 4 5 6 7 8 9; do [ -z \"\$(ls /sys/fs/vexfs/programs)\" ] && exit 0; sleep 1; done; false"
run "umount" vexctl umount /mnt
run "fsck.vexfs" fsck.vexfs /dev/vda
for i in 1 2 3 4 5 6 7 8; do rmmod vexfs 2>/dev/null && break; sleep 1; done
run "rmmod left nothing" test ! -d /sys/module/vexfs
load vexfs
finish
