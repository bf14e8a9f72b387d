#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The second boot of `make demo`: insert, say what is on disk, until the machine is killed.
. ./demo_lib.sh

show vexctl mount /dev/vda /mnt
show vexctl collection create /mnt/log --dims 2
echo "\$ while ...; do vexctl import /mnt/log ten.vectors; done      # import ends with fsync"
i=0
while [ $i -lt 100000 ]; do
	for j in 0 1 2 3 4 5 6 7 8 9; do echo "r$((i + j)) $((i + j)) 1"; done > /tmp/ten
	vexctl import /mnt/log /tmp/ten --format text --start-id $i > "$out" 2>&1 || stopped "import: $(cat "$out")"
	i=$((i + 10))
	echo "acknowledged $i"
done
finish
