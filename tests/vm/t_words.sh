#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Keyword attributes: codes against a model, over remounts and dropped caches; every bad input, a full
# disk, damage.
. ./lib.sh

dmesg_allow 'the word at byte [0-9]+ has a bad checksum'
run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" mount -t vexfs /dev/vda /mnt
run "a history" words history /mnt 1 300
echo 3 > /proc/sys/vm/drop_caches
run "it goes on, read from the disk" words history /mnt 2 200
run "umount" umount /mnt
run "verify" fsck.vexfs /dev/vda
run "mount" mount -t vexfs /dev/vda /mnt
run "it goes on after a remount" words history /mnt 3 200
run "bad input" words bad /mnt
run "umount" umount /mnt
run "verify" fsck.vexfs /dev/vda
run "damage a word" words damage /dev/vda
expect_fail "verify sees it" "dictionary" fsck.vexfs /dev/vda
run "mount" mount -t vexfs /dev/vda /mnt
run "what is damaged can only be dropped" words damaged /mnt
run "the other collection goes on" words history /mnt 4 100
run "umount" umount /mnt
run "verify" fsck.vexfs /dev/vda

run "loop" load loop
truncate -s 16M /tmp/small
run "mkfs, 16 MiB" mkfs.vexfs /tmp/small
losetup /dev/loop0 /tmp/small
run "mount" mount -t vexfs /dev/loop0 /mnt
run "a full disk" words enospc /mnt
run "umount" umount /mnt
run "verify" fsck.vexfs /dev/loop0
losetup -d /dev/loop0
rm -f /tmp/small
finish
