#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The machine itself: the stock kernel with what VexFS stands on.
. ./lib.sh
run "jbd2 is there" grep -q ' jbd2_journal_init_dev' /proc/kallsyms
run "crc32c is there" grep -q '^name *: crc32c' /proc/crypto
run "the kernel has BTF" test -s /sys/kernel/btf/vmlinux
run "bpffs is mounted" grep -q ' /sys/fs/bpf bpf ' /proc/mounts
run "the scratch disk is there" test -b /dev/vda
dd if=/dev/urandom of=/tmp/a bs=4096 count=16 2>/dev/null
run "the scratch disk takes writes" dd if=/tmp/a of=/dev/vda bs=4096 seek=1 conv=fsync
dd if=/dev/vda of=/tmp/b bs=4096 skip=1 count=16 2>/dev/null
run "and gives them back" cmp /tmp/a /tmp/b
expect_fail "a missing file is told" "No such file" cat /nowhere
if [ -e /m/vexfs.ko ] && [ -z "$no_vexfs" ]; then
	run "vexfs is loaded" grep -q '^vexfs ' /proc/modules
	run "vexfs has BTF in the kernel" test -s /sys/kernel/btf/vexfs
fi
finish
