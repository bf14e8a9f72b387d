#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A file that replaces another one is whole after a crash, whatever was synced: by rename, by exchange, and, soon after
# it is closed, by being written anew.
. ./lib.sh

dev=/dev/vda
for m in dm-mod dm-flakey; do run "module $m" load $m; done
run "mkfs" mkfs.vexfs -q --force $dev
run "rename replaces whole files" replace $dev /mnt
run "verify" fsck.vexfs $dev
finish
