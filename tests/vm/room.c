// SPDX-License-Identifier: GPL-2.0
/*
 * Collections on a full filesystem.
 *
 *	room fill COLLECTION		insert records until there is no room for one more
 *	room add COLLECTION N		insert N records
 *	room keep COLLECTION WHAT	delete all but WHAT: one (the last), odd, or half (the
 *					second one)
 *	room check COLLECTION WHAT	only those are there, as they were
 *
 * Ids are 0, 1, ...  Exit code 0, or 1 after a line per failure.
 */
#define _GNU_SOURCE
#include <unistd.h>
#include <vexfs/vexfs.h>
#include "check.h"
#include "rows.h"

#define DIMS	100
#define BATCH	1024u

static uint64_t next_id(int fd)
{
	struct vexfs_ioc_info info;

	EXPECT(0, -vexfs_info(fd, &info), "info");
	return info.next_id;
}

static int add(int fd, uint32_t n)
{
	static float rows[BATCH * DIMS];
	struct vexfs_batch b = {
		.n = n, .row_bytes = DIMS * 4, .rows = rows, .flags = VEXFS_INSERT_AUTO_ID
	};
	uint64_t id = next_id(fd);
	uint32_t i;

	for (i = 0; i < n; i++)
		make_row(rows + i * DIMS, DIMS, 1, id + i);
	return -vexfs_insert(fd, &b);
}

static void fill(int fd)
{
	uint32_t n = BATCH;
	int err;

	while (n) {
		err = add(fd, n);
		if (err && EXPECT(ENOSPC, err, "insert"))
			break;
		if (err)
			n /= 2;
	}
	EXPECT(0, fsync(fd) ? errno : 0, "fsync of a full filesystem");
}

static bool stays(const char *what, uint64_t id, uint64_t n)
{
	return !strcmp(what, "one") ? id == n - 1 : !strcmp(what, "odd") ? id % 2 : id >= n / 2;
}

static void keep(int fd, const char *what)
{
	uint64_t n = next_id(fd), id;
	__u64 ids[BATCH];
	uint32_t k = 0;

	for (id = 0; id < n; id++) {
		if (!stays(what, id, n))
			ids[k++] = id;
		if (k == BATCH || (k && id == n - 1)) {
			if (EXPECT(0, -vexfs_delete(fd, ids, k, NULL), "delete"))
				return;
			k = 0;
		}
	}
	EXPECT(0, fsync(fd) ? errno : 0, "fsync of deletions");
}

static void check(int fd, const char *what)
{
	uint64_t n = next_id(fd), id, live = 0;
	struct vexfs_ioc_info info;
	float row[DIMS], want[DIMS];

	for (id = 0; id < n && failures < CHECK_SHOWN; id++) {
		bool there = stays(what, id, n);

		EXPECT(there ? 0 : ENOENT, -vexfs_get(fd, id, row, sizeof(row), NULL), "get");
		make_row(want, DIMS, 1, id);
		FAIL(there && memcmp(row, want, sizeof(row)), "%llu has another row",
		     (unsigned long long)id);
		live += there;
	}
	EXPECT(0, -vexfs_info(fd, &info), "info");
	FAIL(info.live != live, "%llu records, not %llu", info.live, (unsigned long long)live);
}

int main(int argc, char **argv)
{
	int fd = argc > 2 ? vexfs_open(argv[2]) : -1;

	if (fd < 0) {
		fprintf(stderr,
			"usage: room fill COLLECTION | add COLLECTION N | keep|check COLLECTION one|odd|half\n");
		return 2;
	}
	if (!strcmp(argv[1], "fill"))
		fill(fd);
	else if (argc == 4 && !strcmp(argv[1], "add"))
		EXPECT(0, add(fd, atoi(argv[3])), "insert");
	else if (argc == 4 && !strcmp(argv[1], "keep"))
		keep(fd, argv[3]);
	else if (argc == 4 && !strcmp(argv[1], "check"))
		check(fd, argv[3]);
	else
		return 2;
	return failed();
}
