# SPDX-License-Identifier: GPL-2.0
#
# For the guest's parts of the demo: every command is shown before it runs; one that fails ends it.
. ./lib.sh
exec 2>&1

say() { echo; echo "--- $*"; }
stopped() { not_ok "$*"; finish; }
show() {
	line=
	for a; do case $a in *[\ \>]*) line="$line \"$a\"";; *) line="$line $a";; esac; done
	echo "\$$line"
	"$@" > "$out" 2>&1; rc=$?
	sed 's/^/  /' "$out"
	[ $rc = 0 ] || stopped "$* (exit code $rc)"
	ok "$*"
}
# as_nobody COMMAND: another user runs it
as_nobody() { echo "nobody\$ $*"; su -s /bin/sh nobody -c "$*" > "$out" 2>&1; rc=$?; sed 's/^/  /' "$out"; }
words=data/glove-2k.words
# near WORD [OPTION...]: the neighbours of a word
near() { w=$1; shift; show vexctl search /mnt/words --word "$w" --labels $words -k 6 "$@"; }
