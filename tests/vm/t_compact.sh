#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Compaction of larger collections: the space comes back, also when there is none; killed and unmounted in the
# middle all is as before; and by itself.  See t_room.sh for when it fails.
. ./lib.sh

said() { sed 's/^/# /' "$out"; }
used() { sync; df -Pk /mnt | awk 'END { print $3 }'; }
field() { vexctl collection info /mnt/big --json | sed -E "s/.*\"$1\": ([0-9]+).*/\1/"; }
less() { if [ "$2" -lt "$3" ]; then ok "$1"; else not_ok "$1" "$2 is not less than $3"; fi; }

run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" vexctl mount -o compact=off /dev/vda /mnt
run "200,000 records, one of eight stays" snapshots fill /mnt 200000 8
before=$(used)
run "killed in the middle" snapshots killed /mnt
run "nothing is lost" snapshots check /mnt 200000 8
equal "nor is space" "$before" "$(used)"

run "a snapshot" vexctl snapshot create /mnt/big s
run "delete its records" sh -c 'vexctl delete /mnt/big $(seq 0 80 199999)'
run "fill the filesystem" sh -c '! dd if=/dev/zero of=/mnt/full bs=1M 2>/dev/null'
run "compact, out of the reserve" vexctl compact /mnt/big
said
equal "what the snapshot has stays" "25000 1" "$(field slots) $(field epoch)"
run "delete what fills it" rm /mnt/full
run "forget it" vexctl snapshot delete /mnt/big s
run "compact again" vexctl compact /mnt/big
equal "and goes" "22500 2" "$(field slots) $(field epoch)"
less "space came back" $(($(used) * 2)) "$before"
run "umount" vexctl umount /mnt
run "verify" fsck.vexfs /dev/vda

# --- by itself
run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" vexctl mount -o compact=off /dev/vda /mnt
run "200,000 records, one of two stays" snapshots fill /mnt 200000 2
sleep 7
equal "not when it is off" 0 "$(field epoch)"
run "umount" vexctl umount /mnt
# so little that it waits for writing all the time, which it must do without the flusher
echo 1048576 > /proc/sys/vm/dirty_bytes
run "mount" vexctl mount -o commit=1,compact=40 /dev/vda /mnt
equal "options" "commit=1,compact=40" "$(grep -o 'commit=1,compact=40' /proc/mounts)"
done=0
for i in $(seq 400); do done=$(field compact_done); [ "$done" = 0 ] || break; done
less "it has begun" 0 "$done"
run "umount in the middle" vexctl umount /mnt
echo 20 > /proc/sys/vm/dirty_ratio
run "verify" fsck.vexfs /dev/vda
# what is checked by cursor must not be compacted meanwhile (ESTALE)
run "mount" vexctl mount -o compact=off /dev/vda /mnt
run "nothing is lost" snapshots check /mnt 200000 2
echo "# epoch $(field epoch)"
run "umount" vexctl umount /mnt
run "mount" vexctl mount -o commit=1 /dev/vda /mnt
for i in $(seq 60); do [ "$(field epoch)" = 0 ] || break; sleep 1; done
equal "it is done by itself" "100000 1" "$(field slots) $(field epoch)"
run "nothing is lost" snapshots check /mnt 200000 2
expect_fail "a bad option" "'compact=0' is refused: compact= takes off, or 1 to 100 percent" vexctl mount -o remount,compact=0 /dev/vda /mnt
run "umount" vexctl umount /mnt
run "verify" fsck.vexfs /dev/vda
finish
