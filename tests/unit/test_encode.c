// SPDX-License-Identifier: GPL-2.0
/* Codes of rows in lists: what they say of the row, and that all kernels give the same. */
#include <math.h>
#include <string.h>
#include "driver.h"
#include "engine/lists.h"
#include "engine/float.h"

#define WIDEST 4096
#define AT 7			/* a row of a block */

struct codes {
	__u64 bits[WIDEST / 64];
	struct vexfs_rung1 one;
	struct vexfs_rung2 two;
	__u8 nibble[WIDEST / 2];
};

static float x[WIDEST], centre[WIDEST];

/* kind 0: ordinary; 1: the row is the centre; 2: one dim has it all; 3: on borders of levels */
static void make(__u32 padded, __u32 kind)
{
	__u32 i;

	for (i = 0; i < padded; i++) {
		centre[i] = (float)chance(1u << 24) / (1 << 23) - 1;
		x[i] = kind == 1 ? centre[i] :
		       kind == 2 ? centre[i] + (i == 5 ? 7 : 0) :
		       kind == 3 ? centre[i] + ((int)chance(17) - 8) * 0.25f :
				   (float)chance(1u << 24) / (1 << 22) - 2;
	}
}

static void encode(__u32 metric, __u32 padded, struct codes *c)
{
	memset(c, 0xaa, sizeof(*c));
	vexfs_ladder_encode(metric, x, centre, padded, c->bits, &c->one, AT, &c->two);
}

/* The residual that codes stand for is as far from the true one as they say, or nearer. */
static void check(__u32 padded, const struct codes *c)
{
	double r, y, r2 = 0, yr = 0, y2 = 0, sr = 0, scale = from_bf16(c->one.scale[AT]), off;
	float error = from_bf16(c->one.error[AT]);
	__u32 i, level;

	for (i = 0; i < padded; i++) {
		r = x[i] - centre[i];
		assert_int_equal(c->bits[i / 64] >> i % 64 & 1, !signbit(x[i] - centre[i]));
		level = c->nibble[i / 64 * 32 + i % 32] >> (i % 64 < 32 ? 0 : 4) & 15;
		y = level - 7.5;
		r2 += r * r;
		sr += fabs(r);
		yr += y * r;
		y2 += y * y;
	}
	if (r2 == 0) {
		assert_true(scale == 0 && c->two.scale == 0);
		return;
	}
	off = scale * sr / r2 - 1;
	assert_true(fabs(off) < 0x1p-8);
	/* what the code is off by, across the row; and along it, as its scale is rounded: no less, and hardly more */
	off = sqrt(fmax(0, (scale * scale * padded - r2 * (1 + off) * (1 + off)) / (padded - 1)) + off * off * r2);
	assert_true(error >= off * 0.9999 - 1e-6 && error <= off * (1 + 0x1p-7) + 1e-5);
	assert_true(fabs(c->two.scale * yr / r2 - 1) < 1e-5);
	/* four bits are nearer than one */
	assert_true(yr * yr / y2 > sr * sr / padded * 0.999);
}

static void test_encode(void **state)
{
	static const __u32 widths[] = { 64, 128, 192, 1536, 4096 };
	static struct codes codes, other;
	__u32 w, t, m, i;

	(void)state;
	for (w = 0; w < sizeof(widths) / sizeof(*widths); w++)
		for (t = 0; t < 40; t++)
			for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++) {
				make(widths[w], t % 4);
				use_kernels(0);
				encode(m, widths[w], &codes);
				check(widths[w], &codes);
				for (i = 1; i < kernels(); i++) {
					use_kernels(i);
					encode(m, widths[w], &other);
					assert_memory_equal(&codes, &other, sizeof(codes));
				}
				use_kernels(BEST);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode),
	};

	chance_seed(3);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
