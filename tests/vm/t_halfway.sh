#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Operations that change several blocks, when one of them cannot be read: nothing has happened, and nothing is lost.
# On a filesystem of one group, where inodes are next to each other in the order in which they are made.
# And vectors that cannot be read: searches go on without them.
. ./lib.sh

for m in loop dm-mod dm-flakey; do run "module $m" load $m; done
truncate -s 40M /tmp/halfway
losetup /dev/loop0 /tmp/halfway
run "mkfs" mkfs.vexfs -q --force /dev/loop0
run "as a whole or not at all" halfway /dev/loop0 /mnt
run "verify" fsck.vexfs /dev/loop0

# rows that cannot be read
run "mkfs" mkfs.vexfs -q --force /dev/loop0
trace=/sys/kernel/tracing
[ -d $trace/events ] || run "tracefs" mount -t tracefs tracefs $trace
echo 1 > $trace/events/vexfs/vexfs_damage/enable
run "vectors that cannot be read" unread /dev/loop0 /mnt
equal "each is told of once a mount" 64 "$(grep -c 'vexfs_damage: dev .* err -5$' $trace/trace)"
run "verify" fsck.vexfs /dev/loop0

# more extents than there is space for
run "mkfs" mkfs.vexfs -q --force /dev/loop0
run "without a reserve" lie /dev/loop0 reserve
run "mount" mount -t vexfs /dev/loop0 /mnt
run "a full filesystem, and scattered writes into what was allocated" scattered write /mnt
echo 3 > /proc/sys/vm/drop_caches
run "nothing is lost when it leaves memory" scattered check /mnt
run "umount" umount /mnt
run "verify" fsck.vexfs /dev/loop0
run "mount" mount -t vexfs /dev/loop0 /mnt
run "nor by a mount" scattered check /mnt
run "umount" umount /mnt
losetup -d /dev/loop0
rm /tmp/halfway
finish
