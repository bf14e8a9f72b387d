#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Programs: what is refused, what is contained, what a binding survives, and what stays when a loader dies.
. ./lib.sh
lib=/usr/lib/vexfs
c=/mnt/c

# names: what is loaded or bound, in one line
names() { echo $(ls /sys/fs/vexfs/programs) + $(ls /sys/fs/bpf/vexfs 2>/dev/null); }
bound() { hookq bound $c | grep "^$1 " | cut -d' ' -f2,3; }

# without a budget for codes the built-in measures every record: answers can be compared with an oracle
run "mkfs" mkfs.vexfs --force /dev/vda
run "mount" vexctl mount /dev/vda /mnt -o resident=0
run "fill" hookq fill $c 3000
run "built-in" hookq check $c
says_text "built-in" "strategy=exact used=0,0,0"
equal "nothing is loaded" "+" "$(names)"

# --- refused; each says why, and nothing is left of it
refused() { expect_fail "$1 is refused" "$2" vexctl load "$3" && equal "nothing left of $1" "+" "$(names)"; }
refused "another ABI" "is built for ABI 4711" $lib/bad_abi.bpf.o
refused "no name" "the program has no name" $lib/no_name.bpf.o
refused "no ops" "holds no vexfs_ops" $lib/no_ops.bpf.o
refused "no BTF" "has no BTF" $lib/nobtf.bpf.o
refused "two ops" "holds more than one vexfs_ops" $lib/two_ops.bpf.o
refused "a read past the batch" "the verifier refused it" $lib/past_batch.bpf.o
refused "a write to the count" "the verifier refused it" $lib/write_count.bpf.o
for p in filter_state distance_state distance_keep; do
	refused "$p, which is not its own" "the verifier refused it" $lib/$p.bpf.o
	expect_fail "for that reason" "only state (by search) and keep (by filter)" vexctl load --verbose $lib/$p.bpf.o
done
refused "a filter that sleeps" "distance and filter in SEC(\"struct_ops/" $lib/sleepy_filter.bpf.o
refused "a filter that scans" "the verifier refused it" $lib/scan_filter.bpf.o
refused "a filter that wants memory" "the verifier refused it" $lib/scratch_filter.bpf.o
refused "a write past its own memory" "the verifier refused it" $lib/past_scratch.bpf.o
refused "a write to bounds" "the verifier refused it" $lib/write_bounds.bpf.o
refused "a script" "is not a BPF object file" ./lib.sh
refused "a missing file" "No such file" /nowhere.bpf.o
refused "a directory" "/tmp" /tmp
head -c 900 $lib/flat.bpf.o > /tmp/cut.bpf.o
refused "a truncated object" "/tmp/cut.bpf.o" /tmp/cut.bpf.o
cp "$(command -v vexctl)" /tmp/x86.bpf.o
refused "an x86 program" "is not a BPF object file but for x86-64" /tmp/x86.bpf.o
expect_fail "load as nobody" "needs root" su nobody -s /bin/sh -c "vexctl load $lib/flat.bpf.o"

# --- the kernel's own checks, without the loader in front
raw() { equal "the kernel on $1" "$2" "$(hookraw attach $lib/flat.bpf.o $1)"; }
raw "" ok
raw abi=9 EPROTONOSUPPORT
raw name= EINVAL
raw name=UPPER EINVAL
raw name=../x EINVAL
raw name=abcdefghijklmnopqrstuvwxyz0123456789 ENAMETOOLONG
raw flags=128 EINVAL
raw reserved=1 EINVAL
raw ops= EINVAL
raw nolink EOPNOTSUPP
equal "a write to a query that was remembered" EACCES "$(hookraw stale $lib/write_stale.bpf.o)"
equal "nothing left of them" "+" "$(names)"

# --- load, use, replace, unload
run "load flat" vexctl load $lib/flat.bpf.o
expect_fail "load it twice" "is loaded: replace it" vexctl load $lib/flat.bpf.o
expect_fail "unload what is not loaded" "no program named 'sample'" vexctl unload sample
expect_fail "replace what is not loaded" "no program named 'sample'" vexctl replace $lib/sample.bpf.o
expect_fail "use what is not loaded" "no program of that name" vexctl use $c sample
expect_fail "a filter that has none" "has no such op" vexctl use $c flat --slot filter
equal "nothing is bound" "- builtin" "$(bound search)"
run "use flat" vexctl use $c flat
run "flat is exact" hookq check $c
says_text "flat" "strategy=flat used=1,0,0"
run "replace flat" vexctl replace $lib/flat.bpf.o
run "flat is exact" hookq check $c
equal "update the link with another name" EINVAL "$(hookraw update $lib/sample.bpf.o flat)"
equal "flat is still what is bound" "flat loaded" "$(bound search)"

# --- a binding outlives the mount and the program
run "umount" vexctl umount /mnt
run "mount" vexctl mount /dev/vda /mnt -o resident=0
equal "bound after a mount" "flat loaded" "$(bound search)"
run "unload flat" vexctl unload flat
equal "bound, but missing" "flat missing" "$(bound search)"
run "the built-in answers" hookq check $c
says_text "without flat" "strategy=exact"
run "umount" vexctl umount /mnt
run "mount" vexctl mount /dev/vda /mnt -o resident=0
run "load it again" vexctl load $lib/flat.bpf.o
run "it is used again" hookq check $c
says_text "flat is back" "strategy=flat"
run "use the built-in" vexctl use $c --builtin --slot search
run "unload flat" vexctl unload flat

# --- filter and distance
run "load tenant" vexctl load $lib/tenant.bpf.o
run "use tenant" vexctl use $c tenant
run "only one tenant" hookq check $c arg0=2 tenant=2
run "another tenant" hookq check $c arg0=3 tenant=3
run "bound while calls run" hookq rebind $c tenant
sed 's/^/# /' "$out"
run "load recency" vexctl load $lib/recency.bpf.o
# attr 1, per_unit 10000
run "recency looks at the attribute 'made'" bpftool map update pinned /sys/fs/bpf/vexfs/recency/maps/knobs \
	key 0 0 0 0 value 1 0 0 0 0 0 0 0 16 39 0 0 0 0 0 0 0 0 0 0 0 0 0 0
run "use recency" vexctl use $c recency
run "both" hookq check $c arg0=1 tenant=1 arg1=20000 now=20000 per_unit=10000
says_text "both" "used=0,1,1"
run "unload tenant" vexctl unload tenant
equal "without its filter a query fails" ENOLINK "$(hookq ask $c)"
expect_fail "and vexctl says why" "is not loaded; \`vexctl load\` it" vexctl search $c --id 1
run "use no filter" vexctl use $c --builtin --slot filter
run "it answers again" hookq check $c arg1=20000 now=20000 per_unit=10000
run "use no distance" vexctl use $c --builtin --slot distance
run "unload recency" vexctl unload recency

# --- contained
run "load wrong_op" vexctl load $lib/wrong_op.bpf.o
run "use it" vexctl use $c wrong_op
run "a filter cannot score or offer" hookq check $c
run "use no filter" vexctl use $c --builtin --slot filter
run "unload wrong_op" vexctl unload wrong_op
run "load bad_filter" vexctl load $lib/bad_filter.bpf.o
run "use it" vexctl use $c bad_filter
equal "a filter that fails fails the query" EPROTO "$(hookq ask $c)"
run "use no filter" vexctl use $c --builtin --slot filter
run "unload bad_filter" vexctl unload bad_filter
run "load chooses" vexctl load $lib/chooses.bpf.o
run "use its search" vexctl use $c chooses --slot search
run "what is wrong is refused, and the rest is exact" hookq check $c
says_text "chooses" "strategy=chooses used=1,0,0"
run "and its filter" vexctl use $c chooses --slot filter
run "which may not choose" hookq check $c
says_text "chooses" "strategy=chooses used=1,0,1"
bpftool map dump pinned /sys/fs/bpf/vexfs/chooses/maps/wrong 2>&1 | sed 's/^/# /'
run "of no more than so many" hookq check $c k=1000
run "use no filter" vexctl use $c --builtin --slot filter
run "use the built-in" vexctl use $c --builtin --slot search
run "unload chooses" vexctl unload chooses
run "slots from memory that changes" picks $c $lib/picks.bpf.o 3
for p in overrun bad_search; do
	run "load $p" vexctl load $lib/$p.bpf.o
	run "use $p" vexctl use $c $p
	run "queries are exact beside $p" hookq check $c
	says_text "$p" "strategy=exact"
	equal "$p is ejected" "$p ejected" "$(bound search)"
	run "program list says it" sh -c "vexctl program list | grep $p | grep ejected"
	equal "one line in the log about $p" 1 "$(dmesg | sed -n '/vexfs-test begin t_hooks/,$p' | grep -c "search program '$p' ejected")"
	run "bind it again" vexctl use $c $p
	equal "$p gets another chance" "$p loaded" "$(bound search)"
	run "use the built-in" vexctl use $c --builtin --slot search
	run "unload $p" vexctl unload $p
done

# --- limits of the call are the call's: what they cut short says so, and is no error of the program
asked() { hookq ask $c "$@" > "$out" 2>&1; }
run "load step" vexctl load $lib/step.bpf.o
run "use step" vexctl use $c step
run "rounds that only measure or take are no loop" hookq check $c
says_text "step" "strategy=step used=1,0,0"
asked max_visits=1280
says_text "all visits used up between two rounds" "visited=1280 truncated=2 restarts=0 strategy=step"
asked max_visits=1300
says_text "or in one" "visited=1300 truncated=2 restarts=0 strategy=step"
asked max_visits=3000
says_text "just enough of them" "visited=3000 truncated=0 restarts=0 strategy=step"
asked timeout_us=1
says "out of time" "truncated=1 restarts=0 strategy=step"
run "without codes, with 1,000 wanted" hookq check $c k=1000
equal "it did nothing wrong" "search step loaded 0" "$(hookq bound $c | head -n 1)"
run "load tenant" vexctl load $lib/tenant.bpf.o
run "use tenant" vexctl use $c tenant
run "with a filter" hookq check $c arg0=2 tenant=2
asked max_visits=1280 arg0=2
says "with a filter, cut short" "visited=1280 truncated=2 restarts=0 strategy=step"
run "use no filter" vexctl use $c --builtin --slot filter
run "unload tenant" vexctl unload tenant
run "a snapshot" vexctl snapshot create $c now
run "search it" sh -c "vexctl search $c --id 5 --as-of now --max-visits 640 --json"
says "a snapshot, cut short" '"truncated": .*visits'
run "delete it" vexctl snapshot delete $c now
run "use the built-in" vexctl use $c --builtin --slot search
run "unload step" vexctl unload step

run "another collection" hookq fill /mnt/d 3000
run "load spin" vexctl load $lib/spin.bpf.o
run "use spin" vexctl use $c spin
i=0; while [ $i -lt 20 ]; do hookq ask $c timeout_us=2000 > "$out" 2>&1 || break; i=$((i + 1)); done
equal "20 calls in a hurry" 20 $i
equal "do not eject it" "search spin loaded 0" "$(hookq bound $c | head -n 1)"
run "unbind" vexctl use $c --builtin --slot search
run "unload spin" vexctl unload spin
run "load spin_own" vexctl load $lib/spin_own.bpf.o
run "use it" vexctl use $c spin_own
run "and in another collection" vexctl use /mnt/d spin_own
i=0; while [ $i -lt 20 ]; do hookq ask $c > /dev/null 2>&1 || break; i=$((i + 1)); done
equal "20 calls that it does not answer in its own time" 20 $i
equal "it is ejected" "search spin_own ejected 16" "$(hookq bound $c | head -n 1)"
equal "from one collection" 1 "$(cat /sys/fs/vexfs/programs/spin_own/ejected)"
equal "and not from the other" "search spin_own loaded 0" "$(hookq bound /mnt/d | head -n 1)"
run "the other binds it again" vexctl use /mnt/d spin_own
equal "which does not forgive it" "search spin_own ejected 16" "$(hookq bound $c | head -n 1)"
run "bind it again" vexctl use $c spin_own
equal "bound again it is forgiven" "search spin_own loaded 0" "$(hookq bound $c | head -n 1)"
equal "everywhere" 0 "$(cat /sys/fs/vexfs/programs/spin_own/ejected)"
i=0; while [ $i -lt 16 ]; do hookq ask $c > /dev/null 2>&1 || break; i=$((i + 1)); done
equal "ejected again" "1 ejected" "$(cat /sys/fs/vexfs/programs/spin_own/ejected) $(hookq bound $c | head -n 1 | cut -d' ' -f3)"
run "replace it" vexctl replace $lib/spin_own.bpf.o
equal "a new version has made no errors" "0 search spin_own loaded 0" "$(cat /sys/fs/vexfs/programs/spin_own/ejected) $(hookq bound $c | head -n 1)"
run "unbind" vexctl use $c --builtin --slot search
run "unbind the other" vexctl use /mnt/d --builtin --slot search
run "unload spin_own" vexctl unload spin_own

# --- who may bind and drop
run "everybody may write to it" chmod 777 $c
run "nobody deletes a record" su nobody -s /bin/sh -c "vexctl delete $c 2999"
expect_fail "but binds nothing" "not permitted" su nobody -s /bin/sh -c "vexctl use $c --builtin --slot filter"
equal "nor by ioctl" "EPERM" "$(su nobody -s /bin/sh -c "hookq use $c filter")"
expect_fail "nor drops it" "not permitted" su nobody -s /bin/sh -c "vexctl collection drop $c --yes"
run "its owner" sh -c "mkdir /mnt/own && chown nobody /mnt/own && su nobody -s /bin/sh -c 'vexctl collection create /mnt/own --dims 2 &&
	vexctl use /mnt/own --builtin --slot filter && vexctl collection drop /mnt/own --yes'"
run "undone" chmod 755 $c

# --- sample: cheaper and worse, by its knob
run "load sample" vexctl load $lib/sample.bpf.o
run "use sample" vexctl use $c sample
few=$(hookq ask $c id=5 | sed 's/.*visited=\([0-9]*\).*/\1/')
run "its knob" bpftool map update pinned /sys/fs/bpf/vexfs/sample/maps/knobs key 0 0 0 0 value 100 0 0 0 0 0 0 0
run "all of it is exact" hookq check $c
says_text "sample" "strategy=sample"
if [ "$few" -gt 0 ] && [ "$few" -lt 1000 ]; then ok "a tenth is less: $few of 3000"; else not_ok "a tenth is $few"; fi
run "its counters" bpftool map dump pinned /sys/fs/bpf/vexfs/sample/maps/stats
run "bpftool prog" bpftool prog show name sample_search
run "bpftool link" bpftool link show
expect_fail "unload as nobody" "needs write permission for /sys/fs/bpf" su nobody -s /bin/sh -c "vexctl unload sample"
expect_fail "replace as nobody" "needs root" su nobody -s /bin/sh -c "vexctl replace $lib/sample.bpf.o"

# --- the module stays while it is used
expect_fail "rmmod while loaded and mounted" "" rmmod vexfs
run "umount" vexctl umount /mnt
expect_fail "rmmod while loaded" "" rmmod vexfs
run "unload sample" vexctl unload sample
run "mount" vexctl mount /dev/vda /mnt -o resident=0
expect_fail "rmmod while mounted" "" rmmod vexfs

# --- loaders that die
hookraw hold $lib/flat.bpf.o > /tmp/held & pid=$!
i=0; while ! grep -q held /tmp/held && [ $i -lt 100 ]; do sleep 0.1; i=$((i + 1)); done
kill -9 $pid; wait $pid 2>/dev/null
run "its pins stay" test -e /sys/fs/bpf/vexfs/flat/link
run "and its program works" vexctl use $c flat
run "exactly" hookq check $c
run "unload it" vexctl unload flat
hookraw die $lib/flat.bpf.o 2>/dev/null
run "what a loader left half-way does not stop the next" vexctl load $lib/flat.bpf.o
run "exact" hookq check $c
i=0 bad=
while [ $i -lt 20 ]; do
	case $((i % 3)) in
	0) vexctl unload flat > /dev/null 2>&1 & ;;
	1) vexctl load $lib/flat.bpf.o > /dev/null 2>&1 & ;;
	2) vexctl replace $lib/flat.bpf.o > /dev/null 2>&1 & ;;
	esac
	pid=$!
	usleep $((i * 7919 % 150 * 1000))
	kill -9 $pid 2>/dev/null; wait $pid 2>/dev/null
	hookq check $c > "$out" 2>&1 || bad="$bad round $i: $(cat "$out")"
	i=$((i + 1))
done
equal "queries beside 20 loaders that were killed" "" "$bad"
vexctl unload flat > /dev/null 2>&1
run "load after them" vexctl load $lib/flat.bpf.o
run "exact" hookq check $c
says_text "flat" "strategy=flat"
run "use the built-in" vexctl use $c --builtin --slot search
run "unload" vexctl unload flat
equal "nothing is left" "+" "$(names)"
run "umount" vexctl umount /mnt
i=0; while ! rmmod vexfs 2>/dev/null && [ $i -lt 20 ]; do sleep 0.5; i=$((i + 1)); done	# freed a moment later
run "rmmod" test ! -d /sys/module/vexfs
load vexfs
run "insmod again" test -s /sys/kernel/btf/vexfs
finish
