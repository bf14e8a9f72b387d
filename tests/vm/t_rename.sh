#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Files that are replaced by rename keep their records, as stale ones: by the ways in which people do it, over remounts,
# and after a machine that stopped; and tables of heirs that lie.
. ./lib.sh

dmesg_allow 'table of heirs'
c=/mnt/docs
bind() { echo "{\"id\": $1, \"vector\": [$1, 1], \"file\": \"$2\"}"; }
stale() { vexctl stale $c "$@"; }
# stale_are NAME "ID FILE..."
stale_are() {
	stale --json > "$out" 2>&1
	equal "$1" "$2" "$(sed -nE 's/.*"id": ?([0-9]+).*"file": ?"([^"]*)".*/\1 \2/p' "$out" | sort | tr '\n' ' ' | sed 's/ $//')"
}
again() { umount /mnt && fsck.vexfs /dev/vda && mount -t vexfs /dev/vda /mnt; }

run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" mount -t vexfs /dev/vda /mnt
run "a collection" vexctl collection create $c --dims 2
mkdir $c/sub
for f in a sub/b 'sub/c d' e f g; do echo "some text of $f" > "$c/$f"; done
cd $c || finish
for i in "1 a" "2 sub/b" "3 sub/c d" "4 e" "5 f" "6 g"; do bind "${i%% *}" "${i#* }"; done > /tmp/docs.jsonl
run "records of its files" vexctl import . /tmp/docs.jsonl
cd /tests || finish
run "on disk" sync
stale_are "none is stale" ""

# --- as people do it

run "sed -i" sed -i s/text/TEXT/ $c/a
stale_are "is stale" "1 a"
run "cp, mv" sh -c "cp $c/sub/b /mnt/copy && mv /mnt/copy $c/sub/b"
run "an editor: write, fsync, rename" sh -c "dd if=/dev/zero of=$c/sub/.c.swp bs=1 count=99 conv=fsync && mv '$c/sub/.c.swp' '$c/sub/c d'"
run "an editor with a backup" sh -c "ln $c/e $c/e~ && echo new > $c/.e && mv $c/.e $c/e"
stale_are "are stale; the backup has its own" "1 a 2 sub/b 3 sub/c d"
run "the backup goes, by the next one" sh -c "ln $c/e $c/.e~ && mv $c/.e~ $c/e~"
stale_are "and leaves them" "1 a 2 sub/b 3 sub/c d 4 e"
run "search" vexctl search $c --vector "1 1" -k 1 --json
says "names the new file" '"file": ?"a"'
says "which is stale" '"stale": ?true'
run "sed -i again and again" sh -c "for i in 1 2 3 4 5; do sed -i s/some/some\$i/ $c/a; done"
run "remount" again
stale_are "the same after a remount" "1 a 2 sub/b 3 sub/c d 4 e"
run "embedded again" sh -c "cd $c && echo '$(bind 1 a)' | vexctl import . - --upsert --format jsonl"
stale_are "is not stale any more" "2 sub/b 3 sub/c d 4 e"
run "a snapshot" vexctl snapshot create $c before
run "sed -i" sed -i s/x/y/ $c/a
run "compaction" vexctl compact $c
run "remount" again
stale_are "after compaction and a remount" "1 a 2 sub/b 3 sub/c d 4 e"
run "search in the snapshot" vexctl search $c --vector "1 1" -k 1 --as-of before --json
says "finds the new file" '"file": ?"a"'
run "rm" rm $c/a $c/e
stale_are "gone" "2 sub/b 3 sub/c d"
run "search in the snapshot" vexctl search $c --vector "1 1" -k 10 --as-of before --json
equal "finds neither" "" "$(grep -E '"file": ?"[ae]"' "$out")"
run "remount" again
stale_are "gone for good" "2 sub/b 3 sub/c d"

# --- whoever may write to the directory does not come to read what others keep there

echo secret > $c/secret; chmod 600 $c/secret; chmod 777 $c
run "a record of a file that one user reads" sh -c "cd $c && echo '$(bind 7 secret)' | vexctl import . - --format jsonl"
run "another user replaces it" su -s /bin/sh nobody -c "echo mine > $c/.mine && mv -f $c/.mine $c/secret"
run "search by that user" su -s /bin/sh nobody -c "vexctl search $c --vector '7 1' -k 10 --json"
equal "finds no record of it" "" "$(grep -E '"id": ?7[^0-9]' "$out")"
stale_are "nor is it inherited" "2 sub/b 3 sub/c d"
run "rm" rm $c/secret
chmod 755 $c

# --- the machine stops: rename and records are one

run "a file that is there" sh -c "echo new > $c/.f && sync"
run "rename, and the log was not written" sh -c "mv $c/.f $c/f && heirs stop /mnt 2"
run "umount" umount /mnt
run "mount" mount -t vexfs /dev/vda /mnt
stale_are "the old file has its record" "2 sub/b 3 sub/c d"
run "and is there" grep -q text $c/f
run "rename, and the log was written" sh -c "mv $c/.f $c/f && heirs stop /mnt 1"
run "umount" umount /mnt
run "mount" mount -t vexfs /dev/vda /mnt
stale_are "the new file has it" "2 sub/b 3 sub/c d 5 f"
equal "and is there" new "$(cat $c/f)"
run "remount" again
stale_are "still" "2 sub/b 3 sub/c d 5 f"

# --- by a model, and what is special

for test in cases chain race; do run "$test" heirs $test /mnt/$test; done
for seed in 1 2 3; do
	run "model $seed" heirs model /mnt/m$seed $seed 0 300
done
run "umount" umount /mnt
run "fsck" fsck.vexfs /dev/vda
run "mount" mount -t vexfs /dev/vda /mnt
for seed in 1 2 3; do
	run "model $seed, after a remount" heirs model /mnt/m$seed $seed 300 600
	run "and memory reclaim" sh -c "echo 2 > /proc/sys/vm/drop_caches; heirs model /mnt/m$seed $seed 600 1000"
done
run "remount" again
for seed in 1 2 3; do run "model $seed, again" heirs model /mnt/m$seed $seed 1000 1000; done
run "drop" vexctl collection drop /mnt/m1/c --yes
run "remount" again
run "the rest is there" heirs model /mnt/m2 2 1000 1000
run "umount" umount /mnt
run "loop" load loop
truncate -s 24M /tmp/small
run "mkfs" mkfs.vexfs /tmp/small
losetup /dev/loop0 /tmp/small
run "mount" mount -t vexfs /dev/loop0 /mnt
run "no space" heirs full /mnt/d
run "umount" umount /mnt
losetup -d /dev/loop0
run "fsck" fsck.vexfs /tmp/small
rm /tmp/small
finish
