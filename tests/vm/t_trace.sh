#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Tracepoints through tracefs, bpftrace and perf (the host's, whose /usr the guest mounts), and vexctl explain.
. ./lib.sh

tracing=/sys/kernel/tracing
events() { cat $tracing/trace > /tmp/trace; echo > $tracing/trace; }
# saw NAME TEXT: the trace has a line with it
saw() { if grep -qE -- "$2" /tmp/trace; then ok "$1"; else not_ok "$1" "not in the trace: $2"; grep vexfs /tmp/trace | sed 's/^/#   /' | head -n 20; fi; }

run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" vexctl mount /dev/vda /mnt
run "create" vexctl collection create /mnt/w --dims 100 --metric cosine --attr n
run "events" sh -c "echo 1 > $tracing/events/vexfs/enable"
run "import" vexctl import /mnt/w data/glove-2k.fvecs --attr n=lineno
events
saw "a commit" "vexfs_commit: dev [0-9,]+ ino [0-9]+ records 2000 deaths 0 us [0-9]+ err 0"
run "search" vexctl search /mnt/w --id 5 -k 3
events
saw "it begins" "vexfs_search_begin: .* k 3 queries 1 flags 0x1"
saw "and ends" "vexfs_search_end: .* k 3 strategy 'coded' visited 2000 scored [0-9]+ rounds 1 restarts 0 hits 3 truncated  us [0-9]+ err 0"
run "load" vexctl load /usr/lib/vexfs/flat.bpf.o
run "use" vexctl use /mnt/w flat
run "replace" vexctl replace /usr/lib/vexfs/flat.bpf.o
run "search" vexctl search /mnt/w --id 5 -k 3
run "use the built-in" vexctl use /mnt/w --builtin --slot search
run "unload" vexctl unload flat
run "delete" vexctl delete /mnt/w 1 2 3
run "sync" vexctl sync /mnt/w
events
# other tests of the same boot may have loaded it before
g=$(sed -nE 's/.*vexfs_switch: program flat generation ([0-9]+) ops search.*/\1/p' /tmp/trace | head -n 1)
saw "loaded" "vexfs_switch: program flat generation $g ops search"
saw "replaced" "vexfs_switch: program flat generation $((g + 1)) ops search"
saw "unloaded" "vexfs_switch: program flat generation $((g + 1)) ops $"
saw "used" "vexfs_use: .* slot search program 'flat'"
saw "not used" "vexfs_use: .* slot search program ''"
saw "it answered" "vexfs_search_end: .* strategy 'flat'"
saw "deletions" "vexfs_commit: .* records 0 deaths 3 "
run "load one that fails" vexctl load /usr/lib/vexfs/bad_search.bpf.o
run "use it" vexctl use /mnt/w bad_search
run "20 searches" vexctl search /mnt/w --id 5 -k 3 --repeat 20
events
saw "its failures" "vexfs_program_error: dev [0-9,]+ ino [0-9]+ program bad_search slot search generation [0-9]+ err -22"
saw "its ejection" "vexfs_eject: dev [0-9,]+ ino [0-9]+ program bad_search slot search generation [0-9]+ err -22"
run "use the built-in" vexctl use /mnt/w --builtin --slot search
run "unload" vexctl unload bad_search
run "events off" sh -c "echo 0 > $tracing/events/vexfs/enable"
events
run "search" vexctl search /mnt/w --id 5 -k 3
events
equal "nothing is traced" 0 "$(grep -c vexfs_ /tmp/trace)"

# --- the examples for bpftrace and perf

run "the host's /usr" host_usr
run "bpftrace" host /host/usr/bin/bpftrace search.bt -c "/usr/bin/vexctl search /mnt/w --id 5 -k 3 --repeat 100"
says "a histogram for the strategy" "^@us\[coded\]:"
says "its visits" "^@visited\[coded\]: 2000$"
equal "100 searches" 100 "$(sed -n '/^@us/,/^$/p' "$out" | sed -nE 's/^\[.*\) +([0-9]+) .*/\1/p' | awk '{ n += $1 } END { print n }')"
# perf itself with the host's libraries, what it runs with ours
mkdir -p /tmp/bin
printf '#!/bin/sh\nLD_LIBRARY_PATH=/host/usr/lib/x86_64-linux-gnu exec /host/usr/bin/perf "$@"\n' > /tmp/bin/perf
chmod +x /tmp/bin/perf
run "perf" env PATH=/tmp/bin:$PATH sh search.perf vexctl search /mnt/w --id 5 -k 3 --repeat 100
says "each search" "vexctl +[0-9.]+: +vexfs:vexfs_search_end: dev 254,0 ino [0-9]+ k 3 strategy 'coded' visited 2000"
says "and how many" "^ +100 +vexfs:vexfs_search_end"
rm -rf /tmp/bin

# --- explain

run "explain" vexctl explain /mnt/w --id 5 -k 3
says "codes" "2000 of 2000 slots: every slot has a code"
says "the search" "strategy coded \(built-in\), [0-9]+ rounds?: 2000 slots visited"
says "the plan" "estimate every record from its code, and measure the best, because there are no lists yet"
says "what recall" "recall wanted: 0.99$"
says "estimates" "1997 estimated from their codes: [0-9]+ pruned"
says "re-ranking" "[0-9]+ deferred, [0-9]+ of them re-ranked"
says "and the answer" "^ +1 +5 +0.000000"
run "exactly" vexctl explain /mnt/w --id 5 -k 3 --exact --where 'n < 100'
says "no codes" "not used, because of --exact"
says "by whose wish" "measure every record, because the caller wants it so"
says "that all is wanted" "recall wanted: 1$"
says "a predicate" "matches 100 slots"
says "what was measured" "97 scored in single precision"
run "as JSON" vexctl explain /mnt/w --id 5 -k 3 --json
for k in slots coded plan why recall lists probed linked estimated pruned deferred filtered fetched rescored ns; do says "it has $k" "\"$k\": "; done
scored=$(sed -E 's/.*"scored": ([0-9]+).*/\1/' "$out")
reranked=$(sed -E 's/.*"reranked": ([0-9]+).*/\1/' "$out")
equal "what was re-ranked was measured" "$scored" "$reranked"
expect_fail "explain takes one" "one query" vexctl explain /mnt/w
# --- live recall, of a program that finds a part and of what is built in

# told STRATEGY RECALL: searches until enough were run again
told() {
	i=0
	until vexctl status --json | grep -qE "\"strategy\": \"$1\", \"recall\": $2, [^}]*\"queries\": ([3-9]|[1-9][0-9]+),"; do
		i=$((i + 1))
		[ $i -lt 100 ] || { vexctl status --json; return 1; }
		vexctl search /mnt/w --id $((i * 19 + 5)) -k 10 --repeat 250 > /dev/null
	done
}
run "coded is looked at" told coded "(1(\.0)?|0\.9[0-9]*)"
run "load" vexctl load /usr/lib/vexfs/sample.bpf.o
run "use" vexctl use /mnt/w sample
run "a part is found by a tenth" told sample "0(\.[0-8][0-9]*)?"
vexctl status | sed 's/^/# /'
run "use" vexctl use /mnt/w --builtin
run "unload" vexctl unload sample
run "remount" sh -c "vexctl umount /mnt && vexctl mount /dev/vda /mnt"
run "status" vexctl status
equal "counts are those since then" 0 "$(grep -c recall "$out")"
run "umount" vexctl umount /mnt
run "verify" fsck.vexfs /dev/vda
finish
