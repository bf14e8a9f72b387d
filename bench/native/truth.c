// SPDX-License-Identifier: GPL-2.0
/*
 * truth DIR: the true neighbours of the queries of a set, as ../contender.h describes it, in double precision.
 *
 * truth.ivecs, and truth-B.ivecs of each filter B (rows whose attribute is below B): for each query a le32 with
 * the number of ids and as many le32: the k nearest, nearest first, then all others that are as near as the last of
 * them within one in a million, in the order of the ids.  Who finds any of these has found a nearest one.
 */
#include "../contender.h"
#include <pthread.h>

#define GROUP	4			/* queries that share one reading of the rows */
#define PAD	8			/* dims that are summed at a time */
#define TIE	1e-6

static struct race r;
static double *norm;			/* of the rows; cosine */
static uint32_t next_group;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
struct answer {
	uint32_t n;
	int32_t *id;
};
static struct answer *answers;		/* [1 + filters][queries] */

static void *need(void *p)
{
	if (!p)
		race_die("out of memory", "truth");
	return p;
}

typedef double v4 __attribute__((vector_size(32)));

/*
 * Of GROUP queries and every row the sum over dims of q * row, or of (q - row)^2, to out[GROUP][n].  q and the
 * row's copy `wide`: `padded` doubles, filled up with zeros.
 */
static inline __attribute__((always_inline)) void
reduce(const double *restrict q, const float *restrict base, uint32_t n, uint32_t dims, uint32_t padded, bool dot,
       double *restrict wide, double *restrict out)
{
	uint32_t i, j, h, row;

	for (row = 0; row < n; row++) {
		v4 s[GROUP][2] = {};

		for (i = 0; i < dims; i++)
			wide[i] = base[(size_t)row * dims + i];
		for (i = 0; i < padded; i += PAD)
#pragma GCC unroll 2
			for (h = 0; h < 2; h++) {
				v4 y, x;

				memcpy(&y, wide + i + 4 * h, sizeof(y));
#pragma GCC unroll 4
				for (j = 0; j < GROUP; j++) {
					memcpy(&x, q + (size_t)j * padded + i + 4 * h, sizeof(x));
					x -= dot ? (v4){} : y;
					s[j][h] += x * (dot ? y : x);
				}
			}
		for (j = 0; j < GROUP; j++) {
			s[j][0] += s[j][1];
			out[(size_t)j * n + row] = s[j][0][0] + s[j][0][1] + s[j][0][2] + s[j][0][3];
		}
	}
}

__attribute__((target("avx2,fma")))
static void reduce_avx2(const double *q, const float *base, uint32_t n, uint32_t dims, uint32_t padded, bool dot,
			double *wide, double *out)
{
	if (dot)
		reduce(q, base, n, dims, padded, true, wide, out);
	else
		reduce(q, base, n, dims, padded, false, wide, out);
}

static void reduce_any(const double *q, const float *base, uint32_t n, uint32_t dims, uint32_t padded, bool dot,
		       double *wide, double *out)
{
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		reduce_avx2(q, base, n, dims, padded, dot, wide, out);
	else
		reduce(q, base, n, dims, padded, dot, wide, out);
}

/* The nearest of the rows that a filter admits, all of them for 0. */
static struct answer nearest(const double *d, int32_t filter)
{
	double *best = need(malloc(r.k * sizeof(double))), limit;
	struct answer a = {};
	uint32_t i, j, n = 0, room = r.k, *id = need(malloc(r.k * sizeof(*id)));

	for (i = 0; i < r.n; i++) {
		if ((filter && r.attr[i] >= filter) || (n == r.k && d[i] >= best[n - 1]))
			continue;
		j = n < r.k ? n++ : n - 1;
		for (; j && best[j - 1] > d[i]; j--) {
			best[j] = best[j - 1];
			id[j] = id[j - 1];
		}
		best[j] = d[i];
		id[j] = i;
	}
	a.id = need(malloc(room * sizeof(*a.id)));
	for (i = 0; i < n; i++)
		a.id[i] = (int32_t)id[i];
	a.n = n;
	limit = n ? best[n - 1] + TIE * fabs(best[n - 1]) : 0;
	for (i = 0; n == r.k && i < r.n; i++) {
		if ((filter && r.attr[i] >= filter) || d[i] > limit)
			continue;
		for (j = 0; j < n && id[j] != i; j++)
			;
		if (j < n)
			continue;
		if (a.n == room) {
			room *= 2;
			a.id = need(realloc(a.id, room * sizeof(*a.id)));
		}
		a.id[a.n++] = (int32_t)i;
	}
	free(best);
	free(id);
	return a;
}

static void *work(void *arg)
{
	double *d = need(malloc((size_t)GROUP * r.n * sizeof(double)));
	uint32_t padded = (r.dims + PAD - 1) / PAD * PAD;
	double *q = need(calloc((size_t)GROUP * padded, sizeof(double)));
	double *wide = need(calloc(padded, sizeof(double)));
	uint32_t first, i, j, f, n;

	for (;;) {
		pthread_mutex_lock(&lock);
		first = next_group;
		next_group += GROUP;
		pthread_mutex_unlock(&lock);
		if (first >= r.queries)
			break;
		n = r.queries - first < GROUP ? r.queries - first : GROUP;
		for (j = 0; j < n; j++) {
			const float *x = r.query + (size_t)(first + j) * r.dims;
			double len = 0;

			for (i = 0; i < r.dims; i++)
				len += (double)x[i] * x[i];
			for (i = 0; i < r.dims; i++)
				q[(size_t)j * padded + i] = r.cosine ? x[i] / sqrt(len) : x[i];
		}
		reduce_any(q, r.base, r.n, r.dims, padded, r.cosine, wide, d);
		for (j = 0; r.cosine && j < n; j++)
			for (i = 0; i < r.n; i++)
				d[(size_t)j * r.n + i] = 1 - d[(size_t)j * r.n + i] / norm[i];
		for (j = 0; j < n; j++)
			for (f = 0; f <= r.filters; f++)
				answers[(size_t)f * r.queries + first + j] =
					nearest(d + (size_t)j * r.n, f ? r.filter[f - 1] : 0);
	}
	free(d);
	free(q);
	free(wide);
	return arg;
}

static void write_out(const char *dir, uint32_t f)
{
	char path[PATH_MAX];
	uint32_t i;
	FILE *out;

	snprintf(path, sizeof(path), "%s/truth.ivecs", dir);
	if (f)
		snprintf(path, sizeof(path), "%s/truth-%d.ivecs", dir, r.filter[f - 1]);
	out = fopen(path, "w");
	for (i = 0; out && i < r.queries; i++) {
		const struct answer *a = &answers[(size_t)f * r.queries + i];

		fwrite(&a->n, 4, 1, out);
		fwrite(a->id, 4, a->n, out);
	}
	if (!out || ferror(out) || fclose(out))
		race_die("cannot be written", path);
}

int main(int argc, char **argv)
{
	pthread_t thread[64];
	uint32_t i, f, threads;

	if (argc != 2) {
		fprintf(stderr, "usage: truth DIR\n");
		return 2;
	}
	r = race_load(argv[1]);
	norm = need(malloc(r.n * sizeof(double)));
	for (i = 0; r.cosine && i < r.n; i++) {
		const float *x = r.base + (size_t)i * r.dims;
		double len = 0;
		uint32_t d;

		for (d = 0; d < r.dims; d++)
			len += (double)x[d] * x[d];
		norm[i] = sqrt(len);
	}
	answers = need(calloc((size_t)(1 + r.filters) * r.queries, sizeof(*answers)));
	threads = r.threads < 64 ? r.threads : 64;
	for (i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, work, NULL))
			race_die("no thread", "truth");
	for (i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	for (f = 0; f <= r.filters; f++)
		write_out(argv[1], f);
	return 0;
}
