#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Snapshots and compaction: against a model over remounts, bad input, everything at once, and vexctl.
. ./lib.sh

said() { sed 's/^/# /' "$out"; }
remount() {
	run "umount" vexctl umount /mnt
	run "verify" fsck.vexfs /dev/vda
	run "mount" vexctl mount /dev/vda /mnt
}
seed=${seed:-$(date +%s)}
echo "# seed=$seed"

run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" vexctl mount /dev/vda /mnt
run "a history" snapshots run /mnt "$seed" 0 120
said
remount
run "it is there after a remount, and goes on" snapshots run /mnt "$seed" 120 240
said
remount
run "it is there" snapshots run /mnt "$seed" 240 240
run "bad input" snapshots bad /mnt
run "records of files" snapshots files /mnt
run "everything at once" snapshots storm /mnt 8
said
remount

# --- vexctl
c=/mnt/w
run "create" vexctl collection create $c --dims 2
for i in 1 2 3 4 5 6; do echo "{\"id\": $i, \"vector\": [$i, 1]}"; done > /tmp/six.jsonl
run "import" vexctl import $c /tmp/six.jsonl
run "snapshot" vexctl snapshot create $c monday
expect_fail "again" "choose another" vexctl snapshot create $c monday
expect_fail "a bad name" "a name may contain" vexctl snapshot create $c Monday
expect_fail "an unknown one" "vexctl snapshot list" vexctl snapshot delete $c tuesday
run "delete" vexctl delete $c 2 3 4
equal "now" "1 5 6 " "$(vexctl search $c --vector '1 1' | awk '$1 + 0 { printf "%s ", $2 }')"
equal "as of monday" "1 2 3 4 5 6 " "$(vexctl search $c --vector '1 1' --as-of monday | awk '$1 + 0 { printf "%s ", $2 }')"
equal "the neighbours of what is gone" "3" "$(vexctl search $c --id 3 -k 1 --as-of monday | awk '$1 + 0 { print $2 }')"
expect_fail "as of nothing" "no snapshot" vexctl search $c --id 1 --as-of tuesday
run "export" vexctl export $c -o /tmp/monday.jsonl --as-of monday
equal "all of it" 6 "$(wc -l < /tmp/monday.jsonl)"
equal "list" "monday 6 6" "$(vexctl snapshot list $c | awk 'NR == 2 { print $1, $3, $4 }')"
run "list --json" vexctl snapshot list $c --json
if grep -q '"name": "monday", "time": [0-9]*, "records": 6, "slots": 6' "$out"; then ok "it is JSON"; else not_ok "it is JSON" "$(cat "$out")"; fi
run "compact" vexctl compact $c
equal "nothing to give back" "6 slots, too few of them deleted: nothing was done" "$(cat "$out")"
run "forget it" vexctl snapshot delete $c monday
run "compact" vexctl compact $c --min-deleted 50 --json
equal "slots" '{ "slots_before": 6, "slots": 3 }' "$(cat "$out")"
run "info" vexctl collection info $c
if grep -q '^space  *0 slots deleted, 0 snapshots, compacted 1 times$' "$out"; then ok "info tells"; else not_ok "info tells" "$(cat "$out")"; fi
run "umount" vexctl umount /mnt
run "mount read-only" vexctl mount -o ro /dev/vda /mnt
expect_fail "read-only" "read-only" vexctl snapshot create $c x
expect_fail "read-only" "read-only" vexctl compact $c
run "umount" vexctl umount /mnt
run "verify" fsck.vexfs /dev/vda
finish
