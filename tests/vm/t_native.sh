#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The programs of bpf/ as BPF in the kernel, and compiled natively over the same bytes in a process: the same answers to
# the last bit, at the same cost.
. ./lib.sh
lib=/usr/lib/vexfs

run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" vexctl mount /dev/vda /mnt
run "fill" native fill /mnt/c
for p in flat coded ivf lsh sample tenant recency; do
	run "load $p" vexctl load $lib/$p.bpf.o
done
run "ask the kernel" native ask /mnt/c
cp "$out" /tmp/kernel
run "unmount" umount /mnt
run "ask the same natively" native ask --image /dev/vda /dev/vda/c
cp "$out" /tmp/natively
for p in flat coded ivf lsh sample tenant recency; do
	grep "^$p: " /tmp/kernel > /tmp/k
	grep "^$p: " /tmp/natively > /tmp/n
	equal "queries of $p" "6 6" "$(wc -l < /tmp/k) $(wc -l < /tmp/n)"
	if cmp -s /tmp/k /tmp/n; then ok "$p answers as in the kernel"
	else not_ok "$p answers as in the kernel" "$(diff /tmp/k /tmp/n)"
	fi
done
if grep -q "^flat: used 1 0 0 truncated 0 visited 9000 " /tmp/kernel; then ok "they were run"
else not_ok "they were run" "$(head -n 1 /tmp/kernel)"; fi
run "the image is as it was" fsck.vexfs /dev/vda

# what is for the other side
expect_fail "a native program for the kernel" "is a native program" vexctl load $lib/flat.native.so
run "mount again" vexctl mount /dev/vda /mnt
expect_fail "a mount by the module" "not mounted by vexfs-fuse" vexctl load --mount /mnt $lib/flat.native.so
run "unmount again" umount /mnt
for p in flat coded ivf lsh sample tenant recency; do
	run "unload $p" vexctl unload $p
done
finish
