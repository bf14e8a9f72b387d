# SPDX-License-Identifier: GPL-2.0
#
# bench/native/NAME.c      the engine on this machine, becomes build/bench/NAME; figures are not asserted
# bench/vm/*.sh            in the guest: tests/vm/run --icount bench/vm/NAME.sh

BENCH_SRC := $(wildcard bench/native/*.c)
BENCHES := $(patsubst bench/native/%.c,$(B)/bench/%,$(BENCH_SRC))

.PHONY: bench-native
bench-native: $(BENCHES)
	@for b in $^; do echo "# $${b##*/}"; $$b || exit 1; done
$(BENCHES): $(B)/bench/%: $(B)/obj/bench/native/%.o $(B)/lib/libvexfs-core.a
	$(call link,$(PKG_LIBS) -lm)
