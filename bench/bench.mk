# SPDX-License-Identifier: GPL-2.0
#
# make bench              VexFS against its peers: bench/results/bench.txt, bench.json and *.svg; under 40 minutes
#	SETS="glove100 iid"	only these of bench/sets/sets.py
#	PEERS="hnswlib faiss"	only those whose names begin so; PEERS= none at all
#	EXTRA="PROGRAM..."	contenders from elsewhere, see bench/contender.h
#	MINUTES=N		after which no contender is started [38]
#	VM=1			and then make bench-vm
# make bench-smoke        the harness itself, on a tiny set, without any peer: a part of make check
# make bench-native       nanoseconds of kernels, and searches during a load, SECONDS_OF_LOAD=60 for a minute of it
# make bench-vm           what bench/vm measures, into the results
# make bench-disk         what needs a disk: stores of bench/disk on DISK=DIR [$(BENCH)/stores]; STORES="vexfs sqlite" only these
# make bench-open         how long it takes to open an image of 1,000,000 rows, and to its first answer: bench/results/open.txt
# bench/native/NAME.c     on this machine, becomes build/bench/NAME
# bench/vm/*.sh           in the guest: tests/vm/run --icount bench/vm/NAME.sh

BENCH := $(B)/bench
BENCH_NATIVE := $(patsubst bench/native/%.c,$(BENCH)/%,$(wildcard bench/native/*.c)) $(BENCH)/synth
# npm of Debian brings hundreds of packages, and whoever has another one has what it does
BENCH_PACKAGES := g++ libhnswlib-dev libfaiss-dev libopenblas-dev libsqlite3-dev gnuplot-nox dataset-fashion-mnist nodejs \
	$(if $(shell command -v npm),,npm)
BENCH_NPM = $(CACHE)/bench/npm-$(shell sha256sum bench/peers/package.json | cut -c 1-12)/node_modules
BENCH_RESULTS := bench/results
BENCH_STORES := $(BENCH)/disk/vexfs-store $(BENCH)/disk/vexfs-fuse-store
MINUTES ?= 38
SECONDS_OF_LOAD ?= 10

# PACKAGES, TEXT, TARGETS: all that a race needs, and what else this one does
define bench-parts
	@V=$(V) ctl/deps $(BENCH)/deps.log '$(KERNEL_RELEASE)' $(DEB_KERNEL) $(BENCH_PACKAGES) $(1)
	@+V=$(V) ctl/quietly $(BENCH)/build.log '$(2) (log: $(BENCH)/build.log)' $(MAKE) $(ALL_JOBS) $(BENCH_NATIVE) $(3)
	@bench/peers/install '$(BENCH_NPM)' $(BENCH)/npm.log
	@bench/peers/build $(BENCH)/peers '$(BENCH_NPM)' $(BENCH)/peers.log
endef

.PHONY: bench bench-disk bench-native bench-open bench-smoke bench-vm
bench: BENCH_SINCE := $(shell date +%s)
bench: deps
	$(call bench-parts,,Building the engine and the harness)
	@rc=0; bench/run.py --bin $(BENCH) --npm '$(BENCH_NPM)' --out $(BENCH_RESULTS) --minutes $(MINUTES) --since $(BENCH_SINCE) \
		$(if $(SETS),--sets '$(SETS)') $(if $(filter-out undefined,$(origin PEERS)),--peers '$(PEERS)') \
		$(patsubst %,--extra '%',$(EXTRA)) || rc=1; \
	bench/report.py $(BENCH_RESULTS) && exit $$rc
	$(if $(VM),@+$(MAKE) bench-vm)

bench-native: $(BENCH)/codes $(BENCH)/kernels $(BENCH)/load
	@$(BENCH)/codes
	@$(BENCH)/kernels
	@mkdir -p $(BENCH_RESULTS)/raw
	@set -o pipefail; $(BENCH)/load --seconds $(SECONDS_OF_LOAD) | tee $(BENCH_RESULTS)/raw/load.txt

DISK ?= $(BENCH)/stores
bench-disk: deps
	$(call bench-parts,strace,Building the library and the stores,$(BENCH_STORES) tools)
	@bench/disk/run.py --bin $(BENCH) --npm '$(BENCH_NPM)' --out $(BENCH_RESULTS) --dir '$(DISK)' \
		$(if $(STORES),--stores '$(STORES)')

bench-open: tools
	@bench/disk/open.py --out $(BENCH_RESULTS) --dir $(BENCH)

bench-smoke: $(BENCH_NATIVE) $(BENCH_STORES)
	@tests/unit/run bench/smoke.py
check-unit: $(BENCH_NATIVE) $(BENCH_STORES)

BENCH_VM := $(wildcard bench/vm/*.sh)
# hnswlib in the guest, where it is installed
BENCH_VM_CXX := $(if $(wildcard /usr/include/hnswlib/hnswlib.h),$(B)/tests/vm/hnswcost)
$(B)/tests/vm/hnswcost: bench/vm/hnswcost.cpp tests/vm/moved.h include/vexfs/ioctl.h
	$(call say,CXX,$@)
	@mkdir -p $(@D)
	$(Q)g++ -std=c++17 -O3 -mavx2 -mfma -Wall -Wextra -static -Iinclude $< -o $@
bench-vm: module bpf tools $(VM_HELPERS) $(VM_BPF) $(BENCH_VM_CXX)
	@mkdir -p $(BENCH_RESULTS)/raw
	@tests/vm/run --icount --mem 2G --timeout 3000 $(BENCH_VM) > $(BENCH)/vm.log || { tail -n 20 $(BENCH)/vm.log; exit 1; }
	@awk '{ sub(/\r$$/, "") } /^ok / { sub(/^ok [0-9]+ /, ""); name = $$0; next } \
		/^# .* ns(\/query| to insert)/ { if (name != "") print name; name = ""; sub(/^# /, "  "); print }' $(BENCH)/vm.log \
		> $(BENCH_RESULTS)/raw/vm.txt
	@[ ! -e $(BENCH_RESULTS)/raw/meta.json ] || bench/report.py $(BENCH_RESULTS)

$(BENCH)/codes $(BENCH)/kernels $(BENCH)/race: $(BENCH)/%: $(B)/obj/bench/native/%.o $(B)/lib/libvexfs-core.a
	$(call link,$(PKG_LIBS) -lpthread -lm)
$(BENCH)/load: $(B)/obj/bench/native/load.o $(B)/lib/libvexfs.a $(B)/lib/libvexfs-core.a
	$(call link,$(PKG_LIBS) -lz -lpthread -lm)
$(BENCH)/disk/vexfs-store: $(B)/obj/bench/disk/vexfs.o $(B)/lib/libvexfs.a $(B)/lib/libvexfs-core.a
	$(call link,$(PKG_LIBS) -lz -lpthread -lm)
$(BENCH)/disk/vexfs-fuse-store: $(BENCH)/disk/vexfs-store
	$(Q)ln -sf vexfs-store $@
$(BENCH)/truth: $(B)/obj/bench/native/truth.o
	$(call link,-lpthread -lm)
$(BENCH)/synth: $(B)/obj/bench/sets/synth.o
	$(call link,-lm)
$(B)/obj/bench/native/truth.o $(B)/obj/bench/sets/synth.o: CFLAGS_EXTRA := -O3
$(B)/obj/bench/native/kernels.o: CFLAGS_EXTRA := -Wno-psabi
$(B)/obj/bench/native/load.o: CFLAGS_EXTRA := -O3
