#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Searches by codes: recall against exact search, what they measure, in step with inserts and
# deletes, within the budget, built in and by bpf/coded.
. ./lib.sh
lib=/usr/lib/vexfs
said() { sed 's/^/# /' "$out"; }
knob() { bpftool map update pinned /sys/fs/bpf/vexfs/coded/maps/knobs key 0 0 0 0 value "$@"; }
scored() { sed -n 's/.* scored=\([0-9]*\).*/\1/p' "$out"; }
resident() { vexctl collection info $1 --json | sed 's/.*"resident_bytes": \([0-9]*\).*/\1/'; }

run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" vexctl mount /dev/vda /mnt
run "words" vexctl collection create /mnt/w --dims 100 --metric cosine
run "import" vexctl import /mnt/w data/glove-2k.fvecs
run "fill l2" codes fill /mnt/l2 4000 128 l2
run "fill dot" codes fill /mnt/dot 2000 200 dot
before=$(resident /mnt/l2)
run "words, built in" codes check /mnt/w 99 40; said
says_text "by codes" "strategy=coded used=0"
run "l2, built in" codes check /mnt/l2 99 30; said
run "dot, built in" codes check /mnt/dot 99 40; said
# 4 chunks of 1,024 codes of 2 * 16 bytes and 8 bytes
after=$(resident /mnt/l2)
if [ $((after - before)) -ge 163840 ] && [ $((after - before)) -lt 250000 ]; then
	ok "codes are accounted for: $((after - before)) bytes"
else not_ok "codes take $((after - before)) bytes"; fi
run "search exactly" vexctl search /mnt/w --id 3 --exact
says_text "search exactly" "scored 2000, rounds 1, strategy exact (built-in)"

# --- the program
run "load coded" vexctl load $lib/coded.bpf.o
for d in w l2 dot; do run "use coded" vexctl use /mnt/$d coded; done
run "words, by the program" codes check /mnt/w 99 40; said
says_text "by the program" "strategy=coded used=1"
run "l2, by the program" codes check /mnt/l2 99 30; said
all=$(scored)
run "dot, by the program" codes check /mnt/dot 99 40; said
run "narrow bounds" knob 100 0 0 0 0 0 0 0
run "measure less" codes check /mnt/l2 50 20; said
if [ "$(scored)" -lt "$all" ]; then ok "narrow bounds measure less"; else not_ok "$(scored) of $all"; fi
run "64 rows at most" knob 0 0 0 0 64 0 0 0
run "measure 64" codes check /mnt/l2 30 2; said
equal "64 are measured" 64 "$(scored)"
run "its counters" bpftool map dump pinned /sys/fs/bpf/vexfs/coded/maps/stats; said
run "no limit" knob 0 0 0 0 0 0 0 0
run "in step, by the program" codes step /mnt/l2 2; said
for d in w l2 dot; do run "use the built-in" vexctl use /mnt/$d --builtin --slot search; done
run "unload coded" vexctl unload coded
run "in step, built in" codes step /mnt/l2 3; said
run "l2, after it" codes check /mnt/l2 99 30; said

# --- from the disk
run "umount" vexctl umount /mnt
run "mount" vexctl mount /dev/vda /mnt
echo 3 > /proc/sys/vm/drop_caches
run "l2, built from the disk" codes check /mnt/l2 99 30; said
echo 1 > /proc/sys/vm/drop_caches
run "rows from the disk" vexctl search /mnt/l2 --id 7 --json
says_text "by codes" '"strategy": "coded"'
run "umount" vexctl umount /mnt

# --- the budget
run "mount without a budget" vexctl mount /dev/vda /mnt -o resident=0
run "l2, without codes" codes check /mnt/l2 100 100; said
says_text "exact" "strategy=exact used=0"
run "load coded" vexctl load $lib/coded.bpf.o
run "use coded" vexctl use /mnt/l2 coded
run "the program, without codes" codes check /mnt/l2 100 100; said
says_text "by the program" "strategy=coded used=1"
run "use the built-in" vexctl use /mnt/l2 --builtin --slot search
run "unload coded" vexctl unload coded
run "umount" vexctl umount /mnt
run "verify" fsck.vexfs /dev/vda
finish
