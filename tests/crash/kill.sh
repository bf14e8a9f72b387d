#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Kill the machine in the middle of inserts, boot it again and judge what is there; then kill it in the middle of a
# mount, and judge again.  The same disk all the time, with a new directory for each round.
#
#	SEED=N ROUNDS=N tests/crash/kill.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
seed=${SEED:-$((RANDOM * 32768 + RANDOM))} rounds=${ROUNDS:-2}
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
export VEXFS_ACCEL=${VEXFS_ACCEL:-tcg}
passed=0 failed=0
disk=$tmp/disk
RANDOM=$((seed % 32768))

give_up() {
	echo "not ok kill: $1 (SEED=$first)"
	[ -z "${2:-}" ] || sed 's/^/#   /' "$2"
	echo "crash-kill: $passed passed, $((failed + 1)) failed, 0 skipped"
	exit 1
}

first=$seed
truncate -s 128M "$disk"
build/bin/mkfs.vexfs -q "$disk" > "$tmp/out" 2>&1 || give_up "mkfs" "$tmp/out"
for ((round = 0; round < rounds; round++, seed += 2)); do
	after=$((RANDOM % 8)).$((RANDOM % 10))
	echo "# killed $after s after the first promise, SEED=$seed"
	tests/vm/run --drive "$disk" --log "$tmp/log" --timeout 100 --kill-on "^promised" --kill-after "$after" \
		--append "seed=$seed operations=0" tests/crash/guest_write.sh > "$tmp/out" 2>&1 || give_up "the writer" "$tmp/out"
	promised=$(tr -d '\r' < "$tmp/log" | sed -nE 's/^promised ([0-9]+)$/\1/p' | tail -n 1)
	# while the log is replayed
	tests/vm/run --drive "$disk" --timeout 100 --kill-on "^# guest_judge" --kill-after 0.$((RANDOM % 10)) \
		--append "mount_only=1" tests/crash/guest_judge.sh > "$tmp/out" 2>&1 || give_up "killed again" "$tmp/out"
	rc=0
	tests/vm/run --drive "$disk" --timeout 100 --append "seed=$seed promises=$promised" \
		tests/crash/guest_judge.sh > "$tmp/out" 2>&1 || rc=$?
	grep -aE '^(not )?ok |^#' "$tmp/out" || true
	read -r p f < <(sed -nE 's/^vm: ([0-9]+) passed, ([0-9]+) failed.*/\1 \2/p' "$tmp/out") || give_up "the judge" "$tmp/out"
	passed=$((passed + p)) failed=$((failed + f))
	((rc == 0 || f > 0)) || give_up "the judge" "$tmp/out"
done
((failed == 0)) || echo "# again with: SEED=$first tests/crash/kill.sh"
echo "crash-kill: $passed passed, $failed failed, 0 skipped"
((failed == 0))
