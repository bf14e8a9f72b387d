// SPDX-License-Identifier: GPL-2.0
/* hnswlib (Debian libhnswlib-dev) as a contender, see ../contender.h.  Version 0.6 has no filters. */
#include "../contender.h"
#include <hnswlib/hnswlib.h>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#define M		16
#define EF_CONSTRUCTION	200
#define LAST		50		/* one row in so many, the last ones, is inserted by one thread and timed */

struct ask {
	const race *r;
	hnswlib::HierarchicalNSW<float> *index;
	std::vector<float> unit;
};

static void answer(void *arg, const float *query, int32_t *ids)
{
	ask *a = static_cast<ask *>(arg);

	race_unit(a->r, query, a->unit.data());
	auto found = a->index->searchKnn(a->unit.data(), a->r->k);
	for (; !found.empty(); found.pop())
		ids[found.size() - 1] = static_cast<int32_t>(found.top().second);
}

static void insert(const race *r, hnswlib::HierarchicalNSW<float> *index, std::atomic<uint32_t> *next, uint32_t to,
		   race *progress)
{
	std::vector<float> unit(r->dims);
	uint32_t i;

	while ((i = (*next)++) < to) {
		if (progress && i % 64 == 0)
			race_progress(progress, i);
		race_unit(r, r->base + static_cast<size_t>(i) * r->dims, unit.data());
		index->addPoint(unit.data(), i);
	}
}

int main(int argc, char **argv)
{
	race r = race_open(argc, argv);
	static const size_t efs[] = { 10, 20, 30, 45, 70, 100, 150, 220, 330, 500, 800, 1300 };
	uint64_t before = race_memory();
	uint32_t last = r.n / LAST ? r.n / LAST : r.n;
	std::unique_ptr<hnswlib::SpaceInterface<float>> space;
	std::vector<std::thread> threads;
	std::atomic<uint32_t> next(0);
	double t, one;

	race_begin(&r, "hnswlib", VERSION, "no filters in this version");
	if (r.cosine)
		space.reset(new hnswlib::InnerProductSpace(r.dims));
	else
		space.reset(new hnswlib::L2Space(r.dims));
	hnswlib::HierarchicalNSW<float> index(space.get(), r.n, M, EF_CONSTRUCTION);
	race_progress(&r, 0);
	t = race_now();
	for (uint32_t i = 1; i < r.threads; i++)
		threads.emplace_back(insert, &r, &index, &next, r.n - last, nullptr);
	insert(&r, &index, &next, r.n - last, &r);
	for (auto &thread : threads)
		thread.join();
	one = race_now();
	next = r.n - last;
	insert(&r, &index, &next, r.n, &r);
	one = race_now() - one;
	t = race_now() - t;
	race_build(&r, "M 16", last / one, last, t, r.threads, race_memory() - before, true);
	ask a = { &r, &index, std::vector<float>(r.dims) };
	for (size_t ef : efs) {
		index.setEf(ef);
		race_measure(&r, "M 16", ("ef " + std::to_string(ef)).c_str(), 0, answer, &a);
	}
	race_end(&r);
	return 0;
}
