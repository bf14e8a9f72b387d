#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# What a power cut may leave: a guest writes while QEMU records its disk's writes and flushes; build/tests/states
# makes images of what the disk may have held at random moments; fsck.vexfs replays their logs in memory and checks them, and
# another guest mounts and judges them.  Two negative
# controls, a disk that ignores flushes and data that was not durable when the log said so, must be noticed.
#
#	SEED=N STATES=N ROUNDS=N tests/crash/states.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
seed=${SEED:-$((RANDOM * 32768 + RANDOM))} states=${STATES:-14} rounds=${ROUNDS:-1}
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
export VEXFS_ACCEL=${VEXFS_ACCEL:-tcg}
mib=$((1 << 20)) size=64
passed=0 failed=0

give_up() {
	echo "not ok crash states: $1"
	[ -z "${2:-}" ] || sed 's/^/#   /' "$2"
	echo "crash-states: $passed passed, $((failed + 1)) failed, 0 skipped"
	exit 1
}

for ((round = 0; round < rounds; round++, seed++)); do
	echo "# crash states: SEED=$seed"
	rm -rf "${tmp:?}"/*
	truncate -s ${size}M "$tmp/base"
	build/bin/mkfs.vexfs -q "$tmp/base" > "$tmp/out" 2>&1 || give_up "mkfs" "$tmp/out"
	truncate -s $((size + 1))M "$tmp/base"		# promises go past the filesystem
	tests/vm/run --logwrites "$tmp/log" --base "$tmp/base" --timeout 200 --append "seed=$seed operations=150 \
		device=/dev/vda offset=$((size * mib))" tests/crash/guest_write.sh > "$tmp/out" 2>&1 ||
		give_up "the writer (SEED=$seed)" "$tmp/out"
	journal=$(($(od -An -tu8 -j 96 -N 8 "$tmp/base") * 4096)):$(($(od -An -tu4 -j 104 -N 4 "$tmp/base") * 4096))

	drives=() promises=
	make_states() {		# make_states DIR COUNT PREFIX [OPTION...]
		local dir=$1 count=$2 prefix=$3 image promise; shift 3
		mkdir -p "$tmp/$dir"
		build/tests/states --dir "$tmp/$dir" --log "$tmp/log" --base "$tmp/base" --count "$count" --seed "$seed" \
			--promise-offset $((size * mib)) "$@" > "$tmp/list" 2> "$tmp/told" ||
			give_up "states" "$tmp/told"
		sed "s/^/# $dir: /" "$tmp/told"
		while read -r image promise; do
			drives+=(--drive "$image,cache=unsafe")
			promises+=,$prefix${promise%%:*}
		done < "$tmp/list"
	}
	make_states disks "$states" ""
	make_states no-flush 3 bad: --control flush
	make_states no-data 3 bad: --control "data:$journal"
	# the log as it was left: what fsck.vexfs makes of it without a kernel
	for image in "$tmp"/disks/*; do
		if build/bin/fsck.vexfs "$image" > "$tmp/out" 2>&1; then
			echo "ok ${image##*/}: $(sed 's/^[^:]*: //' "$tmp/out" | tr '\n' ' ')"; passed=$((passed + 1))
		else
			echo "not ok ${image##*/}, as it was left"; sed 's/^/#   /' "$tmp/out"; failed=$((failed + 1))
		fi
	done
	rc=0
	tests/vm/run "${drives[@]}" --timeout 400 --append "seed=$seed promises=${promises#,}" \
		tests/crash/guest_judge.sh > "$tmp/out" 2>&1 || rc=$?
	grep -aE '^(not )?ok |^#' "$tmp/out" || true
	read -r p f < <(sed -nE 's/^vm: ([0-9]+) passed, ([0-9]+) failed.*/\1 \2/p' "$tmp/out") || give_up "the judge" "$tmp/out"
	passed=$((passed + p)) failed=$((failed + f))
	((rc == 0 || f > 0)) || give_up "the judge" "$tmp/out"
	((f == 0)) || echo "# again with: SEED=$seed STATES=$states tests/crash/states.sh"
done
echo "crash-states: $passed passed, $failed failed, 0 skipped"
((failed == 0))
