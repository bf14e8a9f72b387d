#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The data of files: the tests of posix_data.c; all space comes back; a tree of files is the same after a
# remount; the offline check finds nothing.
. ./lib.sh

dev=/dev/vda
df_of() { stat -f -c '%b %f %d' "$1"; }		# blocks, free, free inodes
sums() { (cd /mnt && find . -type f -exec sha256sum {} + | sort -k 2; find . | sort); }

run "mkfs" mkfs.vexfs -q -f $dev
run "mount" mount -t vexfs $dev /mnt
sync
before=$(df_of /mnt)
posix_data --list > /tmp/list
while read -r test what; do
	[ "$test" = full ] || run "$what" posix_data "$test" /mnt	# t_mount.sh has a small filesystem
done < /tmp/list
run "a file of 65,000 names, and EMLINK" posix_names links /mnt
sync
equal "all space comes back" "$before" "$(df_of /mnt)"

mkdir -p /mnt/tree/deeper
cp -r /usr/bin /tests /mnt/tree/deeper
cp /usr/bin/vexctl /mnt/tree
sums > /tmp/before
run "unmount" umount /mnt
run "nothing is wrong offline" fsck.vexfs $dev
run "mount again" mount -t vexfs $dev /mnt
sums > /tmp/after
run "every file is as it was" cmp /tmp/before /tmp/after
run "and there are many" test "$(wc -l < /tmp/after)" -gt 20
rm -r /mnt/tree
sync
equal "space comes back again" "$before" "$(df_of /mnt)"
run "unmount again" umount /mnt
run "still nothing is wrong offline" fsck.vexfs $dev
rm /tmp/before /tmp/after
finish
