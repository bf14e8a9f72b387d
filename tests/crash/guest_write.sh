#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# In the guest: write to the filesystem on /dev/vda until it is killed, or until OPERATIONS are done.
#
#	a	a collection; each of its fsyncs is a promise, written at the byte OFFSET of the disk too; it
#		is given snapshots s0, s1 ... all the time, of which four stay, and is compacted
#	b	a collection written at the same time, which promises nothing but a prefix
#	c	a collection of files with records bound to them, which are overwritten and removed (boundload)
#	d	files 0, 1, 2 ... in order: each is written, fsynced under the name `new`, then renamed; the
#		oldest goes when there are more than 20
#
# guest_judge.sh looks at what is left.  From the environment: seed, operations (0: for ever), offset.
. ./lib.sh

run "mount" vexctl mount /dev/vda /mnt
mkdir -p "/mnt/$seed/d" || finish
files() {
	i=0
	while [ ! -e /tmp/stop ]; do
		yes "$seed.$i" | dd bs=1000 count=9 iflag=fullblock of="/mnt/$seed/new" conv=fsync 2>/dev/null
		mv "/mnt/$seed/new" "/mnt/$seed/d/$i"
		[ $i -lt 20 ] || rm "/mnt/$seed/d/$((i - 20))"
		i=$((i + 1))
	done
}
space() {
	i=0
	while [ ! -e /tmp/stop ]; do
		sleep 1
		[ -d "/mnt/$seed/a" ] || continue
		vexctl snapshot create "/mnt/$seed/a" s$i || continue
		[ $i -lt 4 ] || vexctl snapshot delete "/mnt/$seed/a" s$((i - 4))
		vexctl compact "/mnt/$seed/a"
		i=$((i + 1))
	done
}
files &
boundload load "/mnt/$seed/c" "$seed" > /tmp/c.out 2>&1 &
c=$!
space > /tmp/space.out 2>&1 &
crashload load "/mnt/$seed/b" "$((seed + 1))" "$operations" > /tmp/b.out 2>&1 &
b=$!
run "crashload" sh -c "crashload load /mnt/$seed/a $seed $operations $device $offset | tee /dev/console"
wait $b || not_ok "the second collection" "$(tail -n 1 /tmp/b.out)"
touch /tmp/stop
kill $c 2>/dev/null || not_ok "the collection of files" "$(tail -n 1 /tmp/c.out)"
wait
echo "crashload is done"
sync
run "umount" vexctl umount /mnt
finish
