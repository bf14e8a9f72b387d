// SPDX-License-Identifier: GPL-2.0
/*
 * synth DIR N QUERIES DIMS SEED iid
 * synth DIR N QUERIES DIMS SEED smooth LATENT CLUSTERS
 *
 * Writes base.f32 and query.f32 of a set that is made up: independent normal numbers; or a random smooth map into
 * DIMS dims of points that lie in CLUSTERS overlapping clusters in LATENT dims.  Queries come from the same source
 * as rows, and the same arguments give the same set.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HIDDEN	96		/* of the map: DIMS x HIDDEN times bend(HIDDEN x LATENT times point) */
#define SPREAD	0.6		/* of a cluster, where centres have 1 */

static uint64_t state;

static uint64_t chance(void)
{
	uint64_t x = state += 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static double gauss(void)
{
	double u = ((double)(chance() >> 11) + 1) / (double)(1ULL << 53);
	double v = (double)(chance() >> 11) / (double)(1ULL << 53);

	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

static void *need(void *p)
{
	if (!p) {
		fprintf(stderr, "synth: out of memory\n");
		exit(1);
	}
	return p;
}

static float *normal(size_t n, double by)
{
	float *x = need(malloc(n * sizeof(*x)));
	size_t i;

	for (i = 0; i < n; i++)
		x[i] = (float)(gauss() * by);
	return x;
}

struct map {
	uint32_t latent, clusters, dims;
	float *centre, *in, *shift, *out;	/* out: [HIDDEN][dims] */
};

static void point(const struct map *m, float *row)
{
	const float *c = m->centre + (size_t)(chance() % m->clusters) * m->latent;
	float z[64], h;
	uint32_t i, j;

	for (i = 0; i < m->latent; i++)
		z[i] = c[i] + (float)(gauss() * SPREAD);
	memset(row, 0, (size_t)m->dims * sizeof(*row));
	for (j = 0; j < HIDDEN; j++) {
		const float *w = m->out + (size_t)j * m->dims;

		h = m->shift[j];
		for (i = 0; i < m->latent; i++)
			h += m->in[j * m->latent + i] * z[i];
		h /= sqrtf(1 + h * h);
		for (i = 0; i < m->dims; i++)
			row[i] += w[i] * h;
	}
}

static void fill(const char *dir, const char *file, uint32_t n, uint32_t dims, const struct map *m)
{
	float *row = need(malloc((size_t)dims * sizeof(*row)));
	char path[4096];
	uint32_t i, d;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = fopen(path, "w");
	for (i = 0; f && i < n; i++) {
		if (m)
			point(m, row);
		for (d = 0; !m && d < dims; d++)
			row[d] = (float)gauss();
		fwrite(row, sizeof(*row), dims, f);
	}
	if (!f || ferror(f) || fclose(f)) {
		fprintf(stderr, "synth: %s cannot be written\n", path);
		exit(1);
	}
	free(row);
}

int main(int argc, char **argv)
{
	bool smooth = argc == 9 && !strcmp(argv[6], "smooth");
	uint32_t n, queries, dims;
	struct map m;

	if (!smooth && (argc != 7 || strcmp(argv[6], "iid"))) {
		fprintf(stderr, "usage: synth DIR N QUERIES DIMS SEED iid|smooth [LATENT CLUSTERS]\n");
		return 2;
	}
	n = (uint32_t)atol(argv[2]);
	queries = (uint32_t)atol(argv[3]);
	dims = (uint32_t)atol(argv[4]);
	state = strtoull(argv[5], NULL, 10);
	if (smooth) {
		m.dims = dims;
		m.latent = (uint32_t)atol(argv[7]);
		m.clusters = (uint32_t)atol(argv[8]);
		if (!m.latent || m.latent > 64 || !m.clusters) {
			fprintf(stderr, "synth: LATENT is 1 to 64, CLUSTERS at least 1\n");
			return 2;
		}
		m.centre = normal((size_t)m.clusters * m.latent, 1);
		m.in = normal((size_t)HIDDEN * m.latent, 1 / sqrt(m.latent));
		m.shift = normal(HIDDEN, 0.5);
		m.out = normal((size_t)HIDDEN * dims, 1 / sqrt(HIDDEN));
	}
	fill(argv[1], "base.f32", n, dims, smooth ? &m : NULL);
	fill(argv[1], "query.f32", queries, dims, smooth ? &m : NULL);
	return 0;
}
