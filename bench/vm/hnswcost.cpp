// SPDX-License-Identifier: GPL-2.0
/*
 * hnswcost DIR REPEAT: what tests/vm/querycost.c says of the collection DIR, of hnswlib (Debian
 * libhnswlib-dev) over the same records and queries; l2, ids from 0 on.
 */
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <vector>
#define _Static_assert static_assert /* for vexfs/ioctl.h */
#include <hnswlib/hnswlib.h>
#include <vexfs/ioctl.h>
#include "../../tests/vm/moved.h"

#define K 10
#define M 16
#define EF_CONSTRUCTION 200

static uint64_t now()
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void check(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static void get(int fd, uint64_t id, std::vector<float> &row)
{
	struct vexfs_ioc_get g;

	memset(&g, 0, sizeof(g));
	g.size = sizeof(g);
	g.id = id;
	g.row = reinterpret_cast<uintptr_t>(row.data());
	g.row_bytes = row.size() * 4;
	check(!ioctl(fd, VEXFS_IOC_GET, &g), "get");
}

int main(int argc, char **argv)
{
	static const size_t efs[] = { 10, 20, 30, 45, 70, 100, 150, 220, 330, 500 };
	int fd = argc == 3 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1,
	    n = argc == 3 ? atoi(argv[2]) : 0;
	struct vexfs_ioc_info info;

	if (fd < 0 || n < 1)
		return fprintf(stderr, "usage: hnswcost DIR REPEAT\n"), 2;
	memset(&info, 0, sizeof(info));
	info.size = sizeof(info);
	check(!ioctl(fd, VEXFS_IOC_INFO, &info), argv[1]);

	hnswlib::L2Space space(info.dims);
	hnswlib::HierarchicalNSW<float> index(&space, info.live, M, EF_CONSTRUCTION);
	std::vector<float> all(info.live * info.dims), row(info.dims);
	for (uint64_t id = 0; id < info.live; id++) {
		get(fd, id, row);
		std::copy(row.begin(), row.end(), all.begin() + id * info.dims);
	}
	uint64_t t = now();
	for (uint64_t id = 0; id < info.live; id++)
		index.addPoint(all.data() + id * info.dims, id);
	printf("hnswlib: %.0f ns to insert a record, M %d, ef %d\n",
	       (now() - t) / (double)info.live, M, EF_CONSTRUCTION);

	std::vector<std::vector<float> > query;
	std::vector<std::vector<uint64_t> > truth;
	for (int i = 0; i < n; i++) {
		std::vector<std::pair<double, uint64_t> > far;

		get(fd, moved_id(i, info.live), row);
		move_row(row.data(), info.dims, i);
		for (uint64_t id = 0; id < info.live; id++) {
			double sum = 0;

			for (uint32_t d = 0; d < info.dims; d++)
				sum += (row[d] - all[id * info.dims + d]) *
				       (row[d] - all[id * info.dims + d]);
			far.emplace_back(sum, id);
		}
		std::partial_sort(far.begin(), far.begin() + K, far.end());
		query.push_back(row);
		truth.emplace_back();
		for (int k = 0; k < K; k++)
			truth.back().push_back(far[k].second);
	}
	for (size_t ef : efs) {
		std::vector<uint64_t> ns;
		int found = 0;

		index.setEf(ef);
		index.searchKnn(query[0].data(), K);
		for (int i = 0; i < n; i++) {
			t = now();
			auto hits = index.searchKnn(query[i].data(), K);
			ns.push_back(now() - t);
			for (; !hits.empty(); hits.pop())
				found += std::count(truth[i].begin(), truth[i].end(),
						    hits.top().second);
		}
		std::sort(ns.begin(), ns.end());
		printf("hnswlib   (ef %zu) median %llu ns/query (min %llu, max %llu), recall %.4f of %d queries\n",
		       ef, (unsigned long long)ns[n / 2], (unsigned long long)ns[0],
		       (unsigned long long)ns[n - 1], found / (double)K / n, n);
		if (found >= 0.995 * K * n)
			break;
	}
	return 0;
}
