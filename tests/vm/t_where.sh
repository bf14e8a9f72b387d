#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Predicates: answers against an oracle, through programs and under load, every bad input, and
# vexctl search --where.
. ./lib.sh

err=/tmp/err.$$
c=/mnt/c
said() { sed 's/^/# /' "$out"; }

run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" vexctl mount /dev/vda /mnt
mkdir /mnt/o
run "oracle" where oracle /mnt/o 12
said
mkdir /mnt/bad
run "bad input" where bad /mnt/bad
run "everything at once" where storm /mnt 6
said

# --- programs are given only what matches
run "fill" hookq fill $c 3000
run "built in" where check $c
equal "it visits what matches" "n=125 visited=125 truncated=0 strategy=exact" "$(cat "$out")"
run "load flat" vexctl load /usr/lib/vexfs/flat.bpf.o
run "use flat" vexctl use $c flat
run "flat" where check $c
equal "flat visits all" "n=125 visited=3000 truncated=0 strategy=flat" "$(cat "$out")"
run "load tenant" vexctl load /usr/lib/vexfs/tenant.bpf.o
run "use flat and tenant" vexctl use $c tenant
run "a filter as well" vexctl search $c --id 2 -k 1000 --arg 1 --where 'tenant in (1, 2) and made < 5000'
equal "both hold" 125 "$(grep -cE '^ *[0-9]+  [0-9]' "$out")"
run "use --builtin" vexctl use $c --builtin --slot search
run "use --builtin" vexctl use $c --builtin --slot filter
run "unload" vexctl unload flat
run "unload" vexctl unload tenant

# --- vexctl.  Record i has tenant i % 4 and made 10 * i.
ids() { vexctl search $c --id 9 -k 1000 --where "$1" | awk '/^ *[0-9]+  [0-9]/ { print $2 }' | sort -n | tr '\n' ' '; }
holds() { equal "$1" "$2" "$(ids "$1")"; }
holds "made = 80" "8 "
holds "made <= 20 and not tenant = 1" "0 2 "
holds "made < 40 and (tenant = 0 or tenant >= 3)" "0 3 "
holds "made in (10, 0x14, 31, 10)" "1 2 "
holds "made not in (10, 20) and made < 40" "0 3 "
holds "tenant & 2 and made < 60" "2 3 "
holds "made > 29970 or made < 10" "0 2998 2999 "
holds "made < -5" ""
holds "made == 80 || made <> 0 && ! made > 10" "1 8 "
holds "tenant != 0 and made >= 29950" "2995 2997 2998 2999 "
run "JSON" vexctl search $c --id 8 -k 2 --where 'made = 80' --json
says_text "JSON has the hit" '"id": 8, '
says_text "JSON visited one slot" '"visited": 1, '
run "delete" vexctl delete $c 8
equal "a deleted record is gone" "" "$(vexctl search $c --id 9 --where 'made = 80' | grep '^ *1  ')"
run "often" vexctl search $c --id 9 --where 'tenant = 1' --repeat 40 --threads 3
says_text "often counts" "queries 40, ok 40, failed 0"
run "vectors on stdin" sh -c "printf '1 1 0 0 0 0 0 0\n0 0 1 0 0 0 0 0\n' | vexctl search $c -k 1 --exact --where 'tenant = 3'"
equal "an answer per line" 2 "$(grep -c '^cost: visited 750' "$out")"

# bad TEXT COND: vexctl says where and why, in one line, and exits with 1
bad() {
	vexctl search $c --id 9 --where "$2" > "$out" 2> "$err"; rc=$?
	if [ $rc = 1 ] && [ ! -s "$out" ] && [ "$(wc -l < "$err")" = 1 ] &&
	   grep -q -- "vexctl search: --where: column [0-9]" "$err" && grep -qF -- "$1" "$err"; then
		ok "bad: $2"; return
	fi
	not_ok "bad: $2" "exit code $rc, expected: $1"; sed 's/^/#   /' "$out" "$err"
}
bad "column 1: there is no attribute \`tennant\`; the collection has tenant, made" "tennant = 5"
bad "column 14: an attribute" "tenant = 1 or"
bad "column 10: nothing is equal to null" "tenant = null"
bad "column 1: \`tenant\` holds integers, which are never null" "tenant is null"
bad "column 10: \`tenant\` holds integers; give a number without quotes" "tenant = 'red'"
bad "column 10: the number does not fit in 64 bits" "tenant = 9223372036854775808"
bad "column 1: an attribute, \`not\` or \`(\` is expected, not the end" ""
bad "column 12: \`and\`, \`or\` or the end is expected" "tenant = 1 made = 2"
bad "the condition is too long" "tenant=1$(for i in $(seq 40); do printf ' or tenant=1'; done)"
expect_fail "no argument" "where" vexctl search $c --id 9 --where
run "umount" vexctl umount /mnt
run "verify" fsck.vexfs /dev/vda
run "mount again" vexctl mount /dev/vda /mnt

# what predicates take in memory is counted, and bounded
resident() { vexctl collection info $c --json | sed -E 's/.*"resident_bytes": ([0-9]+).*/\1/'; }
r0=$(resident)
holds "made <= 20 and not tenant = 1" "0 2 "
r1=$(resident)
for i in 1 2 3 4 5 6 7; do ids "made < $i" > /dev/null; done
r8=$(resident)
for i in 8 9 10 11 12 13 14 15; do ids "made < $i" > /dev/null; done
if [ "$r0" -lt "$r1" ] && [ "$r1" -lt "$r8" ]; then ok "bitmaps are counted"; else not_ok "bitmaps are counted" "$r0 $r1 $r8"; fi
if [ "$r8" -ge "$(resident)" ]; then ok "no more than eight"; else not_ok "no more than eight" "$r8 $(resident)"; fi
run "umount" vexctl umount /mnt
finish
