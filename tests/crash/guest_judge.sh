#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# In the guest: mount each disk that a load was killed on and judge what is there (crash.h).  The environment has the
# seed, and promises: for each disk, in order and separated by commas, SEQ (the promise that must be kept, or none), or
# bad:SEQ: a negative control, a state that no disk may leave behind, which should be noticed.  With stride the disks
# are not /dev/vda, /dev/vdb ... but all on /dev/vda, each so many bytes behind the one before.
#
# With mount_only, to be killed meanwhile: mount /dev/vda, and nothing else.
. ./lib.sh

if [ -n "$mount_only" ]; then
	run "mount" vexctl mount /dev/vda /mnt
	run "umount" vexctl umount /mnt
	finish
fi

# judge DEVICE SEQ
judge() {
	mount -t vexfs "$1" /mnt || return 1
	crashload judge /mnt "$seed" "$2"
	r=$?
	umount /mnt || return 1
	[ $r = 0 ] || return 1
	fsck.vexfs "$1"
}

# device N: the disk of number N is there, named $dev
device() {
	if [ -n "$stride" ]; then
		dev=/dev/loop0
		losetup -o $(($1 * stride)) $dev /dev/vda
	else
		dev=/dev/vd$(echo abcdefghijklmnopqrstuvwxyz | cut -c$(($1 + 1)))
	fi
}

[ -z "$stride" ] || run "loop" load loop
bites=0 controls=0 disk=0
for p in $(echo "$promises" | tr , ' '); do
	device $disk || not_ok "disk $disk"
	case $p in
	bad:*)	controls=$((controls + 1))
		if judge "$dev" "${p#bad:}" > "$out" 2>&1; then
			echo "# disk $disk, a control: nothing noticed"
		else
			bites=$((bites + 1))
			echo "# disk $disk, a control: $(grep -v '^verified' "$out" | head -n 1)"
		fi;;
	*)	run "disk $disk, promised $p" judge "$dev" "$p" && sed 's/^/#   /' "$out";;
	esac
	[ -z "$stride" ] || losetup -d $dev
	disk=$((disk + 1))
done
[ $controls = 0 ] || [ $((bites * 2)) -gt $controls ] ||
	not_ok "the controls bite" "only $bites of $controls impossible states were noticed"
[ $controls = 0 ] || [ $((bites * 2)) -le $controls ] || ok "the controls bite: $bites of $controls"
finish
