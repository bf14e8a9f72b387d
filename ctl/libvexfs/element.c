// SPDX-License-Identifier: GPL-2.0
/* Numbers of other types in files, as floats; see file_format.h. */
#include <endian.h>
#include <math.h>
#include <string.h>
#include "libvexfs/file_format.h"

/* IEEE 754 binary16: sign, 5 bits of exponent, 10 of fraction.  Exact. */
static float from_half(__u16 h)
{
	int exponent = h >> 10 & 31;
	float v;

	if (exponent == 31)
		v = h & 1023 ? NAN : INFINITY;
	else if (exponent)
		v = ldexpf(1024 + (h & 1023), exponent - 25);
	else
		v = ldexpf(h & 1023, -24);
	return h & 0x8000 ? -v : v;
}

size_t vexfs_element_bytes(enum vexfs_element e)
{
	static const __u8 bytes[] = {
		[VEXFS_F16] = 2, [VEXFS_F32] = 4, [VEXFS_F64] = 8, [VEXFS_U8] = 1,
		[VEXFS_I8] = 1,	 [VEXFS_I32] = 4, [VEXFS_I64] = 8,
	};

	return bytes[e];
}

void vexfs_element_read(enum vexfs_element e, const void *in, float *out, __u32 n)
{
	size_t bytes = vexfs_element_bytes(e);
	const __u8 *p = in;
	__u32 i;

	for (i = 0; i < n; i++, p += bytes) {
		__u64 bits = 0;
		double d;

		memcpy(&bits, p, bytes);
		bits = le64toh(bits);
		switch (e) {
		case VEXFS_F16:
			out[i] = from_half(bits);
			break;
		case VEXFS_F32:
			memcpy(&out[i], &(__u32){ bits }, sizeof(*out));
			break;
		case VEXFS_F64:
			memcpy(&d, &bits, sizeof(d));
			out[i] = d;
			break;
		case VEXFS_U8:
			out[i] = (__u8)bits;
			break;
		case VEXFS_I8:
			out[i] = (__s8)bits;
			break;
		case VEXFS_I32:
			out[i] = (__s32)bits;
			break;
		case VEXFS_I64:
			out[i] = (__s64)bits;
			break;
		}
	}
}

int vexfs_write_floats(FILE *file, const float *row, __u32 n)
{
	__le32 out[VEXFS_MAX_DIMS];
	__u32 i;

	memcpy(out, row, n * sizeof(*row));
	for (i = 0; i < n; i++)
		out[i] = htole32(out[i]);
	return vexfs_write(file, out, n * sizeof(*out));
}
