# SPDX-License-Identifier: GPL-2.0
#
# What a test script of the guest (tests/vm/t_*.sh) begins with:
#
#	#!/bin/sh
#	. ./lib.sh
#	run "make a directory" mkdir /mnt/a
#	expect_fail "make it twice" "File exists" mkdir /mnt/a
#	finish
#
# The shell is busybox sh, the working directory /tests.  In the guest: data in /tests/data, BPF
# objects in /usr/lib/vexfs, tools and helper programs on the PATH, scratch disks /dev/vda and
# /dev/vdb (the runner's default), vexfs loaded.  KEY=VALUE given to the runner with --append is in
# the environment.  Output is KTAP, one line per test.

t=$(basename "$0" .sh)
n=0
failed=0
out=/tmp/out.$$

# ok NAME: count a success.
ok() { n=$((n + 1)); echo "ok $n $t: $*"; }

# not_ok NAME [LINE...]: count a failure and say why.
not_ok() {
	n=$((n + 1)); failed=$((failed + 1))
	echo "not ok $n $t: $1"; shift
	for l; do echo "# $l"; done
}

# skip NAME WHY: count a test that could not run here.
skip() { n=$((n + 1)); echo "ok $n $t: $1 # SKIP $2"; }

# run NAME COMMAND...: the command must succeed.  Its output is in $out, and shown on failure.
run() {
	name=$1; shift
	"$@" > "$out" 2>&1; rc=$?
	if [ $rc = 0 ]; then ok "$name"; return 0; fi
	not_ok "$name" "exit code $rc of: $*"; sed 's/^/#   /' "$out"
	return 1
}

# expect_fail NAME TEXT COMMAND...: the command must fail, not by a signal, and say TEXT (any case).
expect_fail() {
	name=$1 text=$2; shift 2
	"$@" > "$out" 2>&1; rc=$?
	if [ $rc = 0 ]; then not_ok "$name" "succeeded, but must not: $*"
	elif [ $rc -gt 125 ]; then not_ok "$name" "exit code $rc (not found, or a signal) of: $*"
	elif ! grep -qiF -- "$text" "$out"; then not_ok "$name" "does not say '$text' (exit code $rc): $*"
	else ok "$name"; return 0; fi
	sed 's/^/#   /' "$out"
	return 1
}

# equal NAME WANTED GOT: two strings must be the same.
equal() {
	if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "wanted: $2" "got:    $3"; return 1; fi
}

# says NAME REGEX: what the command before printed has a line that matches the extended REGEX.
says() { in_output -E "$@"; }
# says_text NAME TEXT: the same with a fixed TEXT.
says_text() { in_output -F "$@"; }
in_output() {
	if grep -q "$1" -- "$3" "$out"; then ok "$2"; return 0; fi
	not_ok "$2" "not found: $3"; sed 's/^/#   /' "$out" | tail -n 30
	return 1
}

# load MODULE: insert a module of the stock kernel and what it depends on (those that tests/vm/run packs).
load() {
	[ -e "/m/$1.dep" ] || { echo "# no module $1 in the guest"; return 1; }
	for m in $(cat "/m/$1.dep"); do
		grep -q "^$(echo "$m" | tr - _) " /proc/modules || insmod "/m/$m.ko" || return 1
	done
}

# host_usr: the host's /usr at /host/usr, by 9p.  host COMMAND...: a program of it, with its libraries.
host_usr() {
	load 9pnet_virtio && load 9p && mkdir -p /host/usr || return 1
	grep -q ' /host/usr ' /proc/mounts ||
		mount -t 9p -o trans=virtio,ro,version=9p2000.L,cache=loose,msize=262144 usr /host/usr
}
host() { LD_LIBRARY_PATH=/host/usr/lib/x86_64-linux-gnu "$@"; }

# dmesg_allow REGEX: kernel messages that this script causes on purpose and init must not count.
dmesg_allow() { echo "$1" >> /tmp/dmesg_allow; }

# finish: end of the script.  Without it, init counts a failure.
finish() {
	rm -f "$out"
	echo "1..$n"
	echo "$failed" > /tmp/finished
	exit $((failed > 0))
}
