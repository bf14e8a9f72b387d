#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Names, directories, attributes: the tests of posix_names.c.  Afterwards all space is back and the offline
# check finds nothing.
. ./lib.sh

dev=/dev/vda
df_of() { stat -f -c '%b %f %d' "$1"; }		# blocks, free, free inodes

run "mkfs" mkfs.vexfs -q -f $dev
run "mount" mount -t vexfs $dev /mnt
sync
before=$(df_of /mnt)
posix_names --list > /tmp/list
while read -r test what; do
	[ "$test" = links ] || run "$what" posix_names "$test" /mnt	# t_data.sh has time for it
done < /tmp/list
sync
equal "all space comes back" "$before" "$(df_of /mnt)"
run "unmount" umount /mnt
run "nothing is wrong offline" fsck.vexfs $dev
finish
