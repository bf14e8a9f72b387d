# SPDX-License-Identifier: GPL-2.0
#
# tests/unit/test_NAME.c   cmocka, becomes build/tests/NAME; other C files in tests/unit are shared
# tests/unit/*.py, *.js    the same kind of test for what is no C, executable; tap.py, tap.js, pymodule.py are what they share
# tests/fuse/              programs of tests/vm, on a mount by vexfs-fuse
# tests/simde/             AVX-512 in plain C, for tests/unit/test_kernels.c
# tests/vm/t_NAME.sh       run inside the guest by tests/vm/run, with helper programs tests/vm/*.c and
#                          BPF objects tests/vm/*.bpf.c, as /usr/lib/vexfs/*.bpf.o
# tests/debug/             kernels that look for faults, for check-debug and check-kcsan
# tests/crash/*.sh         run on the host, executable; each prints its own line of counts.  Their loads and
#                          judges are in C, and built twice: for the guest, and over an image in a process

UNIT_TESTS := $(patsubst tests/unit/test_%.c,$(B)/tests/%,$(wildcard tests/unit/test_*.c))
THREAD_TESTS := $(patsubst %,$(B)/tsan/%,threads derived linking index syncs swapping)
# of the guest, on a mount by vexfs-fuse; see tests/fuse/ioctl.c
FUSE_HELPERS := $(patsubst %,$(B)/tests/fuse/%,calls collection files ids readers records sides snapshots where words)
# programs compiled natively: those that are shipped, and those of the guest
NATIVE_TESTED := $(patsubst %,$(B)/tests/vm/%.native.so,bad_abi bad_filter bad_search no_name no_ops overrun sample2 scan_filter \
	spin two_ops half half-odd)
# all that check-unit runs and is made for it alone
UNIT_PARTS := $(UNIT_TESTS) $(THREAD_TESTS) $(B)/tests/fsck.vexfs $(B)/tests/vexd $(B)/tests/vexctl \
	$(B)/tests/vexfs-fuse $(B)/tests/vm/hostile $(FUSE_HELPERS) $(NATIVE_SO) $(NATIVE_TESTED) bpf/flat.bpf.o
UNIT_SCRIPTS := $(filter-out tests/unit/tap.py tests/unit/tap.js tests/unit/mounting.py tests/unit/pymodule.py,$(wildcard tests/unit/*.py tests/unit/*.js))
UNIT_SHARED := $(filter-out tests/unit/test_%.c,$(wildcard tests/unit/*.c))
VM_C := $(filter-out %.bpf.c,$(wildcard tests/vm/*.c))
VM_HELPERS := $(patsubst %.c,$(B)/%,$(VM_C))
CRASH_SRC := $(patsubst %,tests/crash/%.c,crash records bound)
OPS_SRC := $(patsubst %,tests/crash/%.c,ops ops_judge)
CRASH_GUEST := $(B)/tests/vm/crashload $(B)/tests/vm/orders
# what `vexctl program new` writes, too
SKELETONS := $(patsubst %,$(B)/tests/vm/new-%.bpf.o,search distance filter)
VM_BPF := $(patsubst %.c,$(B)/%.o,$(wildcard tests/vm/*.bpf.c)) $(SKELETONS)
# the commands of the README, for t_readme.sh
VM_README := $(B)/tests/vm/readme.steps
VM_TESTS := $(wildcard tests/vm/t_*.sh)
# the longer one first; others in tests/crash are run in their guests
CRASH_TESTS := tests/crash/states.sh tests/crash/orders.sh tests/crash/kill.sh

# Unit tests use a second copy of the cores, with both sanitizers; the first error ends a test.
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
san = $(patsubst %.c,$(B)/san/%.o,$(1))

.PHONY: tests check check-unit check-deb check-vm check-hostile check-long check-debug check-kcsan demo demo-fuse
tests: $(UNIT_PARTS) $(VM_HELPERS) $(CRASH_GUEST) $(VM_BPF) $(VM_README) $(B)/tests/states $(B)/tests/orders $(B)/tests/crash-image

$(B)/san/%.o: %.c | $(LIBBPF)
	$(call say,CC,"$< (sanitized)")
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -Itests/unit $(LIBBPF_CFLAGS) $(PKG_CFLAGS) $(CFLAGS) $(SANITIZE) $(CFLAGS_EXTRA) \
		-MMD -MP -c $< -o $@
$(B)/san/kmod/engine/%_avx2.o: CFLAGS_EXTRA := $(AVX2)
$(B)/san/kmod/engine/%_avx512.o: CFLAGS_EXTRA := $(AVX512)
$(B)/san/kmod/engine/vnni.o: CFLAGS_EXTRA := $(AVX512) -mavx512vnni -mavx512vpopcntdq
$(B)/san/libvexfs-core.a: $(call san,$(CORE_SRC))
	$(archive)
$(B)/san/libvexfs.a: $(call san,$(LIBVEXFS_SRC))
	$(archive)
.SECONDARY: $(call san,$(wildcard tests/unit/*.c)) $(call objs,$(VM_C) $(wildcard tests/crash/*.c))

$(UNIT_TESTS): $(B)/tests/%: $(B)/san/tests/unit/test_%.o $(call san,$(UNIT_SHARED)) \
		$(B)/san/libvexfs.a $(B)/san/libvexfs-core.a
	$(call link,$(SANITIZE) -lcmocka $(PKG_LIBS) -lz -lm)
# the kernels with AVX-512 in plain C, for processors without it, under other names: SIMDe is a header
SIMDE_SRC := kmod/engine/kernels.c $(wildcard kmod/engine/*_avx512.c) kmod/engine/vnni.c
$(B)/simde/%.o: %.c
	$(call say,CC,"$< (emulated)")
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -isystem tests/simde $(CFLAGS) -Wno-psabi -fsanitize=address -MMD -MP -c $< -o $@
$(B)/simde/kernels.o: $(patsubst %.c,$(B)/simde/%.o,$(SIMDE_SRC))
	$(Q)ld -r -o $@ $^ && nm -g --defined-only $@ | awk '{ print $$3, "emulated_" $$3 }' > $@.names && \
		objcopy --redefine-syms=$@.names $@
.SECONDARY: $(patsubst %.c,$(B)/simde/%.o,$(SIMDE_SRC))
$(B)/tests/kernels: $(B)/simde/kernels.o

# threads, under the sanitizer for them
THREAD_SRC := $(CORE_SRC) $(patsubst %,tests/unit/%.c,box driver disk history client seen mount stored)
$(B)/tsan/%.o: %.c
	$(call say,CC,"$< (threads)")
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -fsanitize=thread $(CFLAGS_EXTRA) -MMD -MP -c $< -o $@
$(B)/tsan/kmod/engine/%_avx2.o: CFLAGS_EXTRA := $(AVX2)
$(B)/tsan/kmod/engine/%_avx512.o: CFLAGS_EXTRA := $(AVX512)
# These look at blocks of 32 codes, of which the last ones may be about to be written: what comes out for those is masked.
$(B)/tsan/kmod/engine/rabitq_avx2.o: CFLAGS_EXTRA := $(AVX2) -fno-sanitize=thread
$(B)/tsan/kmod/engine/rabitq_avx512.o: CFLAGS_EXTRA := $(AVX512) -fno-sanitize=thread
$(B)/tsan/kmod/engine/vnni.o: CFLAGS_EXTRA := $(AVX512) -mavx512vnni -mavx512vpopcntdq
.SECONDARY: $(patsubst %.c,$(B)/tsan/%.o,$(THREAD_SRC))
$(THREAD_TESTS): $(B)/tsan/%: $(B)/tsan/tests/unit/test_%.o $(patsubst %.c,$(B)/tsan/%.o,$(THREAD_SRC))
	$(call link,-fsanitize=thread -lcmocka -lm)
$(B)/tests/vm/%.native.so: tests/vm/%.bpf.c
	$(compile-native)
$(B)/tests/vm/half-odd.native.so: $(B)/gen/half-odd.bpf.c
	$(compile-native)
$(B)/gen/half-odd.bpf.c: tests/vm/half.bpf.c
	@mkdir -p $(@D)
	$(Q)sed 's/__u32 odd = 0/__u32 odd = 1/' $< > $@
$(B)/tests/native $(B)/tests/swapping $(B)/tsan/swapping: | $(NATIVE_SO) $(NATIVE_TESTED) bpf/flat.bpf.o $(LIBVEXFS_SO)
# without any sanitizer, for what takes long
$(B)/tests/long/%: $(B)/obj/tests/unit/test_%.o $(call objs,$(UNIT_SHARED)) $(B)/lib/libvexfs.a $(B)/lib/libvexfs-core.a
	$(call link,-lcmocka $(PKG_LIBS) $(LIBBPF_LIBS) -lz -lm)
# for tests/unit/fsck.py
$(B)/tests/fsck.vexfs: $(call san,$(FSCK_SRC)) $(B)/san/libvexfs-core.a
	$(call link,$(SANITIZE) $(PKG_LIBS) -lm)
# vexctl, for tests/unit/debug.py
$(B)/tests/vexctl: $(call san,$(VEXCTL_SRC) $(LIBVEXFS_SRC) $(LOADER_SRC) $(METER_SRC)) $(B)/san/libvexfs-core.a $(LIBBPF)
	$(call link,$(SANITIZE) $(PKG_LIBS) $(LIBBPF_LIBS) -lz -lm)
# the daemon, for tests/unit/vexd.py
$(B)/tests/vexd: $(call san,$(VEXD_SRC) $(LIBVEXFS_SRC) $(LOADER_SRC) $(METER_SRC)) $(B)/san/libvexfs-core.a $(LIBBPF)
	$(call link,$(SANITIZE) $(PKG_LIBS) $(LIBBPF_LIBS) -lz -lm)
# the daemon, for tests/unit/fuse.py
$(B)/tests/vexfs-fuse: $(call san,$(FUSE_SRC)) $(B)/san/libvexfs.a $(B)/san/libvexfs-core.a
	$(call link,$(SANITIZE) $(FUSE_LIBS) -lpthread -lm)
$(VM_HELPERS): $(B)/tests/vm/%: $(B)/obj/tests/vm/%.o $(B)/lib/libvexfs.a $(B)/lib/libvexfs-core.a $(LIBBPF)
	$(call link,$(PKG_LIBS) $(LIBBPF_LIBS) -lz -lpthread -lm)
$(FUSE_HELPERS): $(B)/tests/fuse/%: $(B)/obj/tests/vm/%.o $(B)/obj/tests/fuse/ioctl.o $(B)/lib/libvexfs.a $(B)/lib/libvexfs-core.a
	$(call link,-Wl$(comma)--wrap=ioctl $(PKG_LIBS) -lz -lpthread -lm)
# it changes images as fuzzers do
$(B)/tests/vm/hostile: $(call objs,tests/fuzz/base.c tests/fuzz/change.c)
$(B)/obj/tests/vm/hostile.o: CPPFLAGS += -Itests
$(filter-out $(SKELETONS),$(VM_BPF)): $(B)/tests/vm/%.o: tests/vm/%.c | $(LIBBPF)
	$(compile-bpf)
# as their first lines say, with the libbpf of Debian, which is what their author has
$(SKELETONS): $(B)/tests/vm/%.o: $(B)/gen/%.c include/vexfs/program.bpf.h
	$(call say,BPF,$@)
	$(Q)$(CLANG) -O2 -g -target bpf -mcpu=v3 -Wall -Wextra -Wno-unused-parameter -Werror -Iinclude \
		-idirafter /usr/include/$$(gcc -print-multiarch) -c $< -o $@
$(B)/gen/new-%.bpf.c: $(B)/bin/vexctl
	@mkdir -p $(@D)
	$(Q)$< program new new-$* --op $* > $@
.PRECIOUS: $(B)/gen/new-%.bpf.c
$(B)/tests/vm/nobtf.bpf.o: BPF_CFLAGS += -g0
$(VM_README): README.md tests/readme.py
	@mkdir -p $(@D)
	$(Q)tests/readme.py steps > $@
$(B)/tests/states: $(call objs,tests/crash/states.c tests/crash/log.c)
	$(call link)
$(call objs,$(wildcard tests/crash/*.c)) $(call san,$(wildcard tests/crash/*.c)): CPPFLAGS += -Itests
$(B)/tests/vm/crashload: $(call objs,tests/crash/crashload.c $(CRASH_SRC) $(OPS_SRC))
	$(call link,-lpthread)
$(B)/tests/vm/orders: $(call objs,tests/crash/orders.c tests/crash/orders_kernel.c tests/crash/log.c $(OPS_SRC))
	$(call link)
# what image_calls.c answers
WRAPPED := open openat close ioctl fsync syncfs pread pwrite write mkdir unlink unlinkat rename renameat fstatat getdents64
comma := ,
$(B)/tests/crash-image: $(call san,$(patsubst %,tests/crash/%.c,crash_image image_calls) $(CRASH_SRC)) $(B)/san/libvexfs-core.a
	$(call link,$(SANITIZE) $(addprefix -Wl$(comma)--wrap=,$(WRAPPED)) -lpthread -lm)
$(B)/tests/orders: $(call objs,$(patsubst %,tests/crash/%.c,orders orders_image image_calls log) $(OPS_SRC)) \
		$(B)/lib/libvexfs-core.a
	$(call link,$(addprefix -Wl$(comma)--wrap=,$(WRAPPED)) -lpthread -lm)

check:
	@+tests/check

# Each of these ends with a line of counts, which tests/check adds up.
# The longest first, so that none of them is left alone in the end.
UNIT_LONG := $(THREAD_TESTS) $(patsubst %,$(B)/tests/%,cuts faults records power mount checkpoint_power)
check-unit: $(UNIT_PARTS) $(B)/bin/vexctl $(B)/bin/mkfs.vexfs $(B)/bin/fsck.vexfs $(B)/bin/vexd $(LIBVEXFS_SO) $(NODE_ADDON) \
		$(B)/man/vexfs_open.3 $(B)/man/vexctl.8 $(patsubst %,$(B)/tests/vm/posix_%,names data state)
	@tests/unit/run $(UNIT_LONG) $(filter-out $(UNIT_LONG),$(UNIT_TESTS)) $(UNIT_SCRIPTS) tests/readme.py bench/smoke.py

# The packages, in a clean Debian root.
check-deb:
	@tests/deb.sh

# what guests run, and who judges what they leave
VM_PARTS := module bpf native tools $(VM_HELPERS) $(CRASH_GUEST) $(VM_BPF) $(VM_README) $(B)/tests/states $(B)/tests/orders \
	$(B)/tests/crash-image

# What takes an hour or two, other things each time unless VEXFS_SEED says which: random histories of the core and of
# records, a million power cuts, every fault, threads; what power cuts may leave of generated workloads.
LONG_TESTS := $(B)/tests/records $(B)/tests/faults $(B)/tests/threads $(THREAD_TESTS) $(B)/tests/long/cuts
check-long: $(B)/tests/model $(LONG_TESTS) $(VM_PARTS)
	@export VEXFS_SEED=$${VEXFS_SEED:-$$(date +%s)}; rc=0; \
	VEXFS_HISTORIES=10000 tests/unit/run $(B)/tests/model || rc=1; \
	VEXFS_HISTORIES=3000 VEXFS_STATES=1000000 VEXFS_FAULTS=all VEXFS_ROUNDS=100 tests/unit/run $(LONG_TESTS) || rc=1; \
	SEED=$$VEXFS_SEED ROUNDS=5 WORKLOADS=300 ORDERS=4 STATES=2000 HERE=10000 tests/crash/orders.sh || rc=1; \
	exit $$rc

check-vm: $(VM_PARTS)
	@VEXFS_ACCEL=$$(tests/vm/run --probe) && export VEXFS_ACCEL || exit 1; \
	tests/vm/both --timeout 1800 $(VM_TESTS) -- $(CRASH_TESTS) tests/vm/demo_test

# The same on kernels with KASAN, lockdep, kmemleak and UBSAN, and with KCSAN, which are built first: some hours.  The
# second one is for what runs beside each other in searches.  DEBUG_TESTS= and KCSAN_TESTS= for some of them.
DEBUG_TESTS ?= $(VM_TESTS)
KCSAN_TESTS ?= $(patsubst %,tests/vm/t_%.sh,hooks switch where words codes lists rounds records snapshots compact)
check-debug check-kcsan: tools bpf native $(VM_HELPERS) $(VM_BPF) $(VM_README)
check-debug:
	@tests/debug/check kasan '$(CACHE)' $(DEBUG_TESTS)
check-kcsan:
	@tests/debug/check kcsan '$(CACHE)' $(KCSAN_TESTS)

# Hostile images, and ioctls by chance, for half an hour each, or HOSTILE_SECONDS, in a guest.
HOSTILE_SECONDS ?= 1800
check-hostile: module bpf tools $(VM_HELPERS) $(VM_BPF)
	@tests/vm/run --timeout $$(($(HOSTILE_SECONDS) * 2 + 600)) \
		--append "HOSTILE_SECONDS=$(HOSTILE_SECONDS) HOSTILE_SEED=$${VEXFS_SEED:-$$(date +%s)}" \
		tests/vm/t_hostile_image.sh
check-long: check-hostile

demo: deps
	@+V=$(V) ctl/quietly $(B)/demo/build.log \
		'Building the module, the programs and the tools; takes some minutes the first time (log: $(B)/demo/build.log)' \
		$(MAKE) $(ALL_JOBS) module bpf tools
	@tests/demo/image
	@tests/vm/demo
demo-fuse: deps
	@+V=$(V) ctl/quietly $(B)/demo/build.log 'Building the tools; takes some minutes the first time (log: $(B)/demo/build.log)' \
		$(MAKE) $(ALL_JOBS) tools
	@tests/demo/fuse

-include $(shell find $(B)/san $(B)/tsan $(B)/simde -name '*.d' 2>/dev/null)
