// SPDX-License-Identifier: GPL-2.0
/*
 * npy, as vectors and as lists of true neighbours.  The first byte: bits 0 to 2 dims, bit 3 no
 * vector of zeros.
 */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const __u8 *data, size_t size)
{
	if (!size)
		return 0;
	import_all(data + 1, size - 1, VEXFS_FILE_NPY, some_dims(*data & 7), *data & 8);
	truth_all(data + 1, size - 1, VEXFS_FILE_NPY);
	return 0;
}
