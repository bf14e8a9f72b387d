/* SPDX-License-Identifier: GPL-2.0 */
/* What test programs of the guest share: rows made from a seed, and thin wrappers of the ioctls. */
#ifndef _VEXFS_TESTS_ROWS_H
#define _VEXFS_TESTS_ROWS_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <vexfs/ioctl.h>

#define PTR(p)	((__u64)(uintptr_t)(p))

/* splitmix64 (Steele, Lea, Flood 2014). */
static inline uint64_t random64(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* The row of an id: about normal, never all zero. */
static inline void make_row(float *v, uint32_t dims, uint64_t seed, uint64_t id)
{
	uint64_t s = seed * 0xd1342543de82ef95ULL + id;
	uint32_t i;

	for (i = 0; i < dims; i++) {
		uint64_t r = random64(&s);

		v[i] = ((r & 0xffff) + (r >> 16 & 0xffff) + (r >> 32 & 0xffff) + (r >> 48)) /
			       37837.0f -
		       3.4641f;
	}
	if (v[0] == 0)
		v[0] = 1;
}

/* The id of slot i in a collection that collection.c fills: no order, no gaps to rely on. */
static inline uint64_t fill_id(uint32_t i)
{
	return (uint64_t)i * 7919 % 65537 * 3 + 3;
}

/* 0 or the errno. */
static inline int vx_ioctl(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) ? errno : 0;
}

static inline int vx_create(int fd, uint32_t dims, uint32_t metric, uint32_t attrs)
{
	struct vexfs_ioc_create a = {
		.size = sizeof(a), .dims = dims, .element = VEXFS_ELEM_F32, .metric = metric,
		.attrs = attrs,
	};
	uint32_t i;

	for (i = 0; i < attrs; i++) {
		snprintf(a.attr[i].name, sizeof(a.attr[i].name), "attr%u", i);
		a.attr[i].type = VEXFS_ATTR_INT;
	}
	return vx_ioctl(fd, VEXFS_IOC_CREATE, &a);
}

static inline int vx_info(int fd, struct vexfs_ioc_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	return vx_ioctl(fd, VEXFS_IOC_INFO, info);
}

static inline int vx_insert(int fd, uint32_t n, uint32_t dims, const float *rows,
			    const uint64_t *ids, const int64_t *attrs, uint64_t *seq, uint64_t *bad)
{
	struct vexfs_ioc_insert a = {
		.size = sizeof(a), .n = n, .row_bytes = dims * 4, .rows = PTR(rows),
		.ids = PTR(ids), .attrs = PTR(attrs),
	};
	int err = vx_ioctl(fd, VEXFS_IOC_INSERT, &a);

	if (seq)
		*seq = a.seq;
	if (bad)
		*bad = a.bad;
	return err;
}

static inline int vx_get(int fd, uint64_t id, uint32_t dims, float *row, struct vexfs_ioc_get *out)
{
	struct vexfs_ioc_get a = {
		.size = sizeof(a), .id = id, .row = PTR(row), .row_bytes = dims * 4
	};
	int err = vx_ioctl(fd, VEXFS_IOC_GET, &a);

	if (out)
		*out = a;
	return err;
}

static inline int vx_delete(int fd, uint32_t n, const uint64_t *ids, uint64_t *bad)
{
	struct vexfs_ioc_delete a = { .size = sizeof(a), .n = n, .ids = PTR(ids) };
	int err = vx_ioctl(fd, VEXFS_IOC_DELETE, &a);

	if (bad)
		*bad = a.bad;
	return err;
}

/* flags: VEXFS_SEARCH_*. */
static inline int vx_search_as(int fd, uint32_t flags, uint32_t k, uint32_t dims, const float *v,
			       struct vexfs_hit *hits, struct vexfs_ioc_search *out)
{
	struct vexfs_ioc_search a = {
		.size = sizeof(a), .flags = flags, .k = k, .vector_bytes = dims * 4,
		.vector = PTR(v), .hits = PTR(hits), .timeout_us = VEXFS_MAX_TIMEOUT_US,
	};
	int err = vx_ioctl(fd, VEXFS_IOC_SEARCH, &a);

	*out = a;
	return err;
}

/* Every record is measured: what an oracle compares with. */
static inline int vx_search(int fd, uint32_t k, uint32_t dims, const float *v,
			    struct vexfs_hit *hits, struct vexfs_ioc_search *out)
{
	return vx_search_as(fd, VEXFS_SEARCH_EXACT, k, dims, v, hits, out);
}

/* Open the directory DIR/name, after making it if need be.  -1 and errno. */
static inline int vx_directory(const char *dir, const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (mkdir(path, 0755) && errno != EEXIST)
		return -1;
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* A new collection DIR/name, opened; the end of the program if it cannot be had. */
static inline int vx_collection(const char *dir, const char *name, uint32_t dims, uint32_t metric,
				uint32_t attrs)
{
	int fd = vx_directory(dir, name);

	errno = fd < 0 ? errno : vx_create(fd, dims, metric, attrs);
	if (errno) {
		printf("%s/%s: %s\n", dir, name, strerror(errno));
		exit(1);
	}
	return fd;
}

#endif /* _VEXFS_TESTS_ROWS_H */
