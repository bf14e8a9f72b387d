#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Records that are bound to files, over remounts; and bindings that lie.
. ./lib.sh

dmesg_allow 'is bound to no inode|table of heirs'
run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" mount -t vexfs /dev/vda /mnt
for test in bind vanish race stale move paths spread; do
	run "$test" files $test /mnt/$test
done
for test in readers few idmap secrets; do
	run "$test" readers $test /mnt/$test
done
run "explain as nobody" su nobody -s /bin/sh -c "vexctl explain /mnt/secrets/c --id 1 -k 3 --where 'n >= 1000'"
says_text "it does not say how many match" "matches are not counted"
run "search for a word as nobody" su nobody -s /bin/sh -c "vexctl search /mnt/secrets/c --id 1 -k 3 --where 'word = \"beta\"' --json"
says "which he does not know" '"hits": \[ *\]'
run "list as nobody" su nobody -s /bin/sh -c "vexctl list /mnt/secrets/c"
says_text "words that he does know" "alpha"
run "a collection with files" files fill /mnt/fill
run "is what it should be" files check /mnt/fill
run "umount" umount /mnt
run "verify" fsck.vexfs /dev/vda
run "mount again" mount -t vexfs /dev/vda /mnt
run "it is what it was" files check /mnt/fill
echo 2 > /proc/sys/vm/drop_caches
run "and still is" files check /mnt/fill
run "secrets of a file that is gone" readers lost /mnt/secrets
run "umount" umount /mnt
run "verify" fsck.vexfs /dev/vda
run "mount read-only" mount -t vexfs -o ro /dev/vda /mnt
run "it is what it was, read-only" files check /mnt/fill
run "umount" umount /mnt

# --- an image whose bindings lie, and all checksums are right

run "loop" load loop
truncate -s 16M /tmp/good
run "mkfs" mkfs.vexfs /tmp/good
losetup /dev/loop0 /tmp/good
run "mount" mount -t vexfs /dev/loop0 /mnt
run "files" files fill /mnt
ino=$(stat -c %i /mnt/kept/2)
run "umount" umount /mnt
losetup -d /dev/loop0
run "verify" fsck.vexfs /tmp/good

# lie WHAT TEXT: verify must say TEXT; a mount must live with it, or refuse the collection
lie() {
	cp /tmp/good /tmp/bad
	run "$1" misbind /tmp/bad "$ino" 25 "$1"
	expect_fail "$1: verify" "$2" fsck.vexfs /tmp/bad
	losetup /dev/loop0 /tmp/bad
	run "$1: mount" mount -t vexfs /dev/loop0 /mnt
	vexctl list /mnt/kept > "$out" 2>&1; rc=$?
	vexctl search /mnt/kept --vector "1 1 1 1 1 1 1 1" -k 1000 > /dev/null 2>&1
	rm -f /mnt/kept/2
	sync
	equal "$1: the collection" "$3" "$rc"
	run "$1: umount" umount /mnt
	losetup -d /dev/loop0
}
lie unbound "does not know it" 0
lie elsewhere "of another collection" 0
lie later "a later state" 0
lie nowhere "bound to no inode" 1
lie dir "what is no file" 0
lie plane "what is no file" 0
lie offset "bound to nowhere" 0
lie bare "to no file, and says where" 0
lie circle "is its own heir" 1
lie twice "has two heirs" 1
lie there "has an heir, and is there" 0
lie range "out of range" 1
lie entries "does not verify" 1
rm -f /tmp/good /tmp/bad
finish
