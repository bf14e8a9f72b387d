#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A log that cannot be written, a cache that cannot be flushed: fsync and its kin say so, for ever, and what they have
# acknowledged before is there after a mount.
. ./lib.sh

dev=/dev/vda
for m in dm-mod dm-flakey; do run "module $m" load $m; done
for errors in remount-ro continue; do
	run "mkfs" mkfs.vexfs -q --force $dev
	run "nothing acknowledged is lost (errors=$errors)" logfail $dev /mnt $errors
	run "fsck.vexfs" fsck.vexfs $dev
	says_text "knows of it" "[102] marked: "
done
finish
