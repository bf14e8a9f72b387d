#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Blocks that cannot be written or read, one kind after the other, no room, no memory: who was told, what is there
# afterwards.
. ./lib.sh
dmesg_allow 'its checkpoint is of no use'
dmesg_allow 'Call Trace:'		# of the killer of who has no memory left

for m in loop dm-mod dm-flakey; do run "module $m" load $m; done
mkdir -p /sys/fs/cgroup
run "control groups" mount -t cgroup2 none /sys/fs/cgroup
echo +memory > /sys/fs/cgroup/cgroup.subtree_control
truncate -s 200M /tmp/faulty
losetup /dev/loop0 /tmp/faulty
losetup -r /dev/loop1 /tmp/faulty
# from the environment: fault, a part of a name, for only those
run "nothing acknowledged is lost" faults /dev/loop0 /dev/loop1 /mnt $fault
table() { grep '^|' "$out" | sed 's/^/# /'; }
table
losetup -d /dev/loop0
losetup -d /dev/loop1
rm /tmp/faulty
# on a disk that takes no memory of whoever writes to it
run "memory is short" faults /dev/vda - /mnt "no memory" || cat /tmp/faults.fsck
table
run "verify" fsck.vexfs /dev/vda
umount /sys/fs/cgroup
finish
