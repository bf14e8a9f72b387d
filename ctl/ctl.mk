# SPDX-License-Identifier: GPL-2.0
#
# The user-space side: the cores as a static library, and the tools on top of it.

PKGS := blkid mount uuid json-c libmicrohttpd libsystemd
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
FUSE_CFLAGS := $(shell pkg-config --cflags fuse3 2>/dev/null)
FUSE_LIBS := $(shell pkg-config --libs fuse3 2>/dev/null)

CORE_SRC := $(wildcard $(addsuffix /*.c,$(addprefix kmod/,core engine collection search ioctl)) ctl/platform/*.c)
# whoever attaches an image answers others, as vexfs-fuse does
DOOR_SRC := ctl/fuse/door.c
LIBVEXFS_SRC := $(wildcard ctl/libvexfs/*.c) $(DOOR_SRC)
LOADER_SRC := $(wildcard ctl/loader/*.c)
VEXCTL_SRC := $(wildcard ctl/vexctl/*.c)
MKFS_SRC := $(wildcard ctl/mkfs/*.c)
FSCK_SRC := $(wildcard ctl/fsck/*.c)
FUSE_SRC := $(filter-out $(DOOR_SRC),$(wildcard ctl/fuse/*.c))
METER_SRC := ctl/meter/meter.c
VEXD_SRC := $(wildcard ctl/vexd/*.c)

# what programs link with: the calls of include/vexfs/vexfs.h and no more; libvexfs.a has what the tools share, too
LIBVEXFS_API := $(DOOR_SRC) $(addprefix ctl/libvexfs/,attach.c create_image.c native.c fuse.c marshal.c libvexfs.c words.c where.c snapshot.c strerror.c)
LIBVEXFS_SO := $(B)/lib/libvexfs.so.0

objs = $(patsubst %.c,$(B)/obj/%.o,$(1))

# The module for Node has the library in it; without the headers of Node there is none.
NODE_ADDON := $(if $(NODE_INCLUDE),$(B)/node/vexfs.node)

.PHONY: tools node
tools: $(NODE_ADDON) $(B)/lib/libvexfs-core.a $(B)/bin/vexctl $(B)/bin/vexd $(B)/bin/mkfs.vexfs $(B)/bin/fsck.vexfs $(B)/bin/vexfs-fuse $(B)/bin/bpftool $(LIBVEXFS_SO) $(B)/man/vexfs_open.3 $(B)/man/vexctl.8

# One object per source; the engine's kernels alone may use AVX2 and AVX-512, a run-time check guards them.
# Products and sums are fused where a kernel says so, and not where the compiler likes to.
AVX2 := -mavx2 -mfma -ffp-contract=off
AVX512 := $(AVX2) -mavx512f -mavx512bw -mavx512dq -mavx512vl
$(B)/obj/%.o: %.c | $(LIBBPF)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(LIBBPF_CFLAGS) $(PKG_CFLAGS) $(CFLAGS) $(CFLAGS_EXTRA) -MMD -MP -c $< -o $@
$(B)/obj/kmod/engine/%_avx2.o: CFLAGS_EXTRA := $(AVX2)
$(B)/obj/kmod/engine/%_avx512.o: CFLAGS_EXTRA := $(AVX512)
$(B)/obj/kmod/engine/vnni.o: CFLAGS_EXTRA := $(AVX512) -mavx512vnni -mavx512vpopcntdq

# An archive is made anew, so that a source that is gone leaves nothing behind.
define archive
	$(call say,AR,$@)
	@mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcsD $@ $(filter %.o,$^)
endef
define link
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(filter %.o,$^) $(filter %.a,$^) -Wl,--as-needed $(LDFLAGS) $(1) -o $@
endef

$(B)/lib/libvexfs-core.a: $(call objs,$(CORE_SRC))
	$(archive)
$(B)/lib/libvexfs.a: $(call objs,$(LIBVEXFS_SRC) $(LOADER_SRC) $(METER_SRC))
	$(archive)

# The shared library has what an attached image takes of the cores; the map hides all but the calls.
$(B)/pic/%.o: %.c
	$(call say,CC,"$< (shared)")
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(CFLAGS_EXTRA) -fPIC -fno-semantic-interposition -MMD -MP -c $< -o $@
$(B)/pic/kmod/engine/%_avx2.o: CFLAGS_EXTRA := $(AVX2)
$(B)/pic/kmod/engine/%_avx512.o: CFLAGS_EXTRA := $(AVX512)
$(B)/pic/kmod/engine/vnni.o: CFLAGS_EXTRA := $(AVX512) -mavx512vnni -mavx512vpopcntdq
$(B)/pic/libvexfs-core.a: $(patsubst %.c,$(B)/pic/%.o,$(CORE_SRC))
	$(archive)
$(LIBVEXFS_SO): $(patsubst %.c,$(B)/pic/%.o,$(LIBVEXFS_API)) $(B)/pic/libvexfs-core.a ctl/libvexfs/libvexfs.map
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -shared -Wl,-soname,$(@F) -Wl,--version-script=ctl/libvexfs/libvexfs.map -Wl,-z,defs \
		$(filter %.o,$^) $(filter %.a,$^) -Wl,--as-needed $(LDFLAGS) -lm -o $@
	$(Q)ln -sf $(@F) $(@D)/libvexfs.so

node: $(NODE_ADDON)
	$(if $(NODE_ADDON),,@echo 'node_api.h is not there: install libnode-dev, or run make deps' >&2; exit 1)
$(B)/pic/ctl/node/%.o: CPPFLAGS += -isystem $(NODE_INCLUDE)
$(B)/node/vexfs.node: $(patsubst %.c,$(B)/pic/%.o,$(wildcard ctl/node/*.c) $(LIBVEXFS_API)) $(B)/pic/libvexfs-core.a ctl/node/addon.map
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -shared -Wl,--version-script=ctl/node/addon.map $(filter %.o,$^) $(filter %.a,$^) \
		-Wl,--as-needed $(LDFLAGS) -lm -o $@

# a page for each call, made of the comments of the header
$(B)/man/vexfs_open.3: include/vexfs/vexfs.h ctl/libvexfs/man.py
	$(call say,MAN,$(@D))
	$(Q)ctl/libvexfs/man.py $< $(@D)

$(B)/man/vexctl.8: $(B)/bin/vexctl ctl/man/vexctl.py
	$(call say,MAN,$@)
	@mkdir -p $(@D)
	$(Q)ctl/man/vexctl.py $< > $@

# the BPF side of the meter goes into the programs, as libbpf's skeleton
METER_SKEL := $(B)/gen/meter/meter.skel.h
$(B)/gen/meter/meter.bpf.o: ctl/meter/meter.bpf.c | $(LIBBPF)
	$(compile-bpf)
$(METER_SKEL): $(B)/gen/meter/meter.bpf.o $(BPFTOOL)
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name meter_bpf > $@
$(call objs,$(METER_SRC)) $(B)/san/ctl/meter/meter.o: $(METER_SKEL)

$(B)/bin/vexctl: $(call objs,$(VEXCTL_SRC)) $(B)/lib/libvexfs.a $(B)/lib/libvexfs-core.a $(LIBBPF)
	$(call link,$(PKG_LIBS) $(LIBBPF_LIBS) -lz -lm)
$(B)/bin/vexd: $(call objs,$(VEXD_SRC)) $(B)/lib/libvexfs.a $(B)/lib/libvexfs-core.a $(LIBBPF)
	$(call link,$(PKG_LIBS) $(LIBBPF_LIBS) -lz -lm)
$(B)/bin/mkfs.vexfs: $(call objs,$(MKFS_SRC)) $(B)/lib/libvexfs-core.a
	$(call link,$(PKG_LIBS) -lm)
$(B)/bin/fsck.vexfs: $(call objs,$(FSCK_SRC)) $(B)/lib/libvexfs-core.a
	$(call link,$(PKG_LIBS) -lm)
$(call objs,$(FUSE_SRC)) $(patsubst %.c,$(B)/san/%.o,$(FUSE_SRC)): CPPFLAGS += $(FUSE_CFLAGS)
$(B)/bin/vexfs-fuse: $(call objs,$(FUSE_SRC)) $(B)/lib/libvexfs.a $(B)/lib/libvexfs-core.a
	$(call link,$(FUSE_LIBS) -lpthread -lm)
$(B)/bin/bpftool: $(BPFTOOL)
	$(call say,COPY,$@)
	@mkdir -p $(@D)
	$(Q)cp $< $@

-include $(shell find $(B)/obj $(B)/pic -name '*.d' 2>/dev/null)
