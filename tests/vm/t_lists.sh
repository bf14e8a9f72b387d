#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Searches by partitioned lists: the worker makes them, recall against exact search, built in and by
# bpf/ivf, in step with inserts and deletes, over an unmount, and within the budget.
. ./lib.sh
lib=/usr/lib/vexfs
said() { sed 's/^/# /' "$out"; }
number() { vexctl explain "$1" --id 7 --json | tr -d '\n' | sed -n "s/.*\"$2\": *\([0-9]*\).*/\1/p"; }
# Search until there are lists; the worker is as slow as emulation is.
wait_for_lists()
{
	for i in $(seq 300); do
		[ "$(number "$1" lists)" -gt 0 ] && ok "$1 has lists after $i looks" && return
		sleep 0.2
	done
	not_ok "$1 has no lists"
}

run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" vexctl mount /dev/vda /mnt
run "fill" codes fill /mnt/l2 8500 64 l2
run "a first search" vexctl search /mnt/l2 --id 7
wait_for_lists /mnt/l2
run "built in" codes check /mnt/l2 98 20; said
says_text "by lists" "strategy=ivf used=0"
equal "all slots are in lists" 8500 "$(number /mnt/l2 linked)"
run "info" vexctl collection info /mnt/l2
says "info" "lists  .*, with 8500 of 8500 slots"
run "explain" vexctl explain /mnt/l2 --id 7; said
says_text "explain" "look into the nearest lists, because they were measured to suffice for that recall"
run "all neighbours" vexctl search /mnt/l2 --id 7 --recall 1
says_text "all neighbours" "strategy coded (built-in)"
run "one list" vexctl explain /mnt/l2 --id 7 --effort 1 --json
says "one list" '"probed": 1,'
says "as the caller wants it" 'the caller wants it so'

# --- in step
run "in step" codes step /mnt/l2 2; said
run "after it" codes check /mnt/l2 98 20; said

# --- the program
run "load" vexctl load $lib/ivf.bpf.o
run "use" vexctl use /mnt/l2 ivf
run "by the program" codes check /mnt/l2 98 20; said
says_text "by the program" "strategy=ivf used=1"
run "in step, by the program" codes step /mnt/l2 1; said
run "use the built-in" vexctl use /mnt/l2 --builtin --slot search
run "unload" vexctl unload ivf

# --- methods, and hash tables, which are made on demand
equal "no tables" 0 "$(number /mnt/l2 tables)"
run "coded" vexctl search /mnt/l2 --id 7 --method coded
says_text "coded" "strategy coded (built-in)"
run "exact" vexctl search /mnt/l2 --id 7 --method exact
says_text "exact" "strategy exact (built-in)"
run "lsh" vexctl explain /mnt/l2 --id 7 --method lsh
says_text "lsh, for the first time" "lsh was asked for, but there are no hash tables yet"
expect_fail "an unknown method" "it is auto, exact, coded, ivf or lsh" vexctl search /mnt/l2 --id 7 --method hnsw
for i in $(seq 300); do
	[ "$(number /mnt/l2 tables)" -gt 0 ] && ok "tables after $i looks" && break
	sleep 0.2
done
run "lsh" vexctl explain /mnt/l2 --id 7 --method lsh; said
says_text "lsh" "look into the most promising buckets of hash tables, because the caller wants it so"
run "load lsh" vexctl load $lib/lsh.bpf.o
run "use lsh" vexctl use /mnt/l2 lsh
run "by the program" codes check /mnt/l2 70 20; said
says_text "by the program" "strategy=lsh used=1"
run "the built-in does the same" codes same /mnt/l2; said
says_text "the same" "strategy=lsh"
run "in step" codes step /mnt/l2 1; said
run "the same" codes same /mnt/l2; said
run "use the built-in" vexctl use /mnt/l2 --builtin --slot search
run "unload lsh" vexctl unload lsh
run "load wild" vexctl load $lib/wild.bpf.o
run "use wild" vexctl use /mnt/l2 wild
run "wild lists and buckets are refused" codes check /mnt/l2 10 30; said
says_text "wild" "strategy=wild used=1"
run "use the built-in" vexctl use /mnt/l2 --builtin --slot search
run "unload wild" vexctl unload wild

# --- from the disk, and without room
run "umount" vexctl umount /mnt
run "mount" vexctl mount /dev/vda /mnt
run "found before there are lists" codes check /mnt/l2 98 30; said
wait_for_lists /mnt/l2
run "found by lists" codes check /mnt/l2 98 20; said
run "umount while the worker may be at it" vexctl umount /mnt
run "mount with room for codes" vexctl mount /dev/vda /mnt -o resident=1M
run "a search" vexctl search /mnt/l2 --id 7
sleep 2
equal "no lists" 0 "$(number /mnt/l2 lists)"
run "right without them" codes check /mnt/l2 98 100; said
run "umount" vexctl umount /mnt
run "fsck" fsck.vexfs /dev/vda
finish
