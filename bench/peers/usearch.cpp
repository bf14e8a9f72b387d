// SPDX-License-Identifier: GPL-2.0
/*
 * USearch (the headers of npm's usearch) as a contender, see ../contender.h; --method f32, bf16 or i8, which is how it
 * keeps the rows.  To i8 they are brought here, by one factor for all: USearch itself makes each as long as any other
 * first, and then hardly uses eight bits where there are many dimensions.
 */
#define USEARCH_USE_NUMKONG 1
#include "../contender.h"
#include <usearch/index_dense.hpp>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

using namespace unum::usearch;

/* Its kernels are a library of their own, of which ./build makes those for the three types; nobody asks for others. */
#define NO_KERNELS(type)									\
	extern "C" void nk_dispatch_##type##_init_(nk_capability_t) {}				\
	extern "C" void nk_dispatch_##type##_find_(nk_capability_t, nk_kernel_kind_t,		\
						   nk_kernel_punned_t *, nk_capability_t *) {}
NO_KERNELS(f64)
NO_KERNELS(f64c)
NO_KERNELS(f32c)
NO_KERNELS(f16)
NO_KERNELS(f16c)
NO_KERNELS(bf16c)
NO_KERNELS(e5m2)
NO_KERNELS(e4m3)
NO_KERNELS(e3m2)
NO_KERNELS(e2m3)
NO_KERNELS(i64)
NO_KERNELS(i32)
NO_KERNELS(i16)
NO_KERNELS(i4)
NO_KERNELS(u64)
NO_KERNELS(u32)
NO_KERNELS(u16)
NO_KERNELS(u8)
NO_KERNELS(u4)
NO_KERNELS(u1)

#define M		16
#define EF_CONSTRUCTION	200
#define LAST		50		/* one row in so many, the last ones, is inserted by one thread and timed */

/* A row or a query as the index takes it. */
struct row {
	const race *r;
	float scale;			/* to i8; 0: stays as it is */
	std::vector<float> unit;
	std::vector<i8_t> small;

	row(const race *r, float scale) : r(r), scale(scale), unit(r->dims), small(r->dims) {}

	void set(const float *from)
	{
		race_unit(r, from, unit.data());
		for (uint32_t i = 0; scale && i < r->dims; i++)
			small[i] = static_cast<i8_t>(lrintf(fmaxf(-127, fminf(127, unit[i] * scale))));
	}
};

struct ask {
	index_dense_t *index;
	int32_t filter;
	std::vector<index_dense_t::vector_key_t> key;
	row query;
};

static void answer(void *arg, const float *query, int32_t *ids)
{
	ask *a = static_cast<ask *>(arg);
	const int32_t *attr = a->query.r->attr;
	int32_t filter = a->filter;
	size_t k = a->query.r->k;
	auto admits = [=](index_dense_t::vector_key_t key) { return attr[key] < filter; };
	auto search = [=](const auto *vector) {
		return filter ? a->index->filtered_search(vector, k, admits, 0) : a->index->search(vector, k, 0);
	};

	a->query.set(query);
	auto found = a->query.scale ? search(a->query.small.data()) : search(a->query.unit.data());
	if (!found)
		race_die(found.error.release(), "usearch");
	size_t n = found.dump_to(a->key.data());
	for (size_t i = 0; i < n; i++)
		ids[i] = static_cast<int32_t>(a->key[i]);
}

static void insert(const race *r, index_dense_t *index, std::atomic<uint32_t> *next, uint32_t to, uint32_t thread,
		   float scale, race *progress)
{
	row v(r, scale);
	uint32_t i;

	while ((i = (*next)++) < to) {
		if (progress && i % 64 == 0)
			race_progress(progress, i);
		v.set(r->base + static_cast<size_t>(i) * r->dims);
		auto added = scale ? index->add(i, v.small.data(), thread) : index->add(i, v.unit.data(), thread);
		if (!added)
			race_die(added.error.release(), "usearch");
	}
}

/* What brings the largest number of all rows to 127. */
static float scale_of(const race *r)
{
	row v(r, 0);
	float most = 0;

	for (uint32_t i = 0; i < r->n; i++) {
		v.set(r->base + static_cast<size_t>(i) * r->dims);
		for (float x : v.unit)
			most = fmaxf(most, fabsf(x));
	}
	return most > 0 ? 127 / most : 1;
}

int main(int argc, char **argv)
{
	race r = race_open(argc, argv);
	static const size_t efs[] = { 10, 20, 30, 45, 70, 100, 150, 220, 330, 500, 800, 1300 };
	static const size_t filtered[] = { 30, 100, 400 };
	uint32_t last = r.n / LAST ? r.n / LAST : r.n;
	uint64_t before = race_memory();
	std::vector<std::thread> threads;
	std::atomic<uint32_t> next(0);
	std::string method = "f32";
	double t, one;

	for (int i = 3; i + 1 < argc; i++)
		if (!strcmp(argv[i], "--method"))
			method = argv[i + 1];
	scalar_kind_t kind = method == "bf16" ? scalar_kind_t::bf16_k : method == "i8" ? scalar_kind_t::i8_k :
										  scalar_kind_t::f32_k;
	metric_punned_t metric(r.dims, r.cosine ? metric_kind_t::cos_k : metric_kind_t::l2sq_k, kind);
	auto made = index_dense_t::make(metric, index_dense_config_t(M, EF_CONSTRUCTION, 64));

	race_begin(&r, "usearch", VERSION, metric.isa_name());
	if (!made)
		race_die(made.error.release(), "usearch");
	index_dense_t index = std::move(made.index);
	if (!index.try_reserve(index_limits_t(r.n, r.threads)))
		race_die("out of memory", "usearch");
	race_progress(&r, 0);
	t = race_now();
	float scale = kind == scalar_kind_t::i8_k ? scale_of(&r) : 0;
	for (uint32_t i = 1; i < r.threads; i++)
		threads.emplace_back(insert, &r, &index, &next, r.n - last, i, scale, nullptr);
	insert(&r, &index, &next, r.n - last, 0, scale, &r);
	for (auto &thread : threads)
		thread.join();
	one = race_now();
	next = r.n - last;
	insert(&r, &index, &next, r.n, 0, scale, &r);
	one = race_now() - one;
	t = race_now() - t;
	race_build(&r, "M 16", last / one, last, t, r.threads, race_memory() - before, kind == scalar_kind_t::f32_k);
	ask a = { &index, 0, std::vector<index_dense_t::vector_key_t>(r.k), row(&r, scale) };
	for (size_t ef : efs) {
		index.change_expansion_search(ef);
		race_measure(&r, "M 16", ("ef " + std::to_string(ef)).c_str(), 0, answer, &a);
	}
	for (uint32_t f = 0; f < r.filters; f++)
		for (size_t ef : filtered) {
			index.change_expansion_search(ef);
			a.filter = r.filter[f];
			race_measure(&r, "M 16", ("ef " + std::to_string(ef)).c_str(), r.filter[f], answer, &a);
		}
	race_end(&r);
	return 0;
}
