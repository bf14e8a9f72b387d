#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# vexctl doctor on a real kernel; the programs of `vexctl program new`; program dump and stats; --json of plain verbs.
. ./lib.sh

obj=/usr/lib/vexfs
# hits ARG...: id and distance of the answer
hits() { vexctl search /mnt/w --id 1500 -k 20 "$@" --json | grep -o '"id": [0-9]*, "distance": [0-9.e-]*'; }

run "mkfs" vexctl mkfs --force --json /dev/vda
says "with JSON" '"uuid": "[0-9a-f-]{36}"'
run "mount" vexctl mount /dev/vda /mnt --json
says "with JSON" '^\{ "ok": true, "verb": "mount" \}$'
run "create" vexctl collection create /mnt/w --dims 100 --metric cosine --attr n --json
says "with JSON" '"message": "created /mnt/w: 100 x f32, cosine, 1 attribute"'
run "import" vexctl import /mnt/w data/glove-2k.fvecs --attr n=lineno

# the guest has the module loaded, but not where depmod would put it
release=$(uname -r)
[ ! -e "/lib/modules/$release" ] || echo "# /lib/modules/$release is there"
mkdir -p "/lib/modules/$release/extra"
cp /m/vexfs.ko "/lib/modules/$release/extra/"
echo "extra/vexfs.ko: kernel/fs/jbd2/jbd2.ko" > "/lib/modules/$release/modules.dep"

run "doctor finds nothing wrong" vexctl doctor
sed 's/^/# /' "$out"
for c in kernel "kernel BTF" "BPF JIT" rights module "module BTF" interface filesystem bpffs programs vexd "mount /mnt"; do
	says "$c" "^ok    $c +- "
done
run "of a collection" vexctl doctor /mnt/w
says "it is one" "^ok    collection +- /mnt/w: 2000 records of 100 dimensions"
run "of the device" vexctl doctor /dev/vda
says "its superblock" "^ok    superblock +- version 1, 1024 MiB"
expect_fail "of another device" "holds no VexFS" sh -c "vexctl doctor /dev/vdb"
expect_fail "of a directory elsewhere" "is not on a VexFS" sh -c "vexctl doctor /tmp"
run "a name that nothing is loaded of" sh -c "vexctl load $obj/flat.bpf.o && vexctl use /mnt/w flat && vexctl unload flat"
run "is worth a warning" vexctl doctor
says "it says what to do" "^warn  program flat +- 1 binding of collections names it, but it is not loaded"
run "as JSON" vexctl doctor --json
says "one warning" '"warnings": [1-9]'
run "unbind" vexctl use /mnt/w --builtin --slot search --json
says "with JSON" '"message": "/mnt/w: search is built-in now"'
run "one that is ejected" sh -c "vexctl load $obj/bad_search.bpf.o && vexctl use /mnt/w bad_search && vexctl search /mnt/w --id 5 --repeat 20"
run "doctor" vexctl doctor
says "says so" "^warn  program bad_search +- ejected from 1 of its 1 binding after"
run "unbind" vexctl use /mnt/w --builtin
run "unload" vexctl unload bad_search
run "bpffs away" umount /sys/fs/bpf
run "doctor" vexctl doctor
says "misses it" "^warn  bpffs +- not mounted"
run "bpffs" mount -t bpf bpf /sys/fs/bpf

# --- what program new writes

# the built-in goes by codes, and may miss one in a thousand: hence --exact
hits --exact > /tmp/builtin
run "load the new search" vexctl load $obj/new-search.bpf.o
run "use it" vexctl use /mnt/w new-search
hits > /tmp/new
run "it finds what there is" diff /tmp/builtin /tmp/new
equal "20 of them" 20 "$(wc -l < /tmp/new)"
run "use the built-in" vexctl use /mnt/w --builtin
run "load the new filter" vexctl load $obj/new-filter.bpf.o
run "use it" vexctl use /mnt/w new-filter
hits --arg 1000 --exact > /tmp/new
sed 's/,.*//' /tmp/new > /tmp/ids
vexctl use /mnt/w --builtin > /dev/null
vexctl search /mnt/w --id 1500 -k 20 --where 'n >= 1000' --exact --json | grep -o '"id": [0-9]*' > /tmp/where
run "it keeps what the condition keeps" diff /tmp/where /tmp/ids
run "load the new distance" vexctl load $obj/new-distance.bpf.o
run "use it" vexctl use /mnt/w new-distance
hits --exact > /tmp/new
run "without a penalty" diff /tmp/builtin /tmp/new
hits --arg 5000000 --exact > /tmp/new
equal "with one, the record whose attribute is 0 is the nearest" '"id": 0' "$(head -n 1 /tmp/new | cut -d, -f1)"
run "use the built-in" vexctl use /mnt/w --builtin

# --- dump, stats, show, list

run "dump" vexctl program dump new-filter
says "the struct" '^  name +"new-filter"$'
says "its op" '^  filter +[1-9][0-9]*$'
says "those that it has not" '^  search +0$'
says "its program" "^filter +prog id [0-9]+, new_filter_filt, tag [0-9a-f]{16}: [0-9]+ bytes translated, [1-9][0-9]* jited"
sed 's/^/# /' "$out"
run "dump as JSON" vexctl program dump new-filter --json
says "its program" '"filter": \{ "id": [0-9]+, "name": "new_filter_filt", "tag": "[0-9a-f]{16}"'
expect_fail "dump of nothing" "no program named 'none'" vexctl program dump none
run "use search" vexctl use /mnt/w new-search
(sleep 0.3; vexctl search /mnt/w --id 5 --repeat 400 > /dev/null) &
load=$!
run "stats" vexctl program stats -s 3
says "runs and time" "^new-search +search +[1-9][0-9.]* +[1-9][0-9]* +[0-9.]+ +[1-9][0-9.]* +0$"
says "one that does not run" "^new-filter +filter +0.0 +0 "
sed 's/^/# /' "$out"
wait $load
run "stats as JSON" vexctl program stats new-search -s 0.1 --json
says "one op" '"ops": \[ \{ "program": "new-search", "op": "search", "prog_id": [0-9]+, "runs": 0'
expect_fail "stats of nothing" "no program of that name" vexctl program stats none
run "list" vexctl program list --json
run "show" vexctl program show new-search --json
run "the package that is upgraded meanwhile" sh vexfs-dkms.postinst configure 0.0.9
says "tells what is mounted" "^  umount /mnt    # /dev/vda$"
run "use the built-in" vexctl use /mnt/w --builtin
for p in search filter distance; do run "unload" vexctl unload new-$p; done
run "sync" vexctl sync /mnt/w --json
says "with JSON" '"verb": "sync"'
run "umount" vexctl umount /mnt --json
run "verify" fsck.vexfs /dev/vda
rm -rf /tmp/builtin /tmp/new /tmp/where /tmp/ids "/lib/modules/$release"
finish
