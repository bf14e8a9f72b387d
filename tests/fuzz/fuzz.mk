# SPDX-License-Identifier: GPL-2.0
#
# tests/fuzz/fuzz_NAME.c	libFuzzer targets, each becomes build/fuzz/NAME; other C files here are shared
# tests/fuzz/corpus/NAME/	its seeds, and inputs that once were findings; corpus.py makes the seeds
#
# Targets use their own copy of the cores, built by clang, with coverage and both sanitizers.

FUZZ_SECONDS ?= 20
FUZZ_TARGETS := $(patsubst tests/fuzz/fuzz_%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SHARED := $(filter-out tests/fuzz/fuzz_%.c,$(wildcard tests/fuzz/*.c))
FUZZ_SANITIZE := address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
# what gcc is content with: inline functions that a file has no use for, structs that end in an array inside others
FUZZ_CFLAGS := -Wno-unused-function -Wno-gnu-variable-sized-type-not-at-end
fuzzed = $(patsubst %.c,$(B)/fuzz/obj/%.o,$(1))

.PHONY: fuzz check-fuzz check-fuzz-long
fuzz: $(FUZZ_TARGETS)

$(B)/fuzz/obj/%.o: %.c
	$(call say,CC,"$< (fuzzed)")
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) $(FUZZ_CFLAGS) -O1 -fsanitize=fuzzer-no-link,$(FUZZ_SANITIZE) \
		$(CFLAGS_EXTRA) -MMD -MP -c $< -o $@
$(B)/fuzz/obj/kmod/engine/%_avx2.o: CFLAGS_EXTRA := $(AVX2)
$(B)/fuzz/obj/kmod/engine/%_avx512.o: CFLAGS_EXTRA := $(AVX512)
$(B)/fuzz/obj/kmod/engine/vnni.o: CFLAGS_EXTRA := $(AVX512) -mavx512vnni -mavx512vpopcntdq
$(B)/fuzz/libvexfs-core.a: $(call fuzzed,$(CORE_SRC))
	$(archive)
$(B)/fuzz/libvexfs.a: $(call fuzzed,$(LIBVEXFS_SRC))
	$(archive)
.SECONDARY: $(call fuzzed,$(wildcard tests/fuzz/*.c))

$(FUZZ_TARGETS): $(B)/fuzz/%: $(B)/fuzz/obj/tests/fuzz/fuzz_%.o $(call fuzzed,$(FUZZ_SHARED)) \
		$(B)/fuzz/libvexfs.a $(B)/fuzz/libvexfs-core.a
	$(call say,LINK,$@)
	$(Q)$(CLANG) -fsanitize=fuzzer,$(FUZZ_SANITIZE) $(filter %.o,$^) $(filter %.a,$^) -Wl,--as-needed $(PKG_LIBS) -lz -lm -o $@

# Each target over its corpus: what was a finding is none any more.
check-fuzz: $(FUZZ_TARGETS)
	@tests/fuzz/run corpus $(FUZZ_TARGETS)

# Each for a while from there on.
check-fuzz-long: $(FUZZ_TARGETS)
	@tests/fuzz/run $(FUZZ_SECONDS) $(FUZZ_TARGETS)

check-long: check-fuzz-long

-include $(shell find $(B)/fuzz/obj -name '*.d' 2>/dev/null)
