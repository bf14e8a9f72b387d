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

# what rm -r cannot see
run "create" vexctl collection create /mnt/c --dims 2
run "import" vexctl import /mnt/c /tmp/two --format text
mkdir /mnt/c/sub
expect_fail "rm -r of a collection with records" "busy" rm -r /mnt/c
dmesg | tail -n 3 > "$out"
says "the log names it, and what helps" "'/c' is not removed: .*vexctl collection drop"
equal "what was seen is gone" "" "$(ls /mnt/c)"
run "its records are there" vexctl get /mnt/c 1
mkdir /mnt/d
expect_fail "rename over it" "busy" mv -T /mnt/d /mnt/c
run "drop" vexctl collection drop /mnt/c --yes
run "rmdir" rmdir /mnt/c /mnt/d
run "create" vexctl collection create /mnt/c --dims 2
echo text > /mnt/c/file
run "import" sh -c "echo '{\"vector\": [1, 2], \"file\": \"file\"}' | vexctl import /mnt/c - --format jsonl"
run "rm -r of one whose records are of its files" rm -r /mnt/c
run "umount" umount /mnt
run "verify" fsck.vexfs /dev/vda
finish
