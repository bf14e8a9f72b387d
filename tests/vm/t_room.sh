#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A filesystem that is full of records: deleting and compaction give the space back, and where there is too
# little room for that, it is said how much.
. ./lib.sh

run "loop" load loop
c=/mnt/c
free_mib() { sync; df -Pk /mnt | awk 'END { print int($4 / 1024) }'; }
field() { vexctl collection info $c --json | sed -E "s/.*\"$1\": ([0-9]+).*/\1/"; }
more() { if [ "$2" -gt "$3" ]; then ok "$1"; else not_ok "$1" "$2 is not more than $3"; fi; }

# begin MIB [SIZE]: a filesystem with a collection, and files of 1 MiB of which so many are there
begin() {
	truncate -s ${2:-40M} /tmp/room
	losetup /dev/loop0 /tmp/room
	run "mkfs" mkfs.vexfs --force /dev/loop0
	run "mount" vexctl mount -o compact=off /dev/loop0 /mnt
	run "collection" vexctl collection create $c --dims 100
	for i in $(seq "$1"); do dd if=/dev/urandom of=/mnt/file$i bs=1M count=1 2>/dev/null; done
}
end() {
	run "umount" vexctl umount /mnt
	run "verify" fsck.vexfs /dev/loop0
	losetup -d /dev/loop0
	rm /tmp/room
}

# --- one record is left
begin 0
run "fill it" room fill $c
full=$(field slots)
# but for what a compaction may copy: an eighth of the vectors
more "it is full" 4 "$(free_mib)"
run "delete all but one" room keep $c one
run "compact" vexctl compact $c
equal "one slot" 1 "$(field slots)"
run "it is there" room check $c one
more "space came back" "$(free_mib)" 20
run "fill it again" room fill $c
more "about as many as before" "$(field slots)" $((full * 7 / 10))
run "drop a collection when it is full" vexctl collection drop --yes $c
more "space came back" "$(free_mib)" 20
end

# --- one that is smaller than what planes grow by holds records, too, and all but one can be deleted
begin 0 9M
run "fill it" room fill $c
more "records" "$(field slots)" 5000
run "with a file" sh -c '! dd if=/dev/zero of=/mnt/rest bs=4k 2>/dev/null'
run "delete all but one" room keep $c one
run "compact" vexctl compact $c
equal "one slot" 1 "$(field slots)"
run "fill it again" room fill $c
run "drop the collection when it is full" vexctl collection drop --yes $c
end

# --- a snapshot, and a file that takes the rest
begin 10
run "some records" room add $c 300
run "a snapshot" vexctl snapshot create $c s
run "fill it" room fill $c
run "with a file" sh -c '! dd if=/dev/zero of=/mnt/rest bs=4k 2>/dev/null'
run "delete all but one" room keep $c one
run "compact" vexctl compact $c
equal "those of the snapshot stay" 301 "$(field slots)"
run "it is there" room check $c one
run "delete the snapshot" vexctl snapshot delete $c s
run "compact again" vexctl compact $c
equal "and go" 1 "$(field slots)"
run "unlink" rm /mnt/file1
end

# --- half of them are left: too little room, until as many files are deleted as are said to be in the way
for what in odd half; do
	begin 16
	run "fill it" room fill $c
	run "delete: $what stay" room keep $c $what
	expect_fail "compact" "no room" vexctl compact $c
	lacked=$(field compact_lacked)
	mib=$(((lacked + 1048575) / 1048576))
	echo "# $lacked bytes are missing: $mib files"
	more "something is missing" "$lacked" 0
	run "nothing is lost" room check $c $what
	for i in $(seq $((mib - 1))); do rm /mnt/file$i; done
	expect_fail "one file less than needed" "no room" vexctl compact $c
	run "and that one" rm /mnt/file$mib
	run "compact" vexctl compact $c
	run "nothing is lost" room check $c $what
	end
done
finish
