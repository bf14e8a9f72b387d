#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Files of vectors in every format: into a collection and out of it again, and `vexctl eval`.
. ./lib.sh

# fails NAME TEXT COMMAND...: exit code 1, one line on stderr with TEXT
fails() {
	name=$1 text=$2; shift 2
	"$@" > "$out" 2>&1 < /dev/null; rc=$?
	if [ $rc != 1 ]; then not_ok "$name" "exit code $rc, not 1: $*"
	elif [ "$(wc -l < "$out")" != 1 ]; then not_ok "$name" "not one line: $*"
	elif ! grep -qF -- "$text" "$out"; then not_ok "$name" "does not say '$text': $*"
	else ok "$name"; return 0; fi
	sed 's/^/#   /' "$out"
}
says() { if grep -qF -- "$2" "$out"; then ok "$1"; else not_ok "$1" "not found: $2"; sed 's/^/#   /' "$out"; fi; }
vector() { vexctl get "$1" "$2" | sed -n 's/^vector //p'; }
records() { vexctl collection info "$1" --json | sed -E 's/.*"records": ([0-9]+).*/\1/'; }
mkdir /tmp/f
cd /tmp/f || exit 1

run "mkfs" vexctl mkfs --force /dev/vda
run "mount" vexctl mount /dev/vda /mnt
c=/mnt/c
run "create" vexctl collection create $c --dims 2 --attr age --attr weight

# --- import

printf '\002\000\000\000\001\377\002\000\000\000\007\200' > a.bvecs
printf '\002\000\000\000\001\000\000\000\377\377\377\377' > a.ivecs
# npy FILE DESCR SHAPE: an array whose numbers are on standard input
npy() {
	h="{'descr': '$2', 'fortran_order': False, 'shape': $3, }"
	{ printf '\223NUMPY\001\000'; printf "\\$(printf %03o ${#h})\\000"; printf '%s' "$h"; cat; } > "$1"
}
printf '\000\000\200\077\000\000\000\300' | npy f4.npy '<f4' '(1, 2)'
printf '\232\231\231\231\231\231\271\077\000\000\000\000\000\000\360\277' | npy f8.npy '<f8' '(1, 2)'
printf '\000\074\000\300' | npy f2.npy '<f2' '(1, 2)'
printf '\001\377' | npy u1.npy '|u1' '(1, 2)'
printf '\001\377' | npy i1.npy '|i1' '(1, 2)'
printf '\001\000\000\000\377\377\377\377' | npy i4.npy '<i4' '(1, 2)'
printf '\001\000\000\000\000\000\000\000\377\377\377\377\377\377\377\377' | npy i8.npy '<i8' '(1, 2)'
id=1
# takes FILE ROW: it is imported, and this is the vector of its last record
takes() {
	run "import $1" vexctl import $c "$1" --start-id $id --json
	id=$(($(sed -E 's/.*"last_id": ([0-9]+).*/\1/' "$out") + 1))
	equal "the vector of $1" "$2" "$(vector $c $((id - 1)))"
}
takes a.bvecs "7 128"
takes a.ivecs "1 -1"
takes f4.npy "1 -2"
takes f8.npy "0.100000001 -1"
takes f2.npy "1 -2"
takes u1.npy "1 255"
takes i1.npy "1 -1"
takes i4.npy "1 -1"
takes i8.npy "1 -1"
cp u1.npy u1
takes u1 "1 255"		# known by its magic number
run "npy from a pipe" sh -c "vexctl import $c - --start-id 90 < i4.npy"
cp a.bvecs b
run "bvecs by another name" vexctl import $c b --start-id 91 --format bvecs
equal "14 records" 14 "$(records $c)"

cat > a.jsonl <<'J'
{"id": 101, "vector": [1, 2.5], "attrs": {"weight": -9223372036854775808, "age": 3}}
{"id": 18446744073709551615, "vector": [0.1, -1e-3]}
{"vector": [3, 4], "id": 100, "attrs": {"age": 5}}
J
run "import a.jsonl" vexctl import $c a.jsonl --json
says "its ids" '"records": 3, "first_id": 101, "last_id": 100'
run "get 101" vexctl get $c 101
says "its attributes" "age=3  weight=-9223372036854775808"
says "its vector" "vector 1 2.5"
run "get the last id" vexctl get $c 18446744073709551615
says "no attributes are zeros" "age=0  weight=0"
echo '{"vector": [1, 2], "attrs": {"age": 3}}' > b.jsonl
run "jsonl without ids" vexctl import $c b.jsonl --start-id 200 --attr weight=7
run "get 200" vexctl get $c 200
says "attributes of both" "age=3  weight=7"

# --- import: what is wrong

before=$(records $c)
head -c 30 f8.npy > bad
fails "a header cut off" "truncated in its header" vexctl import $c bad --start-id 1000
head -c -1 f8.npy > bad
fails "numbers cut off" "its header tells of 1 records, record 0 ends after 15 of 16 bytes" \
	vexctl import $c bad --start-id 1000
printf '\001\377' | npy bad '|u1' '(4000000000, 2)'
fails "a shape that lies" "record 1 ends after 0 of 2 bytes" vexctl import $c bad --start-id 1000
printf '\001\377\001\377' | npy bad '|u1' '(1, 2)'
fails "a shape too small" "more bytes follow" vexctl import $c bad --start-id 1000
printf '\001\377\001\377' | npy bad '|u1' '(4,)'
fails "one axis" "has 1 axis, not the two" vexctl import $c bad --start-id 1000
printf '\001\377\001\377' | npy bad '>f4' '(1, 1)'
fails "big-endian" "save it as array.astype('<f4')" vexctl import $c bad --start-id 1000
printf '\000\074\000\174' | npy bad '<f2' '(1, 2)'
fails "infinity" "record 0, dimension 1 is NaN or infinity" vexctl import $c bad --start-id 1000
printf '\001\377\001' | npy bad '|u1' '(1, 3)'
fails "other dims in npy" "its vectors have 3 dimensions, the collection has 2" \
	vexctl import $c bad --start-id 1000
fails "not npy" "this is not npy" vexctl import $c a.bvecs --start-id 1000 --format npy
head -c 6 b > bad
fails "bvecs taken for fvecs" "record 0 ends after 6 of 12" vexctl import $c bad --start-id 1000
jsonl() { name=$1 text=$2; printf '{"id": 1000, "vector": [1, 2]}\n%s\n' "$3" > bad; fails "$name" "$text" vexctl import $c bad; }
jsonl "no JSON" "line 2 is not one whole JSON object" '{"vector": [1, 2}'
jsonl "other dims in jsonl" "line 2 has 3 dimensions" '{"id": 1, "vector": [1, 2, 3]}'
jsonl "NaN in jsonl" "line 2, dimension 0 is NaN" '{"id": 1, "vector": [NaN, 3]}'
jsonl "an unknown member" 'line 2: "color" is unknown' '{"id": 1, "vector": [1, 2], "color": 1}'
jsonl "an unknown attribute" "line 2: the collection has no attribute 'height'" \
	'{"id": 1001, "vector": [1, 2], "attrs": {"height": 1}}'
jsonl "an id in some" "line 2: it has no id, unlike those before it" '{"vector": [1, 2]}'
jsonl "an id twice" "two of its records have the id 1000" '{"id": 1000, "vector": [1, 2]}'
jsonl "an id that is taken" "id 101 is taken; choose another, or delete" '{"id": 101, "vector": [1, 2]}'
fails "ids of its own and --start-id" "leave out --start-id" vexctl import $c a.jsonl --start-id 5
equal "nothing was imported" "$before" "$(records $c)"

run "umount" vexctl umount /mnt
run "verify" vexfs-verify /dev/vda
finish
