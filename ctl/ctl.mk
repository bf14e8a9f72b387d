# SPDX-License-Identifier: GPL-2.0
#
# The user-space side: the cores as a static library, and the tools on top of it.

PKGS := blkid mount uuid json-c
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null)

CORE_SRC := $(wildcard kmod/core/*.c kmod/engine/*.c ctl/platform/*.c)
LIBVEXFS_SRC := $(wildcard ctl/libvexfs/*.c)
LOADER_SRC := $(wildcard ctl/loader/*.c)
VEXCTL_SRC := $(wildcard ctl/vexctl/*.c)
MKFS_SRC := $(wildcard ctl/mkfs/*.c)

objs = $(patsubst %.c,$(B)/obj/%.o,$(1))

.PHONY: tools
tools: $(B)/lib/libvexfs-core.a $(B)/bin/vexctl $(B)/bin/mkfs.vexfs $(B)/bin/bpftool

# One object per source; the engine's AVX2 kernels alone may use AVX2, a run-time check guards them.
$(B)/obj/%.o: %.c | $(LIBBPF)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(LIBBPF_CFLAGS) $(PKG_CFLAGS) $(CFLAGS) $(CFLAGS_EXTRA) -MMD -MP -c $< -o $@
$(B)/obj/kmod/engine/%_avx2.o: CFLAGS_EXTRA := -mavx2 -mfma

# An archive is made anew, so that a source that is gone leaves nothing behind.
define archive
	$(call say,AR,$@)
	@mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcsD $@ $(filter %.o,$^)
endef
define link
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(filter %.o %.a,$^) -Wl,--as-needed $(1) -o $@
endef

$(B)/lib/libvexfs-core.a: $(call objs,$(CORE_SRC))
	$(archive)
$(B)/lib/libvexfs.a: $(call objs,$(LIBVEXFS_SRC) $(LOADER_SRC))
	$(archive)

$(B)/bin/vexctl: $(call objs,$(VEXCTL_SRC)) $(B)/lib/libvexfs.a $(B)/lib/libvexfs-core.a $(LIBBPF)
	$(call link,$(PKG_LIBS) $(LIBBPF_LIBS) -lm)
$(B)/bin/mkfs.vexfs: $(call objs,$(MKFS_SRC)) $(B)/lib/libvexfs-core.a
	$(call link,$(PKG_LIBS) -lm)
$(B)/bin/bpftool: $(BPFTOOL)
	$(call say,COPY,$@)
	@mkdir -p $(@D)
	$(Q)cp $< $@

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
