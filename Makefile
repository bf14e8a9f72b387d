# SPDX-License-Identifier: GPL-2.0
#
# VexFS.  `make help` lists what can be made; the fragments hold one directory each.
# Everything from user space is built under build/, the module and the BPF objects in place.

MAKEFLAGS += --no-builtin-rules --no-print-directory
SHELL := /bin/bash
# modprobe, modinfo and bpftool, which users do not have on their PATH
export PATH := $(PATH):/usr/sbin:/sbin
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := help

CC := gcc
CLANG := clang
B := build
CPPFLAGS := -Iinclude -Ikmod -Ictl -Ictl/platform -I$(B)/gen
# fields at the end of a table's entry may be left out: they are zero
CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Wno-missing-field-initializers -Werror $(EXTRA_CFLAGS)
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
# of a make that has got no -j: as many jobs as there are processors
ALL_JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$$(nproc))
say = @printf '  %-7s %s\n' $(1) $(2)

include ctl/deps.mk
include ctl/ctl.mk
include kmod/kmod.mk
include bpf/bpf.mk
include tests/tests.mk
include tests/fuzz/fuzz.mk
include bench/bench.mk
include ctl/install.mk

.PHONY: all clean help FORCE
all: module bpf native tools tests

clean: module-clean
	$(Q)rm -rf $(B) $(BPF_OBJ) $(NATIVE_SO)

help:
	@echo 'make deps        install the Debian packages that the build and the tests need (root)'
	@echo 'make all         build the module, the BPF programs, the tools and the tests'
	@echo 'make native      the programs of bpf/ for mounts by vexfs-fuse and attached images: bpf/NAME.native.so'
	@echo 'make node        the module for Node alone, into $(B)/node'
	@echo 'make demo        install what is missing, build, and show VexFS at work: as a library, and in a virtual machine'
	@echo 'make demo-fuse   the same as a library, and mounted by FUSE, for machines without QEMU'
	@echo 'make install     programs, library, man pages, unit; PREFIX=[/usr/local] DESTDIR=[]'
	@echo 'make install-module  the module, for the kernel of KDIR'
	@echo 'make uninstall'
	@echo 'make deb         Debian packages into build/deb: DKMS module, tools, FUSE mount, library, Python'
	@echo 'make check       deps, all, sparse, check-unit, check-fuzz, check-vm and check-deb; ends with one line of counts'
	@echo 'make check-unit  unit tests, natively, under AddressSanitizer and UBSan'
	@echo 'make check-fuzz  the fuzz targets over their corpus; make fuzz builds them under $(B)/fuzz'
	@echo 'make check-deb   the packages in a clean Debian root, booted, upgraded, removed (root)'
	@echo 'make check-vm    tests on the stock Debian kernel in QEMU'
	@echo 'make bench       race against other engines, under 40 minutes: bench/results/; SETS= PEERS= EXTRA= MINUTES= VM=1, see bench/bench.mk (root)'
	@echo 'make bench-disk  durable inserts, first answers, size and turnovers on disk, beside other stores: bench/results/disk.txt; DISK= STORES='
	@echo 'make bench-open  opening an image of 1,000,000 rows, and the first answer: bench/results/open.txt'
	@echo 'make bench-native  nanoseconds per row and query of the engine on this machine, and searches while others insert'
	@echo 'make bench-vm    instructions per query in a virtual machine, into the same results'
	@echo 'make check-long  for some hours: random histories, a million power cuts, every fault, threads, crashes of generated workloads; each fuzz target for FUZZ_SECONDS [20]; hostile images and ioctls in a guest for HOSTILE_SECONDS [1800] each'
	@echo 'make check-debug  check-vm on a kernel with KASAN, lockdep, kmemleak and UBSAN, which is built first; DEBUG_TESTS='
	@echo 'make check-kcsan  the tests of searches on one with KCSAN; KCSAN_TESTS='
	@echo 'make sparse      run sparse over the module; any warning is an error'
	@echo 'make clean       remove what was built'
	@echo
	@echo 'KDIR=DIR         kernel headers to build against [$(KDIR)]'
	@echo 'VEXFS_ACCEL=kvm|tcg|auto  how QEMU runs the guest [auto: KVM if a probe boots]'
	@echo 'V=1              show the commands, and what otherwise goes to logs'

FORCE:
