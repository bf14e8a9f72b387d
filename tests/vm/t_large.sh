#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Four times as many rows as fit into the memory of those who search: their memory is limited by a
# control group, to which the pages that they bring in are charged.
. ./lib.sh

rows=16384				# of 4 KiB
limit=16M
said() { sed 's/^/# /' "$out"; }
# small COMMAND...: in the control group
small() { sh -c 'echo $$ > /sys/fs/cgroup/small/cgroup.procs && exec "$@"' sh "$@"; }

mkdir -p /sys/fs/cgroup
run "control groups" mount -t cgroup2 none /sys/fs/cgroup
echo +memory > /sys/fs/cgroup/cgroup.subtree_control
run "a control group" mkdir /sys/fs/cgroup/small
run "its limit" sh -c "echo $limit > /sys/fs/cgroup/small/memory.max"
run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" vexctl mount /dev/vda /mnt
run "$rows rows" large fill /mnt/large $rows
run "umount" vexctl umount /mnt
run "mount again" vexctl mount /dev/vda /mnt
for way in exact any; do
	echo 3 > /proc/sys/vm/drop_caches
	run "search, cold: $way" small large search /mnt/large $rows vda $way
	said
	run "search, warm: $way" small large search /mnt/large $rows vda $way
	said
done
equal "the limit was felt" 1 "$(awk '$1 == "max" { print ($2 > 0) }' /sys/fs/cgroup/small/memory.events)"
equal "and nobody was killed for it" 0 "$(awk '$1 == "oom_kill" { print $2 }' /sys/fs/cgroup/small/memory.events)"
run "umount" vexctl umount /mnt
rmdir /sys/fs/cgroup/small
umount /sys/fs/cgroup
finish
