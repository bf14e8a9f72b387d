#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Every command of README.md, in its order, but those that tests/readme.py knows elsewhere; and the output that is shown
# with it, of the same shape.  What the commands presuppose is made here: a disk, a clone, compilers of the host.
. ./lib.sh
. /usr/bin/readme.steps

run "the host's /usr" host_usr
lib=/host/usr/lib/x86_64-linux-gnu
rm -rf /tmp/readme /tmp/bin
mkdir -p /tmp/bin /tmp/readme/tests /tmp/readme/ctl /srv/vexfs
for p in clang gcc python3; do
	printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec /host/usr/bin/%s "$@"\n' $lib:$lib/blas:$lib/lapack $p > /tmp/bin/$p
done
chmod +x /tmp/bin/*
export PYTHONHOME=/host/usr PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/tests LIBVEXFS=/usr/bin/libvexfs.so.0 PATH=/tmp/bin:$PATH
ln -sf /bin/env /usr/bin/env
for f in /host/usr/include/*; do ln -sf "$f" /usr/include/; done
cd /tmp/readme || exit 1
ln -s /tests/data tests/data
ln -s /tests ctl/examples
mknod /dev/sdb1 b $(tr : ' ' < /sys/class/block/vda/dev)
run "a filesystem for fsck" mkfs.vexfs --force /dev/vdb
# a disk is new when somebody formats it
dd if=/dev/zero of=/dev/vda bs=1M count=1 2> /dev/null
mkdir -p /etc/vexfs /run/vexfs
: > /etc/vexfs/vexd.conf
# the module where depmod finds it, for doctor
modules=/lib/modules/$(uname -r)
mkdir -p "$modules/extra"
cp /m/vexfs.ko "$modules/extra/"
echo "extra/vexfs.ko:" > "$modules/modules.dep"

# same_shape WANTED GOT: line by line, without what varies; `...` stands for any lines
same_shape() {
	readme_normal < "$1" | grep . > /tmp/want
	readme_normal < "$2" | grep . > /tmp/got
	awk 'NR == FNR { want[++n] = $0; next }
		i < n && want[i + 1] == "..." { any = 1; i++ }
		i < n && $0 == want[i + 1] { i++; any = 0; next }
		!any { print "not in the README: " $0; exit 1 }
		END { if (want[i + 1] == "...") i++; if (i < n) { print "the README has: " want[i + 1]; exit 1 } }' \
		/tmp/want /tmp/got
}

# step LINE SECTION COMMAND < OUTPUT: called by readme_steps
step() {
	name="README.md:$1: $2: $(echo "$3" | head -n 1)" command=$3
	cat > /tmp/shown
	pid=$(pidof vexd)
	case $command in
	"cat /"*) cp /tmp/shown "${command#cat }";;
	"kill -9 "*) command="kill -9 $pid";;
	# those that go on until Ctrl-C, of which events dies
	"vexctl top" | "vexctl events") command="timeout -s INT 2 $command || test \$? = 130";;
	esac
	sh -c "$command" > "$out" 2>&1 < /dev/null
	rc=$?
	# nobody types that fast
	w=0
	case $command in
	"vexd &") while ! vexctl status 2>/dev/null | grep -q ': bound' && [ $w -lt 100 ]; do w=$((w + 1)); sleep 0.1; done;;
	"kill -9 "*) while [ -e "/proc/$pid" ] && [ $w -lt 100 ]; do w=$((w + 1)); sleep 0.1; done;;
	esac
	if [ $rc != 0 ]; then
		not_ok "$name" "exit code $rc"; sed 's/^/#   /' "$out"
	elif [ -s /tmp/shown ] && ! same_shape /tmp/shown "$out" > /tmp/differs; then
		not_ok "$name" "$(cat /tmp/differs)"; sed 's/^/#   /' "$out"
	else
		ok "$name"
	fi
}
readme_steps

echo 0 > /sys/kernel/tracing/events/vexfs/enable
kill "$(pidof vexd)"
i=0; while pidof vexd > /dev/null && [ $i -lt 100 ]; do i=$((i + 1)); sleep 0.1; done
run "umount" umount /srv/vexfs
for p in $(ls /sys/fs/bpf/vexfs); do run "unload $p" vexctl unload "$p"; done
run "verify" fsck.vexfs /dev/vda
rm -rf /tmp/readme /tmp/bin "$modules" /etc/vexfs /etc/fstab /dev/sdb1
finish
