#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Collections through their ioctls: answers against an oracle, what stays after an unmount, every bad
# input, permissions, a full disk, everything at once, and damaged blocks.
. ./lib.sh

# show what a program said on top of its verdict
said() { sed 's/^/# /' "$out"; }

run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" mount -t vexfs /dev/vda /mnt
for m in l2 cosine dot; do
	run "oracle: $m, 1 dimension" collection oracle /mnt $m 1 300
	run "oracle: $m, 7 dimensions" collection oracle /mnt $m 7 1500
	run "oracle: $m, 100 dimensions" collection oracle /mnt $m 100 1200
	run "oracle: $m, 4096 dimensions" collection oracle /mnt $m 4096 60
done
run "extreme vectors" collection extreme /mnt
run "20,000 equal vectors" collection ties /mnt
mkdir /mnt/names /mnt/bad
run "rename, link and rmdir" collection names /mnt/names
run "permissions" collection permission /mnt
run "bad input" badinput /mnt/bad
run "everything at once" storm /mnt 5
said

run "fill l2" collection fill /mnt l2 30 2000
run "fill cosine" collection fill /mnt cosine 257 300
run "fill dot" collection fill /mnt dot 1025 200
run "umount" umount /mnt
run "verify" fsck.vexfs /dev/vda
run "mount again" mount -t vexfs /dev/vda /mnt
run "l2 is what it was" collection check /mnt l2 30 2000
run "cosine is what it was" collection check /mnt cosine 257 300
run "dot is what it was" collection check /mnt dot 1025 200
echo 3 > /proc/sys/vm/drop_caches
run "l2 is what it was, read from the disk" collection check /mnt l2 30 2000
run "remount read-only" mount -o remount,ro /mnt
run "a read-only mount" collection readonly /mnt/fill-l2-30
run "l2 is what it was, read-only" collection check /mnt l2 30 2000
run "remount read-write" mount -o remount,rw /mnt
run "l2 is what it was, read-write again" collection check /mnt l2 30 2000
run "umount" umount /mnt
run "mount read-only" mount -t vexfs -o ro /dev/vda /mnt
run "a read-only mount from the start" collection readonly /mnt/fill-l2-30
run "umount" umount /mnt

# a small disk, in memory
run "loop" load loop
for mib in 16 40; do
	rm -f /tmp/small
	truncate -s ${mib}M /tmp/small
	run "mkfs, $mib MiB" mkfs.vexfs /tmp/small
	run "loop device" losetup /dev/loop0 /tmp/small
	run "mount" mount -t vexfs /dev/loop0 /mnt
	run "a full disk of $mib MiB" collection enospc /mnt
	said
	run "umount" umount /mnt
	run "verify" fsck.vexfs /dev/loop0
	losetup -d /dev/loop0
done

rm -f /tmp/small
truncate -s 64M /tmp/small
run "mkfs" mkfs.vexfs /tmp/small
losetup /dev/loop0 /tmp/small
run "mount" mount -t vexfs /dev/loop0 /mnt
run "fill" collection fill /mnt l2 30 2000
run "umount" umount /mnt
run "damaged blocks" damage /dev/loop0 /mnt
said
run "verify" fsck.vexfs /dev/loop0
losetup -d /dev/loop0
rm -f /tmp/small
finish
