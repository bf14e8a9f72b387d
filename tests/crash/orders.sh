#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Generated workloads (ops.h) on the kernel, and every state that a power cut may leave of them: at each flush and FUA
# write, and in other orders of what lies between two of them.  Each is mounted, compared with what was promised,
# unmounted and verified: STATES of them by the kernel, one after the other in one guest, and HERE of them in a process.
#
# Three negative controls must be noticed: a disk that ignores flushes, data that was not durable when the log said so,
# and a promise that is made a moment too early.
#
#	SEED=N WORKLOADS=N ORDERS=N STATES=N HERE=N CONTROLS=N ROUNDS=N KEEP=DIR tests/crash/orders.sh
#
# KEEP: the record and the image it began with stay there, by SEED, for build/tests/orders.
set -euo pipefail
cd "$(dirname "$0")/../.."
seed=${SEED:-3} workloads=${WORKLOADS:-30} orders=${ORDERS:-2} states=${STATES:-80}
here=${HERE:-200} controls=${CONTROLS:-24} rounds=${ROUNDS:-1}
tmp=$(mktemp -d) shm=$(mktemp -d -p /dev/shm 2> /dev/null || mktemp -d)
trap 'rm -rf "$tmp" "$shm"' EXIT
export VEXFS_ACCEL=${VEXFS_ACCEL:-tcg}
size=24 offset=$((24 << 20))		# promises go past the filesystem
passed=0 failed=0

give_up() {
	echo "not ok crash orders: $1"
	sed 's/^/#   /' "$tmp/out"
	echo "crash-orders: $passed passed, $((failed + 1)) failed, 0 skipped"
	exit 1
}

for ((round = 0; round < rounds; round++, seed++)); do
	rc=0
	rm -f "$tmp"/*
	truncate -s ${size}M "$tmp/base"
	build/bin/mkfs.vexfs -q "$tmp/base" > "$tmp/out" 2>&1 || give_up "mkfs"
	truncate -s $((size + 1))M "$tmp/base"
	echo "# crash orders: SEED=$seed, $workloads workloads"
	tests/vm/run --logwrites "$tmp/log" --base "$tmp/base" --logread --timeout $((200 + 2 * states)) \
		--append "seed=$seed workloads=$workloads offset=$offset orders=$orders states=$states \
		controls=$controls" tests/crash/guest_orders.sh > "$tmp/out" 2>&1 || rc=$?
	grep -aE '^(not )?ok |^#' "$tmp/out" || true
	read -r p f < <(sed -nE 's/^vm: ([0-9]+) passed, ([0-9]+) failed.*/\1 \2/p' "$tmp/out") || give_up "the guest"
	passed=$((passed + p)) failed=$((failed + f))
	((rc == 0 || f > 0)) || give_up "the guest"
	[ -z "${KEEP:-}" ] || { cp --sparse=always "$tmp/log" "$KEEP/$seed.log" && cp --sparse=always "$tmp/base" "$KEEP/$seed.base"; }
	for control in $( ((here == 0)) || echo none) $( ((controls == 0)) || echo flush data early); do
		n=$here
		[ "$control" = none ] || n=$controls
		if build/tests/orders "$tmp/log" "$tmp/base" "$offset" "$seed" "$orders" 0 "$n" "$control" "$shm/state" \
				> "$tmp/out" 2>&1; then
			echo "ok in a process, control $control: $(tail -n 1 "$tmp/out")"
			passed=$((passed + 1))
		else
			echo "not ok in a process, control $control"
			sed 's/^/#   /' "$tmp/out"
			failed=$((failed + 1)) rc=1
		fi
	done
	((rc == 0)) || echo "# again with: SEED=$seed WORKLOADS=$workloads ORDERS=$orders STATES=$states HERE=$here tests/crash/orders.sh"
done
echo "crash-orders: $passed passed, $failed failed, 0 skipped"
((failed == 0))
