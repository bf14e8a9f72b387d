#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# vexd on a real kernel: binds what is mounted, is killed under load and adopts what it had loaded; its
# events, metrics and rights; what it does without bpffs, without room, and with a bad configuration.
. ./lib.sh

conf=/tmp/vexd.conf
log=/tmp/vexd.log
sock=/run/vexfs/vexd.sock
obj=/usr/lib/vexfs

# wait_for TEXT: in the log, within 20 s
wait_for() {
	w=0
	while ! grep -qF -- "$1" $log; do
		w=$((w + 1))
		[ $w -lt 200 ] || { echo "never logged: $1"; tail -n 20 $log; return 1; }
		sleep 0.1
	done
}
wait_gone() { w=0; while kill -0 "$1" 2>/dev/null && [ $w -lt 200 ]; do w=$((w + 1)); sleep 0.1; done; ! kill -0 "$1" 2>/dev/null; }
start_vexd() { vexd -c $conf 2>> $log & vexd=$!; }
# config PROGRAM...: flat and sample, as often as named; flat binds /mnt/w
config() {
	echo "metrics = 9734" > $conf
	for p; do
		printf '[program %s]\nobject = %s/%s.bpf.o\n' "$p" $obj "$p" >> $conf
		[ "$p" != flat ] || echo "bind = /mnt/w" >> $conf
	done
}

# --- it comes first, the filesystem later

rm -f $log
config flat
start_vexd
run "it loads what is configured" wait_for "program flat: loaded from $obj/flat.bpf.o"
run "and says what it cannot bind yet" wait_for "program flat: /mnt/w is not bound:"
run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" vexctl mount /dev/vda /mnt
run "the mount is an event" wait_for "mount: /dev/vda on /mnt"
run "create" vexctl collection create /mnt/w --dims 100 --metric cosine --attr n
run "import" vexctl import /mnt/w data/glove-2k.fvecs --attr n=lineno
run "unmount" vexctl umount /mnt
run "so is that" wait_for "unmount: /dev/vda on /mnt"
run "mount" vexctl mount /dev/vda /mnt
run "bound without being told" wait_for "program flat: /mnt/w is bound to it now"
run "search" vexctl search /mnt/w --id 5 -k 3
says "by flat" "flat"
run "again" sh -c "vexctl umount /mnt && vexctl mount /dev/vda /mnt"
run "status" vexctl status
says "the filesystem" "/dev/vda on /mnt: .* free of"
says "the program" "flat: loaded \(search\), bindings 1, queries"
says "the daemon" "vexd [0-9.]+, pid $vexd, since"
says "the binding" "/mnt/w: bound"
sed 's/^/# /' "$out"

# --- killed and started again, five times, under load

rm -f /tmp/stop /tmp/load
already=$(grep -c 'program flat: /mnt/w is bound to it$' $log)
(while [ ! -e /tmp/stop ]; do
	vexctl search /mnt/w --id 7 -k 3 --repeat 50 > /dev/null 2>> /tmp/load || echo FAILED >> /tmp/load
	echo round >> /tmp/rounds
done) &
loop=$!
: > /tmp/rounds
for i in 1 2 3 4 5; do
	kill -9 $vexd
	wait_gone $vexd
	before=$(wc -l < /tmp/rounds)
	j=0
	while [ "$(wc -l < /tmp/rounds)" -lt $((before + 2)) ] && [ $j -lt 300 ]; do j=$((j + 1)); sleep 0.1; done
	[ "$(wc -l < /tmp/rounds)" -ge $((before + 2)) ] || echo "FAILED: no search without vexd" >> /tmp/load
	start_vexd
	j=0
	# what it says after that it has adopted the program
	while [ $(($(grep -c 'program flat: /mnt/w is bound to it$' $log) - already)) -lt $i ] && [ $j -lt 200 ]; do
		j=$((j + 1)); sleep 0.1
	done
done
: > /tmp/stop
wait $loop
equal "adopted five times" 5 "$(grep -c 'program flat: adopted, generation' $log)"
equal "loaded once" 1 "$(grep -c 'program flat: loaded from' $log)"
equal "bound at once each time" 5 $(($(grep -c 'program flat: /mnt/w is bound to it$' $log) - already))
equal "no search failed" "" "$(cat /tmp/load 2>/dev/null)"
echo "# $(wc -l < /tmp/rounds) times 50 searches meanwhile"
rm -f /tmp/load /tmp/stop /tmp/rounds

# --- events

vexctl events --json -n 8 > /tmp/events & listener=$!
vexctl events > /tmp/events.txt & text=$!
i=0
while [ "$(vexctl status --json | grep -o '"listeners": [0-9]*')" != '"listeners": 2' ] && [ $i -lt 100 ]; do i=$((i + 1)); sleep 0.1; done
run "load one that fails" vexctl load $obj/bad_search.bpf.o
run "use it" vexctl use /mnt/w bad_search
run "20 searches" vexctl search /mnt/w --id 5 -k 3 --repeat 20
run "use the other" vexctl use /mnt/w flat
run "unload it" vexctl unload bad_search
run "replace" vexctl replace $obj/flat.bpf.o
run "delete" vexctl delete /mnt/w $(seq 0 999)
run "compact" vexctl compact /mnt/w
run "the listener has all" wait_gone $listener
run "and the text" kill $text
saw() { if grep -qE -- "$2" "$3"; then ok "$1"; else not_ok "$1" "not found: $2"; sed 's/^/#   /' "$3"; fi; }
saw "switch" '"event": "switch", "time": "[0-9TZ:.-]+", "program": "bad_search", "generation": [0-9]+, "ops": \[ "search" \]' /tmp/events
saw "use" '"event": "use", .*"dir": "/mnt/w", "slot": "search", "program": "bad_search"' /tmp/events
saw "program_error" '"event": "program_error", .*"program": "bad_search", "op": "search", .*"code": "EINVAL"' /tmp/events
saw "eject" '"event": "eject", .*"dir": "/mnt/w", "program": "bad_search"' /tmp/events
saw "unload" '"event": "unload", .*"program": "bad_search"' /tmp/events
saw "as text" '^[0-9:]+ compact dir=/mnt/w before=[0-9]+ after=[0-9]+ us=[0-9]+$' /tmp/events.txt
saw "as text" '^[0-9:]+ eject dir=/mnt/w program=bad_search op=search generation=[0-9]+ code=EINVAL$' /tmp/events.txt
run "the log has the compaction" wait_for "compact: /mnt/w from "
run "and the ejection" wait_for "eject: program bad_search failed too often in /mnt/w,"

# --- top and metrics

rm -f /tmp/stop
(while [ ! -e /tmp/stop ]; do vexctl search /mnt/w --id 1500 -k 3 --repeat 50 > /dev/null; done) &
loop=$!
run "top" vexctl top -d 2 -n 2
says "its head" "queries/s +p50 us +p99 us +visited/q .* recall  strategy +collection$"
says "a row" "^ +[0-9]+\.[0-9] +[1-9][0-9]* +[1-9][0-9]* +[0-9]+ +[0-9]+ +0 +0 +(-|1\.0000)  flat +/mnt/w$"
sed 's/^/# /' "$out"
run "top as JSON" vexctl top -d 1 -n 1 --json
says "a row" '"collection": "/mnt/w", "strategy": "flat", "calls": [1-9]'
vexctl top -d 60 > "$out" 2>&1 & top=$!
# a job of a script begins with SIGINT ignored: not before it is caught
for i in $(seq 100); do
	grep -q '^SigCgt:.*[2367abef]$' /proc/$top/status && break
	sleep 0.1
done
kill -INT $top
run "top ends with Ctrl-C" wait_gone $top
# flat finds all; one in 256 is looked at
recall_is() { vexctl status --json | grep -qE "\"strategy\": \"$1\", \"recall\": $2,"; }
tries=0; until recall_is flat '1(\.0)?' || [ $tries = 300 ]; do tries=$((tries + 1)); sleep 0.1; done
run "live recall" vexctl status
says "of flat" "^    /mnt/w, by flat: recall 1\.0000 in [1-9][0-9]* sampled searches, which wanted 0\.99$"
run "in top" vexctl top -d 1 -n 1
says "too" " 1\.0000  flat +/mnt/w$"
: > /tmp/stop
wait $loop
rm -f /tmp/stop
run "metrics" wget -qO- http://127.0.0.1:9734/metrics
says "recall" '^vexfs_recall\{collection="/mnt/w",strategy="flat"\} 1$'
says "of so many" '^vexfs_recall_queries_total\{collection="/mnt/w",strategy="flat"\} [1-9][0-9]*$'
says "and what was wanted" '^vexfs_recall_wanted\{collection="/mnt/w",strategy="flat"\} 0\.99$'
says "searches" '^vexfs_search_queries_total\{collection="/mnt/w",strategy="flat"\} [1-9][0-9]*$'
says "latency" '^vexfs_search_duration_seconds_bucket\{collection="/mnt/w",strategy="flat",le="\+Inf"\} [1-9][0-9]*$'
says "a filesystem" '^vexfs_filesystem_free_bytes\{dir="/mnt",device="/dev/vda"\} [1-9][0-9]*$'
says "the budget" '^vexfs_resident_limit_bytes\{dir="/mnt",device="/dev/vda"\} 268435456$'
says "what is taken" '^vexfs_resident_bytes\{dir="/mnt",device="/dev/vda"\} [1-9][0-9]*$'
says "of it lists" '^vexfs_resident_lists_bytes\{dir="/mnt",device="/dev/vda"\} 0$'
says "nobody lacks room" '^vexfs_collections_lacking\{dir="/mnt",device="/dev/vda"\} 0$'
says "checkpoints" '^vexfs_checkpoints\{dir="/mnt",device="/dev/vda"\} 0$'
says "a program" '^vexfs_program_loaded\{program="flat"\} 1$'
says "events" '^vexd_events_total\{event="eject"\} 1$'
q=$(grep -E '^vexfs_search_calls_total.*flat' "$out" | cut -d' ' -f2)
h=$(grep -E '^vexfs_search_duration_seconds_count.*flat' "$out" | cut -d' ' -f2)
e=$(grep -E '^vexfs_search_errors_total.*flat' "$out" | cut -d' ' -f2)
equal "the histogram holds all calls" "$q" "$((h + e))"
run "a collection that will go" sh -c "vexctl collection create /mnt/gone --dims 1 && echo 'a 1' > /tmp/one &&
	vexctl import /mnt/gone /tmp/one --format text && vexctl search /mnt/gone --id 0"
run "metrics" wget -qO- http://127.0.0.1:9734/metrics
says "it is counted" '^vexfs_search_calls_total\{collection="/mnt/gone",strategy="exact"\} 1$'
run "drop it" sh -c "vexctl collection drop /mnt/gone --yes && rmdir /mnt/gone"
run "metrics" wget -qO- http://127.0.0.1:9734/metrics
equal "it is gone from the metrics" "" "$(grep ^vexfs_search_calls_total "$out" | grep -v '"/mnt/w"')"
rm -f /tmp/one

# --- who may change things

run "root loads, and vexd does it" vexctl load $obj/sample.bpf.o
says "as it says without" "^loaded sample: search, generation [0-9]+$"
run "its log tells who" wait_for "load for uid 0, pid"
before=$(grep -c "unload for uid 0, pid" $log)
run "root unloads without it" vexctl unload sample -v
equal "which its log does not have" "$before" "$(grep -c "unload for uid 0, pid" $log)"
cp /etc/group /tmp/group.before
echo 'vexfs:x:777:' >> /etc/group
run "the host's /usr" host_usr
as() { host /host/usr/bin/setpriv --reuid 1000 --regid 1000 "$@"; }
chmod 755 /mnt/w
run "anyone looks" as --clear-groups vexctl status
equal "but at nobody's recall" 0 "$(grep -c recall "$out")"
says "and sees the daemon" "vexd [0-9.]+, pid $vexd"
expect_fail "nobody loads" "needs root or the group vexfs" as --clear-groups vexctl load $obj/sample.bpf.o
expect_fail "nor uses" "needs root or the group vexfs" as --clear-groups vexctl use /mnt/w --builtin
expect_fail "nor unloads" "needs root or the group vexfs" as --clear-groups vexctl unload flat
expect_fail "top needs root" "needs root" as --clear-groups vexctl top -n 1
run "the refusal is logged" wait_for "load for uid 1000, pid"
as --clear-groups sh -c 'for i in 0 1 2 3 4 5 6 7 8 9; do for j in 0 1 2 3 4; do vexctl unload flat; done; done' 2> /dev/null
run "but not each of fifty" test "$(grep -c "unload for uid 1000, pid" $log)" -lt 40
run "the group loads" as --groups 777 vexctl load $obj/sample.bpf.o
says "through vexd" "^loaded sample: search, generation [0-9]+$"
run "and replaces" as --groups 777 vexctl replace $obj/sample.bpf.o --json
says "with JSON" '"name": "sample"'
run "and uses" as --groups 777 vexctl use /mnt/w sample
says "through vexd" "/mnt/w: search is sample now"
run "and unuses" as --groups 777 vexctl use /mnt/w --builtin
run "and unloads" as --groups 777 vexctl unload sample
says "through vexd" "^unloaded sample"
expect_fail "what fails is told" "vexd: no program named 'sample'" as --groups 777 vexctl unload sample
expect_fail "the verifier's log arrives" "the verifier refused it" as --groups 777 vexctl load $obj/past_batch.bpf.o
cp /tmp/group.before /etc/group
rm -f /tmp/group.before

# --- SIGHUP

echo "nonsense" >> $conf
kill -HUP $vexd
run "a bad configuration" wait_for "neither [SECTION] nor KEY = VALUE; the configuration in force stays"
expect_fail "vexctl reload fails, too" "neither [SECTION] nor KEY = VALUE" vexctl reload
config flat sample
printf '[program other]\nobject = %s/flat.bpf.o\n[program none]\nobject = /none.bpf.o\n' $obj >> $conf
run "vexctl reload" vexctl reload --json
says "is done" '^\{ "ok": true, "verb": "reload", "message": "vexd has read'
run "a good one" wait_for "configuration read: 4 programs"
run "loads" wait_for "program sample: loaded from"
run "an object of another name" wait_for "program other: not loaded: flat.bpf.o: holds a program named 'flat', not 'other'"
run "an object that is not there" wait_for "program none: not loaded: /none.bpf.o: No such file"
run "it is there" vexctl program show sample
run "flat is bound again" wait_for "program flat: /mnt/w is bound to it"

# --- ended: searches go on, and bpffs is missing when it starts again

kill $vexd
run "SIGTERM ends it" wait_gone $vexd
run "searches go on" vexctl search /mnt/w --id 1500 -k 3
says "by flat" "flat"
expect_fail "no events without it" "systemctl start vexd" vexctl events
run "status without it" vexctl status
says "says so" "vexd is not running"
run "unload" vexctl unload sample
run "unload" vexctl unload flat

# --- which capabilities loading takes: the kernel hands the BTF of a module only to CAP_SYS_ADMIN

# with CAPS COMMAND...: as a user who has these
with() { caps=$1; shift; as --clear-groups --inh-caps "$caps" --ambient-caps "$caps" "$@"; }
bpf=+bpf,+perfmon
run "CAP_BPF and CAP_PERFMON are there" with $bpf grep "^CapEff:[[:space:]]*000000c000000000$" /proc/self/status
with $bpf bpftool btf dump id 1 > "$out" 2>&1
says "they do not get BTF by its id" "Operation not permitted"
expect_fail "so they cannot load" "CAP_BPF and CAP_PERFMON are not enough: the kernel hands the types of a module only to CAP_SYS_ADMIN" \
	with $bpf vexctl load $obj/sample.bpf.o
with $bpf vexctl doctor > "$out" 2>&1
says "which doctor says, too" "^warn  rights .*CAP_BPF and CAP_PERFMON do not suffice"
expect_fail "CAP_SYS_ADMIN needs the pins" "needs write permission for /sys/fs/bpf" with +sys_admin vexctl load $obj/sample.bpf.o
run "CAP_SYS_ADMIN and the right to write there load" with +sys_admin,+dac_override vexctl load $obj/sample.bpf.o
says "the program" "^loaded sample: search, generation [0-9]+$"
expect_fail "nobody unloads" "needs write permission for /sys/fs/bpf" as --clear-groups vexctl unload sample
run "to unload, the right to write suffices" with +dac_override vexctl unload sample
run "bpffs of a user" chown 1000 /sys/fs/bpf /sys/fs/bpf/vexfs
run "CAP_SYS_ADMIN loads there" with +sys_admin vexctl load $obj/sample.bpf.o
run "and the user unloads" as --clear-groups vexctl unload sample
run "bpffs of root" chown 0 /sys/fs/bpf /sys/fs/bpf/vexfs
run "bpffs away" umount /sys/fs/bpf
rm -f $log
config flat
start_vexd
run "it says that bpffs is missing" wait_for "bpffs is not mounted on /sys/fs/bpf"
run "and has it mounted" wait_for "program flat: loaded from"
run "bpffs is back" grep -q "^[^ ]* /sys/fs/bpf bpf" /proc/mounts
kill -9 $vexd
wait_gone $vexd

# --- no room

mkdir -p /tmp/full
run "a small disk" mount -t tmpfs -o size=4k,nr_inodes=2 full /tmp/full
: > /tmp/full/a
echo "socket = /tmp/full/vexd.sock" > $conf
expect_fail "no room for its socket" "No space left on device" vexd -c $conf
run "umount" umount /tmp/full
config flat
vexd -c $conf 2> /dev/full & vexd=$!
i=0
while ! vexctl status | grep -q "pid $vexd" && [ $i -lt 100 ]; do i=$((i + 1)); sleep 0.1; done
run "a log on a full disk" vexctl status
says "it runs" "pid $vexd"
kill $vexd
run "and ends" wait_gone $vexd

run "unload" vexctl unload flat
run "umount" vexctl umount /mnt
# BPF programs are freed after a grace period
i=0
while [ "$(cat /sys/module/vexfs/refcnt)" != 0 ] && [ $i -lt 100 ]; do i=$((i + 1)); sleep 0.1; done
equal "nothing holds the module any more" 0 "$(cat /sys/module/vexfs/refcnt)"
run "verify" fsck.vexfs /dev/vda
rm -rf $conf $log /tmp/full /tmp/events /tmp/events.txt $sock $sock.lock
finish
