#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Damaged metadata: a clear error, no oops, and what is whole goes on.  Collections are t_collection's.
. ./lib.sh
dev=/dev/vda

# number OFFSET: 32 bits of the device
number() { dd if=$dev bs=1 skip="$1" count=4 2>/dev/null | hexdump -e '1/4 "%u"'; }
# flip OFFSET: another byte than the one that was there
flip() {
	old=$(dd if=$dev bs=1 skip="$1" count=1 2>/dev/null | hexdump -e '1/1 "%u"')
	printf "\\$(printf %03o $((old ^ 85)))" | dd of=$dev bs=1 seek="$1" conv=notrunc,fsync 2>/dev/null
}
# group_of INODE, group_block GROUP (1 and 3 begin with a copy of the superblock), inode_at INODE: byte offset
group_of() { echo $((($1 - 1) / $(number 92))); }
group_block() { case $1 in 0 | 1 | 3) echo $(($1 * 16384 + 1));; *) echo $(($1 * 16384));; esac; }
inode_at() {
	index=$((($1 - 1) % $(number 92)))
	echo $((($(group_block "$(group_of "$1")") + 1 + index / 8) * 4096 + index % 8 * 512))
}
# fresh: two files and a directory of a file, unmounted
fresh() {
	mkfs.vexfs -q --force $dev || return 1
	vexctl mount $dev /mnt && mkdir /mnt/d && cp /bin/busybox /mnt/a && echo hello > /mnt/b && echo deep > /mnt/d/f
	a=$(stat -c %i /mnt/a) d=$(stat -c %i /mnt/d)
	vexctl umount /mnt
}
told() { if dmesg | tail -n 20 | grep -qi "$2"; then ok "the log says $1"; else not_ok "the log does not say $1" "$(dmesg | tail -n 3)"; fi; }

# refused NAME LOG: the mount fails and says where to look; the kernel log says what it is
refused() { expect_fail "$1" "damaged; see the kernel log" vexctl mount $dev /mnt && told "$1" "$2"; }

# --- superblock
fresh
flip 0
expect_fail "no magic" "holds no VexFS" vexctl mount $dev /mnt
flip 0; flip 2000
refused "a wrong checksum of the superblock" "superblock checksum is wrong"
flip 2000
run "as it was: mount" vexctl mount $dev /mnt
run "all files are there" cmp /bin/busybox /mnt/a
run "umount" vexctl umount /mnt
run "and nothing is wrong" fsck.vexfs $dev

# --- the journal's superblock
log=$(number 96)
dd if=/dev/zero of=$dev bs=4096 seek="$log" count=1 conv=notrunc,fsync 2>/dev/null
refused "no journal" "the log is damaged"
fresh
flip $((log * 4096 + 16))		# s_maxlen
refused "a journal of another size" "the log is damaged"

# --- the group block: header, inode bitmap, block bitmap
for byte in 10 1600 2200; do
	fresh
	flip $((4096 + byte))
	refused "the group of the root, byte $byte" "group 0: checksum is wrong"
	fresh
	g=$(group_of "$d")
	[ "$g" -gt 0 ] || not_ok "the directory is in another group than the root"
	flip $(($(group_block "$g") * 4096 + byte))
	run "group $g, byte $byte: mount" vexctl mount -o errors=continue $dev /mnt
	run "files elsewhere can be read" cmp /bin/busybox /mnt/a
	expect_fail "nothing is read or allocated there" "needs cleaning" cp /bin/busybox /mnt/d/new
	told "where" "group $g: checksum is wrong"
	run "elsewhere it is" cp /bin/busybox /mnt/new
	run "and right" cmp /bin/busybox /mnt/new
	run "umount" vexctl umount /mnt
done

# --- an inode
fresh
flip $(($(inode_at "$a") + 60))
run "mount" vexctl mount -o errors=continue $dev /mnt
expect_fail "a damaged inode" "needs cleaning" cat /mnt/a
run "fanotify tells of it" fserror /mnt cat /mnt/a
says "as damage" '^117 [0-9]+$'
run "writing goes on, so /proc/mounts says nothing" sh -c "! grep ' /mnt .*emergency_ro' /proc/mounts"
told "which one" "inode $a"
run "the others are fine" cat /mnt/b /mnt/d/f
run "and new ones" cp /bin/busybox /mnt/c
expect_fail "it cannot be removed either" "needs cleaning" rm -f /mnt/a
run "umount" vexctl umount /mnt

# --- orphans that cannot be freed or cut: the list stays right, and prevents no mount
# scattered: a file of 40 extents, $frag, in one node of which a byte is wrong; mounted with errors=continue
scattered() {
	fresh && vexctl mount $dev /mnt || return 1
	i=0
	while [ $i -lt 40 ]; do
		dd if=/dev/zero of=/mnt/frag bs=4k seek=$((i * 2)) count=1 conv=notrunc 2>/dev/null
		i=$((i + 1))
	done
	frag=$(stat -c %i /mnt/frag)
	vexctl umount /mnt || return 1
	flip $(($(number $(($(inode_at "$frag") + 152 + 8))) * 4096 + 100))
	mount -t vexfs -o errors=continue $dev /mnt
}
# found NAME NUMBERS: what fsck.vexfs finds, besides the damaged inode itself
found() { equal "$1" "$2" "$(fsck.vexfs $dev 2>/dev/null | sed -n 's/.*\[\([45]..\)\].*/\1/p' | sort -u | tr '\n' ' ')"; }

run "a file with a damaged extent node" scattered
run "it is unlinked, and stays on the list" rm /mnt/frag
exec 3>/mnt/A 4>/mnt/B
rm /mnt/A /mnt/B
exec 3>&-
exec 4>&-
run "two that are freed in the order of their unlinking: umount" umount /mnt
found "the list is right" ""
run "the default mount goes on" mount -t vexfs $dev /mnt
told "which orphan it was" "orphan inode $frag cannot be freed (error -117)\$"
run "and writes" cp /bin/busybox /mnt/new
run "umount" umount /mnt
found "it is off the list now" "502 "
run "fsck.vexfs" sh -c "fsck.vexfs $dev; [ \$? = 4 ]"
says_text "the error is recorded" "[102] marked"

run "another" scattered
run "unlinked" rm /mnt/frag
run "and one in front of it on the list" sh -c "exec 3>/mnt/A; rm /mnt/A; posix_state --abandon /mnt"
run "umount" umount /mnt
run "a read-only mount replays the log" sh -c "mount -t vexfs -o ro $dev /mnt && umount /mnt"
flip $(($(inode_at "$frag") + 60))
run "an orphan that cannot be read: the default mount goes on" mount -t vexfs $dev /mnt
told "what is lost" "orphan inode $frag cannot be freed (error -117), nor those that follow it"
told "what is not" "1 unlinked inodes freed"
run "umount" umount /mnt
run "the list is empty" mount -t vexfs $dev /mnt
run "umount" umount /mnt

run "a third" scattered
for n in 1 2; do
	expect_fail "its truncation fails" "needs cleaning" sh -c "> /mnt/frag"
	echo 3 > /proc/sys/vm/drop_caches	# it leaves memory
	exec 3>/mnt/A
	rm /mnt/A
	exec 3>&-
done
run "umount" umount /mnt
found "the list is right" ""
run "the default mount" mount -t vexfs $dev /mnt
run "umount" umount /mnt

# --- a directory block, with errors=remount-ro (the default), and with continue
fresh
run "a collection" sh -c "vexctl mount $dev /mnt && hookq fill /mnt/c 100 && vexctl umount /mnt"
block=$(number $(($(inode_at "$d") + 152 + 8)))
for mode in continue remount-ro; do
	[ $mode = continue ] && flip $((block * 4096 + 60))
	run "mount -o errors=$mode" vexctl mount -o errors=$mode $dev /mnt
	expect_fail "a damaged directory is not taken for an empty one" "needs cleaning" rmdir /mnt/d
	expect_fail "nor looked up in" "needs cleaning" cat /mnt/d/f
	run "the rest is read" cmp /bin/busybox /mnt/a
	if [ $mode = continue ]; then
		run "and written" touch /mnt/new
	else
		expect_fail "not written" "/mnt/newer" touch /mnt/newer
		told "so" "no further writes"
		run "/proc/mounts says so, too" grep -q " /mnt vexfs rw,.*,emergency_ro " /proc/mounts
		run "vectors are read, too" hookq check /mnt/c
		run "and a record" vexctl get /mnt/c 5
		expect_fail "but not written" "was shut down" vexctl delete /mnt/c 5
		equal "nor bound" EIO "$(hookq use /mnt/c filter)"
		expect_fail "which is no option" "no option" vexctl mount -o emergency_ro $dev /tmp
		run "but may come back at a remount" mount -o remount,ro,emergency_ro /mnt
		run "to read-only" grep -q " /mnt vexfs ro,.*,emergency_ro " /proc/mounts
	fi
	run "umount" vexctl umount /mnt
done
expect_fail "fsck.vexfs sees it" "[401] directory: " fsck.vexfs $dev
run "the state is kept" sh -c "vexctl mount $dev /mnt && cat /mnt/b && vexctl umount /mnt"

# --- what is wrong with all checksums right
fresh
run "three directories in a directory" sh -c "vexctl mount $dev /mnt && mkdir /mnt/d/1 /mnt/d/2 /mnt/d/3 && vexctl umount /mnt"
run "of which its link count does not know" lie $dev links "$d"
run "mount" vexctl mount -o errors=continue $dev /mnt
run "rmdir" rmdir /mnt/d/1
told "that" "directory $d: its link count does not count all"
run "and a rename out of it" mv /mnt/d/2 /mnt/2
run "and rmdir again" rmdir /mnt/d/3 /mnt/2
equal "the directory is no orphan" 2 "$(stat -c %h /mnt/d)"
run "umount" vexctl umount /mnt
run "mount" vexctl mount $dev /mnt
run "and what is in it is there" cat /mnt/d/f
run "umount" vexctl umount /mnt

fresh
run "a superblock that wants a panic" lie $dev panic
run "mount" vexctl mount $dev /mnt
run "which is not for it to choose" grep -q " /mnt vexfs rw,.*errors=remount-ro" /proc/mounts
run "umount" vexctl umount /mnt
run "but for the mount option" vexctl mount -o errors=panic $dev /mnt
run "is" grep -q " /mnt vexfs rw,.*errors=panic" /proc/mounts
run "umount" vexctl umount /mnt
finish
