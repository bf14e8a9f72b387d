#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# In the guest: mount each disk that guest_write.sh was killed on and judge what is there.  The environment
# has the seed, and promises: for each disk, in order and separated by commas, SEQ (the promise that must be kept, or
# none), or bad:SEQ: a negative control, a state that no disk may leave behind, which should be noticed.
#
# With mount_only, to be killed meanwhile: mount /dev/vda, and nothing else.
. ./lib.sh

if [ -n "$mount_only" ]; then
	run "mount" vexctl mount /dev/vda /mnt
	run "umount" vexctl umount /mnt
	finish
fi

# Names of the files are consecutive, and each is whole.
files_in_order() {
	last=
	for i in $(ls "$1" | sort -n); do
		[ -z "$last" ] || [ "$i" = $((last + 1)) ] || { echo "file $i follows $last"; return 1; }
		[ "$(yes "$seed.$i" | dd bs=1000 count=9 iflag=fullblock 2>/dev/null | md5sum)" = "$(md5sum < "$1/$i")" ] ||
			{ echo "file $i is not what was fsynced"; return 1; }
		last=$i
	done
}

# Names of the snapshots are consecutive, and each has as many records as it says.
snapshots_in_order() {
	last=
	vexctl snapshot list "$1" > /tmp/list || return 1
	while read -r name made records slots; do
		[ "$name" != name ] || continue
		[ -z "$last" ] || [ "$name" = "s$((last + 1))" ] || { echo "snapshot $name follows s$last"; return 1; }
		last=${name#s}
		vexctl export "$1" --as-of "$name" > /tmp/export || return 1
		[ "$(wc -l < /tmp/export)" = "$records" ] || { echo "snapshot $name has not $records records"; return 1; }
	done < /tmp/list
}

# judge DEVICE SEQ
judge() {
	vexctl mount "$1" /mnt || return 1
	{ [ "$2" = none ] && [ ! -d "/mnt/$seed/a" ] || crashload verify "/mnt/$seed/a" "$seed" "${2#none}"; } &&
	{ [ ! -d "/mnt/$seed/b" ] || crashload verify "/mnt/$seed/b" "$((seed + 1))"; } &&
	{ [ ! -d "/mnt/$seed/c" ] || boundload verify "/mnt/$seed/c"; } &&
	{ [ ! -d "/mnt/$seed/a" ] || ! vexctl collection info "/mnt/$seed/a" > /dev/null 2>&1 ||
	  snapshots_in_order "/mnt/$seed/a"; } &&
	{ [ ! -d "/mnt/$seed/d" ] || files_in_order "/mnt/$seed/d"; }
	r=$?
	vexctl umount /mnt || return 1
	[ $r = 0 ] || return 1
	fsck.vexfs "$1"
}

bites=0 controls=0 disk=0
for p in $(echo "$promises" | tr , ' '); do
	dev=/dev/vd$(echo abcdefghijklmnopqrstuvwxyz | cut -c$((disk + 1)))
	disk=$((disk + 1))
	case $p in
	bad:*)	controls=$((controls + 1))
		if judge "$dev" "${p#bad:}" > "$out" 2>&1; then
			echo "# $dev, a control: nothing noticed"
		else
			bites=$((bites + 1))
			echo "# $dev, a control: $(head -n 1 "$out")"
		fi;;
	*)	run "$dev, promised $p" judge "$dev" "$p" && sed 's/^/#   /' "$out";;
	esac
done
[ $controls = 0 ] || [ $((bites * 2)) -gt $controls ] ||
	not_ok "the controls bite" "only $bites of $controls impossible states were noticed"
[ $controls = 0 ] || [ $((bites * 2)) -le $controls ] || ok "the controls bite: $bites of $controls"
finish
