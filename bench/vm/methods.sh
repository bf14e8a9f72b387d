#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Instructions per query and recall of every method, of the programs in bpf/ that do the same, of the same search in
# a process over the same filesystem, without the kernel, and of hnswlib over the same records:
#
#	tests/vm/run --icount --mem 2G bench/vm/methods.sh
#
# 9,000 clustered records of 128 dims, l2, k 10.  Under -icount the guest's nanoseconds are instructions executed.
. ./lib.sh
show() { run "$@"; sed 's/^/# /' "$out"; }
# median FILE NAME HOW: of a line of querycost
median() { sed -n "s/^$2  *($3) median \([0-9]*\) .*/\1/p" "$1" | head -n 1; }

run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" vexctl mount /dev/vda /mnt
for p in flat coded ivf lsh; do run "load $p" vexctl load /usr/lib/vexfs/$p.bpf.o; done
run "fill" codes fill /mnt/w 9000 128 l2
show "9,000 clustered records, 128 dims, l2" querycost /mnt/w 51 bpf/flat coded bpf/coded ivf bpf/ivf lsh bpf/lsh
cp "$out" /tmp/kernel
if command -v hnswcost > /dev/null; then show "hnswlib" hnswcost /mnt/w 51; fi
for p in flat coded ivf lsh; do run "unload $p" vexctl unload $p; done
run "umount" vexctl umount /mnt
show "in a process, without the kernel" querycost --image /dev/vda w 51 coded ivf lsh
cp "$out" /tmp/process
ok "the kernel against a process"
for m in exact coded ivf lsh; do
	k=$(median /tmp/kernel $m $m) e=$(median /tmp/process $m new) p=$(median /tmp/process $m process)
	echo "$m ${k:-0} ${e:-0} ${p:-0}" | awk '{ printf "# %-9s %d ns/query by ioctl, %d of the engine (%.3f), %d of the call in a process (%.3f)\n",
		$1, $2, $3, $2 / ($3 ? $3 : 1), $4, $2 / ($4 ? $4 : 1) }'
done
finish
