#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the machine that tests/deb.sh boots from the root with the packages: the unit of vexd with its hardening, under
# a real systemd, and the filesystem from /etc/fstab.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 SYSTEMD_COLORS=0 SYSTEMD_PAGER=cat
. ./lib.sh

w=/srv/vexfs/w

# until TEXT COMMAND...: it says so within a minute
until_says() {
	want=$1; shift; i=0
	while ! "$@" 2>&1 | grep -q -- "$want"; do
		i=$((i + 1))
		[ $i -lt 60 ] || { "$@"; return 1; }
		sleep 1
	done
}
# as a user without rights, in a group
as() { groups=$1; shift; setpriv --reuid 1000 --regid 1000 --groups "$groups" "$@"; }

# --- what has booted

run "no unit has failed" sh -c '! systemctl --failed --plain --no-legend | grep .'
run "fsck of the boot" systemctl is-active systemd-fsck@dev-vdb.service
run "mounted from fstab" findmnt -t vexfs /srv/vexfs
run "vexd" systemctl is-active vexd
run "doctor" vexctl doctor /dev/vdb
says "finds nothing wrong" " 0 to look at, 0 failed"
sed 's/^/# /' "$out"

# --- programs and collections

run "create" vexctl collection create $w --dims 2
printf 'a 1 2\nb 2 3\nc 4 5\n' > /tmp/words
run "import" vexctl import $w /tmp/words --format text
printf '[program flat]\nobject = /usr/lib/vexfs/flat.bpf.o\nbind = %s\n' $w > /etc/vexfs/vexd.conf
run "reload" systemctl reload vexd
run "status" vexctl status
says "loaded by vexd" "keeps flat: loaded"
says "and bound" "$w: bound"
run "search" vexctl search $w --vector '1 2'
says "by it" "strategy flat .generation 1"
echo nonsense >> /etc/vexfs/vexd.conf
expect_fail "reload with a mistake in the configuration" "vexd.service failed" systemctl reload vexd
sed -i '$d' /etc/vexfs/vexd.conf
run "vexd goes on" vexctl status
says "as before" "$w: bound"

# --- killed, restarted

old=$(systemctl show -p MainPID --value vexd)
run "kill -9" systemctl kill -s KILL vexd
run "systemd starts it again, it adopts" until_says "keeps flat: adopted" vexctl status
run "restart" systemctl restart vexd
run "status" vexctl status
says "adopts" "keeps flat: adopted"
sed 's/^/# /' "$out"
run "not the same process" test "$old" != "$(systemctl show -p MainPID --value vexd)"

# --- rights, within the unit's limits

g=$(getent group vexfs | cut -d: -f3)
expect_fail "a stranger cannot load" "needs root or the group vexfs" as 1000 vexctl load /usr/lib/vexfs/sample.bpf.o
run "a member of the group loads" as "$g" vexctl load /usr/lib/vexfs/sample.bpf.o
run "and uses" as "$g" vexctl use $w sample
run "and unloads" as "$g" sh -c "vexctl use $w flat && vexctl unload sample"
run "search" vexctl search $w --vector '1 2'
run "metrics" python3 -c 'import urllib.request as u; print(u.urlopen("http://127.0.0.1:9734/metrics").read().decode())'
says "count the search" '^vexfs_search_calls_total.*flat.* [1-9]'
says "by path" "collection=\"$w\""
run "Python" python3 -c "import vexfs; assert len(vexfs.Collection('$w')) == 3"
run "the log" journalctl -u vexd -o cat
says "can be read" "^program flat: adopted, generation 1$"

# --- tools upgraded meanwhile

run "upgrade of the tools" sh -c 'dpkg -i /next/libvexfs0_*.deb /next/vexfs-tools_*.deb'
run "vexd adopts" until_says "keeps flat: adopted" vexctl status
run "search" vexctl search $w --vector '1 2'
says "by it" "strategy flat .generation 1"

# --- and down

run "stop" systemctl stop vexd
run "searches go on" vexctl search $w --vector '1 2'
says "by it" "strategy flat .generation 1"
run "unload" vexctl unload flat
run "umount" umount /srv/vexfs
run "the module goes" sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do rmmod vexfs 2>/dev/null && exit; sleep 1; done; exit 1'
run "and comes with a mount" mount /srv/vexfs
run "search" vexctl search $w --vector '1 2' --builtin
says "finds it" "^ +1 +0 +0.000000"
run "umount" umount /srv/vexfs
run "no other errors in the journal" sh -c "! journalctl -b -p err -o cat | grep -vE '^/etc/vexfs/vexd.conf:|^Reload failed' | grep -iE 'vexfs|vexd'"
finish
