#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The third boot of `make demo`: what is there of the $acknowledged records?
. ./demo_lib.sh

show vexctl mount /dev/vda /mnt
show vexctl collection info /mnt/log
vexctl list /mnt/log > /tmp/list || stopped "vexctl list"
found=$(awk -v n="$acknowledged" '$2 < n' /tmp/list | wc -l)
more=$(($(wc -l < /tmp/list) - found))
echo "$acknowledged records were acknowledged, $found of them are found, and $more that were written but not acknowledged."
[ "$found" = "$acknowledged" ] || stopped "records are lost"
ok "all are found"
near king
show vexctl umount /mnt
finish
