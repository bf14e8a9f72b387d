// SPDX-License-Identifier: GPL-2.0
/* crc32c in user space, see vexfs-user.h. */
#include "vexfs-user.h"

/* Eight tables, eight bytes a step: "slicing-by-8", Kounavis and Berry, 2005. */
static __u32 crc_table[8][256];

__attribute__((constructor)) static void crc_init(void)
{
	unsigned int i, k;

	for (i = 0; i < 256; i++) {
		__u32 c = i;

		for (k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ 0x82f63b78 : c >> 1;
		crc_table[0][i] = c;
	}
	for (k = 1; k < 8; k++)
		for (i = 0; i < 256; i++)
			crc_table[k][i] = crc_table[k - 1][i] >> 8 ^
					  crc_table[0][crc_table[k - 1][i] & 0xff];
}

__u32 crc32c_table(__u32 crc, const void *p, unsigned int bytes)
{
	const __u8 *b = p;

	for (; bytes >= 8; b += 8, bytes -= 8) {
		__u64 v;

		memcpy(&v, b, 8);
		v = le64toh(v) ^ crc;
		crc = crc_table[7][v & 0xff] ^ crc_table[6][v >> 8 & 0xff] ^
		      crc_table[5][v >> 16 & 0xff] ^ crc_table[4][v >> 24 & 0xff] ^
		      crc_table[3][v >> 32 & 0xff] ^ crc_table[2][v >> 40 & 0xff] ^
		      crc_table[1][v >> 48 & 0xff] ^ crc_table[0][v >> 56];
	}
	for (; bytes; bytes--)
		crc = crc >> 8 ^ crc_table[0][(crc ^ *b++) & 0xff];
	return crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static __u32 crc_sse(__u32 crc, const void *p, unsigned int bytes)
{
	const __u8 *b = p;
	__u64 c = crc, v;

	for (; bytes >= 8; b += 8, bytes -= 8) {
		memcpy(&v, b, 8);
		c = __builtin_ia32_crc32di(c, v);
	}
	for (; bytes; bytes--)
		c = __builtin_ia32_crc32qi(c, *b++);
	return c;
}
#endif

__u32 crc32c(__u32 crc, const void *p, unsigned int bytes)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		return crc_sse(crc, p, bytes);
#endif
	return crc32c_table(crc, p, bytes);
}
