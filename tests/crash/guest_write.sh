#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# In the guest: write to the filesystem on /dev/vda until it is killed, or until operations are done (crash.h).
# guest_judge.sh looks at what is left.  From the environment: seed, operations (0: for ever); device and offset where
# promises are written too.
. ./lib.sh

run "mount" vexctl mount /dev/vda /mnt
run "crashload" sh -c "{ crashload write /mnt $seed $operations $device $offset; echo \$? > /tmp/rc; } 2>&1 |
	tee /dev/console; exit \$(cat /tmp/rc)"
run "umount" vexctl umount /mnt
finish
