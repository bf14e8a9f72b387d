#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# vexctl as its users meet it: every verb, and every bad input.  What fails says so in one line with
# what to do about it, has an exit code (1 failed, 2 wrong command line) and changes nothing.
. ./lib.sh

err=/tmp/err.$$
c=/mnt/c

# What must not change: names, the collection's schema, counts and bindings (looked at after every
# bad input that could), and its records, an answer and the programs (after a section of them).
state() {
	ls -R /mnt
	vexctl collection info $c --json |
		sed -E 's/"(committed|resident_bytes|queries|fallbacks)": [0-9]+/-/g'
}
all() {
	state
	for id in 1 7 12 104 112; do vexctl get $c $id; done
	vexctl search $c --id 7 -k 1000
	vexctl program list --json | sed -E 's/"queries": [0-9]+/-/g'
}
section() { equal "nothing has changed: $1" "$everything" "$(all 2>&1)"; }

# bad NAME CODE TEXT COMMAND...: it must end with CODE and one line on stderr that has TEXT in it,
# and change nothing.
bad() {
	name=$1 want=$2 text=$3; shift 3
	"$@" > "$out" 2> "$err" < /dev/null; rc=$?
	check_bad "$@"
}
# bad_in NAME CODE TEXT INPUT COMMAND...: the same with something on standard input
bad_in() {
	name=$1 want=$2 text=$3 in=$4; shift 4
	printf "$in" | "$@" > "$out" 2> "$err"; rc=$?
	check_bad "$@"
}
check_bad() {
	lines=$(grep -vc '^  ' "$err")		# a verifier's log is indented
	if [ $rc != "$want" ]; then not_ok "$name" "exit code $rc, not $want: $*"
	elif [ "$lines" != 1 ]; then not_ok "$name" "$lines lines on stderr: $*"
	elif ! grep -qE '^(vexctl|mkfs.vexfs)( [a-z ]+)?: .' "$err"; then not_ok "$name" "does not say who speaks: $*"
	elif ! grep -qF -- "$text" "$err"; then not_ok "$name" "does not say '$text': $*"
	elif [ -s "$out" ]; then not_ok "$name" "has something on stdout: $*"
	elif changed "$@"; then
		not_ok "$name" "something has changed: $*"; before=$(state 2>&1)
	else ok "$name"; return 0; fi
	sed 's/^/#   /' "$out" "$err"
	return 1
}
changed() {
	case "$*" in
	*import*|*delete*|*create*|*use*) [ "$(state 2>&1)" != "$before" ];;
	*) false;;
	esac
}
records() { vexctl collection info "$1" --json | sed -E 's/.*"records": ([0-9]+).*/\1/'; }

# --- the good paths

run "help" vexctl --help
says_text "help names the verbs" "collection create"
for v in mkfs mount umount "collection create" "collection info" import export search eval get delete sync load \
		unload use replace "program list" "program show"; do
	run "$v --help" vexctl $v --help
	says_text "$v --help shows its usage" "usage: vexctl $v"
	run "help $v" vexctl help $v
done
run "version" vexctl --version
run "mkfs" vexctl mkfs --force -L check /dev/vda
run "mount" vexctl mount -o noatime,errors=remount-ro /dev/vda /mnt
run "create" vexctl collection create $c --dims 4 --metric cosine --attr age:int --attr tenant
says_text "create says what it made" "created /mnt/c: 4 x f32, cosine, 2 attributes"
for m in L2 Euclidean IP inner_product Cos; do
	run "create with the metric $m" vexctl collection create /mnt/e -d 3 -m $m --element float32
	run "drop it" sh -c "vexctl collection drop /mnt/e --yes && rmdir /mnt/e"
done
run "create in an empty directory" mkdir /mnt/e
run "create in an empty directory" vexctl collection create /mnt/e -d 3
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "word$i $i 1 0.5 -$i"; done > /tmp/text
sed -E 's/.* (-?[0-9]+)$/\1 3/' /tmp/text > /tmp/attrs
run "import text" \
	vexctl import $c /tmp/text --start-id 1 --save-labels /tmp/labels --attr age=lineno --attr tenant=-5
says_text "import says how many" "imported 12 records into /mnt/c: ids 1 to 12, 4 dimensions, on disk"
equal "labels" "$(cut -d' ' -f1 /tmp/text)" "$(cat /tmp/labels)"
run "get" vexctl get $c 2
says_text "get shows attributes" "age=1  tenant=-5"
says_text "get shows the vector" "vector 2 1 0.5 -2"
run "import from a pipe, with a file of attributes" \
	sh -c "vexctl import $c - --start-id 101 --attr-file /tmp/attrs < /tmp/text"
run "get" vexctl get $c 103 --json
says_text "get shows attributes" '"attrs": { "age": -3, "tenant": 3 }'
run "info" vexctl collection info $c
says_text "info counts" "24 in 24 slots"
says_text "info names the attributes" "age:int tenant:int"
run "search by id" vexctl search $c --id 7 -k 3
says_text "search finds itself" "   1  7                          0.000000"
run "search by id, as JSON" vexctl search $c --id 7 -k 3 --json
says_text "JSON" '"rank": 1, "id": 7, '
run "search by vector" vexctl search $c --vector '1 1, .5 -1' -k 1
says_text "search by vector" "   1  1 "
run "the same in brackets" vexctl search $c --vector '[1, 1, 0.5, -1]' -k 1
says_text "search by vector in brackets" "   1  1 "
run "search by word" vexctl search $c --word word9 --labels /tmp/labels --start-id 1 -k 1
says_text "search by word shows the label" "word9"
run "blank lines and a byte order mark on stdin" sh -c "printf '\\357\\273\\277\n1 1 0.5 -1\n \t\n\n12 1 0.5 -12\n\n' | vexctl search $c -k 1 --batch 2"
equal "two answers" 2 "$(grep -c '^rank' "$out")"
bad_in "a wrong line behind blank ones" 1 "line 4: it has 1 number, the" '\n \n\n1\n' vexctl search $c
run "search by vectors on stdin" sh -c "printf '1 1 0.5 -1\n12 1 0.5 -12\n' | vexctl search $c -k 1"
equal "an answer per line" 2 "$(grep -c '^cost: visited 24' "$out")"
for b in 2 3 7; do
	run "the same lines, $b in a call" sh -c "for i in 1 2 3 4 5; do echo \$i 1 0.5 -\$i; done |
		vexctl search $c -k 1 --batch $b --json"
	equal "an answer per line, $b in a call" "1 2 3 4 5" \
		"$(sed 's/.*"id": \([0-9]*\).*"visited": 24.*/\1/' "$out" | tr '\n' ' ' | sed 's/ $//')"
done
run "a wrong line in a call" sh -c "printf '1 1 0.5 -1\n2 1 0.5 -2\n1 2\n3 1 0.5 -3\n' |
	vexctl search $c -k 1 --batch 10; test \$? = 1"
says_text "it is told which" "line 3: it has 2 numbers"
equal "those before it are answered" 2 "$(grep -c '^cost' "$out")"
run "search within a distance" vexctl search $c --id 7 --radius 2
equal "all of them" 24 "$(grep -c '^ *[0-9]' "$out")"
equal "and no more" 0 "$(grep -c truncated "$out")"
run "search within a distance, at most 5" vexctl search $c --id 7 --radius 2 -k 5
says_text "there are more" "truncated by limit"
run "search within a distance that none is" vexctl search $c --id 7 --radius -1
equal "none" 0 "$(grep -c '^ *[0-9]' "$out")"
run "search often" vexctl search $c --id 3 --repeat 50 --threads 3
says_text "search often counts" "queries 50, ok 50, failed 0"
run "delete" vexctl delete $c 101 102 103
equal "21 are left" 21 "$(records $c)"
run "sync" vexctl sync $c
run "load" vexctl load /usr/lib/vexfs/tenant.bpf.o
run "use" vexctl use $c tenant
run "program list" vexctl program list
says_text "program list" "tenant"
run "program show" vexctl program show tenant
run "search through a filter" vexctl search $c --id 7 --arg 3
run "replace" vexctl replace /usr/lib/vexfs/tenant.bpf.o
run "use --builtin" vexctl use $c --builtin
run "umount" vexctl umount /mnt
run "verify" fsck.vexfs /dev/vda
run "mount -r" vexctl mount -r /dev/vda /mnt
equal "21 are still there" 21 "$(records $c)"
expect_fail "import into a read-only mount" "mounted read-only; remount it" \
	vexctl import $c /tmp/text --start-id 500
expect_fail "delete on a read-only mount" "mounted read-only; remount it" vexctl delete $c 1
expect_fail "use on a read-only mount" "mounted read-only; remount it" vexctl use $c tenant
expect_fail "create on a read-only mount" "mounted read-only; remount it" \
	vexctl collection create /mnt/new -d 3
run "umount" vexctl umount /mnt
run "mount" vexctl mount /dev/vda /mnt
run "fvecs" vexctl collection create /mnt/w -d 100 -m cosine
run "import fvecs" vexctl import /mnt/w data/glove-2k.fvecs --json
says_text "JSON" '{ "records": 2000, "first_id": 0, "last_id": 1999, "vector_bytes": 800000 }'

# --- the bad ones: the command line

before=$(state 2>&1)
everything=$(all 2>&1)
bad "no verb" 2 "a verb is missing; see \`vexctl help\`" vexctl
bad "unknown verb" 2 "there is no verb 'frobnicate'" vexctl frobnicate
bad "unknown verb of an object" 2 "there is no verb 'collection rename'" vexctl collection rename
bad "half a verb" 2 "collection needs a verb: create, info, drop" vexctl collection
bad "unknown option" 2 "--colour is unknown" vexctl search $c --colour
bad "option without its value" 2 "lacks its value" vexctl search $c --id
bad "an argument too few" 2 "missing arguments: wanted DIR" vexctl search
bad "an argument too many" 2 "too many arguments" vexctl collection info $c $c
bad "help of an unknown verb" 2 "there is no verb 'nothing'" vexctl help nothing
section "command line"

# --- create

bad "no dims" 2 "--dims is missing" vexctl collection create /mnt/new
bad "dims 0" 2 "it is 1 to 4096" vexctl collection create /mnt/new --dims 0
bad "dims 4097" 2 "it is 1 to 4096" vexctl collection create /mnt/new --dims 4097
bad "dims of letters" 2 "is not a whole number" vexctl collection create /mnt/new --dims many
bad "unknown metric" 2 "it is l2 (euclidean), cosine or dot (ip)" vexctl collection create /mnt/new -d 3 -m manhattan
bad "unknown element" 2 "it is f32" vexctl collection create /mnt/new -d 3 -e f99
bad "f16" 1 "does not have that element" vexctl collection create /mnt/new -d 3 -e f16
bad "hamming" 1 "does not have that element or metric" \
	vexctl collection create /mnt/new -d 3 -m hamming
bad "attribute name" 2 "is not an attribute name" vexctl collection create /mnt/new -d 3 --attr 9lives
bad "attribute name too long" 2 "it has 1 to 31" \
	vexctl collection create /mnt/new -d 3 --attr a23456789012345678901234567890123
for a in and or not in is null:keyword; do
	bad "attribute $a" 2 "is a word of conditions" vexctl collection create /mnt/new -d 3 --attr $a
done
bad "attribute type" 2 "it is int" vexctl collection create /mnt/new -d 3 --attr a:text
bad "attribute twice" 2 "is given twice" vexctl collection create /mnt/new -d 3 --attr a --attr a
bad "9 attributes" 2 "at most 8" \
	vexctl collection create /mnt/new -d 3 -a a -a b -a c -a d -a e -a f -a g -a h -a i
bad "a collection already" 1 "it is a collection already" vexctl collection create $c -d 3
bad "not an empty directory" 1 "only an empty one" vexctl collection create /mnt -d 3
bad "a file" 1 "a collection is a directory" vexctl collection create /tmp/text -d 3
bad "elsewhere" 1 "not in a VexFS" vexctl collection create /tmp/elsewhere -d 3
run "nothing is left of it" test ! -e /tmp/elsewhere
bad "a name too long" 1 "cannot make the directory" \
	vexctl collection create /mnt/$(printf 'n%.0s' $(seq 256)) -d 3
section "create"

# --- import

text() { printf "$1" > /tmp/bad; }
imp() { name=$1 code=$2 says=$3; shift 3; bad "$name" "$code" "$says" vexctl import $c /tmp/bad --start-id 1000 "$@"; }
text 'a 1 2 3 4\nb 1 2 3\n'
imp "text of other dims" 1 "line 2 has 3 numbers after the word, the collection has 4"
text 'a 1 2 3 4\nb 1 2 3 4 5\n'; imp "text of more dims" 1 "line 2 has 5 numbers"
text 'a 1 2 3 4\nb 1 nan 3 4\n'; imp "NaN in text" 1 "line 2, number 2 is not a finite number"
text 'a 1 2 3 4\nb 1 2 1e99 4\n'; imp "infinity in text" 1 "line 2, number 3 is not a finite number"
text 'a 1 2 3 4\nb 1 two 3 4\n'
imp "a word for a number" 1 "line 2, number 2 is not a finite number"
text 'a 1 2 3 4\nb 0 0 0 -0\n'; imp "a zero vector" 1 "line 2 is all zeros"
text 'a 1 2 3 4\n\n 1 2 3 4\n'; imp "no word" 1 "line 3 starts with a space: the word is missing"
text ''; imp "an empty file" 1 "holds no record"
text '\004\000\000\000\000\000\200\077\000\000\200\077\000\000\200\077\000\000\200\077'
cp /tmp/bad /tmp/one
head -c 19 /tmp/one > /tmp/bad
imp "fvecs that ends early" 1 "the file is truncated: record 0 ends after 19 of 20 bytes"
cat /tmp/one /tmp/one > /tmp/two; head -c 22 /tmp/two > /tmp/bad
imp "fvecs that ends in a header" 1 "record 1 ends after 2 of 20"
{ cat /tmp/one; printf '\004\000\000\000\000\000\300\177\000\000\200\077\000\000\200\077\000\000\200\077'; } > /tmp/bad
imp "NaN in fvecs" 1 "record 1, dimension 0 is NaN or infinity"
{ cat /tmp/one; printf '\004\000\000\000\000\000\200\377\000\000\200\077\000\000\200\077\000\000\200\077'; } > /tmp/bad
imp "infinity in fvecs" 1 "record 1, dimension 0 is NaN or infinity"
{ cat /tmp/one; printf '\004\000\000\000'; head -c 16 /dev/zero; } > /tmp/bad
imp "zeros in fvecs" 1 "record 1 is all zeros"
{ cat /tmp/one; printf '\005\000\000\000'; head -c 20 /dev/zero; } > /tmp/bad
imp "fvecs of other dims" 1 "record 1 has 5 dimensions, the collection has 4"
head -c 4000 /dev/zero > /tmp/bad
imp "neither fvecs nor text" 1 "is none of fvecs, fbin, npy, jsonl, json and text; say which"
cp /tmp/text /tmp/bad; imp "text taken for fvecs" 1 "this is not fvecs" --format fvecs
bad "no such file" 1 "No such file" vexctl import $c /tmp/nowhere
bad "a directory" 1 "it is a directory; give a file" vexctl import $c /tmp
bad "ids that are taken" 1 "id 12 is taken; choose another --start-id, or --append (ids from " \
	vexctl import $c /tmp/text --start-id 12
bad "ids beyond 64 bits" 1 "choose a smaller --start-id" \
	vexctl import $c /tmp/text --start-id 18446744073709551610
bad "all of it skipped" 1 "--skip leaves none" vexctl import $c /tmp/text --skip 12
bad "an unknown attribute" 1 "has no attribute 'weight'; see" \
	vexctl import $c /tmp/text --start-id 1000 --attr weight=1
bad "an attribute of letters" 2 "is not a whole number" \
	vexctl import $c /tmp/text --start-id 1000 --attr age=old
head -n 5 /tmp/attrs > /tmp/bad
bad "too few attributes" 1 "it ends after 5 lines" \
	vexctl import $c /tmp/text --start-id 1000 --attr-file /tmp/bad
bad "labels that exist" 1 "is not overwritten" \
	vexctl import $c /tmp/text --start-id 1000 --save-labels /tmp/labels
bad "a batch too large" 2 "--batch" vexctl import $c /tmp/text --start-id 1000 --batch 2000000
bad "import into a plain directory" 1 "not a collection; make one" vexctl import /mnt /tmp/text
bad "import elsewhere" 1 "not in a VexFS" vexctl import /tmp /tmp/text
section "import"

# --- search, get, delete, use

bad "k 0" 2 "it is 1 to 1000, or with --radius 1 to 65536" vexctl search $c --id 7 -k 0
bad "k 1001" 2 "it is 1 to 1000, or with --radius 1 to 65536" vexctl search $c --id 7 -k 1001
bad "k 65537" 2 "it is 1 to 1000, or with --radius 1 to 65536" vexctl search $c --id 7 -k 65537 --radius 1
bad "a radius that is no number" 2 "'wide' is not a number" vexctl search $c --id 7 --radius wide
bad "a radius NaN" 2 "'nan' is not a number" vexctl search $c --id 7 --radius nan
bad "a batch of 0" 2 "it is 1 to 1024" vexctl search $c --batch 0
bad "a batch of 1025" 2 "it is 1 to 1024" vexctl search $c --batch 1025
bad "too many hits in a batch" 2 "--batch times -k" vexctl search $c --batch 1024 -k 2000 --radius 1
bad "search by an unknown id" 1 "there is no record of that id" vexctl search $c --id 99999
bad "search by letters" 2 "is not a whole number" vexctl search $c --id seven
bad "search with too few numbers" 1 "it has 3 numbers, the collection has 4" \
	vexctl search $c --vector '1 2 3'
bad "search with too many numbers" 1 "it has 5 numbers, the collection has 4" \
	vexctl search $c --vector '1 2 3 4 5'
bad "a bracket that is not closed" 1 "number 5 is not a finite number" vexctl search $c --vector '[1 2 3 4'
bad "something behind the bracket" 1 "number 5 is not a finite number" vexctl search $c --vector '[1 2 3 4] 5'
bad "search for NaN" 1 "number 2 is not a finite number" vexctl search $c --vector '1 nan 3 4'
bad "search for infinity" 1 "number 4 is not a finite number" vexctl search $c --vector '1 2 3 -inf'
bad "search for zeros" 1 "all zeros, which has no direction" vexctl search $c --vector '0 0 0 0'
bad_in "search for NaN on stdin" 1 "line 1: number 1 is not a finite number" 'nan 1 2 3\n' \
	vexctl search $c
bad_in "search with a wrong line on stdin" 1 "line 1: it has 2 numbers" '1 2\n' vexctl search $c
bad_in "zeros in a batch" 1 "lines 1 to 2: the vector is all zeros" '1 2 3 4\n0 0 0 0\n' \
	vexctl search $c --batch 10
bad_in "search with zeros on stdin" 1 "line 1: the vector is all zeros" '0 0 0 0\n' vexctl search $c
bad "search with nothing on stdin" 1 "it is empty; give one vector per line" vexctl search $c
bad "search for an unknown word" 1 "no such line" \
	vexctl search $c --word nothing --labels /tmp/labels
bad "search for a word without labels" 2 "needs --labels" vexctl search $c --word nothing
bad "search by two things" 2 "give one of" vexctl search $c --id 1 --vector '1 2 3 4'
bad "search in a plain directory" 1 "not a collection" vexctl search /mnt --id 1
bad "search nowhere" 1 "there is no such directory" vexctl search /mnt/nowhere --id 1
bad "get an unknown id" 1 "there is no record of that id" vexctl get $c 99999
bad "delete an unknown id" 1 "99999: there is no record of that id" vexctl delete $c 1 99999 2
bad "delete an id twice" 1 "given twice; nothing was deleted" vexctl delete $c 1 2 1
bad "sync of a plain directory" 1 "not a collection" vexctl sync /mnt
bad "info of a plain directory" 1 "not a collection; make one" vexctl collection info /mnt
bad "use what is not loaded" 1 "no program of that name is loaded" vexctl use $c nothing
bad "use of a name too long" 1 "longer than 31 bytes" vexctl use $c n2345678901234567890123456789012
bad "use of an impossible name" 1 "use a-z, 0-9, _ and -" vexctl use $c a/b
bad "use for an op that it has not" 1 "the program has no such op" \
	vexctl use $c tenant --slot distance
bad "use of an unknown slot" 2 "it is search, distance or filter" vexctl use $c tenant --slot colour
section "records"

# --- programs

o=/usr/lib/vexfs
bad "an object without BTF" 1 "has no BTF: compile it with clang -O2 -g" vexctl load $o/nobtf.bpf.o
bad "an object of another ABI" 1 "is built for ABI 4711, this VexFS has ABI" \
	vexctl load $o/bad_abi.bpf.o
bad "an object without name" 1 "the program has no name" vexctl load $o/no_name.bpf.o
bad "an object that is loaded" 1 "replace it, or unload it first" vexctl load $o/tenant.bpf.o
mkfifo /tmp/fifo
bad "a FIFO as object" 1 "is not a regular file" timeout 20 vexctl load /tmp/fifo
rm -f /tmp/fifo
bad "a long loop" 1 "write loops with bpf_for" vexctl load $o/long_loop.bpf.o
bad "another license" 1 'add the line  char _license[] SEC("license") = "GPL";' vexctl load $o/not_gpl.bpf.o
bad "a function that the module lacks" 1 "has no such function: compile it with the vexfs/program.bpf.h of that module" \
	vexctl load $o/no_kfunc.bpf.o
bad "an object that is none" 1 "is not a BPF object file" vexctl load /tmp/text
bad "no such object" 1 "No such file" vexctl load /tmp/nowhere.bpf.o
bad "an object that the verifier refuses" 1 "the verifier refused it" \
	vexctl load $o/write_count.bpf.o
bad "replace what is not loaded" 1 "no program named 'sample' is loaded: load it" \
	vexctl replace $o/sample.bpf.o
bad "unload what is not loaded" 1 "no program named 'sample' is loaded" vexctl unload sample
bad "show what is not loaded" 1 "no program named 'sample'" vexctl program show sample

section "programs"

# --- permissions

as_nobody() { su -s /bin/sh nobody -c "$*"; }
chmod 755 /mnt $c
bad "nobody inserts" 1 "no write permission on the directory" as_nobody \
	vexctl import $c /tmp/text --start-id 1000
bad "nobody deletes" 1 "no write permission on the directory" as_nobody vexctl delete $c 1
bad "nobody creates" 1 "cannot make the directory: Permission denied" as_nobody \
	vexctl collection create /mnt/new -d 3
bad "nobody loads" 1 "needs root" as_nobody vexctl load $o/sample.bpf.o
bad "nobody unmounts" 1 "run it as root" as_nobody vexctl umount /mnt
bad "nobody formats" 1 "run it as root" as_nobody vexctl mkfs /dev/vdb
run "nobody searches" as_nobody vexctl search $c --id 7
chmod 700 $c
before=$(state 2>&1)
bad "nobody reads what it may not" 1 "no permission to read it" as_nobody vexctl search $c --id 7
chmod 755 $c
before=$(state 2>&1)
section "permissions"

# --- devices

truncate -s 7M /tmp/disk
bad "a device too small" 1 "8 MiB to 16 TiB" vexctl mkfs /tmp/disk
bad "a mounted device" 1 "is mounted on /mnt; unmount it first" vexctl mkfs /dev/vda
bad "a mounted device, by force" 1 "is mounted on /mnt; unmount it first" \
	vexctl mkfs --force /dev/vda
bad "a label too long" 2 "longer than 32 bytes" \
	vexctl mkfs -L 123456789012345678901234567890123 /dev/vdb
bad "no such device" 1 "does not exist" vexctl mkfs /dev/nothing
truncate -s 64M /tmp/disk
run "mkfs of a file" vexctl mkfs /tmp/disk
bad "a file with a VexFS" 1 "holds a vexfs already; use --force" vexctl mkfs /tmp/disk
dd if=/dev/zero of=/dev/vdb bs=1M count=1 2> /dev/null
bad "mount on nothing" 1 "/tmp/nowhere: no such directory to mount it on" vexctl mount /dev/vdb /tmp/nowhere
mkdir /tmp/empty
bad "mount of what is no VexFS" 1 "holds no VexFS" vexctl mount /dev/vdb /tmp/empty
bad "mount of nothing" 1 "no such device" vexctl mount /dev/nothing /tmp/empty
bad "mount with an unknown option" 1 "VexFS has no option 'colour=red'" \
	vexctl mount -o colour=red /dev/vda /tmp/empty
bad "umount of what is not mounted" 1 "there is no VexFS mounted" vexctl umount /tmp/empty
rmdir /tmp/empty
section "devices"

# --- Ctrl-C: a frozen filesystem holds the first batch back until the signal is there

run "one more collection" vexctl collection create /mnt/i -d 100 -m cosine
run "freeze" fsfreeze --freeze /mnt
vexctl import /mnt/i data/glove-2k.fvecs --batch 100 > "$out" 2> "$err" &
pid=$!
sleep 2
kill -INT $pid
run "thaw" fsfreeze --unfreeze /mnt
wait $pid; rc=$?
equal "exit code of an interrupted import" 130 $rc
equal "progress and how far it got, without a terminal" "importing: 100 of 2000 records
vexctl import: data/glove-2k.fvecs: interrupted; 100 of 2000 records are in (ids 0 to 99), continue with --skip 100" \
	"$(cat "$err")"
equal "as many are there" 100 "$(records /mnt/i)"
run "the last of them" vexctl get /mnt/i 99
expect_fail "not the next one" "no record of that id" vexctl get /mnt/i 100
run "on from there" vexctl import /mnt/i data/glove-2k.fvecs --skip 100
equal "all are there" 2000 "$(records /mnt/i)"
vexctl search /mnt/w --id 5 --exact | sed '/^cost/d' > "$err"
equal "the same answer as without an interruption" "$(cat "$err")" \
	"$(vexctl search /mnt/i --id 5 --exact | sed '/^cost/d')"
before=$(state 2>&1)
mkfifo /tmp/fifo
vexctl import $c - --start-id 1000 < /tmp/fifo > "$out" 2> "$err" &
pid=$!
exec 9> /tmp/fifo
head -n 3 /tmp/text >&9
sleep 1
kill -INT $pid
wait $pid; rc=$?
exec 9>&-
rm -f /tmp/fifo
want=130 name="interrupted before the first record" text="interrupted; nothing was done"
check_bad vexctl import $c -

run "unload" vexctl unload tenant
run "umount" vexctl umount /mnt
run "verify" fsck.vexfs /dev/vda
rm -f /tmp/text /tmp/attrs /tmp/labels /tmp/bad /tmp/one /tmp/two /tmp/disk "$err"
finish
