# SPDX-License-Identifier: GPL-2.0
#
# make install: what users run and build against, below DESTDIR and PREFIX.  The module goes to its kernel, hence
# `make install-module`, or DKMS: see debian/.

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/vexfs
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions
UNITDIR ?= $(PREFIX)/lib/systemd/system
# where Debian's own Python looks; /usr/local has a directory for each version of it
PYTHONDIR ?= $(PREFIX)/lib/$(if $(filter /usr,$(PREFIX)),python3,$(shell /usr/bin/python3 -c \
	'import sys; print("python%d.%d" % sys.version_info[:2])' 2>/dev/null || echo python3))/dist-packages
# on NODE_PATH, or where Debian's node looks
NODEDIR ?= $(PREFIX)/lib/node_modules/vexfs
BPFDIR := $(PREFIX)/lib/vexfs
# vexd has this one built in
CONFDIR := /etc/vexfs

VERSION := $(shell sed -n 's/^\#define VEXFS_VERSION[ \t]*"\(.*\)"/\1/p' include/vexfs/vexfs.h)
SBIN_PROGRAMS := $(B)/bin/vexd $(B)/bin/mkfs.vexfs $(B)/bin/fsck.vexfs
MAN8 := $(wildcard ctl/man/*.8) $(B)/man/vexctl.8

# put FILES,DIRECTORY,MODE
define put
	$(Q)install -d '$(DESTDIR)$(2)'
	$(Q)install -m $(3) $(1) '$(DESTDIR)$(2)/'
endef
# fill TEMPLATE,FILE: with the directories of this installation
define fill
	$(Q)install -d '$(DESTDIR)$(dir $(2))'
	$(Q)sed 's|@PREFIX@|$(PREFIX)|; s|@BINDIR@|$(BINDIR)|; s|@SBINDIR@|$(SBINDIR)|; s|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|; \
		s|@BPFDIR@|$(BPFDIR)|; s|@VERSION@|$(VERSION)|' $(1) > '$(DESTDIR)$(2)'
	$(Q)chmod 644 '$(DESTDIR)$(2)'
endef

.PHONY: install uninstall install-module uninstall-module print-version
# for tests/deb.sh
print-version:
	@echo '$(VERSION)'
install: tools bpf native
	$(call put,$(B)/bin/vexctl $(B)/bin/vexfs-fuse,$(BINDIR),755)
	$(call put,$(SBIN_PROGRAMS),$(SBINDIR),755)
	@# the helper of mount(8), which looks for it in /sbin
	$(Q)ln -sf $(shell realpath -ms --relative-to='$(SBINDIR)' '$(BINDIR)')/vexfs-fuse '$(DESTDIR)$(SBINDIR)/mount.fuse.vexfs'
	$(call put,$(LIBVEXFS_SO),$(LIBDIR),644)
	$(Q)ln -sf $(notdir $(LIBVEXFS_SO)) '$(DESTDIR)$(LIBDIR)/libvexfs.so'
	$(call fill,ctl/libvexfs/libvexfs.pc.in,$(LIBDIR)/pkgconfig/libvexfs.pc)
	$(call put,include/vexfs/*.h,$(INCLUDEDIR)/vexfs,644)
	$(call put,$(BPF_OBJ) $(NATIVE_SO),$(BPFDIR),644)
	$(call put,$(MAN8),$(MANDIR)/man8,644)
	$(call put,$(B)/man/*.3,$(MANDIR)/man3,644)
	$(Q)install -D -m 644 ctl/vexctl/completion.bash '$(DESTDIR)$(COMPLETIONDIR)/vexctl'
	$(Q)install -D -m 644 ctl/fuse/completion.bash '$(DESTDIR)$(COMPLETIONDIR)/vexfs-fuse'
	$(call fill,ctl/vexd/vexd.service.in,$(UNITDIR)/vexd.service)
	$(call put,ctl/python/vexfs/*.py,$(PYTHONDIR)/vexfs,644)
	$(if $(NODE_INCLUDE),$(call put,$(NODE_ADDON) $(addprefix ctl/node/,package.json index.js langchain.js search.js),$(NODEDIR),644))
	$(call put,README.md,$(DOCDIR),644)
	$(call put,$(BPF_SRC) $(wildcard bpf/*.bpf.h),$(DOCDIR)/examples,644)
	$(call put,ctl/examples/*,$(DOCDIR)/examples,755)
	@# what somebody has written there stays
	$(if $(wildcard $(DESTDIR)$(CONFDIR)/vexd.conf),,$(call fill,ctl/vexd/vexd.conf.in,$(CONFDIR)/vexd.conf))
	@echo 'installed below $(DESTDIR)$(PREFIX)'
	@[ -n '$(DESTDIR)' ] || \
		echo 'next, as root: make install-module; ldconfig; addgroup --system vexfs; systemctl daemon-reload'

# all but the configuration
uninstall:
	$(Q)cd '$(DESTDIR)/' && rm -f .$(BINDIR)/vexctl .$(BINDIR)/vexfs-fuse .$(SBINDIR)/mount.fuse.vexfs $(patsubst %,.$(SBINDIR)/%,$(notdir $(SBIN_PROGRAMS))) \
		.$(LIBDIR)/$(notdir $(LIBVEXFS_SO)) .$(LIBDIR)/libvexfs.so .$(LIBDIR)/pkgconfig/libvexfs.pc \
		$(patsubst %,.$(MANDIR)/man8/%,$(notdir $(MAN8))) .$(MANDIR)/man3/vexfs_*.3 .$(COMPLETIONDIR)/vexctl .$(COMPLETIONDIR)/vexfs-fuse \
		.$(UNITDIR)/vexd.service
	$(Q)cd '$(DESTDIR)/' && rm -rf .$(INCLUDEDIR)/vexfs .$(BPFDIR) .$(DOCDIR) .$(PYTHONDIR)/vexfs .$(NODEDIR)

# For the kernel that KDIR is of.  Debian's headers lack System.map, without which kbuild does not call depmod.
KERNEL_RELEASE = $(shell cat '$(KDIR)/include/config/kernel.release' 2>/dev/null)
DEPMOD = depmod $(if $(DESTDIR),-b '$(DESTDIR)') '$(KERNEL_RELEASE)'
install-module: module
	$(Q)$(KMOD_MAKE) $(if $(DESTDIR),INSTALL_MOD_PATH='$(DESTDIR)') modules_install
	$(Q)$(DEPMOD)
uninstall-module:
	$(Q)rm -f '$(DESTDIR)/lib/modules/$(KERNEL_RELEASE)'/updates/vexfs.ko*
	$(Q)$(DEPMOD)

# The source package and the Debian packages, of what git knows of this tree, in build/deb.
.PHONY: deb
deb: $(LIBBPF) $(BPFTOOL)
	@V=$(V) ctl/deb $(B)/deb
