#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# How long whoever replaces a program waits for calls that run it: for a round, which is short however much time the
# caller has, and for no round of another program.
. ./lib.sh
lib=/usr/lib/vexfs
pins=/sys/fs/bpf/vexfs
c=/mnt/c

# until COMMAND: wait until it succeeds, for a minute at most
until_so() { i=0; while ! "$@" && [ $i -lt 600 ]; do sleep 0.1; i=$((i + 1)); done; [ $i -lt 600 ]; }
ms() { awk '{ printf "%d\n", $1 * 1000 }' /proc/uptime; }
# quick NAME COMMAND...: it must not take as long as the calls do, which is minutes; emulation is slow
quick() {
	begin=$(ms)
	run "$1" timeout 60 sh -c 'exec "$@"' "$@" || return 1
	echo "# $(($(ms) - begin)) ms"
}
runs() { [ -d "/proc/$1" ]; }
counts() { bpftool map dump pinned "$1" | grep -q "\"$2\": [1-9]"; }

run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" vexctl mount /dev/vda /mnt -o resident=0
run "fill" hookq fill $c 3000
run "another collection" hookq fill /mnt/d 3000

# --- a round ends in time, and the strategy goes on where it was
run "load linger" vexctl load $lib/linger.bpf.o
run "use linger" vexctl use $c linger
run "10 million slots" hookq ask $c max_visits=10000000 timeout_us=600000000
says "are not looked at in a round or two" "visited=10000000 truncated=2 restarts=0 strategy=linger .*rounds=([5-9]|[1-9][0-9])"
sed 's/^/# /' "$out"
equal "which is no error of the program" "search linger loaded 0" "$(hookq bound $c | head -n 1)"
hookq ask $c timeout_us=600000000 > /tmp/call 2>&1 & pid=$!
run "a call of 10 minutes" until_so counts $pins/linger/maps/rounds value
quick "replace its program" vexctl replace $lib/linger.bpf.o
run "the call goes on" runs $pid
run "with the new one" until_so counts $pins/linger/maps/rounds value
quick "unload it" vexctl unload linger
wait $pid
equal "and ends with the built-in" "n=10 visited=3000 truncated=0" "$(sed 's/^\(n=.*truncated=[0-9]*\).* strategy=exact .*/\1/; s/visited=[0-9]*/visited=3000/' /tmp/call)"
run "use the built-in" vexctl use $c --builtin --slot search

# --- a round that does not end holds up nobody else
run "load deaf" vexctl load $lib/deaf.bpf.o
run "use deaf" vexctl use $c deaf
run "load flat" vexctl load $lib/flat.bpf.o
run "use flat in the other collection" vexctl use /mnt/d flat
hookq ask $c timeout_us=600000000 > /tmp/call 2>&1 & pid=$!
run "a round that does not listen" until_so counts $pins/deaf/maps/state begun
quick "replace another program" vexctl replace $lib/flat.bpf.o
quick "unload it" vexctl unload flat
quick "load it" vexctl load $lib/flat.bpf.o
run "the other collection is searched" hookq check /mnt/d
says_text "flat" "strategy=flat"
run "the round goes on" runs $pid
if counts $pins/deaf/maps/state ended; then not_ok "it had not ended" "$(bpftool map dump pinned $pins/deaf/maps/state)"
else ok "it had not ended"; fi
run "end it" bpftool map update pinned $pins/deaf/maps/state key 0 0 0 0 value 1 0 0 0 0 0 0 0 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
wait $pid
run "use the built-in" vexctl use $c --builtin --slot search
run "unload deaf" vexctl unload deaf
run "unload flat" vexctl unload flat
run "umount" vexctl umount /mnt
i=0; while ! rmmod vexfs 2>/dev/null && [ $i -lt 20 ]; do sleep 0.5; i=$((i + 1)); done	# freed a moment later
run "rmmod" test ! -d /sys/module/vexfs
load vexfs
finish
