// SPDX-License-Identifier: GPL-2.0
/*
 * FAISS (Debian libfaiss-dev) as a contender, see ../contender.h; --method flat, ivf or hnsw.  Debian's build has
 * no AVX2 code, and its HNSW takes no filters.
 */
#include "../contender.h"
#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVFFlat.h>
#include <faiss/impl/IDSelector.h>
#include <omp.h>
#include <memory>
#include <string>
#include <vector>

#define M		16
#define EF_CONSTRUCTION	200
#define LAST		50		/* one row in so many, the last ones, is inserted by one thread and timed */
#define CHUNK		1000		/* rows of a call */

struct ask {
	const race *r;
	faiss::Index *index;
	std::unique_ptr<faiss::SearchParameters> params;
	std::vector<float> unit, distance;
	std::vector<int64_t> id;
};

static void answer(void *arg, const float *query, int32_t *ids)
{
	ask *a = static_cast<ask *>(arg);

	race_unit(a->r, query, a->unit.data());
	a->index->search(1, a->unit.data(), a->r->k, a->distance.data(), a->id.data(), a->params.get());
	for (uint32_t i = 0; i < a->r->k; i++)
		ids[i] = static_cast<int32_t>(a->id[i]);
}

static void add(race *r, faiss::Index *index, uint32_t from, uint32_t to, uint32_t chunk)
{
	std::vector<float> unit(static_cast<size_t>(chunk) * r->dims);

	for (uint32_t i = from; i < to; i += chunk) {
		uint32_t n = to - i < chunk ? to - i : chunk;

		race_progress(r, i);
		for (uint32_t j = 0; j < n; j++)
			race_unit(r, r->base + static_cast<size_t>(i + j) * r->dims,
				  unit.data() + static_cast<size_t>(j) * r->dims);
		index->add(n, unit.data());
	}
}

static std::unique_ptr<faiss::SearchParameters> parameters(bool ivf, size_t nprobe, faiss::IDSelector *sel)
{
	if (ivf) {
		auto p = std::make_unique<faiss::SearchParametersIVF>();
		p->nprobe = nprobe;
		p->sel = sel;
		return p;
	}
	if (!sel)
		return nullptr;
	auto p = std::make_unique<faiss::SearchParameters>();
	p->sel = sel;
	return p;
}

int main(int argc, char **argv)
{
	race r = race_open(argc, argv);
	faiss::MetricType metric = r.cosine ? faiss::METRIC_INNER_PRODUCT : faiss::METRIC_L2;
	uint32_t last = r.n / LAST ? r.n / LAST : r.n, lists = 1;
	uint64_t before = race_memory();
	std::unique_ptr<faiss::Index> index, quantizer;
	std::vector<size_t> efforts = { 0 };
	std::string method = "flat", label;
	double t, one;

	for (int i = 3; i + 1 < argc; i++)
		if (!strcmp(argv[i], "--method"))
			method = argv[i + 1];
	race_begin(&r, "faiss", VERSION, method == "hnsw" ? "Debian's, without AVX2; HNSW without filters" :
		   "Debian's, without AVX2; filters by a bitmap that is made once");
	omp_set_num_threads(static_cast<int>(r.threads));
	if (method == "flat") {
		index = std::make_unique<faiss::IndexFlat>(r.dims, metric);
	} else if (method == "ivf") {
		while (static_cast<uint64_t>(lists) * lists * 4 < static_cast<uint64_t>(r.n) * 9)
			lists *= 2;
		label = std::to_string(lists) + " lists";
		quantizer = std::make_unique<faiss::IndexFlat>(r.dims, metric);
		index = std::make_unique<faiss::IndexIVFFlat>(quantizer.get(), r.dims, lists, metric);
		efforts = { 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256 };
	} else if (method == "hnsw") {
		auto h = std::make_unique<faiss::IndexHNSWFlat>(r.dims, M, metric);
		h->hnsw.efConstruction = EF_CONSTRUCTION;
		index = std::move(h);
		label = "M 16";
		efforts = { 10, 20, 30, 45, 70, 100, 150, 220, 330, 500, 800, 1300 };
	} else {
		race_die("is not a method: flat, ivf or hnsw", method.c_str());
	}
	race_progress(&r, 0);
	t = race_now();
	if (method == "ivf") {
		/* of the rows as they come, 64 a list */
		uint32_t sample = lists * 64 < r.n ? lists * 64 : r.n;
		std::vector<float> unit(static_cast<size_t>(sample) * r.dims);

		for (uint32_t i = 0; i < sample; i++)
			race_unit(&r, r.base + static_cast<size_t>(i) * r.dims,
				  unit.data() + static_cast<size_t>(i) * r.dims);
		index->train(sample, unit.data());
	}
	/* HNSW is slow unless it gets many at once */
	add(&r, index.get(), 0, r.n - last, method == "hnsw" ? 20 * CHUNK : CHUNK);
	omp_set_num_threads(1);
	one = race_now();
	add(&r, index.get(), r.n - last, r.n, method == "hnsw" ? last : CHUNK);
	one = race_now() - one;
	t = race_now() - t;
	race_build(&r, label.c_str(), last / one, last, t, r.threads, race_memory() - before, true);

	ask a = { &r, index.get(), nullptr, std::vector<float>(r.dims), std::vector<float>(r.k),
		  std::vector<int64_t>(r.k) };
	for (uint32_t f = 0; f <= (method == "hnsw" ? 0 : r.filters); f++) {
		int32_t filter = f ? r.filter[f - 1] : 0;
		std::vector<uint8_t> bitmap((r.n + 7) / 8);
		std::unique_ptr<faiss::IDSelectorBitmap> sel;

		for (uint32_t i = 0; filter && i < r.n; i++)
			if (r.attr[i] < filter)
				bitmap[i / 8] |= static_cast<uint8_t>(1 << i % 8);
		if (filter)
			sel = std::make_unique<faiss::IDSelectorBitmap>(bitmap.size(), bitmap.data());
		for (size_t effort : efforts) {
			std::string said = !effort ? "" : (method == "ivf" ? "nprobe " : "ef ") + std::to_string(effort);

			if (method == "ivf" && effort > lists)
				break;
			/* fewer points of a curve where there are many curves */
			if (method == "ivf" && filter && effort != 8 && effort != 32 && effort != 128 && effort != 256)
				continue;
			if (method == "hnsw")
				static_cast<faiss::IndexHNSW *>(index.get())->hnsw.efSearch = static_cast<int>(effort);
			a.params = parameters(method == "ivf", effort, sel.get());
			race_measure(&r, label.c_str(), said.c_str(), filter, answer, &a);
		}
	}
	race_end(&r);
	return 0;
}
