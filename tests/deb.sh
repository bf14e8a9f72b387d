#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# The Debian packages in a clean root: built, installed, used, booted in QEMU with systemd, upgraded, removed, purged.
# What is installed before ours (kernel, systemd, compiler, DKMS) is kept as an archive in the cache for a week, and made
# anew without one.  Needs root, for chroot and mounts.
set -uo pipefail
PATH=$PATH:/usr/sbin:/sbin
top=$(cd "$(dirname "$0")/.." && pwd)
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/vexfs
suite=bookworm
passed=0 failed=0
out=$(mktemp) root=$(mktemp -d)
mounts() { mount -t proc proc "$root/proc" && mount --bind /dev "$root/dev"; }
unmounts() { for m in proc/filesystems proc dev; do umount -l "$root/$m" 2>/dev/null; done; }
cleanup() {
	unmounts
	rm -rf --one-file-system "$root" "$root".* "$out"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

ok() { passed=$((passed + 1)); echo "ok $((passed + failed)) deb: $*"; }
not_ok() { failed=$((failed + 1)); echo "not ok $((passed + failed)) deb: $*"; sed 's/^/#   /' "$out" | tail -n 30; }
# run NAME COMMAND...; its output is in $out
run() { local name=$1; shift; if "$@" > "$out" 2>&1 < /dev/null; then ok "$name"; else not_ok "$name"; return 1; fi; }
says() { if grep -qE -- "$2" "$out"; then ok "$1"; else not_ok "$1 (not found: $2)"; fi; }
finish() { echo "deb: $passed passed, $failed failed, 0 skipped"; exit $((failed > 0)); }
in_root() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
apt() { in_root apt-get -q -y -o Dpkg::Use-Pty=0 --no-install-recommends "$@"; }

# all that is in the root, without what changes with every use of it
files() {
	find "$root" -xdev \( -path "$root/var/lib/dpkg" -o -path "$root/var/lib/apt" -o -path "$root/var/log" \
		-o -path "$root/var/cache" -o -path "$root/proc" -o -path "$root/dev" -o -path "$root/tmp" -o -path "$root/run" \
		-o -path "$root/etc/ld.so.cache" \) -prune -o -print | sort
}

# --- build

version=$(make -s --no-print-directory -C "$top" print-version)
run "the changelog has the version of the library" grep -q "^vexfs ($version)" "$top/debian/changelog"
run "make deb" make -C "$top" deb || finish
cp -r "$top/build/deb" "$root.debs"

# --- make install, without packages

hand=$root.hand
run "make install" make -C "$top" install install-module DESTDIR="$hand"
for f in bin/vexctl bin/vexfs-fuse sbin/mkfs.vexfs sbin/mount.fuse.vexfs lib/libvexfs.so lib/pkgconfig/libvexfs.pc share/man/man8/vexctl.8 lib/vexfs/coded.bpf.o lib/vexfs/coded.native.so; do
	run "puts $f below /usr/local" test -s "$hand/usr/local/$f"
done
run "Python finds its module there" sh -c \
	"/usr/bin/python3 -c 'import sys; print(\"\n\".join(sys.path))' | sed 's|^|$hand|' | xargs -I+ ls +/vexfs/__init__.py 2>&1 | grep -v '^ls: '"
run "and modprobe the module" sh -c "grep -q 'fs-vexfs' $hand/lib/modules/*/modules.alias"
run "the unit names the program" grep -q '^ExecStart=/usr/local/sbin/vexd' "$hand/usr/local/lib/systemd/system/vexd.service"
echo 'metrics = off' > "$hand/etc/vexfs/vexd.conf"
run "make install, again" make -C "$top" install DESTDIR="$hand"
run "the configuration stays" grep -q 'metrics = off' "$hand/etc/vexfs/vexd.conf"
run "make uninstall" make -C "$top" uninstall uninstall-module DESTDIR="$hand"
find "$hand" -type f ! -path "$hand/lib/modules/*/modules.*" > "$out"
run "only the configuration is left" test "$(cat "$out")" = "$hand/etc/vexfs/vexd.conf"

# --- a clean root, with what DKMS needs

# what DKMS needs, and what a machine that boots has
packages="dkms dwarves gcc libc6-dev pkg-config linux-headers-6.12-amd64 python3
	linux-image-6.12-amd64 systemd systemd-sysv udev zstd"
archive=$cache/debroot-$suite-$(date +%G%V)-$(sha256sum <<< "$packages" | cut -c1-8).tar.zst
if [ -r "$archive" ] && zstd -dcq "$archive" | tar -C "$root" -x --numeric-owner; then
	ok "a clean root, from the cache"
else
	rm -rf "${root:?}"/*
	run "a clean root" debootstrap --variant=minbase "$suite" "$root" || finish
	for s in "$suite-updates" "$suite-security"; do
		case $s in *-security) u=http://deb.debian.org/debian-security;; *) u=http://deb.debian.org/debian;; esac
		echo "deb $u $s main"
	done > "$root/etc/apt/sources.list.d/updates.list"
	# no start of daemons in a chroot
	printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
	chmod +x "$root/usr/sbin/policy-rc.d"
	run "apt-get update" apt update || finish
	# no disk to look for when it makes its initrd
	run "mounts in it" mounts || finish
	run "kernel, systemd, compiler, DKMS" apt install $packages || finish
	unmounts
	apt clean
	if mkdir -p "$cache" 2>/dev/null; then
		find "$cache" -maxdepth 1 -name 'debroot-*' -delete 2>/dev/null
		tar -C "$root" -c --numeric-owner . | zstd -q -1 -T0 > "$archive.$$" && mv "$archive.$$" "$archive"
	fi
fi
run "mounts in the root" mounts || finish
files > "$root.before"
release=$(cd "$root/lib/modules" && ls -d 6.12* | sort -V | tail -n 1)
mkdir -p "$root/tmp/build/deb"
cp "$root.debs"/*_all.deb "$root.debs"/*_amd64.deb "$root/tmp/build/deb/"
rm -f "$root"/tmp/build/deb/*-dbgsym_*
apt update > /dev/null 2>&1
# a kernel that VexFS is not for, with its headers; DKMS looks at no more of it
other=6.15.0-other
mkdir -p "$root/lib/modules/$other/build/include"

# --- install

install() { in_root sh -c 'exec apt-get -q -y -o Dpkg::Use-Pty=0 --no-install-recommends install "$@"' sh "$@"; }
# by the very command of the README
command=$("$top/tests/readme.py" command "apt install ./build/deb")
run "install all six" in_root sh -c "cd /tmp && apt-get -q -y -o Dpkg::Use-Pty=0 --no-install-recommends ${command#apt }" || finish
says "it looks at a kernel that it is not for" "^Building initial module for $other"
says "and skips it" "^Skipped"
for p in libvexfs0 libvexfs-dev python3-vexfs vexfs-dkms vexfs-fuse vexfs-tools; do
	run "$p is installed" grep -q '^ii' <(in_root dpkg-query -W -f '${db:Status-Abbrev}\n' $p)
done
run "vexctl" in_root vexctl --version
says "of this version" "^vexctl $version,"
run "vexd --check of its configuration" in_root vexd --check -c /etc/vexfs/vexd.conf
run "mkfs.vexfs" in_root sh -c 'truncate -s 64M /tmp/image && mkfs.vexfs -L words /tmp/image'
run "fsck.vexfs" in_root fsck.vexfs /tmp/image
run "fsck finds it" in_root fsck -t vexfs -n /tmp/image
run "vexfs-fuse" in_root vexfs-fuse --version
says "of this version" "^vexfs-fuse $version,"
if [ -e /dev/fuse ]; then
	command="mount -t fuse.vexfs words.img files"
	run "README tells of mount -t fuse.vexfs" grep -qF "\`$command\`" "$top/README.md"
	run "mounted by FUSE" in_root sh -c "cd /tmp && mkdir files && ln image words.img && $command && echo data > files/file"
	run "it is a mount" grep -q '/tmp/files fuse.vexfs ' "$root/proc/mounts"
	run "and unmounted" in_root sh -c 'umount /tmp/files && for i in $(seq 100); do flock -n /tmp/image true && exit; sleep 0.1; done; exit 1'
	run "it is clean" in_root fsck.vexfs /tmp/image
	rm -r "$root/tmp/files" "$root/tmp/words.img"
fi
in_root vexctl doctor /tmp/image > "$out" 2>&1
says "doctor runs" "^ok    superblock +- version 1, 64 MiB, label 'words'"
run "Python" in_root python3 -c 'import vexfs; print(vexfs.Index)'
run "node-vexfs, with Node" in_root sh -c 'exec apt-get -q -y -o Dpkg::Use-Pty=0 --no-install-recommends install /tmp/build/deb/node-vexfs_*.deb'
run "Node" in_root node -e "require('vexfs').attach('/tmp/n.img', { create: true, size: '8M' }).then((i) => i.close())"
rm -f "$root/tmp/n.img"
run "a new program" in_root vexctl program new mine --op filter -o /tmp/mine.bpf.c
cat > "$root/tmp/try.c" <<'C'
#include <errno.h>
#include <vexfs/vexfs.h>
int main(void) { return vexfs_open("/none") == -ENOENT ? 0 : 1; }
C
run "a C program by pkg-config" in_root sh -c 'gcc -Wall -Werror -o /tmp/try /tmp/try.c $(pkg-config --cflags --libs libvexfs) && /tmp/try'
run "pkg-config says the version" grep -qx "$version" <(in_root pkg-config --modversion libvexfs)
for f in share/man/man8/vexctl.8.gz share/man/man8/vexd.8.gz share/man/man8/mkfs.vexfs.8.gz share/man/man8/fsck.vexfs.8.gz share/man/man8/vexfs-fuse.8.gz \
	share/man/man3/vexfs_search.3.gz share/bash-completion/completions/vexctl share/bash-completion/completions/vexfs-fuse lib/vexfs/coded.bpf.o lib/vexfs/coded.native.so \
	share/doc/vexfs-tools/examples/search.bt; do
	run "$f" test -s "$root/usr/$f"
done
run "the group" grep -q '^vexfs:' "$root/etc/group"
run "the unit is enabled" test -L "$root/etc/systemd/system/multi-user.target.wants/vexd.service"
if command -v systemd-analyze > /dev/null; then
	sed 's|/usr/sbin/vexd|/bin/true|; s|/usr/bin/vexctl|/bin/true|' "$root/lib/systemd/system/vexd.service" > "$root.debs/vexd.service"
	run "the unit is right" systemd-analyze verify --man=no "$root.debs/vexd.service"
	systemd-analyze security --no-pager --offline=true "$root/lib/systemd/system/vexd.service" > "$out" 2>&1
	echo "# $(tail -n 1 "$out")"
fi

# --- the module

# apt has let DKMS build it for the headers that are there
run "DKMS has built the module for $release" grep -F "vexfs/$version, $release, " <(in_root dkms status 2>/dev/null)
says "and installed it" ": installed$"
ko=$(find "$root/lib/modules/$release/updates" -name 'vexfs.ko*' | head -n 1)
run "it is where modprobe looks" test -s "$ko"
case $ko in *.xz) xz -dc "$ko" > "$root.debs/vexfs.ko";; *) cp "$ko" "$root.debs/vexfs.ko";; esac
run "with BTF" sh -c "readelf -SW $root.debs/vexfs.ko | grep -q ' \.BTF '"
run "for that kernel" sh -c "modinfo -F vermagic $root.debs/vexfs.ko | grep -q '^$release '"
run "mount -t vexfs finds it" grep -q 'fs-vexfs' "$root/lib/modules/$release/modules.alias"

# what dpkg runs when such a kernel or its headers are installed: a hook that fails leaves dpkg broken
for hook in postinst.d header_postinst.d; do
	run "/etc/kernel/$hook/dkms of a kernel that it is not for" in_root "/etc/kernel/$hook/dkms" "$other"
	says "looks at that kernel" "$other"
	run "builds nothing" test -z "$(find "$root/lib/modules/$other" "$root/var/lib/dkms/vexfs/$version/$other" -name 'vexfs.ko*' 2>/dev/null)"
done
rm -r "${root:?}/lib/modules/$other"

# --- the next version

next=$version+1
# not below /tmp, which a boot empties
mkdir "$root/next"
for deb in "$root"/tmp/build/deb/*.deb; do
	rm -rf "$root.debs/x"
	dpkg-deb -R "$deb" "$root.debs/x"
	sed -i "s/^Version: .*/Version: $next/; s/libvexfs0 (= $version)/libvexfs0 (= $next)/" "$root.debs/x/DEBIAN/control"
	deb=${deb##*/}
	dpkg-deb -b "$root.debs/x" "$root/next/${deb/_$version/_$next}" > /dev/null
done

# --- a machine that boots from it: tests/deb-guest.sh, on an image of the root

disk=$root.img data=$root.data
truncate -s 1G "$root/tmp/data"
run "a filesystem for it" in_root mkfs.vexfs -L srv /tmp/data
mv "$root/tmp/data" "$data"
unmounts
units=$root/etc/systemd/system
mkdir "$root/srv/vexfs"
cp "$top/tests/deb-guest.sh" "$top/tests/vm/lib.sh" "$root/"
printf '/dev/vda / ext4 defaults 0 1\n/dev/vdb /srv/vexfs vexfs noatime 0 2\n' > "$root/etc/fstab"
cat > "$units/vexfs-test.service" <<'U'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh deb-guest.sh
ExecStopPost=/bin/systemctl poweroff --force --force
StandardOutput=file:/dev/ttyS0
StandardError=file:/dev/ttyS0
U
ln -s ../vexfs-test.service "$units/multi-user.target.wants/"
truncate -s 4G "$disk"
run "an image of the root" mke2fs -q -t ext4 -F -d "$root" "$disk"
rm -r "$root/deb-guest.sh" "$root/lib.sh" "$root/srv/vexfs" "$units/vexfs-test.service" "$units/multi-user.target.wants/vexfs-test.service"
accel=$("$top/tests/vm/run" --probe)
# Emulated with one processor: with two the emulator now and then loses a race against a kernel that patches its own
# code (see tests/vm/run), and this one writes its disk, so that it cannot just be booted again.
[ "$accel" = kvm ] && cpu="host -smp 2" || cpu="max -smp 1"
timeout 600 qemu-system-x86_64 -M q35 -accel "$accel" -cpu $cpu -m 1G -nodefaults -display none -no-reboot \
	-serial stdio -kernel "$root"/boot/vmlinuz-* -initrd "$root"/boot/initrd.img-* \
	-drive "file=$disk,format=raw,if=virtio,cache=unsafe" -drive "file=$data,format=raw,if=virtio,cache=unsafe" \
	-append "root=/dev/vda rw console=ttyS0 quiet systemd.show_status=0 systemd.mask=serial-getty@ttyS0.service" \
	< /dev/null 2>&1 | tr -d '\r' > "$root.console"
while read -r line; do
	name="booted: ${line#*deb-guest: }"
	# what follows the line says why
	awk -v line="$line" '$0 == line { found = 1; next } found && !/^#/ { exit } found' "$root.console" > "$out"
	case $line in ok*) ok "$name";; *) not_ok "$name";; esac
done < <(grep -E '^(not )?ok [0-9]' "$root.console")
cp "$root.console" "$out"
says "booted: all of it ran" "^1\.\.[1-9]"
grep '^# ' "$root.console"
run "what it left on the disk" "$top/build/bin/fsck.vexfs" "$data"
says "is clean" "clean, .* 1 collections, 3 records"
rm -rf "$disk" "$data"
mounts

# --- upgrade, with the module in the kernel (this one has none, a file says so)

rm -r "$root/tmp/build"
mv "$root/next" "$root/tmp/debs"
echo "mounted by hand" >> "$root/etc/vexfs/vexd.conf"
printf 'nodev\tproc\n\tvexfs\n' > "$root/tmp/filesystems"
run "a kernel that knows vexfs" mount --bind "$root/tmp/filesystems" "$root/proc/filesystems"
run "upgrade" install $(cd "$root" && printf '/%s ' tmp/debs/*.deb)
says "it says that the old module stays" "goes on with the old module until it is loaded anew"
says "and what to do" "vexctl unload"
umount "$root/proc/filesystems"
run "the configuration stays" grep -q 'mounted by hand' "$root/etc/vexfs/vexd.conf"
run "DKMS has one version" test "$(in_root dkms status 2>/dev/null | grep -c '^vexfs/.*installed')" = 1

# --- remove, purge

run "remove" apt remove vexfs-tools vexfs-fuse vexfs-dkms libvexfs-dev python3-vexfs node-vexfs libvexfs0
run "the configuration stays after a removal" test -e "$root/etc/vexfs/vexd.conf"
run "the module is gone" test -z "$(find "$root/lib/modules" -name 'vexfs.ko*')"
run "purge" in_root dpkg --purge vexfs-tools vexfs-fuse vexfs-dkms libvexfs-dev python3-vexfs node-vexfs libvexfs0
run "autoremove" apt autoremove
files > "$root.after"
comm -13 "$root.before" "$root.after" | grep vexfs > "$out"
run "nothing of it is left" test ! -s "$out"
finish
