# SPDX-License-Identifier: GPL-2.0
#
# What the build needs from outside: Debian packages, and libbpf and bpftool new enough for
# struct_ops types that live in a module (libbpf >= 1.4).  Debian 12 has an older one, so both are
# then built from the package linux-source-6.12 and kept in a cache that may be deleted at any time.

DEB_PACKAGES := gcc libc6-dev clang libclang-rt-14-dev llvm linux-source-6.12 qemu-system-x86 dwarves libelf-dev \
	zlib1g-dev busybox-static cpio zstd xz-utils libcmocka-dev sparse libblkid-dev libmount-dev \
	uuid-dev libjson-c-dev libmicrohttpd-dev libsystemd-dev pkg-config kmod python3 python3-numpy nodejs \
	bpftrace linux-perf groff-base libbpf-dev libfuse3-dev fuse3 libsimde-dev debhelper dh-dkms dpkg-dev debootstrap e2fsprogs git gnuplot-nox
# The headers of Node: with its own packages, beside a node that is on the PATH, or from Debian's libnode-dev.
NODE_INCLUDE := $(firstword $(patsubst %/node_api.h,%,$(wildcard $(addsuffix /include/node/node_api.h,\
	$(patsubst %/bin/node,%,$(realpath $(shell command -v node))) /usr))))
DEB_PACKAGES += $(if $(NODE_INCLUDE),,libnode-dev)
# pulls in the image of the same version, whose vmlinuz and modules the tests boot
DEB_KERNEL := linux-headers-6.12-amd64

# The newest installed 6.12 headers, and the release they are for.
ifndef KDIR
KDIR := $(shell ls -d /usr/src/linux-headers-6.12*-amd64 2>/dev/null | sort -V | tail -n 1)
endif

.PHONY: deps
deps:
	@V=$(V) ctl/deps $(B)/deps.log '$(KERNEL_RELEASE)' $(DEB_KERNEL) $(DEB_PACKAGES)

# libbpf: from pkg-config when it is new enough, else from the kernel's own source.
CACHE_HOME := $(or $(XDG_CACHE_HOME),$(HOME:%=%/.cache))
CACHE := $(or $(if $(CACHE_HOME),$(shell mkdir -p '$(CACHE_HOME)/vexfs' 2>/dev/null && \
	test -w '$(CACHE_HOME)/vexfs' && echo '$(CACHE_HOME)/vexfs')),$(CURDIR)/$(B)/cache)
LINUX_SOURCE := /usr/src/linux-source-6.12.tar.xz
LINUX_SOURCE_VERSION := $(shell dpkg-query -W -f '$${Version}' linux-source-6.12 2>/dev/null)

ifeq ($(shell pkg-config --atleast-version=1.4 libbpf 2>/dev/null && echo yes),yes)
LIBBPF :=
LIBBPF_CFLAGS := $(shell pkg-config --cflags libbpf)
LIBBPF_LIBS := $(shell pkg-config --libs libbpf)
else
LIBBPF := $(CACHE)/libbpf-$(LINUX_SOURCE_VERSION)/libbpf.a
LIBBPF_CFLAGS := -isystem $(dir $(LIBBPF))include
LIBBPF_LIBS := $(LIBBPF) -lelf -lz
endif

# bpftool: 7.4 is the first one that comes with such a libbpf.
ifneq ($(shell bpftool version 2>/dev/null | sed -n 's/^bpftool v7\.\([4-9]\|[1-9][0-9]\).*/yes/p'),)
BPFTOOL := $(shell command -v bpftool)
else
BPFTOOL := $(CACHE)/bpftool-$(LINUX_SOURCE_VERSION)/bpftool
endif

LINUX_TOOLS := $(filter $(CACHE)/%,$(LIBBPF) $(BPFTOOL))
ifneq ($(LINUX_TOOLS),)
$(LINUX_TOOLS) &:
	$(Q)+V=$(V) ctl/quietly $(B)/linux-tools.log \
		'  BUILD   $(notdir $(LINUX_TOOLS)) from linux-source-6.12 $(LINUX_SOURCE_VERSION), once; takes a minute' \
		ctl/linux-tools $(LINUX_SOURCE) $(LINUX_TOOLS)
endif
