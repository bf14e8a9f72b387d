#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
. ./lib.sh

run "mkfs" mkfs.vexfs /dev/vda
run "mount" mount -t vexfs /dev/vda /mnt
for test in bind vanish race stale move paths readers few idmap spread; do
	run "$test" files $test /mnt/$test
done
run "a collection with files" files fill /mnt/fill
run "is what it should be" files check /mnt/fill
run "umount" umount /mnt
run "verify" vexfs-verify /dev/vda
run "mount again" mount -t vexfs /dev/vda /mnt
run "it is what it was" files check /mnt/fill
echo 2 > /proc/sys/vm/drop_caches
run "and still is" files check /mnt/fill
run "umount" umount /mnt
run "verify" vexfs-verify /dev/vda
run "mount read-only" mount -t vexfs -o ro /dev/vda /mnt
run "it is what it was, read-only" files check /mnt/fill
run "umount" umount /mnt
finish
