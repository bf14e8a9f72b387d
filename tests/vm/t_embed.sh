#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# ctl/examples/embed-files, with the command of ctl/examples/hash-ngrams: new, changed, deleted and odd files, and
# commands that fail.  The host's Python, whose /usr the guest mounts.
. ./lib.sh

run "the host's /usr" host_usr
export LIBVEXFS=/usr/bin/libvexfs.so.0 PYTHONPATH=/tests PYTHONHOME=/host/usr
export LD_LIBRARY_PATH=/host/usr/lib/x86_64-linux-gnu
python="/host/usr/bin/python3 -S"	# sooner there without looking for NumPy
# embed [OPTION]... [COMMAND...]: the default command is hash-ngrams
embed() { $python embed-files --size 200 --overlap 60 "$@"; }
ngrams="$python hash-ngrams 64"
# nearest TEXT: of the texts in $queries, whose vectors are made at once
queries="lazy dogs and foxes
Grüße
needle in a haystack
elephant
giraffe"
nearest() {
	tool vexctl search /mnt/docs --vector "$(sed -n "$(echo "$queries" | grep -n "^$1$" | cut -d: -f1)p" /tmp/queries)" -k 1
}
tool() { LD_LIBRARY_PATH='' "$@"; }
records() { tool vexctl list /mnt/docs | grep -c '^id'; }
stale() { tool vexctl stale /mnt/docs | grep -c '^id'; }

run "mkfs" tool mkfs.vexfs --force /dev/vda
run "mount" mount -t vexfs /dev/vda /mnt
mkdir /mnt/docs
echo "$queries" | $ngrams > /tmp/queries
run "a collection" tool vexctl collection create /mnt/docs --dims 64 --metric cosine
mkdir "/mnt/docs/two words" /mnt/docs/.hidden
echo "the quick brown fox jumps over the lazy dog" > "/mnt/docs/two words/a fox.txt"
nl=$(printf 'grüße\nnewline.txt')
echo "schöne Grüße aus der Küche" > "/mnt/docs/$nl"
i=0
while [ $i -lt 100 ]; do echo "line $i of a long file"; i=$((i + 1)); done > /mnt/docs/long.txt
echo "a needle in a haystack of pins" >> /mnt/docs/long.txt
head -c 5000 /bin/busybox > /mnt/docs/binary
printf 'caf\351\n' > /mnt/docs/latin1.txt
: > /mnt/docs/empty
printf '\n\n  \n' > /mnt/docs/blank
echo secret > /mnt/docs/.hidden/x
ln -s long.txt /mnt/docs/symlink
ln "/mnt/docs/two words/a fox.txt" /mnt/docs/fox-too.txt
tool vexctl collection create /mnt/docs/inner --dims 3 > /dev/null
echo "of another collection" > /mnt/docs/inner/x.txt

# --- new files

run "embeds" embed /mnt/docs $ngrams
says_text "three of them" "3 new, 0 embedded again, 0 as they were, 2 without text, 0 changed meanwhile, 0 failed;"
all=$(records)
[ "$all" -gt 12 ] && ok "the long one in pieces ($all records)" || not_ok "the long one in pieces" "$all records"
run "is found" nearest "lazy dogs and foxes"
says "in the file with a space, or by its other name" 'file (two words/a fox.txt|fox-too.txt):0\+44$'
run "is found" nearest "Grüße"
says_text "in the one with a line end in its name" "newline.txt:0+"
run "is found" nearest "needle in a haystack"
says "in a piece of the long one" 'file long.txt:2[0-9]*\+[0-9]*$'
run "again" embed /mnt/docs false
says_text "nothing to do" "0 new, 0 embedded again, 3 as they were, 2 without text, 0 changed meanwhile, 0 failed; 0 records"
equal "no more records" "$all" "$(records)"

# --- changes

echo "an appendix about elephants" >> /mnt/docs/long.txt
[ "$(stale)" -gt 10 ] && ok "stale" || not_ok "stale" "$(stale)"
rm "/mnt/docs/two words/a fox.txt" /mnt/docs/fox-too.txt
echo "zebras and giraffes" > /mnt/docs/tmp
mv /mnt/docs/tmp "/mnt/docs/$nl"
run "after a change, a removal and a replacement" embed /mnt/docs $ngrams
says_text "what has changed" "0 as they were, 2 without text, 0 changed meanwhile, 0 failed;"
says "is embedded" '^(1 new, 1|0 new, 2) embedded again'
equal "none is stale" 0 "$(stale)"
run "is found" nearest "elephant"
says_text "what was added" "file long.txt:"
run "is found" nearest "giraffe"
says_text "what has replaced" "newline.txt:0+20"
run "is not found" nearest "lazy dogs and foxes"
grep -q fox "$out" && not_ok "the removed one" || ok "the removed one"

# A run that ended between adding and deleting leaves stale and new records of a file.  A text that is none any more, and
# a picture with a record of somebody else.
all=$(records)
echo more >> /mnt/docs/long.txt
printf '{"file": "long.txt", "offset": 0, "length": 5, "id": 5000, "vector": %s}\n' \
	"$(echo more | $ngrams | sed 's/ /, /g; s/.*/[&]/')" > /tmp/one.jsonl
run "a new record of a stale file" tool vexctl import /mnt/docs /tmp/one.jsonl
sed 's/long.txt/binary/; s/"id": 5000/"id": 5001, "key": "picture"/' /tmp/one.jsonl > /tmp/picture.jsonl
run "a record of a picture" tool vexctl import /mnt/docs /tmp/picture.jsonl
echo >> /mnt/docs/binary
head -c 5000 /bin/busybox > "/mnt/docs/$nl"
run "is a file as it was" embed /mnt/docs $ngrams
says_text "by its new record" "0 new, 0 embedded again, 1 as they were, 3 without text"
says_text "what is no text any more keeps its record" "0 records, and 1 stale left"
equal "the stale ones of the text are gone, and those of the picture and of the other stay" "3 2" "$(records) $(stale)"
run "the picture's is there" tool vexctl get /mnt/docs --key picture

# --- what goes wrong

echo "a new file" > /mnt/docs/new.txt
expect_fail "a command that fails" "the command failed: exit code 3" embed /mnt/docs sh -c "cat > /dev/null; exit 3"
expect_fail "one that gives zeros" "is all zeros" embed /mnt/docs printf "$(printf '0 %.0s' $(seq 64))\n"
cat > /tmp/changes <<- E
	#!/bin/sh
	$python embed-files /mnt/docs true 2>&1 | grep -q 'another one is at work' || exit 7
	cat > /tmp/in
	echo "and a line" >> /mnt/docs/new.txt
	exec $ngrams < /tmp/in
E
cat > /tmp/objects.py <<- E
	import json, sys
	for line in sys.stdin:
	    x = json.loads(line)
	    assert x['file'] == 'new.txt' and x['text'].startswith('a new file\n') and x['offset'] == 0, x
	    print([len(x['text'])] + [0.5] * 63)
E
chmod +x /tmp/changes
run "two at once, and a file that changes meanwhile" embed /mnt/docs /tmp/changes
says_text "is left for the next run" \
	"0 new, 0 embedded again, 1 as they were, 3 without text, 1 changed meanwhile, 0 failed; 0 records"
equal "and has no record" 3 "$(records)"
run "as JSON, with another form of answers" embed --json /mnt/docs $python /tmp/objects.py
says_text "embedded" "1 new, 0 embedded again, 1 as they were"
for i in $(seq 10); do echo "file $i" > /mnt/docs/batch$i; done
printf '%1000s' x > "/mnt/docs/$(printf 'lar\033\377ge')"
expect_fail "a file that is too large" "lar\\x1b\\udcffge: larger than --max-size" embed --batch 4 --max-size 999 /mnt/docs $ngrams
says_text "does not stop the rest, in batches" "10 new, 0 embedded again"
expect_fail "no collection" "not a collection" embed /mnt $ngrams
run "umount" umount /mnt
run "verify" tool fsck.vexfs /dev/vda
finish
