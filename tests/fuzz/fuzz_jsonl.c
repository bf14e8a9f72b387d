// SPDX-License-Identifier: GPL-2.0
/*
 * jsonl and json.  The first byte: bits 0 to 2 dims, bit 3 no vector of zeros, bit 4 json.  The
 * rest is the file.
 */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const __u8 *data, size_t size)
{
	if (size)
		import_all(data + 1, size - 1, *data & 16 ? VEXFS_FILE_JSON : VEXFS_FILE_JSONL,
			   some_dims(*data & 7), *data & 8);
	return 0;
}
