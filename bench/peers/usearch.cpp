// SPDX-License-Identifier: GPL-2.0
/*
 * USearch (the headers of npm's usearch) as a contender, see ../contender.h; --method f32, bf16 or i8, which is how it
 * keeps the rows.
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

struct ask {
	const race *r;
	index_dense_t *index;
	int32_t filter;
	std::vector<index_dense_t::vector_key_t> key;
	std::vector<float> unit;
};

static void answer(void *arg, const float *query, int32_t *ids)
{
	ask *a = static_cast<ask *>(arg);
	const int32_t *attr = a->r->attr;
	int32_t filter = a->filter;

	race_unit(a->r, query, a->unit.data());
	auto found = filter ? a->index->filtered_search(a->unit.data(), a->r->k,
							[=](index_dense_t::vector_key_t key) {
								return attr[key] < filter;
							}, 0) :
			      a->index->search(a->unit.data(), a->r->k, 0);
	if (!found)
		race_die(found.error.release(), "usearch");
	size_t n = found.dump_to(a->key.data());
	for (size_t i = 0; i < n; i++)
		ids[i] = static_cast<int32_t>(a->key[i]);
}

static void insert(const race *r, index_dense_t *index, std::atomic<uint32_t> *next, uint32_t to, uint32_t thread,
		   race *progress)
{
	std::vector<float> unit(r->dims);
	uint32_t i;

	while ((i = (*next)++) < to) {
		if (progress && i % 64 == 0)
			race_progress(progress, i);
		/* i8 is of a row whose length is 1 */
		race_unit(r, r->base + static_cast<size_t>(i) * r->dims, unit.data());
		auto added = index->add(i, unit.data(), thread);
		if (!added)
			race_die(added.error.release(), "usearch");
	}
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
	for (uint32_t i = 1; i < r.threads; i++)
		threads.emplace_back(insert, &r, &index, &next, r.n - last, i, nullptr);
	insert(&r, &index, &next, r.n - last, 0, &r);
	for (auto &thread : threads)
		thread.join();
	one = race_now();
	next = r.n - last;
	insert(&r, &index, &next, r.n, 0, &r);
	one = race_now() - one;
	t = race_now() - t;
	race_build(&r, "M 16", last / one, last, t, r.threads, race_memory() - before, kind == scalar_kind_t::f32_k);
	ask a = { &r, &index, 0, std::vector<index_dense_t::vector_key_t>(r.k), std::vector<float>(r.dims) };
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
