// SPDX-License-Identifier: GPL-2.0
/*
 * fvecs, fbin and the others that are numbers without a magic number, as vectors and as lists of
 * true neighbours. The first byte: bits 0 to 2 dims, bit 3 no vector of zeros, bits 4 to 7 the
 * format, 0 and what is none: guess.
 */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const __u8 *data, size_t size)
{
	enum vexfs_file_format format;

	if (!size)
		return 0;
	format = *data >> 4;
	if (format > VEXFS_FILE_IBIN)
		format = VEXFS_FILE_GUESS;
	import_all(data + 1, size - 1, format, some_dims(*data & 7), *data & 8);
	if (format == VEXFS_FILE_GUESS || format == VEXFS_FILE_IVECS || format == VEXFS_FILE_IBIN)
		truth_all(data + 1, size - 1, format);
	return 0;
}
