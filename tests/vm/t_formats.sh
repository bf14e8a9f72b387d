#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Files of vectors in every format: into a collection and out of it again, and `vexctl eval`.
. ./lib.sh

# fails NAME TEXT COMMAND...: exit code 1, one line on stderr with TEXT
fails() {
	name=$1 text=$2; shift 2
	"$@" > "$out.all" 2>&1 < /dev/null; rc=$?
	grep -vE '^[a-z]+: [0-9]+ of [0-9]+ ' "$out.all" > "$out"	# progress on a slow machine
	if [ $rc != 1 ]; then not_ok "$name" "exit code $rc, not 1: $*"
	elif [ "$(wc -l < "$out")" != 1 ]; then not_ok "$name" "not one line: $*"
	elif ! grep -qF -- "$text" "$out"; then not_ok "$name" "does not say '$text': $*"
	else ok "$name"; return 0; fi
	sed 's/^/#   /' "$out"
}
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
	id=$(($(sed -nE 's/.*"last_id": ([0-9]+).*/\1/p' "$out") + 1))
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
says_text "its ids" '"records": 3, "first_id": 101, "last_id": 100'
run "get 101" vexctl get $c 101
says_text "its attributes" "age=3  weight=-9223372036854775808"
says_text "its vector" "vector 1 2.5"
run "get the last id" vexctl get $c 18446744073709551615
says_text "no attributes are zeros" "age=0  weight=0"
echo '{"vector": [1, 2], "attrs": {"age": 3}}' > b.jsonl
run "jsonl without ids" vexctl import $c b.jsonl --start-id 200 --attr weight=7
run "get 200" vexctl get $c 200
says_text "attributes of both" "age=3  weight=7"

# --- import: what is wrong

before=$(records $c)
head -c 30 f8.npy > bad
fails "a header cut off" "truncated in its header" vexctl import $c bad --start-id 1000
head -c -1 f8.npy > bad
fails "numbers cut off" "its header claims 1 record, record 0 ends after 15 of 16 bytes" \
	vexctl import $c bad --start-id 1000
printf '\001\377' | npy bad '|u1' '(4000000000, 2)'
fails "a shape that lies" "record 1 ends after 0 of 2 bytes" vexctl import $c bad --start-id 1000
printf '\001\377\001\377' | npy bad '|u1' '(1, 2)'
fails "a shape too small" "more bytes follow" vexctl import $c bad --start-id 1000
printf '\001\377\001\377' | npy bad '|u1' '(4,)'
fails "one axis" "has 1 axis, not the two" vexctl import $c bad --start-id 1000
printf '\001\377\001\377' | npy bad '<c8' '(1, 1)'
fails "complex numbers" "of type '<c8' (complex numbers); save it as array.astype('<f4')" \
	vexctl import $c bad --start-id 1000
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
jsonl "an id that is taken" "id 101 is taken; choose another, or replace its record with --upsert" '{"id": 101, "vector": [1, 2]}'
fails "ids of its own and --start-id" "leave out --start-id" vexctl import $c a.jsonl --start-id 5
equal "nothing was imported" "$before" "$(records $c)"

# --- eval: words whose neighbours are looked for among the others

w=/mnt/w words=/tests/data/glove-2k.fvecs
head -c $((1900 * 404)) $words > base.fvecs
tail -c +$((1900 * 404 + 1)) $words > q.fvecs
run "create" vexctl collection create /mnt/e --dims 2
run "create" vexctl collection create $w --dims 100 --metric cosine
run "import 1,900 words" vexctl import $w base.fvecs
run "eval" vexctl eval $w --queries q.fvecs
sed 's/^/# /' "$out"
equal "by codes, which may miss a few" 1 "$(awk '/^recall@10/ { print ($2 >= 0.99) }' "$out")"
run "eval of the exact search" vexctl eval $w --queries q.fvecs --write-truth gt.ivecs --exact
says_text "recall" "recall@10   1.0000 on average, 1.0000 at worst"
says_text "queries" "queries     100 of q.fvecs"
equal "100 lists of 10 ids" 4400 "$(wc -c < gt.ivecs)"
equal "nothing else is left" "gt.ivecs" "$(echo gt*)"
equal "truth is what search finds" \
	"$(tail -c 404 q.fvecs | tail -c 400 | od -An -v -tf4 -w400 | vexctl search $w --exact | awk '$1 + 0 { printf " %d", $2 }')" \
	"$(tail -c 40 gt.ivecs | od -An -v -td4 -w40 | sed -E 's/ +/ /g')"
run "eval with truth from a file" vexctl eval $w --queries q.fvecs --truth gt.ivecs --exact --json
says_text "recall" '{ "queries": 100, "k": 10, "recall": 1, "recall_worst": 1, "nearer_than_truth": 0, "short_lists": 0, "latency_ms": { "p50": '
run "load half" vexctl load /usr/lib/vexfs/half.bpf.o
run "use half" vexctl use $w half
run "eval of a program that looks at half" vexctl eval $w --queries q.fvecs --truth gt.ivecs --json
want=$(od -An -v -td4 -w44 gt.ivecs | awk '{ for (i = 2; i <= 11; i++) n += int($i / 64) % 2 == 0 } END { printf "%.4f", n / 1000 }')
equal "its recall" "$want" "$(sed -nE 's/.*"recall": ([0-9.]+).*/\1/p' "$out" | awk '{ printf "%.4f", $1 }')"
says_text "its name" '"strategy": "half"'
run "eval, exact in spite of it" vexctl eval $w -q q.fvecs --truth gt.ivecs --exact
says_text "recall" "recall@10   1.0000 on"
run "unbind it" vexctl use $w --builtin
run "unload it" vexctl unload half
run "the same words by l2" vexctl collection create /mnt/l2 --dims 100
run "import" vexctl import /mnt/l2 base.fvecs
run "truth of the other metric" vexctl eval /mnt/l2 -q q.fvecs --truth gt.ivecs
says_text "it is noticed" "nearer than the truth allows: it is not of these vectors, or of another metric"

# Ties count as found: 1 to 4 are equally far from the query, 5 is farther.
cat > ties.jsonl <<'J'
{"id": 1, "vector": [1, 0]}
{"id": 2, "vector": [0, 1]}
{"id": 3, "vector": [-1, 0]}
{"id": 4, "vector": [0, -1]}
{"id": 5, "vector": [3, 0]}
J
echo '{"vector": [0, 0]}' > zero.jsonl
run "create" vexctl collection create /mnt/t --dims 2
run "import ties" vexctl import /mnt/t ties.jsonl
tie() { # NAME TRUTH RECALL NEARER
	printf "$2" > t.ivecs
	run "eval of $1" vexctl eval /mnt/t -q zero.jsonl -k 2 --truth t.ivecs --json
	says_text "recall of $1" "\"recall\": $3, \"recall_worst\": $3, \"nearer_than_truth\": $4,"
}
tie "the same" '\002\000\000\000\001\000\000\000\002\000\000\000' 1 0
tie "ties" '\002\000\000\000\004\000\000\000\003\000\000\000' 1 0
tie "more columns than k" '\003\000\000\000\003\000\000\000\004\000\000\000\377\000\000\000' 1 0
tie "a list that is filled up" '\003\000\000\000\003\000\000\000\377\377\377\377\377\377\377\377' 1 0
says_text "it is short" '"short_lists": 1'
tie "what is behind the first k" '\003\000\000\000\003\000\000\000\004\000\000\000\376\377\377\377' 1 0
printf '\001\000\000\000\002\000\000\000\003\000\000\000\004\000\000\000' > t.ibin
run "eval with ibin" vexctl eval /mnt/t -q zero.jsonl -k 2 --truth t.ibin --json
says_text "recall" '"recall": 1,'
printf '\003\000\000\000\000\000\000\000\004\000\000\000\000\000\000\000' | npy t.npy '<i8' '(1, 2)'
run "eval with npy" vexctl eval /mnt/t -q zero.jsonl -k 2 --truth t.npy --json
says_text "recall" '"recall": 1,'
printf '\002\000\000\000\377\377\377\377\377\377\377\377' > t.ivecs
fails "lists without ids" "none of its lists has an id" vexctl eval /mnt/t -q zero.jsonl -k 2 --truth t.ivecs
tie "a truth that is none" '\002\000\000\000\001\000\000\000\005\000\000\000' 1 1

# --- eval: what is wrong

fails "other dims of queries" "record 0 has 100 dimensions, the collection has 2" vexctl eval /mnt/t -q q.fvecs
run "k over the columns" vexctl eval $w -q q.fvecs --truth gt.ivecs -k 11 --exact
says_text "it is told" "100 lists of truth have fewer than 11 ids: recall is of those"
says_text "recall is of the ten" "recall@11   1.0000 on average"
head -c 4399 gt.ivecs > bad
fails "truth cut off" "the file is truncated: list 99 is not whole" vexctl eval $w -q q.fvecs --truth bad
head -c 4356 gt.ivecs > bad
fails "fewer lists than queries" "it has 99 lists, there are more queries" vexctl eval $w -q q.fvecs --truth bad
cat gt.ivecs gt.ivecs > bad
fails "more lists than queries" "more lists than the 100 queries" vexctl eval $w -q q.fvecs --truth bad
fails "truth that is no ivecs" "it is jsonl, and lists of ids come as ivecs, ibin or npy" \
	vexctl eval $w -q q.fvecs --truth ties.jsonl
expect_fail "truth to a file of another ending" "ends like npy" vexctl eval $w -q q.fvecs --write-truth t.npy
printf '\002\000\000\000\001\000\000\000\377\000\000\000' > bad
fails "truth of ids that are not there" "the id 255, which /mnt/t does not have" \
	vexctl eval /mnt/t -q zero.jsonl -k 2 --truth bad
: > bad
fails "no query" "it holds no query" vexctl eval $w -q bad
fails "no record" "no record matches" vexctl eval /mnt/e -q zero.jsonl
fails "a directory that is not there" "cannot be written" vexctl eval /mnt/t -q zero.jsonl --write-truth /nowhere/t
fails "ids too large for ivecs" "larger than the 31 bits" vexctl eval $c -q zero.jsonl --write-truth big.ivecs -k 100
equal "nothing is left of it" "big*" "$(echo big*)"
expect_fail "no queries" "--queries is missing" vexctl eval $w

# --- export, and import of that again

# state DIR: every record by its id
state() { for id in $2; do vexctl get "$1" $id --json | sed -E 's/"(slot|seq)": [0-9]+, //g'; done; }
expect_fail "export of text" "--format: text is only read; choose fvecs, fbin, npy, jsonl or json" vexctl export $c -f text
expect_fail "export --json to standard output" "--json needs -o FILE" vexctl export $c --json
fails "export of an unknown attribute" "--where: column 1" vexctl export $c --where 'height = 3'
fails "export of a plain directory" "not a collection" vexctl export /mnt
run "export" vexctl export $c -o c.jsonl
says_text "export says how many" "exported $(records $c) records to c.jsonl: jsonl"
equal "one line each" "$(records $c)" "$(wc -l < c.jsonl)"
ids=$(sed -E 's/^\{"id": ([0-9]+),.*/\1/' c.jsonl)
run "create" vexctl collection create /mnt/c2 --dims 2 --attr age --attr weight
run "import of the export" vexctl import /mnt/c2 c.jsonl
equal "all of it is the same" "$(state $c "$ids")" "$(state /mnt/c2 "$ids")"
run "export again" sh -c 'vexctl export /mnt/c2 > c2.jsonl'
run "the same bytes" cmp c.jsonl c2.jsonl
run "export of some" sh -c "vexctl export $c --where 'age = 3 and weight < 100' > some.jsonl"
equal "those" "101 200" "$(sed -E 's/^\{"id": ([0-9]+),.*/\1/' some.jsonl | tr '\n' ' ' | sed 's/ $//')"
run "export of words as fvecs" vexctl export $w -o w.fvecs
run "the same bytes" cmp w.fvecs base.fvecs
run "export of words as npy" vexctl export $w -o w.npy --json
says_text "export says what it is" '{ "records": 1900, "damaged": 0, "format": "npy" }'
run "create" vexctl collection create /mnt/w2 --dims 100 --metric cosine
run "import of npy" vexctl import /mnt/w2 w.npy
run "export again" vexctl export /mnt/w2 -o w2.fvecs
run "the same bytes" cmp w2.fvecs base.fvecs
run "npy to a pipe is refused" sh -c "vexctl export $w -f npy 2>&1 | grep 'npy needs a plain file'"
run "an older file" cp base.fvecs old.npy.gz
expect_fail "npy into gzip" "-o: npy cannot be packed" vexctl export $w -o old.npy.gz
run "the older file is as it was" cmp base.fvecs old.npy.gz
expect_fail "an ending that means nothing" "'x.csv' ends like no format that can be written: fvecs, fbin, npy, jsonl or json" \
	vexctl export $w -o x.csv
run "it can be said" vexctl export $w -o x.csv --format fvecs
run "the same bytes" cmp x.csv base.fvecs
rm x.csv
fails "export to a full device" "No space left" vexctl export $w -o /dev/full -f fvecs
fails "export of no snapshot" "there is no snapshot of that name" vexctl export $w -o x.jsonl --as-of monday
equal "nothing is left of it" "x.jsonl*" "$(echo x.jsonl*)"

# --- keys and upserts

cat > k.jsonl <<'J'
{"id": 1, "key": "one", "attrs": {"age": 1}, "vector": [1, 2]}
{"id": 2, "attrs": {"age": 2}, "vector": [3, 4]}
{"id": 3, "key": "a \"quoted\" key, \u00fc", "attrs": {"age": 3}, "vector": [5, 6]}
J
run "create" vexctl collection create /mnt/k --dims 2 --attr age
run "import with keys" vexctl import /mnt/k k.jsonl
run "get by key" vexctl get /mnt/k --key one
run "search by key" sh -c "vexctl search /mnt/k --key one -k 1 | grep '^   1  1 '"
fails "import of the same keys" "the key 'one' is taken" vexctl import /mnt/k k.jsonl
sed 's/"id": \([0-9]\)/"id": 1\1/' k.jsonl > k1.jsonl
fails "import of the same keys with other ids" "the key 'one' is taken" vexctl import /mnt/k k1.jsonl
(cat k1.jsonl; head -n 1 k1.jsonl | sed 's/"id": 11/"id": 14/') > k2.jsonl
run "create" vexctl collection create /mnt/k0 --dims 2 --attr age
fails "import of a key twice" "two of its records have the key 'one'" vexctl import /mnt/k0 k2.jsonl
equal "nothing has changed" 3 "$(records /mnt/k)"
run "export with keys" vexctl export /mnt/k -o k3.jsonl
run "create" vexctl collection create /mnt/k2 --dims 2 --attr age
run "import of the export" vexctl import /mnt/k2 k3.jsonl
run "export again" vexctl export /mnt/k2 -o k4.jsonl
run "the same bytes" cmp k3.jsonl k4.jsonl
run "upsert of the same keys with other ids" vexctl import /mnt/k k1.jsonl --upsert
equal "one more" 4 "$(records /mnt/k)"
run "the new one has the key" sh -c "vexctl get /mnt/k --key one | grep '^id 11 '"
expect_fail "the old one is gone" "no record of that id" vexctl get /mnt/k 1

# --- ids that import gives: never those of somebody else

key() { echo "{\"key\": \"$1\", \"vector\": [$2, 0]}"; }
ids() { vexctl list "$1" | sed -nE 's/^id ([0-9]+) .*/\1/p' | tr '\n' ' '; }
run "create" vexctl collection create /mnt/u --dims 2 --attr age
{ key doc-a 1; key doc-b 2; key doc-c 3; } > u.jsonl
run "three records with keys" vexctl import /mnt/u u.jsonl --upsert
says_text "their ids" "imported 3 records into /mnt/u: ids 0 to 2,"
{ key doc-d 4; key doc-e 5; } > u2.jsonl
run "upsert of two others" vexctl import /mnt/u u2.jsonl --upsert
says_text "their ids" "ids 3 to 4,"
equal "five are there" 5 "$(records /mnt/u)"
{ key doc-f 6; key doc-b 7; } > u3.jsonl
run "upsert of a new one and an old one" vexctl import /mnt/u u3.jsonl --upsert --json
says_text "their ids" '"first_id": 5, "last_id": 1,'
equal "one more is there" 6 "$(records /mnt/u)"
run "get" vexctl get /mnt/u --key doc-b
says_text "it kept its id" "id 1 "
says_text "and has the new vector" "vector 7 0"
printf 'x 1 1\ny 2 2\n' > u.txt
fails "text without ids" "id 0 is taken; choose another --start-id, or --append (ids from 6)" vexctl import /mnt/u u.txt
run "append of text" vexctl import /mnt/u u.txt --append --save-labels u.labels
says_text "its ids" "ids 6 to 7,"
run "upsert of text, which has no keys" vexctl import /mnt/u u.txt --upsert
says_text "its ids" "ids 8 to 9,"
says_text "it is told" "they have no ids and no keys, so that nothing was replaced"
printf '\001\377' | npy u.npy '|u1' '(1, 2)'
for f in u.npy a.bvecs; do
	before=$(records /mnt/u)
	run "append of $f" vexctl import /mnt/u $f --append
	run "upsert of $f" vexctl import /mnt/u $f --upsert
	equal "nothing was replaced" "$(vexctl list /mnt/u | wc -l)" "$(records /mnt/u)"
	run "there are more" test "$(records /mnt/u)" -ge $((before + 2))
done
run "upsert from an id on" vexctl import /mnt/u u.txt --upsert --start-id 8
says_text "its ids" "ids 8 to 9,"
equal "it replaced" "$(vexctl list /mnt/u | wc -l)" "$(records /mnt/u)"
fails "ids of its own and --append" "leave out --append" vexctl import /mnt/u k.jsonl --append
expect_fail "--append and --start-id" "one of --append and --start-id" vexctl import /mnt/u u.txt --append --start-id 5
fails "an own id that is taken" "id 1 is taken; choose another (ids are free from " vexctl import /mnt/u k.jsonl
{ key doc-x 1; echo '{"id": 900, "vector": [1, 1]}'; } > mixed.jsonl
fails "an id in some" "line 2: it has an id, unlike those before it" vexctl import /mnt/u mixed.jsonl --upsert

# --- records that are no vectors

run "create" vexctl collection create /mnt/v --dims 2 --metric cosine --attr n
cat > v.txt <<'T'
<unk> 0 0
the 1 2
nan nan 1
two 3
of 3 4
T
fails "a zero vector" "line 1 is all zeros, which has no direction for cosine; nothing was imported; --skip-invalid leaves" \
	vexctl import /mnt/v v.txt
equal "nothing is there" 0 "$(records /mnt/v)"
run "without them" vexctl import /mnt/v v.txt --skip-invalid --save-labels v.labels --attr n=lineno
says_text "how many" "imported 2 records into /mnt/v: ids between 1 and 4,"
says_text "how many are not" "left out 3 records:"
says_text "why" "line 1 is all zeros"
says_text "why" "line 3, number 1 is not a finite number"
says_text "why" "line 4 has 1 number after the word"
equal "the id of a line is its place" "1 4 " "$(ids /mnt/v)"
run "search by a word" vexctl search /mnt/v --word of --labels v.labels -k 1
says_text "labels are in step" "4                          0.000000  of"
run "get" vexctl get /mnt/v 4
says_text "and so is lineno" "n=4"
run "as JSON" vexctl import /mnt/v v.txt --skip-invalid --append --json
says_text "what was left out" '"left_out": 3, "left_out_first": [ "line 1 is all zeros'
says_text "ids" '"first_id": 5, "last_id": 6'
printf 'a 0 0\nb 0 0\n' > z.txt
fails "nothing but those" "none of its 2 records can be taken: line 1 is all zeros" vexctl import /mnt/v z.txt --skip-invalid --append
: | npy none.npy '<f4' '(0, 2)'
run "an array without rows" vexctl import /mnt/v none.npy
says_text "is none" "imported 0 records into /mnt/v"
run "as JSON" vexctl import /mnt/v none.npy --json
says_text "is none" '{ "records": 0, "vector_bytes": 0 }'

# --- gzip, and files of another kind

gzip -c base.fvecs > base.fvecs.gz
run "create" vexctl collection create /mnt/z --dims 100 --metric cosine
run "import of gzip" vexctl import /mnt/z base.fvecs.gz
equal "1,900 records" 1900 "$(records /mnt/z)"
run "from a pipe" sh -c "gzip -c base.fvecs | vexctl import /mnt/z - --append"
run "export into gzip" vexctl export /mnt/w -o w.fvecs.gz
run "the same bytes" sh -c "gzip -dc w.fvecs.gz | cmp - base.fvecs"
run "queries and truth in gzip" sh -c "gzip -c q.fvecs > q.fvecs.gz; gzip -c gt.ivecs > gt.ivecs.gz; vexctl eval $w -q q.fvecs.gz --truth gt.ivecs.gz --exact"
says_text "recall" "recall@10   1.0000 on average"
head -c 5000 base.fvecs.gz > cut.fvecs.gz
fails "gzip cut off" "its gzip data are damaged or cut off" vexctl import /mnt/z cut.fvecs.gz --append
printf 'PAR1\025\000\025\000' > x.parquet
fails "a Parquet file" "it is a Parquet file, which is not read; convert it to jsonl" vexctl import /mnt/z x.parquet
printf '[[1, 2], [3, 4]]' > x.json
run "a JSON array" vexctl import $c x.json --start-id 5000
equal "its vector" "3 4" "$(vector $c 5001)"
printf '\232\231\231\231\231\231\271\077\000\000\000\000\000\000\360\277' | npy f8.npy '<f8' '(1, 2)'
run "doubles" vexctl import $c f8.npy --start-id 5100
says_text "it is told that they are narrowed" "numbers of type <f8 became the nearest 32-bit floats"

# --- everything that a record can be, there and back

run "create" vexctl collection create /mnt/d --dims 2 --attr age:int --attr lang:keyword --metric l2
mkdir /mnt/d/sub
echo "one two three" > /mnt/d/a.txt
echo "four five six" > "/mnt/d/sub/b c.txt"
cat > all.jsonl <<EOF
{"id": 1, "key": "k1", "attrs": {"age": 3, "lang": "de"}, "file": "a.txt", "offset": 4, "length": 3, "vector": [1, 0]}
{"id": 2, "attrs": {"age": -1, "lang": "en"}, "file": "sub/b c.txt", "offset": 0, "length": 4, "vector": [2, 0]}
{"id": 3, "key": "k3", "attrs": {"age": 0, "lang": "it's"}, "vector": [3, 0]}
{"id": 4, "attrs": {"age": 9}, "file": "a.txt", "offset": 0, "length": 13, "vector": [4, 0]}
EOF
run "import" vexctl import /mnt/d all.jsonl
cat > nulls.jsonl <<'J'
{"id": 80, "key": null, "attrs": {"age": null, "lang": ""}, "file": null, "vector": [8, 0]}
{"id": 81, "key": "k81", "attrs": {"age": 2024.0, "lang": null}, "vector": [8, 1]}
{"id": 82, "attrs": {"age": true}, "vector": [8, 2]}
J
run "null, an empty word, 2024.0, true" vexctl import /mnt/d nulls.jsonl
run "get" sh -c "vexctl get /mnt/d 80; vexctl get /mnt/d 81; vexctl get /mnt/d 82"
says "nothing is 0, or no word" '^id 80  slot [0-9]+  seq [0-9]+  age=0  lang=$'
says "2024.0 is 2024" 'key k81  age=2024  lang=$'
says "true is 1" 'age=1  lang=$'
run "delete them" vexctl delete /mnt/d 80 81 82
echo '{"id": 83, "attrs": {"age": ""}, "vector": [8, 2]}' > bad
fails "no word for a number" "line 1: the attribute 'age' takes whole numbers" vexctl import /mnt/d bad
echo '{"id": 83, "vector": [8, 2]}' > word.jsonl
run "a word for all" vexctl import /mnt/d word.jsonl --attr lang=de
run "get" vexctl get /mnt/d 83
says_text "it has it" "lang=de"
run "delete it" vexctl delete /mnt/d 83
echo "1 2" > numbers
fails "numbers for words" "the attribute 'lang' takes words" vexctl import /mnt/d word.jsonl --attr-file numbers
run "export" vexctl export /mnt/d -o all2.jsonl
run "it is what it was" cmp all.jsonl all2.jsonl
run "get" vexctl get /mnt/d 1
says_text "get shows words and files" "lang=de  file a.txt:4+3"
run "list" vexctl list /mnt/d
says_text "list shows words and files" "age=-1  lang=en  file sub/b c.txt:0+4"
odd=$(printf 'a\tb\\c\302\233')
run "a key that is no text for a terminal" sh -c "echo '{\"id\": 90, \"key\": \"a\\tb\\\\c\\u009b\", \"vector\": [9, 9]}' > odd.jsonl; vexctl import /mnt/d odd.jsonl"
run "get by it" vexctl get /mnt/d --key "$odd"
says_text "it is escaped" 'key a\x09b\x5cc\xc2\x9b'
run "delete it" vexctl delete /mnt/d --key "$odd"
run "list --json" sh -c "vexctl list /mnt/d --json | head -1"
says_text "list --json does" '"attrs": { "age": 3, "lang": "de" }, "file": "a.txt"'
run "search by a word" vexctl search /mnt/d --vector '0 0' --where "lang = 'de' or lang = 'it''s'"
says_text "it finds" "1                          1.000000  file a.txt:4+3"
equal "it finds two" 2 "$(grep -c '^ *[0-9]' "$out")"
run "search without a word" vexctl search /mnt/d --vector '0 0' --where "lang != 'de'" --json
says_text "finds the others" '"id": 2'
run "search by an unknown word" vexctl search /mnt/d --vector '0 0' --where "lang = 'xx'"
equal "finds nothing" 0 "$(grep -c '^ *[0-9]' "$out")"
run "search without an unknown word" vexctl search /mnt/d --vector '0 0' --where "not lang in ('xx', 'yy')"
equal "finds all" 4 "$(grep -c '^ *[0-9]' "$out")"
fails "a number for a word" "holds words; put it in quotes" vexctl search /mnt/d --vector '0 0' --where "lang = 5"
fails "a word for a number" "column 7" vexctl search /mnt/d --vector '0 0' --where "age = 'de'"
equal "export by a word" 1 "$(vexctl export /mnt/d --where "lang = 'en'" | grep -c .)"
run "at most one of a file" vexctl search /mnt/d --vector '0 0' --per-file 1
equal "it leaves one out" 3 "$(grep -c '^ *[0-9]' "$out")"
equal "nothing is stale" "" "$(vexctl stale /mnt/d)"
echo "changed" >> /mnt/d/a.txt
run "stale" vexctl stale /mnt/d
equal "two are" 2 "$(grep -c 'file a.txt:.*stale' "$out")"
run "stale --json" sh -c "vexctl stale /mnt/d --json -n 1"
says_text "says so" '"stale": true'
run "import them again" vexctl import /mnt/d all.jsonl --upsert
equal "nothing is stale" "" "$(vexctl stale /mnt/d)"
mv /mnt/d/a.txt /mnt/d/sub/d.txt
run "a file moves" vexctl get /mnt/d 4
says_text "get knows" "file sub/d.txt:0+13"
rm /mnt/d/sub/d.txt
fails "a record goes with its file" "there is no record" vexctl get /mnt/d 4
equal "two are left" 2 "$(vexctl list /mnt/d | grep -c .)"

run "umount" vexctl umount /mnt
run "verify" fsck.vexfs /dev/vda
finish
