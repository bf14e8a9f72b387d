#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Checkpoints: codes and lists are there after a mount, by the worker's or by the unmount's doing; who
# reads only reads them, too; one that is damaged costs nothing but the work.
. ./lib.sh
dmesg_allow 'its checkpoint is of no use'
said() { sed 's/^/# /' "$out"; }
number() { vexctl explain "$1" --id 7 --json | tr -d '\n' | sed -n "s/.*\"$2\": *\([0-9]*\).*/\1/p"; }
info() { vexctl collection info "$1" --json | tr -d '\n' | sed -n "s/.*\"$2\": *\([0-9]*\).*/\1/p"; }
free_blocks() { stat -f -c %f "$1"; }
# The worker's: it is as slow as emulation is, and waits for somebody who searches.
wait_for()
{
	for i in $(seq 600); do
		[ "$(info "$1" "$2")" = "$3" ] && ok "$1 has $2 $3 after $i looks" && return
		vexctl search "$1" --id 7 > /dev/null
		sleep 0.2
	done
	not_ok "$1 has $2 $(info "$1" "$2"), not $3"
}
# The very first search after the mount, and more.
by_lists()
{
	[ "$(number /mnt/l2 probed)" -gt 0 ] && ok "$1: the first search looks into lists" || not_ok "$1: it does not"
	run "$1: more searches" codes check /mnt/l2 98 20; said
	says_text "$1: they go by lists" "strategy=ivf used=0"
}

run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" vexctl mount /dev/vda /mnt
run "fill" codes fill /mnt/l2 8500 32 l2
equal "none" 0 "$(info /mnt/l2 checkpoint)"
run "before any" vexctl collection info /mnt/l2
says "before any" '^checkpoint  none'
run "sync" sync
before=$(free_blocks /mnt)
# at once: ended by a signal, and taken up again
vexctl index /mnt/l2 > "$out" 2>&1 & index=$!
sleep 1
kill -TERM $index
wait $index
equal "index is killed" 143 $?
run "index" vexctl index /mnt/l2; said
says "index" '^8500 of 8500 slots have codes, 8500 are in [0-9]+ lists$'
run "index, where nothing is to be done" vexctl index /mnt/l2 --json
says "as JSON" '"slots": 8500, "coded": 8500, "lists": [0-9]+, "linked": 8500, "checkpoint": 8500,'
equal "it has left a checkpoint" 8500 "$(info /mnt/l2 checkpoint)"
run "info" vexctl collection info /mnt/l2
says "info" '^checkpoint  codes and lists of 8500 slots are on disk, in [0-9]+ bytes'
run "status" vexctl status; said
says "status" 'resident=\); codes [1-9].*, lists [1-9].*; made room 0 times$'
says "status" 'checkpoints: 1 of 1 collections in memory have one, of 8500 slots in '
bytes=$(info /mnt/l2 checkpoint_bytes)
run "sync" sync
used=$(($before - $(free_blocks /mnt)))
[ $used -ge $(($bytes / 4096)) ] && [ $used -le $(($bytes / 4096 + 64)) ] &&
	ok "statfs counts its $used blocks" || not_ok "statfs counts $used blocks for $bytes bytes"
run "umount" vexctl umount /mnt
run "fsck" fsck.vexfs /dev/vda

# --- it is there
run "mount" vexctl mount /dev/vda /mnt
by_lists "mounted again"
equal "all slots are in lists" 8500 "$(info /mnt/l2 linked)"
run "in step" codes step /mnt/l2 1; said
run "umount" vexctl umount /mnt
run "mount for who reads" vexctl mount /dev/vda /mnt -o ro
by_lists "for who reads"
run "umount" vexctl umount /mnt
run "fsck" fsck.vexfs /dev/vda

# --- at the unmount, as far as the worker has come
run "mount" vexctl mount /dev/vda /mnt
run "another one" codes fill /mnt/quick 8300 32 l2
run "a search" vexctl search /mnt/quick --id 7
run "umount at once" vexctl umount /mnt
run "fsck" fsck.vexfs /dev/vda
run "mount" vexctl mount /dev/vda /mnt
equal "it has a checkpoint" 8300 "$(info /mnt/quick checkpoint)"
run "it is found" codes check /mnt/quick 98 50; said
run "read-only while the worker may be at it" mount -o remount,ro /mnt
run "it is found" codes check /mnt/quick 98 50; said
run "and back" mount -o remount,rw /mnt
run "freeze while it may be at it" fsfreeze --freeze /mnt
run "it is found" codes check /mnt/quick 98 50; said
run "thaw" fsfreeze --unfreeze /mnt
run "drop" vexctl collection drop /mnt/quick --yes
run "umount" vexctl umount /mnt
run "fsck" fsck.vexfs /dev/vda

# --- damaged
# what earlier ones have left on the disk is none
ino=$(vexctl debug /dev/vda collection /l2 | sed -nE 's/^ *c_checkpoint +([0-9]+).*/\1/p')
at=$(($(vexctl debug /dev/vda extents "$ino" | awk '$4 == "written" { print $3; exit }') * 4096))
equal "there is one" VCKP "$(dd if=/dev/vda bs=4096 skip=$(($at / 4096)) count=1 2> /dev/null | head -c 4)"
printf 'damage' | dd of=/dev/vda bs=1 seek=$(($at + 50000)) conv=notrunc 2> /dev/null
expect_fail "fsck" "[609] checkpoint" fsck.vexfs /dev/vda
run "mount" vexctl mount /dev/vda /mnt
run "found without it" codes check /mnt/l2 98 50; said
if dmesg | tail -n 20 | grep -q "its checkpoint is of no use, and is made anew: it is damaged"; then ok "the log says so"
else not_ok "the log does not say so" "$(dmesg | tail -n 3)"; fi
wait_for /mnt/l2 checkpoint "$(info /mnt/l2 slots)"
run "umount" vexctl umount /mnt
run "fsck" fsck.vexfs /dev/vda
run "mount" vexctl mount /dev/vda /mnt
by_lists "made anew"

# --- compaction makes an end of it, and there is another one
run "delete" vexctl delete /mnt/l2 1 2 3
run "compact" vexctl compact /mnt/l2
equal "none" 0 "$(info /mnt/l2 checkpoint)"
run "index" vexctl index /mnt/l2
equal "another one" "$(info /mnt/l2 slots)" "$(info /mnt/l2 checkpoint)"
run "umount" vexctl umount /mnt
run "fsck" fsck.vexfs /dev/vda

# --- within the budget
run "mount with room for codes" vexctl mount /dev/vda /mnt -o resident=900K
run "delete" vexctl delete /mnt/l2 $(seq 1000 1100)
run "compact" vexctl compact /mnt/l2
expect_fail "index" "no room for all of it within the mount option resident=" vexctl index /mnt/l2
run "info" vexctl collection info /mnt/l2
says_text "lists" "none: no room within the mount option resident="
run "status" vexctl status
says "status" 'over the budget: codes or lists of 1 of them do not fit'
run "umount" vexctl umount /mnt
run "fsck" fsck.vexfs /dev/vda
finish
