#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Hostile images and callers: an image with something of everything, changed by chance with its checksums made right,
# mounted, used and unmounted; and ioctls with bytes by chance, by a user without rights.  Some 20 s of each, other ones
# each time with HOSTILE_SEED=N; for longer: tests/vm/run --timeout 4000 --append HOSTILE_SECONDS=1800 tests/vm/t_hostile_image.sh
. ./lib.sh
seconds=${HOSTILE_SECONDS:-20}
seed=${HOSTILE_SEED:-1}
echo "# seed $seed, $seconds s of each"

dmesg -n 1		# the console has no need of what the kernel says of them; hostile looks at that
hostile images /dev/vda /mnt "$seconds" "$seed" > "$out" 2>&1; rc=$?
sed 's/^/# /' "$out"
equal "images" 0 $rc
says "some were mounted and some refused" "^images=[0-9]+ mounted=[1-9][0-9]* refused=[1-9]"
# in half an hour the log turns over, and the mark that init looks for is lost
dmesg | grep -q "vexfs-test begin t_hostile_image" || echo "vexfs-test begin t_hostile_image" > /dev/kmsg

# --- a user without rights: one collection of its own, one that it may read, and a directory
run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" vexctl mount /dev/vda /mnt
run "a collection of somebody else" hookq fill /mnt/theirs 500
run "and others" sh -c "mkdir /mnt/own /mnt/plain && chown nobody /mnt/own /mnt/plain && vexctl export /mnt/theirs -o /tmp/before.jsonl"
su nobody -s /bin/sh -c "hostile ioctls /mnt $seconds $seed" > "$out" 2>&1; rc=$?
sed 's/^/# /' "$out"
equal "ioctls" 0 $rc
says "of each kind" "^ioctls=[0-9]{3,} good: "
run "what was not to be written is as it was" sh -c "vexctl export /mnt/theirs -o /tmp/after.jsonl && cmp /tmp/before.jsonl /tmp/after.jsonl"
run "umount" vexctl umount /mnt
run "fsck.vexfs" fsck.vexfs /dev/vda
finish
