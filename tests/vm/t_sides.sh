#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What one user may not do to another: learn of a file that he may not read, stall others, or use up the
# kernel's memory.
. ./lib.sh

dmesg_allow 'Out of memory|oom|Call Trace'
run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" mount -t vexfs -o compact=off /dev/vda /mnt
for test in reads near lengths paths snapshot; do
	run "$test" sides $test /mnt/$test
done
mkdir -p /sys/fs/cgroup
run "control groups" mount -t cgroup2 none /sys/fs/cgroup
echo "+memory +cpu" > /sys/fs/cgroup/cgroup.subtree_control
run "a control group" mkdir /sys/fs/cgroup/stall
run "load flat" vexctl load /usr/lib/vexfs/flat.bpf.o
for test in others worker charge exhaust; do
	run "$test" stall $test /mnt/$test
done
run "unload" vexctl unload flat
run "umount" vexctl umount /mnt
run "verify" fsck.vexfs /dev/vda
rmdir /sys/fs/cgroup/stall
umount /sys/fs/cgroup
finish
