#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The module of Python, in the shape of hnswlib too, and the one of Node, with the host's interpreters, whose /usr the guest mounts.
. ./lib.sh

run "the host's /usr" host_usr
lib=/host/usr/lib/x86_64-linux-gnu
export PYTHONDONTWRITEBYTECODE=1 LIBVEXFS=/usr/bin/libvexfs.so.0 PYTHONPATH=/tests
# host COMMAND...: a program of the host; vexctl finds its own libraries in /lib of the guest
host() { PYTHONHOME=/host/usr LD_LIBRARY_PATH=$lib:$lib/blas:$lib/lapack "$@"; }

run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" mount -t vexfs /dev/vda /mnt
mkdir /mnt/with /mnt/without /mnt/hnsw
run "with NumPy" host /host/usr/bin/python3 pytest.py /mnt/with
sed 's/^/# /' "$out"
run "programs for hnswlib" host /host/usr/bin/python3 hnsw.py /mnt/hnsw
export VEXFS_NO_NUMPY=1
run "without NumPy" host /host/usr/bin/python3 pytest.py /mnt/without
run "Node" host /host/usr/bin/node /tests/search.js /mnt/without/c 3 1 2 3 4 5 6 7 8 9 10 11 12
equal "three hits" 3 "$(wc -l < "$out")"
cut -d' ' -f1 "$out" > /tmp/node
vexctl search /mnt/without/c --vector "1 2 3 4 5 6 7 8 9 10 11 12" -k 3 --json |
	grep -o '"id": [0-9]*' | cut -d' ' -f2 > /tmp/vexctl
run "those of vexctl" cmp /tmp/node /tmp/vexctl
# ids beyond 2^53 come out and go in as they are
vexctl collection create /mnt/big --dims 2 > /dev/null
printf '{"id": 18446744073709551615, "vector": [1, 2]}\n{"id": 9007199254740993, "vector": [1, 3]}\n' > /tmp/big.jsonl
run "large ids" vexctl import /mnt/big /tmp/big.jsonl
run "Node and large ids" host /host/usr/bin/node /tests/search.js /mnt/big 2 1 2
equal "come out" "18446744073709551615 9007199254740993" "$(cut -d' ' -f1 "$out" | tr '\n' ' ' | sed 's/ $//')"
run "and go in" host /host/usr/bin/node -e 'require("/tests/search.js").search("/mnt/big", { id: 9007199254740993n }, { k: 1 })
	.then((a) => console.log(a.hits[0].id === 9007199254740993n))'
says_text "as the record meant" true
expect_fail "Node and a plain directory" "not a collection" host /host/usr/bin/node /tests/search.js /mnt 3 1 2
run "umount" umount /mnt
run "verify" fsck.vexfs /dev/vda
finish
