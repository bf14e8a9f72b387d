#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Operations that change several blocks, when one of them cannot be read: nothing has happened, and nothing is lost.
. ./lib.sh

dev=/dev/vda
for m in dm-mod dm-flakey; do run "module $m" load $m; done
run "mkfs" mkfs.vexfs -q --force $dev
run "as a whole or not at all" halfway $dev /mnt
sed 's/^/# /' "$out"
run "verify" fsck.vexfs $dev
finish
