#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Records by id and by key: random histories against a model, over remounts; bad input; upserts under queries.
. ./lib.sh

seed=${seed:-$(date +%s)}
echo "# seed=$seed"
run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" mount -t vexfs /dev/vda /mnt
run "a history" records history /mnt "$seed" 600
for i in 1 2 3; do
	run "umount" umount /mnt
	run "verify" fsck.vexfs /dev/vda
	run "mount" mount -t vexfs /dev/vda /mnt
	run "as it was, and on" records check /mnt $((seed + 10 * i)) 200
	sync
	echo 3 > /proc/sys/vm/drop_caches
	run "as it was, read from the disk, and on" records check /mnt $((seed + 10 * i + 5)) 200
done
run "bad input" records bad /mnt
run "ids that the kernel gives" ids given /mnt
run "and to several threads" ids threads /mnt
run "before a remount" ids before /mnt
run "umount" umount /mnt
run "mount" mount -t vexfs /dev/vda /mnt
run "and after it" ids after /mnt
run "upserts under queries" records race /mnt 4
sed 's/^/# /' "$out"

# vexctl
cat > /tmp/keys.words <<'W'
one 1 2 3 4 5
two 1 2 3 4 6
three 1 2 3 4 7
W
run "collection" vexctl collection create /mnt/k --dims 5
run "import" vexctl import /mnt/k /tmp/keys.words
run "list" vexctl list /mnt/k
equal "three lines" 3 "$(wc -l < "$out")"
run "list, limited, as JSON" vexctl list /mnt/k --limit 2 --json
equal "two of them" 2 "$(grep -c '"id"' "$out")"
expect_fail "get by an unknown key" "no record of that id or key" vexctl get /mnt/k --key nobody
expect_fail "delete by an unknown key" "no record of that id or key" vexctl delete --key /mnt/k nobody
run "umount" umount /mnt
run "verify" fsck.vexfs /dev/vda
finish
