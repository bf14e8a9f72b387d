#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Memory of derived data: one budget for all collections of a mount, who makes room for whom, what
# reclaim and a small control group make of it, the worker, and what status and info say.
. ./lib.sh
status() { vexctl status --json | tr -d '\n' | sed "s/.*\"$1\": \([0-9]*\).*/\1/"; }
codes_of() { vexctl collection info "/mnt/$1" --json | tr -d '\n' | sed 's/.*"codes": "\([a-z]*\)".*/\1/'; }
coded() { vexctl collection info "/mnt/$1" --json | tr -d '\n' | sed 's/.*"coded": \([0-9]*\).*/\1/'; }
# search COLLECTION STRATEGY: the nearest of a record is itself, found in this way.
search() {
	run "search $1" vexctl search "/mnt/$1" --id 7 -k 3 --json
	says "$1: itself" '"rank": 1, "id": 7, "distance": 0,'
	says_text "$1: $2" "\"strategy\": \"$2\""
}
# codes COLLECTION STATE: as collection info says.
is() { equal "codes of $1: $2" "$2" "$(codes_of "$1")"; }

run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" vexctl mount /dev/vda /mnt
run "fill a" codes fill /mnt/a 4000 128 l2
run "fill b" codes fill /mnt/b 4000 128 l2
run "fill c" codes fill /mnt/c 2000 128 l2
is a none
needed=$(status resident_used_bytes)
equal "no codes" 0 "$(status resident_evictable_bytes)"
search a coded
search b coded
is a all
is b all
used=$(status resident_used_bytes)
equal "all that came are codes" $((used - needed)) "$(status resident_evictable_bytes)"
run "status" vexctl status
says "it tells" 'derived data: .* of 256 MiB \(resident=\); codes [1-9].*, lists 0 B; made room 0 times$'
says "of checkpoints" 'checkpoints: 0 of 3 collections in memory have one$'
equal "nobody lacks room" 0 "$(status lacking)"

# --- one budget
run "no more room" mount -o "remount,resident=$((used + 1000))" /mnt
search a coded
search c exact
is c budget
run "status" vexctl status
says "who lacks room" 'over the budget: codes or lists of 1 of them do not fit into resident=: searches are exact'
run "info" vexctl collection info /mnt/c
says_text "it tells" "0 of 2000 slots: no room within the mount option resident=, searches measure every record"
sleep 11
search b coded
search c coded
is a budget
is b all
is c all
equal "made room" 1 "$(status resident_evicted)"
if [ "$(status resident_used_bytes)" -le "$(status resident_bytes)" ]; then ok "within the budget"
else not_ok "$(status resident_used_bytes) of $(status resident_bytes)"; fi
run "no room at all" mount -o remount,resident=0 /mnt
equal "all that stays" "$needed" "$(status resident_used_bytes)"
search b exact
run "room again" mount -o remount,resident=64M /mnt
search b coded

# --- memory is short; collections stay while somebody has their directories open
exec 7< /mnt/a 8< /mnt/b 9< /mnt/c
echo 2 > /proc/sys/vm/drop_caches
equal "reclaim took the codes" 0 "$(status resident_evictable_bytes)"
equal "and nothing else" "$needed" "$(status resident_used_bytes)"
search b exact
is b none
sleep 11
search b coded
exec 7<&- 8<&- 9<&-
run "umount" vexctl umount /mnt

# --- the worker, also of a read-only mount
run "mount" vexctl mount -r /dev/vda /mnt
worker=$(grep -l '^vexfs/vda$' /proc/[0-9]*/comm | head -n 1)
equal "its priority" 19 "$(sed 's/.*) //' "${worker%comm}stat" | cut -d' ' -f17)"
run "a search in a hurry" vexctl search /mnt/a --id 7 -k 3 --timeout 1
i=0; while [ "$(codes_of a)" != all ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i + 1)); done
is a all
equal "every slot" 4000 "$(coded a)"
run "umount" vexctl umount /mnt
equal "the worker is gone" "" "$(grep -l '^vexfs/vda$' /proc/[0-9]*/comm)"

# --- whoever comes first does not pay for all
mkdir -p /sys/fs/cgroup
run "control groups" mount -t cgroup2 none /sys/fs/cgroup
echo +memory > /sys/fs/cgroup/cgroup.subtree_control
run "a control group" mkdir /sys/fs/cgroup/first
run "mount" vexctl mount /dev/vda /mnt
run "load b" vexctl collection info /mnt/b
run "search in it" sh -c 'echo $$ > /sys/fs/cgroup/first/cgroup.procs && exec vexctl search /mnt/b --id 7 -k 3'
is b all
kernel=$(awk '$1 == "kernel" { print $2 }' /sys/fs/cgroup/first/memory.stat)
if [ "$kernel" -lt $(($(status resident_evictable_bytes) / 2)) ]; then ok "charged to it: $kernel"
else not_ok "charged to it: $kernel of $(status resident_evictable_bytes)"; fi
run "umount" vexctl umount /mnt
rmdir /sys/fs/cgroup/first
umount /sys/fs/cgroup
run "verify" fsck.vexfs /dev/vda
finish
