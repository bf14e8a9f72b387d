#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# fsck.vexfs of filesystems that the kernel made: clean, mounted, not unmounted, damaged; and mounting from fstab.
. ./lib.sh

# code NAME WANTED COMMAND...: its exit code; its output is in $out
code() { name=$1 want=$2; shift 2; "$@" > "$out" 2>&1; equal "$name" "$want" $?; }
image=/tmp/fsck.img

run "the host's /usr" host_usr

run "loop" load loop
truncate -s 64M $image
run "mkfs" mkfs.vexfs -q -L words $image
losetup /dev/loop0 $image
run "mount" mount -t vexfs /dev/loop0 /mnt
mkdir -p /mnt/a/b
cp /bin/busybox /mnt/a/b/box
ln -s somewhere /mnt/a/link
run "create" vexctl collection create /mnt/w --dims 100 --metric cosine --attr n
run "import" vexctl import /mnt/w data/glove-2k.fvecs --attr n=lineno
run "delete" vexctl delete /mnt/w 1 2 3
run "snapshot" vexctl snapshot create /mnt/w one
sync
code "a mounted device is refused" 8 fsck.vexfs /dev/loop0
says "where" "is mounted on /mnt: unmount it first"
code "so is the file below it" 8 fsck.vexfs $image
says "where" "is mounted on /mnt"
cp $image /tmp/copy.img
code "a copy of it has a log to replay" 0 fsck.vexfs /tmp/copy.img
says "what it holds" "\[112\] log pending: [1-9][0-9]* transactions"
says "and all is there" "log pending, [0-9]+ inodes, 4 directories, 1 collections, 1997 records"
code "which at boot is left to the mount" 0 fsck.vexfs -a /tmp/copy.img
run "umount" umount /mnt
run "mount it read-only" mount -t vexfs -o ro /dev/loop0 /mnt
code "that can be checked" 0 fsck.vexfs /dev/loop0
says "with a note" "note: is mounted on /mnt, read-only"
run "umount" umount /mnt
code "clean" 0 fsck.vexfs /dev/loop0
says "what there is" "clean, [0-9]+ inodes, 4 directories, 1 collections, 1997 records"
code "as JSON" 0 fsck.vexfs --json /dev/loop0
says "what there is" '"label": "words", "state": "clean", "errors": 0, "notes": 0, .*"records": 1997'
losetup -d /dev/loop0

# --- after the copy was mounted once, it is clean, too
losetup /dev/loop0 /tmp/copy.img
run "the copy: mount" mount -t vexfs /dev/loop0 /mnt
run "umount" umount /mnt
code "clean" 0 fsck.vexfs /dev/loop0
losetup -d /dev/loop0

# --- a torn record: a byte of the first row, which is found by what it holds
row=$(dd if=data/glove-2k.fvecs bs=1 skip=4 count=16 2>/dev/null | hexdump -v -e '/1 "%02x"' | sed 's/../\\x&/g')
at=$(host env LC_ALL=C /host/usr/bin/grep -obUaP "$row" $image | head -n 1 | cut -d: -f1)
if [ -n "$at" ]; then
	printf '\125' | dd of=$image bs=1 seek=$((at + 1)) conv=notrunc 2>/dev/null
	code "a torn record" 4 fsck.vexfs $image
	says "which" "\[702\] torn record: collection [0-9]+: record 0 is torn"
	code "what that means" 0 fsck.vexfs --explain 702
	says "what to do" "insert it again"

	# --- and a group; the repair, and what the kernel says to it
	dd if=/dev/zero of=$image bs=4096 seek=1 count=1 conv=notrunc 2>/dev/null
	code "that is not repaired without being asked for" 4 fsck.vexfs -a -f $image
	rm -f /tmp/undo
	code "repair" 1 fsck.vexfs -y --undo /tmp/undo $image
	says "the group" "repair: group 0: made anew from what is in use"
	says "the record" "repair: collection [0-9]+: record 0 does not verify: it (is|was) deleted"
	code "clean" 0 fsck.vexfs $image
	cp $image /tmp/copy.img
	code "undone" 0 fsck.vexfs --undo-apply /tmp/undo /tmp/copy.img
	code "it is damaged again" 4 fsck.vexfs /tmp/copy.img
	losetup /dev/loop0 $image
	run "mount what was repaired" mount -t vexfs /dev/loop0 /mnt
	run "a file is whole" cmp /bin/busybox /mnt/a/b/box
	equal "a link, too" somewhere "$(readlink /mnt/a/link)"
	run "search" vexctl search /mnt/w --id 7 -k 3
	says "the record itself" "^ *1 +7 "
	run "the snapshot" vexctl search /mnt/w --id 7 -k 3 --as-of one
	run "write" cp /bin/busybox /mnt/a/more
	run "insert" vexctl import /mnt/w data/glove-2k.fvecs --attr n=lineno --append
	run "umount" umount /mnt
	code "clean" 0 fsck.vexfs /dev/loop0
	losetup -d /dev/loop0
else
	not_ok "the first row is in the image"
fi

# --- from fstab, by busybox's mount and by util-linux's

run "mkfs" mkfs.vexfs --force -q /dev/vda
mkdir -p /srv
echo "/dev/vda /srv vexfs noatime,commit=7 0 2" > /etc/fstab
run "mount from fstab" mount /srv
run "with its options" grep -q "^/dev/vda /srv vexfs rw,noatime,.*commit=7" /proc/mounts
run "umount" umount /srv
run "mount(8) of util-linux" host /host/usr/bin/mount /srv
run "umount(8)" host /host/usr/bin/umount /srv
expect_fail "blkid does not know the UUID" "can't find UUID" host /host/usr/bin/mount -t vexfs \
	UUID="$(fsck.vexfs --json /dev/vda 2>/dev/null | sed 's/.*"uuid": "\([^"]*\)".*/\1/')" /srv
rm -f /etc/fstab $image /tmp/copy.img
finish
