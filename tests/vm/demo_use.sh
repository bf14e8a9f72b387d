#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The first boot of `make demo`: from mkfs to umount.
. ./demo_lib.sh

echo "Kernel $(uname -r), $(nproc) CPUs.  The disk is /dev/vda; it is empty."
say "2. Format a raw disk and mount it."
show mkfs.vexfs -L demo /dev/vda
show vexctl mount /dev/vda /mnt
show df -h /mnt

say "3. It is a filesystem: files live beside their vectors."
show cp $words /mnt/words.txt
show ls -l /mnt

say "4. A collection is a directory with a schema.  Put 1,900 real GloVe word vectors into it; a hundred are kept as queries."
head -c $((1900 * 404)) data/glove-2k.fvecs > /tmp/base.fvecs
tail -c $((100 * 404)) data/glove-2k.fvecs > /tmp/queries.fvecs
show vexctl collection create /mnt/words --dims 100 --metric cosine
show vexctl import /mnt/words /tmp/base.fvecs
show vexctl collection info /mnt/words

say "5. The kernel module answers: which words mean something similar?  First every vector is measured; then, built in,
    1-bit codes tell which few to measure."
near king --exact
near king
near music

say "6. Load the strategy from above into the kernel, and use it.  It is cheap, and it shows: recall is about a quarter."
show vexctl load /usr/lib/vexfs/mine.bpf.o
show vexctl use /mnt/words mine
near king
show vexctl eval /mnt/words --queries /tmp/queries.fvecs --write-truth /tmp/truth.ivecs

say "7. It is an ordinary BPF object: inspect it with bpftool."
show vexctl program list
show bpftool prog show name mine_search
show bpftool link show

say "8. Replace it by the second version under a loop of queries.  No query may fail."
echo "\$ vexctl search /mnt/words --word king ... --repeat 12000 --threads 4 &"
vexctl search /mnt/words --word king --labels $words -k 6 --repeat 12000 --threads 4 > /tmp/loop 2>&1 &
loop=$!
show vexctl top -d 0.5 -n 1
i=0
while kill -0 $loop 2>/dev/null && [ $i -lt 50 ]; do
	for v in mine2 mine mine2; do
		vexctl replace /usr/lib/vexfs/$v.bpf.o > "$out" 2>&1 || stopped "vexctl replace: $(cat "$out")"
		i=$((i + 1))
	done
done
wait $loop; rc=$?
echo "  replaced $i times meanwhile (by mine2, mine, mine2, ...); the loop says:"
grep '^loop' /tmp/loop | sed 's/^/  /'
[ $rc = 0 ] && grep -q 'failed 0,' /tmp/loop && ! grep -q 'generations 1 ' /tmp/loop || stopped "the query loop"
ok "replace under load"
near king
show vexctl eval /mnt/words --queries /tmp/queries.fvecs --truth /tmp/truth.ivecs

say "9. Vectors belong to files.  Records with attributes, words and byte ranges; one search, all conditions."
show vexctl collection create /mnt/docs --dims 3 --metric cosine --attr year:int --attr lang:keyword
echo "Ein kleines Lied" > /mnt/docs/lied.txt
echo "A small song, and a private remark" > /mnt/docs/song.txt
cat > /tmp/docs.jsonl <<J
{"id": 1, "key": "lied", "attrs": {"year": 1923, "lang": "de"}, "file": "lied.txt", "offset": 0, "length": 17, "vector": [1, 0.1, 0]}
{"id": 2, "key": "song", "attrs": {"year": 1931, "lang": "en"}, "file": "song.txt", "offset": 0, "length": 12, "vector": [1, 0.2, 0]}
{"id": 3, "key": "remark", "attrs": {"year": 2024, "lang": "en"}, "file": "song.txt", "offset": 18, "length": 16, "vector": [1, 0, 0.3]}
J
show cat /tmp/docs.jsonl
show vexctl import /mnt/docs /tmp/docs.jsonl
show vexctl search /mnt/docs --vector "1 0 0" --where "lang = 'en' and year > 1930"
say "10. Who may not read a file does not see its vectors.  Take a permission away, and ask as another user."
as_nobody vexctl search /mnt/docs --vector "'1 0 0'"
[ $rc = 0 ] && [ "$(grep -c song.txt "$out")" = 2 ] || stopped "nobody sees the song"
show chmod 600 /mnt/docs/song.txt
as_nobody vexctl search /mnt/docs --vector "'1 0 0'"
[ $rc = 0 ] && [ "$(grep -c song.txt "$out")" = 0 ] || stopped "nobody must not see the song any more"
ok "permissions"
echo "Remove a file, and its records are gone from the next search on; change one, and they are stale."
show rm /mnt/docs/song.txt
show sh -c "echo more >> /mnt/docs/lied.txt"
show vexctl search /mnt/docs --vector "1 0 0"
grep -q song "$out" && stopped "the song must be gone"
show vexctl stale /mnt/docs
grep -q lied "$out" || stopped "the lied must be stale"

say "11. Unmount, mount again: the same answers, and the strategy is still bound."
near king --builtin
cp "$out" /tmp/before
show vexctl umount /mnt
show vexctl mount /dev/vda /mnt
near king --builtin
grep -v '^ *cost' /tmp/before > /tmp/before.hits; grep -v '^ *cost' "$out" > /tmp/after.hits
cmp -s /tmp/before.hits /tmp/after.hits || stopped "the answers differ after the remount"
ok "same answers after the remount"
near king
grep -q 'strategy mine' "$out" || stopped "mine does not answer"
show vexctl unload mine
show vexctl umount /mnt
i=0; while ! rmmod vexfs 2>/dev/null && [ $i -lt 10 ]; do sleep 1; i=$((i + 1)); done	# freed a moment after unload
show test ! -d /sys/module/vexfs
finish
