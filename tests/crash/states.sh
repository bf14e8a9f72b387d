#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# What a power cut may leave, in both directions: what the kernel wrote is opened in a process, and what a process wrote
# is mounted by the kernel.
#
# A load (crash.h) writes while its disk's writes and flushes are recorded: in a guest, by QEMU; and over an image in a
# process.  build/tests/states makes images of what the disk may have held at random moments.  fsck.vexfs replays their
# logs in memory and checks each as it was left.  Then
#
#	kernel	what the guest left is mounted and judged by build/tests/crash-image, unmounted and checked again; and
#		the first of it by another guest
#	user	what the process left is judged likewise, and SENT states of it by a guest, which gets them on one disk
#
# Two negative controls, a disk that ignores flushes and data that was not durable when the log said so, must be noticed
# everywhere.
#
#	SEED=N STATES=N MOUNTED=N SENT=N ROUNDS=N tests/crash/states.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
seed=${SEED:-$((RANDOM * 32768 + RANDOM))} states=${STATES:-60} mounted=${MOUNTED:-14} sent=${SENT:-22} rounds=${ROUNDS:-1}
((mounted <= 20)) || { echo "states.sh: MOUNTED is at most 20" >&2; exit 2; }
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
export VEXFS_ACCEL=${VEXFS_ACCEL:-tcg}
mib=$((1 << 20)) size=64
stride=$(((size + 1) * mib)) offset=$((size * mib))	# promises go past the filesystem
passed=0 failed=0

give_up() {
	echo "not ok crash states: $1"
	[ -z "${2:-}" ] || sed 's/^/#   /' "$2"
	echo "crash-states: $passed passed, $((failed + 1)) failed, 0 skipped"
	exit 1
}
good() { echo "ok $1"; passed=$((passed + 1)); }
bad() { echo "not ok $1"; sed 's/^/#   /' "$2"; failed=$((failed + 1)); }

# base FILE: an empty filesystem, and room for promises
base() {
	truncate -s ${size}M "$1"
	build/bin/mkfs.vexfs -q "$1" > "$tmp/out" 2>&1 || give_up "mkfs" "$tmp/out"
	journal=$(($(od -An -tu8 -j 96 -N 8 "$1") * 4096)):$(($(od -An -tu4 -j 104 -N 4 "$1") * 4096))
	truncate -s $((size + 1))M "$1"
}

# make_states DIR COUNT [OPTION...]: of $tmp/log; DIR.list has a line for each, its image and its promise
make_states() {
	local dir=$tmp/$1 count=$2; shift 2
	mkdir "$dir"
	build/tests/states --dir "$dir" --log "$tmp/log" --base "$tmp/base" --count "$count" --seed "$seed" \
		--promise-offset $offset "$@" > "$dir.told" 2> "$tmp/told" || give_up "states" "$tmp/told"
	sed "s/^/# ${dir##*/}: /" "$tmp/told"
	sed -E 's/^([^ ]* [^:]*).*/\1/' "$dir.told" > "$dir.list"
}

# Of the kinds of states: how many, and how many of the two kinds of controls.
all_states() {
	make_states "$1" "$states"
	make_states "$1-no-flush" "$2" --control flush
	make_states "$1-no-data" "$2" --control "data:$journal"
}

# as_left DIR: the logs as they were left, what fsck.vexfs makes of them without a kernel
as_left() {
	local image
	while read -r image _; do
		if build/bin/fsck.vexfs "$image" > "$tmp/out" 2>&1; then
			good "$1, ${image##*/}: $(sed 's/^[^:]*: //' "$tmp/out" | tr '\n' ' ')"
		else
			bad "$1, ${image##*/}, as it was left" "$tmp/out"
		fi
	done < "$tmp/$1.list"
}

# judge IMAGE PROMISE: in a process, and what that leaves is clean
judge() {
	cp --sparse=always "$1" "$tmp/copy"
	build/tests/crash-image judge "$tmp/copy" "$seed" "$2" && build/bin/fsck.vexfs "$tmp/copy" | tee "$tmp/after" &&
		grep -q ': clean, ' "$tmp/after"
}

here() {
	local image promise controls=0 bites=0
	while read -r image promise; do
		if judge "$image" "$promise" > "$tmp/out" 2>&1; then
			good "$1, ${image##*/} in a process, promised $promise"
		else
			bad "$1, ${image##*/} in a process, promised $promise" "$tmp/out"
		fi
	done < "$tmp/$1.list"
	while read -r image promise; do
		controls=$((controls + 1))
		judge "$image" "$promise" > "$tmp/out" 2>&1 || bites=$((bites + 1))
	done < <(cat "$tmp/$1-no-flush.list" "$tmp/$1-no-data.list")
	if ((bites * 2 > controls)); then
		good "$1, the controls bite in a process: $bites of $controls"
	else
		echo "only $bites of $controls impossible states were noticed" > "$tmp/out"
		bad "$1, the controls bite in a process" "$tmp/out"
	fi
}

# guest OPTION...: the judge there; $promises
guest() {
	local rc=0 p f
	tests/vm/run "$@" --timeout 400 tests/crash/guest_judge.sh > "$tmp/out" 2>&1 || rc=$?
	grep -aE '^(not )?ok |^#' "$tmp/out" || true
	read -r p f < <(sed -nE 's/^vm: ([0-9]+) passed, ([0-9]+) failed.*/\1 \2/p' "$tmp/out") || give_up "the judge" "$tmp/out"
	passed=$((passed + p)) failed=$((failed + f))
	((rc == 0 || f > 0)) || give_up "the judge" "$tmp/out"
}

# for_guest DIR COUNT CONTROLS: a line for each image that a guest judges, and what it must say
for_guest() {
	head -n "$2" "$tmp/$1.list"
	head -q -n "$3" "$tmp/$1-no-flush.list" "$tmp/$1-no-data.list" | sed 's/ / bad:/'
}

for ((round = 0; round < rounds; round++, seed++)); do
	rm -rf "${tmp:?}"/*
	before=$failed
	base "$tmp/base"

	echo "# crash states: SEED=$seed, the kernel writes"
	tests/vm/run --logwrites "$tmp/log" --base "$tmp/base" --timeout 200 --append "seed=$seed operations=150 \
		device=/dev/vda offset=$offset" tests/crash/guest_write.sh > "$tmp/out" 2>&1 ||
		give_up "the writer (SEED=$seed)" "$tmp/out"
	all_states kernel 10
	as_left kernel
	here kernel
	drives=()
	while read -r image _; do drives+=(--drive "$image,cache=unsafe"); done < <(for_guest kernel "$mounted" 3)
	guest "${drives[@]}" --append "seed=$seed promises=$(for_guest kernel "$mounted" 3 | cut -d' ' -f2 | paste -sd,)"

	echo "# crash states: SEED=$seed, a process writes"
	cp --sparse=always "$tmp/base" "$tmp/live"
	build/tests/crash-image write "$tmp/live" "$seed" 80 "$tmp/log" $offset > "$tmp/out" 2>&1 ||
		give_up "the writer in a process (SEED=$seed)" "$tmp/out"
	all_states user 10
	as_left user
	here user
	n=0
	while read -r image _; do
		dd if="$image" of="$tmp/disk" bs=64K seek=$((n * stride / 65536)) conv=sparse,notrunc status=none
		n=$((n + 1))
	done < <(for_guest user "$sent" 3)
	truncate -s $((n * stride)) "$tmp/disk"
	guest --drive "$tmp/disk,cache=unsafe" --append "seed=$seed stride=$stride \
		promises=$(for_guest user "$sent" 3 | cut -d' ' -f2 | paste -sd,)"

	((failed == before)) || echo "# again with: SEED=$seed STATES=$states MOUNTED=$mounted SENT=$sent tests/crash/states.sh"
done
echo "crash-states: $passed passed, $failed failed, 0 skipped"
((failed == 0))
