#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What `make demo` runs in the guest.  Every command is shown before it runs; one that fails ends the demo.
. ./lib.sh
exec 2>&1

say() { echo; echo "--- $*"; }
stopped() { not_ok "$*"; finish; }
show() {
	echo "\$ $*"
	"$@" > "$out" 2>&1; rc=$?
	sed 's/^/  /' "$out"
	[ $rc = 0 ] || stopped "$* (exit code $rc)"
	ok "$*"
}
words=data/glove-2k.words
# near WORD [OPTION...]: the neighbours of a word
near() { w=$1; shift; show vexctl search /mnt/words --word "$w" --labels $words -k 6 "$@"; }

echo "Kernel $(uname -r), $(nproc) CPUs.  The disk is /dev/vda; it is empty."
say "1. Format a raw disk and mount it."
show mkfs.vexfs -L demo /dev/vda
show vexctl mount /dev/vda /mnt
show df -h /mnt

say "2. It is a filesystem: files live beside their vectors."
show cp $words /mnt/words.txt
show ls -l /mnt

say "3. A collection is a directory with a schema.  Put 2,000 real GloVe word vectors into it."
show vexctl collection create /mnt/words --dims 100 --metric cosine
show vexctl import /mnt/words data/glove-2k.fvecs
show vexctl collection info /mnt/words

say "4. The kernel module answers: which words mean something similar?  First every vector is measured; then, built in,
    1-bit codes tell which few to measure."
near king --exact
near king
near piano
near paris

say "5. Load a search strategy written in eBPF, and use it.  'sample' looks at a tenth of the vectors: cheaper, and it shows."
show vexctl load /usr/lib/vexfs/sample.bpf.o
show vexctl use /mnt/words sample
near king
show vexctl program list

say "6. It is an ordinary BPF object: inspect it with bpftool."
show bpftool prog show name sample_search
show bpftool link show
show bpftool map show name knobs

say "7. Its knob is a map: look at all vectors instead of a tenth, while it runs."
show bpftool map dump name knobs
show bpftool map update name knobs key 0 0 0 0 value 100 0 0 0 0 0 0 0
near king

say "8. Replace the strategy under a loop of queries.  No query may fail."
show vexctl search /mnt/words --word king --labels $words -k 6 --repeat 1
echo "\$ vexctl search /mnt/words --word king ... --repeat 4000 --threads 4 &"
vexctl search /mnt/words --word king --labels $words -k 6 --repeat 4000 --threads 4 > /tmp/loop 2>&1 &
loop=$!
i=0
while kill -0 $loop 2>/dev/null && [ $i -lt 50 ]; do
	vexctl replace /usr/lib/vexfs/sample.bpf.o > "$out" 2>&1 || stopped "vexctl replace: $(cat "$out")"
	i=$((i + 1))
done
wait $loop; rc=$?
echo "  replaced $i times meanwhile; the loop says:"
sed 's/^/  /' /tmp/loop
[ $rc = 0 ] && [ $i -gt 0 ] || stopped "the query loop"
ok "replace under load"

say "9. Unmount, mount again: the same answers, and the strategy is still bound."
show vexctl use /mnt/words --builtin --slot search
near king
cp "$out" /tmp/before
show vexctl use /mnt/words sample
show vexctl umount /mnt
show vexctl mount /dev/vda /mnt
show vexctl collection info /mnt/words
near king --builtin
grep -v '^ *cost\|visited' /tmp/before > /tmp/before.hits; grep -v '^ *cost\|visited' "$out" > /tmp/after.hits
cmp -s /tmp/before.hits /tmp/after.hits || stopped "the answers differ after the remount"
ok "same answers after the remount"

say "10. Clean up: unload the program, unmount, remove the module."
show vexctl unload sample
show vexctl umount /mnt
i=0; while ! rmmod vexfs 2>/dev/null && [ $i -lt 10 ]; do sleep 1; i=$((i + 1)); done	# freed a moment after unload
show test ! -d /sys/module/vexfs
finish
