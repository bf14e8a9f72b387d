#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# In the guest: do generated workloads on the filesystem of /dev/vda, whose log is /dev/vdb and was /dev/vdc before, and
# judge what a crash may leave of it (orders.c).  From the environment: seed, workloads, offset of promises; orders,
# states, controls: how many of each kind.
. ./lib.sh

run "loop" load loop
run "mount" mount -t vexfs /dev/vda /mnt
run "workloads" crashload ops /mnt "$seed" "$workloads" /dev/vda "$offset" && sed 's/^/#   /' "$out"
run "umount" umount /mnt
truncate -s "$offset" /tmp/state
losetup /dev/loop0 /tmp/state
# judge NAME COUNT FIRST CONTROL
judge() {
	run "$1" orders /dev/vdb /dev/vdc "$offset" "$seed" "$orders" "$3" "$2" "$4" /tmp/state /dev/loop0 /mnt &&
		sed 's/^/# /' "$out"
}
judge "states of the disk" "$states" 0 none
[ "$controls" = 0 ] || for control in flush data early; do
	judge "the control bites: $control" "$controls" 100 $control
done
losetup -d /dev/loop0
finish
