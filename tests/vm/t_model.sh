#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Random histories of operations, with remounts, against a naive model; model_seed=N and
# model_histories=N on the kernel command line (tests/vm/run --append) choose others.
. ./lib.sh

run "mkfs" mkfs.vexfs --force /dev/vda
run "histories" model /dev/vda /mnt "${model_seed:-1}" "${model_histories:-40}"
sed 's/^/# /' "$out"
run "verify" fsck.vexfs /dev/vda
finish
