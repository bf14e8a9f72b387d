#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What was imported is exported again, by each format that can hold it, and imported from that: the same bytes.
. ./lib.sh

mkdir /tmp/r
cd /tmp/r || exit 1
run "mkfs" vexctl mkfs --force /dev/vda
run "mount" vexctl mount /dev/vda /mnt

n=0
# collection DIMS [OPTION]...: a new one is at $c
collection() { n=$((n + 1)); c=/mnt/$n; run "collection $n" vexctl collection create $c --dims "$@"; }

# --- records with all that there is to them

long=$(printf 'k%0254d' 1)				# 255 bytes
# 255 bytes of UTF-8, of two, three and four bytes a character
utf8=$(printf '\303\251%.0s' $(seq 51))$(printf '\342\202\254%.0s' $(seq 31))$(printf '\360\220\200\200%.0s' $(seq 15))
equal "a word of 255 bytes" 255 "$(printf %s "$utf8" | wc -c)"
mkdir -p in/sub
cat > all.jsonl <<J
{"id": 0, "key": "$long", "attrs": {"a": -9223372036854775808, "w": "$utf8"}, "vector": [3.4028235e+38, -3.4028235e+38, 1.4013e-45]}
{"id": 18446744073709551614, "key": "$utf8", "attrs": {"a": 9223372036854775807, "w": "$long"}, "vector": [-0.0, 0, -1.4013e-45]}
{"id": 1, "key": "\\"\\\\\\n\\t\\u0001/", "attrs": {"a": 0, "w": "it's \\"\\\\ \\n"}, "vector": [1.1754944e-38, -1.1754942e-38, 0.1]}
{"id": 9223372036854775808, "attrs": {"a": -1}, "file": "one", "offset": 9223372032559808512, "length": 4294967295, "vector": [16777216, 16777215, 0.33333334]}
{"id": 4294967296, "attrs": {"a": 1, "w": " "}, "file": "sub/two three", "offset": 0, "length": 0, "vector": [1, -1, 1e+10]}
J
files() { mkdir $c/sub; echo 1 > $c/one; echo 2 > "$c/sub/two three"; }
collection 3 --attr a:int --attr w:keyword
files
run "import" vexctl import $c all.jsonl
run "export" vexctl export $c -o all2.jsonl
run "the same bytes" cmp all.jsonl all2.jsonl
from=$c
for f in jsonl json jsonl.gz json.gz; do
	run "export as $f" vexctl export $from -o x.$f
	collection 3 --attr a:int --attr w:keyword
	files
	run "import of $f" vexctl import $c x.$f
	run "export of that" vexctl export $c -o all2.jsonl
	run "the same bytes by $f" cmp all.jsonl all2.jsonl
done
for f in fvecs fvecs.gz fbin npy; do
	run "export as $f" vexctl export $from -o x.$f
	collection 3
	run "import of $f" vexctl import $c x.$f
	vexctl export $from -f fvecs > from.fvecs
	vexctl export $c -f fvecs > to.fvecs
	run "the same bytes by $f" cmp from.fvecs to.fvecs
done
collection 3
for f in jsonl json fvecs fbin npy; do
	run "nothing as $f" vexctl export $c -o x.$f
	run "import of nothing as $f" vexctl import $c x.$f
	says_text "none" "imported 0 records"
done

# --- all kinds of numbers that come in

# numbers FILE FORMAT WANTED: two dimensions; the vectors in a line
numbers() {
	collection 2
	run "import of $1" vexctl import $c "$1" --format "$2"
	equal "the vectors of $1" "$3" "$(vexctl export $c | sed -E 's/.*"vector": \[(.*)\]\}/\1/' | tr '\n' ' ')"
	from=$c
	vexctl export $from -f fvecs > from.fvecs
	for f in fvecs fbin npy jsonl json; do
		vexctl export $from -o x.$f > /dev/null
		collection 2 > /dev/null
		vexctl import $c x.$f > /dev/null
		vexctl export $c -f fvecs > to.fvecs
		cmp from.fvecs to.fvecs || { not_ok "$1 by $f"; return; }
	done
	ok "$1 by every format that is written"
}
npy() {
	h="{'descr': '$2', 'fortran_order': $4, 'shape': $3, }"
	{ printf '\223NUMPY\001\000'; printf "\\$(printf %03o ${#h})\\000"; printf '%s' "$h"; cat; } > "$1"
}
printf '\002\000\000\000\000\377' > a.bvecs
numbers a.bvecs bvecs "0, 255 "
printf '\002\000\000\000\000\000\000\200\377\377\377\377' > a.ivecs
numbers a.ivecs ivecs "-2.1474836e+09, -1 "
printf '\002\000\000\000\377\377\177\177\001\000\000\200' > a.fvecs
numbers a.fvecs fvecs "3.4028235e+38, -1.4013e-45 "
h='\001\000\000\000\002\000\000\000'
printf "$h"'\377\377\177\177\001\000\000\200' > a.fbin
numbers a.fbin fbin "3.4028235e+38, -1.4013e-45 "
printf "$h"'\377\173\001\200' > a.f16bin
numbers a.f16bin f16bin "65504, -5.9604645e-08 "
printf "$h"'\000\377' > a.u8bin
numbers a.u8bin u8bin "0, 255 "
printf "$h"'\200\377' > a.i8bin
numbers a.i8bin i8bin "-128, -1 "
printf "$h"'\377\377\377\177\000\000\000\200' > a.ibin
numbers a.ibin ibin "2.1474836e+09, -2.1474836e+09 "
printf '\177\177\377\377\200\000\000\001' | npy a.npy '>f4' '(1, np.int64(2))' True
numbers a.npy npy "3.4028235e+38, -1.4013e-45 "
printf '\001\000\002\000\003\000\377\377' | npy b.npy '<i2' '(2L, 2L)' True
numbers b.npy npy "1, 3 2, -1 "
printf '\000\000\000\000\000\000\000\200\377\377\377\377\377\377\377\377' | npy c.npy '<f8' '(2,)' False
run "NaN stays out" sh -c "! vexctl import $c c.npy --append"
printf '\377\377\377\377\377\377\377\377\000\000\000\000\000\000\000\000' | npy d.npy '<u8' '(2,)' False
numbers d.npy npy "1.8446744e+19, 0 "
printf '\000\001' | npy e.npy '|b1' '(1, 2)' False
numbers e.npy npy "0, 1 "
printf 'a word -0 3.4028235e38\n' > a.txt
numbers a.txt text "-0.0, 3.4028235e+38 "

run "umount" vexctl umount /mnt
run "verify" fsck.vexfs /dev/vda
finish
