#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Mounting and unmounting: options, read-only, frozen, full, shut down, on a read-only device; after each
# of the larger steps the offline check must find nothing.
. ./lib.sh

dev=/dev/vda
small=/dev/loop0

mnt() { mount -t vexfs "$@" || return 1; }	# busybox exits with 255
df_of() { stat -f -c '%b %f %d' "$1"; }		# blocks, free, free inodes

dd if=/dev/zero of=$dev bs=4k count=1 2> /dev/null
expect_fail "an empty disk is no VexFS" "Invalid argument" mnt $dev /mnt
run "mkfs" mkfs.vexfs -q $dev
run "mount" mount -t vexfs $dev /mnt
run "it is in /proc/mounts" grep -q "^$dev /mnt vexfs rw,relatime,errors=remount-ro " /proc/mounts
run "unmount" umount /mnt

# options, read-only and back
expect_fail "an unknown option" "Invalid argument" mnt -o nonsense $dev /mnt
expect_fail "commit=0" "Invalid argument" mnt -o commit=0 $dev /mnt
expect_fail "resident=lots" "Invalid argument" mnt -o resident=lots $dev /mnt
run "mount with options" mount -t vexfs -o errors=continue,commit=7,resident=32M $dev /mnt
run "they are shown" grep -q "vexfs rw,relatime,errors=continue,commit=7,resident=33554432 " /proc/mounts
echo kept > /mnt/file
mkdir /mnt/dir
run "remount read-only" mount -o remount,ro /mnt
expect_fail "nothing can be written" "Read-only" touch /mnt/new
run "and it is clean" fsck.vexfs $dev
equal "reading works" kept "$(cat /mnt/file)"
run "remount read-write" mount -o remount,rw,commit=9 /mnt
run "options change, others stay" grep -q "rw,relatime,errors=continue,commit=9,resident=33554432 " /proc/mounts
run "and write again" touch /mnt/new
run "unmount once more" umount /mnt
run "mount read-only" mount -t vexfs -o ro $dev /mnt
equal "files are there" "dir file new" "$(echo $(ls /mnt))"
run "nothing can be changed" posix_state --readonly /mnt
run "unmount read-only" umount /mnt
for from in ro rw,ro; do
	run "mount to stop ($from)" mount -t vexfs -o ${from%,ro} $dev /mnt
	[ $from = ro ] || run "remount read-only" mount -o remount,ro /mnt
	run "shut down while it is read-only ($from)" posix_state --stop /mnt
	run "no way back" sh -c '! mount -o remount,rw /mnt'
	run "unmount ($from)" umount /mnt
	run "consistent ($from)" fsck.vexfs $dev
done

# freeze: the device is consistent meanwhile
run "mount to freeze" mount -t vexfs $dev /mnt
run "some files" posix_data data /mnt
run "freeze" fsfreeze --freeze /mnt
run "consistent while frozen" fsck.vexfs -n $dev
run "unfreeze" fsfreeze --unfreeze /mnt
run "writable again" posix_data truncate /mnt
run "unmount after freezing" umount /mnt
run "consistent after all" fsck.vexfs $dev

# a small filesystem, filled to the brim
load loop
truncate -s 48M /tmp/small
losetup $small /tmp/small
run "mkfs of a small one" mkfs.vexfs -q $small
run "mount it" mount -t vexfs $small /mnt
before=$(df_of /mnt)
run "a full filesystem, and all space comes back" posix_data full /mnt
run "random operations again" posix_data stress /mnt 7
run "an unlinked file is freed at last" sh -c '
	exec 9<> /mnt/gone; dd if=/dev/zero of=/mnt/gone bs=1M count=4 2>/dev/null; rm /mnt/gone; sync'
sync
equal "everything is free" "$before" "$(df_of /mnt)"
run "unmount the small one" umount /mnt
run "consistent after having been full" fsck.vexfs $small

# stopped by FS_IOC_SHUTDOWN: flushed, log flushed, nothing flushed.  The next mount finishes what was begun.
for how in 0 1 2; do
	run "mount to shut down ($how)" mount -t vexfs $small /mnt
	run "shut down ($how)" posix_state --shutdown /mnt $how
	expect_fail "vexctl doctor tells ($how)" "nothing more is written" vexctl doctor
	run "unmount after shutdown ($how)" umount /mnt
	run "mount again ($how)" mount -t vexfs $small /mnt
	run "what was synced is there ($how)" posix_state --kept /mnt
	rm -f /mnt/late
	sync
	equal "orphans are freed ($how)" "$before" "$(df_of /mnt)"
	run "unmount ($how)" umount /mnt
	run "consistent ($how)" fsck.vexfs $small
done

# the device is read-only, and its log must be replayed
run "mount to leave a full log" mount -t vexfs $small /mnt
run "shut down" posix_state --shutdown /mnt 2
run "unmount" umount /mnt
run "a device becomes read-only" blockdev --setro $small
expect_fail "a log that cannot be replayed" "Read-only" mnt -o ro $small /mnt
run "writable again" blockdev --setrw $small
run "a read-only mount replays it" mount -t vexfs -o ro $small /mnt
run "the file is there" test -s /mnt/kept
run "remount read-write frees the orphans" mount -o remount,rw /mnt
run "the file is as it was" posix_state --kept /mnt
rm -f /mnt/late
sync
equal "orphans are freed" "$before" "$(df_of /mnt)"
run "unmount" umount /mnt
run "consistent" fsck.vexfs $small

# rescue: the log is left alone, a copy of the superblock is read; and nothing is written
run "mount to leave a full log again" mount -t vexfs $small /mnt
run "shut down" posix_state --shutdown /mnt 1
run "unmount" umount /mnt
image_is() { md5sum < /tmp/small; }
was=$(image_is)
for o in norecovery sb=16384 rw,norecovery; do
	expect_fail "only with ro: $o" "Invalid argument" mnt -o $o $small /mnt
done
for o in sb=0 sb=1 sb=16383 sb=-1 norecovery=1; do
	expect_fail "$o" "Invalid argument" mnt -o ro,$o $small /mnt
done
expect_fail "a copy behind the end" "Invalid argument" mnt -o ro,sb=16384 $small /mnt
run "norecovery" mount -t vexfs -o ro,norecovery $small /mnt
run "the kernel says so" sh -c "dmesg | tail -n 5 | grep 'norecovery: the log is not replayed, and holds changes'"
run "so does /proc/mounts" grep -q " /mnt vexfs ro,.*,norecovery " /proc/mounts
run "what can be read is" sh -c "ls -lR /mnt; find /mnt -type f -exec cat {} + > /dev/null; sync -f /mnt; true"
expect_fail "not written" "Read-only" touch /mnt/new
expect_fail "never" "Invalid argument" mnt -o remount,rw,norecovery /mnt
expect_fail "nor with the log" "Invalid argument" mnt -o remount,ro,sb=16384 /mnt
run "unmount" umount /mnt
equal "not a byte has changed" "$was" "$(image_is)"
run "a read-only device" blockdev --setro $small
run "norecovery does not need its log" mount -t vexfs -o ro,norecovery $small /mnt
run "unmount" umount /mnt
run "writable again" blockdev --setrw $small
equal "not a byte has changed" "$was" "$(image_is)"
run "a mount replays it" mount -t vexfs $small /mnt
run "the file is as it was" posix_state --kept /mnt
run "unmount" umount /mnt
run "consistent" fsck.vexfs $small

# more groups than a copy of the superblock knew when it was written
big=/dev/loop1
truncate -s 448M /tmp/big
losetup $big /tmp/big
run "mkfs of seven groups" mkfs.vexfs -q $big
run "mount" mount -t vexfs $big /mnt
run "six of them full" sh -c "for i in 1 2 3 4 5 6; do fallocate -l 64M /mnt/\$i || exit 1; done; cp /bin/busybox /mnt/b; sync"
run "an orphan" sh -c "exec 3> /mnt/gone; rm /mnt/gone; posix_state --abandon /mnt"
run "unmount" umount /mnt
no_super() { dd if=/dev/zero of=$big bs=4k count=1 conv=notrunc 2> /dev/null; }
no_super				# but the log has it
for o in sb=16384 sb=49152 sb=49152,norecovery; do
	was=$(head -c 64M $big | md5sum)
	run "mount -o ro,$o" mount -t vexfs -o ro,$o $big /mnt
	run "shown" grep -q " /mnt vexfs ro,.*,$o " /proc/mounts
	run "told" sh -c "dmesg | tail -n 5 | grep 'superblock of block [0-9]*: 7 of 7 groups are in use'"
	run "the last file is read" cmp /bin/busybox /mnt/b
	expect_fail "not writable" "Read-only" touch /mnt/new
	expect_fail "for good" "Invalid argument" mnt -o remount,rw,$o /mnt
	run "unmount" umount /mnt
	[ $o = ${o%norecovery} ] || equal "not a byte has changed" "$was" "$(head -c 64M $big | md5sum)"
done
no_super
expect_fail "without the option" "Invalid argument" mnt -o ro $big /mnt
run "a copy over block 0" sh -c "dd if=$big of=$big bs=4k skip=16384 count=1 conv=notrunc 2> /dev/null"
run "is mounted" mount -t vexfs $big /mnt	# mount(8) tries again when it hears EROFS
run "read-only" grep -q " /mnt vexfs ro," /proc/mounts
run "all of it" cmp /bin/busybox /mnt/b
expect_fail "and stays so" "Read-only" mnt -o remount,rw /mnt
run "unmount" umount /mnt
losetup -d $big
rm /tmp/big

# the device is read-only
run "a clean read-only device" blockdev --setro $small
run "can be mounted read-only" mount -t vexfs -o ro $small /mnt
run "and unmounted" umount /mnt
run "writable device" blockdev --setrw $small

# A mount trusts nothing that an earlier one has read, though the device was open all the time: here the
# block of group 0, which is marked as verified in the device's cache.
exec 8< $dev
run "mount a device that stays open" mount -t vexfs $dev /mnt
run "look into it" ls /mnt
run "unmount, and it stays open" umount /mnt
printf '\377' | dd of=$dev bs=1 seek=$((4096 + 40)) conv=notrunc 2> /dev/null
expect_fail "damage done meanwhile is found" "Structure needs cleaning" mnt $dev /mnt
exec 8<&-
run "mkfs over it" mkfs.vexfs -q -f $dev

losetup -d $small
rm /tmp/small

# --- why a mount is refused: the device first, then the option, by its name
run "the host's /usr" host_usr
image=/tmp/image
needs=$((64 << 20))
# refused NAME TEXT DEVICE [OPTIONS]
refused() { expect_fail "$1" "$2" vexctl mount ${4:+-o "$4"} "$3" /mnt; }
truncate -s $needs $image
run "mkfs" mkfs.vexfs -q $image
losetup $small $image
run "an option of a good device: mount -o discard" sh -c "! vexctl mount -o noatime,discard $small /mnt 2> $out"
says_text "names it" "$small: VexFS has no option 'discard'; see"
run "nobody is told to format it" sh -c "! grep -i 'mkfs\|format' $out"
refused "a bad value" "the option 'commit=0' is refused: commit= takes 1 to 300 seconds" $small nodev,commit=0
refused "a word where a number belongs" "the option 'commit=soon' is refused: Bad value for 'commit'" $small commit=soon
refused "a choice that there is not" "the option 'errors=foo' is refused: Bad value for 'errors'" $small errors=foo
refused "no value" "the option 'resident' is refused" $small resident
refused "a size that is none" "the option 'resident=lots' is refused: resident= takes a size, such as 512M" $small resident=lots
refused "the second of two" "no option 'x=1'" $small commit=9,x=1
run "several that are right" vexctl mount -o nosuid,commit=9,compact=off,errors=continue $small /mnt
refused "mounted there already" "is mounted already, on /mnt" $small
run "umount" umount /mnt
refused "a file" "mount it with -o loop" $image
refused "no block device" "not a block device" /dev/null
refused "no device" "no such device" /dev/none
expect_fail "no directory" "no such directory" vexctl mount $small /mnt/none
refused "an empty device" "holds no VexFS; if nothing on it is wanted, format it" /dev/vdb
losetup -d $small
# length BYTES: what is left of the device
length() { losetup -d $small 2> /dev/null; truncate -s "$1" $image && losetup $small $image; }
length $((40 << 20))
refused "a device that was shrunk" "the device has $((40 << 20)) bytes and the filesystem needs $needs: give the partition" $small
expect_fail "mount(8)" "No such device or address" mnt $small /mnt
run "the kernel says both sizes" sh -c "dmesg | tail -n 1 | grep 'has $((40 << 20)) bytes and the filesystem needs $needs:'"
expect_fail "fsck.vexfs says both" "has $((40 << 20)) bytes and the filesystem needs $needs:" fsck.vexfs $small
expect_fail "vexctl doctor says both" "has $((40 << 20)) bytes and the filesystem needs $needs:" vexctl doctor $small
length $((80 << 20))
run "one that has grown: mount" vexctl mount $small /mnt
run "umount" umount /mnt
run "fsck.vexfs" fsck.vexfs $small
length $needs
losetup -d $small
run "ext4" host /host/usr/sbin/mke2fs -q -F -t ext4 $image
losetup $small $image
refused "another filesystem" "holds ext4 and no VexFS" $small
losetup -d $small
rm $image

run "rmmod" rmmod vexfs
run "insmod" insmod /m/vexfs.ko
finish
