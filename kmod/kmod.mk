# SPDX-License-Identifier: GPL-2.0
#
# The module, by kbuild, which has its own dependency tracking.  What the compiler does not check is
# checked here: without BTF in the module its struct_ops type would register and never work, and
# a soft-float call would mean that floating point leaked out of the FPU sections.

KMOD_MAKE = +$(MAKE) -C '$(KDIR)' M='$(CURDIR)/kmod'
SOFT_FLOAT := __(add|sub|mul|div|neg|cmp|eq|ne|lt|le|gt|ge|unord|fix|float|extend|trunc)[a-z]*[sdt]f[a-z0-9]*$$

.PHONY: module module-clean sparse print-kdir
# for tests/unit/kernels.py
print-kdir:
	@echo '$(KDIR)'
module: kmod/vexfs.ko
kmod/vexfs.ko: FORCE
	@[ -e '$(KDIR)/Makefile' ] || { echo "no 6.12 kernel headers (KDIR='$(KDIR)'): run 'make deps'"; exit 1; }
	$(Q)$(KMOD_MAKE) W=1 modules
	@readelf -SW $@ | grep -q ' \.BTF ' || \
		{ echo "$@ has no BTF: is pahole (package dwarves) installed?"; rm -f $@; exit 1; }
	@! nm -u $@ | grep -E ' $(SOFT_FLOAT)' || \
		{ echo "$@ calls soft-float helpers: floating point outside the FPU objects"; rm -f $@; exit 1; }

# Debian 12's sparse is older than this kernel: only messages about our own files count.
SPARSE_OURS := (^|[ /])(kmod|include/vexfs)/.*: (warning|error):
sparse:
	@mkdir -p $(B)
	$(Q)$(KMOD_MAKE) C=2 CHECK=sparse CF=-D__CHECK_ENDIAN__ modules >$(B)/sparse.log 2>&1 || { cat $(B)/sparse.log; exit 1; }
	@grep -q '^  CHECK ' $(B)/sparse.log || { cat $(B)/sparse.log; echo 'sparse did not run'; exit 1; }
	@! grep -E '$(SPARSE_OURS)' $(B)/sparse.log
	@echo "# $$(grep -c '^  CHECK ' $(B)/sparse.log) files have no warning"
	@echo 'sparse: 1 passed, 0 failed, 0 skipped'

module-clean:
	$(Q)[ ! -e '$(KDIR)/Makefile' ] || $(MAKE) -s -C '$(KDIR)' M='$(CURDIR)/kmod' clean
