#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Collections that are dropped.
. ./lib.sh

run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" mount -t vexfs /dev/vda /mnt
run "what stays and what is gone" drop plain /mnt
run "umount" umount /mnt
run "verify" fsck.vexfs /dev/vda
run "mount" mount -t vexfs /dev/vda /mnt
run "under calls of every kind" drop race /mnt 5
sed 's/^/# /' "$out"
run "umount" umount /mnt
run "verify" fsck.vexfs /dev/vda

run "mount" mount -t vexfs /dev/vda /mnt
run "create" vexctl collection create /mnt/c --dims 2 --attr lang:keyword --attr age:int
run "info names the types" vexctl collection info /mnt/c
equal "info names the types" "attributes  lang:keyword age:int" "$(grep attributes "$out")"
expect_fail "create: unknown type" "int or keyword" vexctl collection create /mnt/d --dims 2 --attr a:word
printf 'a 1 2\nb 3 4\n' > /tmp/two
run "import" vexctl import /mnt/c /tmp/two --format text
expect_fail "drop: not without a word" "--yes" vexctl collection drop /mnt/c < /dev/null
run "it is still there" vexctl get /mnt/c 0
run "drop" vexctl collection drop /mnt/c --yes
expect_fail "it is none" "not a collection" vexctl collection info /mnt/c
expect_fail "drop it twice" "not a collection" vexctl collection drop /mnt/c
run "create again" vexctl collection create /mnt/c --dims 3
run "drop an empty one" vexctl collection drop /mnt/c < /dev/null
run "rmdir" rmdir /mnt/c
run "umount" umount /mnt
run "verify" fsck.vexfs /dev/vda
finish
