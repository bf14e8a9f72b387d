# SPDX-License-Identifier: GPL-2.0
#
# The shipped programs.  No vmlinux.h: vexfs/program.bpf.h declares what a program may touch.

BPF_SRC := $(wildcard bpf/*.bpf.c)
BPF_OBJ := $(BPF_SRC:.c=.o)
# BPF_PROG() has a parameter that nobody uses.  clang's BPF target does not search Debian's
# architecture directory, which holds asm/types.h.
BPF_CFLAGS := -O2 -g -target bpf -mcpu=v3 -Wall -Wextra -Wno-unused-parameter -Werror \
	-Iinclude -Ictl $(LIBBPF_CFLAGS) -idirafter /usr/include/$(shell gcc -print-multiarch 2>/dev/null)

.PHONY: bpf
bpf: $(BPF_OBJ)
define compile-bpf
	$(call say,BPF,$@)
	@mkdir -p $(@D) $(B)/obj/$(<D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF $(B)/obj/$<.d -c $< -o $@
endef
$(BPF_OBJ): %.o: %.c | $(LIBBPF)
	$(compile-bpf)
# The same compiled natively, for an attached image or a mount by vexfs-fuse, see vexfs/native.h.
NATIVE_SO := $(BPF_SRC:.bpf.c=.native.so)
NATIVE_CFLAGS := -O2 -g -fPIC -fvisibility=hidden -DVEXFS_NATIVE -Wall -Wextra -Wno-unused-parameter -Werror -Iinclude
.PHONY: native
native: $(NATIVE_SO)
define compile-native
	$(call say,NATIVE,$@)
	@mkdir -p $(@D) $(B)/obj/$(<D)
	$(Q)$(CC) $(EXTRA_CFLAGS) $(NATIVE_CFLAGS) -MMD -MP -MF $(B)/obj/$<.native.d -shared -Wl,-z,defs $(LDFLAGS) $< -o $@
	@# one that others may write to is not loaded
	$(Q)chmod go-w $@
endef
%.native.so: %.bpf.c
	$(compile-native)
# for those who compile without make: tests/unit/vexctl.py
.PHONY: print-bpf-cflags
print-bpf-cflags:
	@echo '$(BPF_CFLAGS)'
# what `make demo` writes
$(B)/demo/%.bpf.o: $(B)/demo/%.bpf.c | $(LIBBPF)
	$(compile-bpf)
