// SPDX-License-Identifier: GPL-2.0
/* Numbers of other types in files, as floats; see file_format.h. */
#include <endian.h>
#include <errno.h>
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
		[VEXFS_I8] = 1,	 [VEXFS_U16] = 2, [VEXFS_I16] = 2, [VEXFS_U32] = 4,
		[VEXFS_I32] = 4, [VEXFS_U64] = 8, [VEXFS_I64] = 8, [VEXFS_BOOL] = 1,
	};

	return bytes[e];
}

/* The bits of a number, in the low bytes. */
static __u64 bits_of(const void *p, size_t bytes, bool swap)
{
	__u64 bits = 0;

	memcpy(&bits, p, bytes);
	bits = le64toh(bits);
	return swap ? __builtin_bswap64(bits) >> (64 - 8 * bytes) : bits;
}

/* A whole number of a type with sign. */
static __s64 extend(__u64 bits, size_t bytes)
{
	int shift = 64 - 8 * bytes;

	return (__s64)(bits << shift) >> shift;
}

bool vexfs_element_read(enum vexfs_element e, bool swap, const void *in, float *out, __u32 n)
{
	size_t bytes = vexfs_element_bytes(e);
	const __u8 *p = in;
	bool rounded = false;
	__u32 i;

	for (i = 0; i < n; i++, p += bytes) {
		__u64 bits = bits_of(p, bytes, swap);
		double d;

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
			/* else it is no vector, and not taken */
			rounded |= isfinite(out[i]) && out[i] != d;
			break;
		case VEXFS_I8:
		case VEXFS_I16:
		case VEXFS_I32:
		case VEXFS_I64:
			out[i] = extend(bits, bytes);
			rounded |= out[i] >= 0x1p63f || (__s64)out[i] != extend(bits, bytes);
			break;
		case VEXFS_U8:
		case VEXFS_U16:
		case VEXFS_U32:
		case VEXFS_U64:
			out[i] = bits;
			rounded |= out[i] >= 0x1p64f || (__u64)out[i] != bits;
			break;
		case VEXFS_BOOL:
			out[i] = bits != 0;
			break;
		}
	}
	return rounded;
}

int vexfs_element_id(enum vexfs_element e, bool swap, const void *in, __u64 *out)
{
	bool sign = e == VEXFS_I8 || e == VEXFS_I16 || e == VEXFS_I32 || e == VEXFS_I64;
	size_t bytes = vexfs_element_bytes(e);
	__u64 bits = bits_of(in, bytes, swap);

	if (sign && extend(bits, bytes) < -1)
		return -ERANGE;
	*out = sign ? (__u64)extend(bits, bytes) : bits;
	return 0;
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
