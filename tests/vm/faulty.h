/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A disk that can be broken and mended: a device-mapper device over another one, whose table is
 * changed while a filesystem is mounted on it.
 */
#ifndef _TESTS_FAULTY_H
#define _TESTS_FAULTY_H

#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "check.h"

struct faulty {
	const char *below;		/* the device that holds the data */
	const char *readonly;		/* the same data, on a device that cannot be written */
	char path[32];			/* the one to mount */
	uint64_t sectors;
	int control;
};

struct faulty_call {
	struct dm_ioctl dm;
	struct {
		struct dm_target_spec spec;
		char args[96];
	} target[3];
};

static inline void faulty_call(struct faulty *f, struct faulty_call *c, unsigned long cmd)
{
	c->dm.version[0] = DM_VERSION_MAJOR;
	c->dm.data_size = sizeof(*c);
	c->dm.data_start = offsetof(struct faulty_call, target);
	strcpy(c->dm.name, "faulty");
	if (ioctl(f->control, cmd, c))
		die("device mapper");
}

/*
 * Sectors [from, to) behave as `type` says: "error" (every read and write fails), or "flakey"
 * (every write fails, and so does a flush of the whole device), or "readonly" (every write fails, if
 * it has such a device).  from == to: all is well.
 */
static inline void faulty_set(struct faulty *f, const char *type, uint64_t from, uint64_t to)
{
	const uint64_t begin[] = { 0, from, to, f->sectors };
	struct faulty_call c = { .dm.flags = 0 };
	bool ro;
	int i;

	for (i = 0; i < 3; i++) {
		struct dm_target_spec *t = &c.target[c.dm.target_count].spec;
		char *args = c.target[c.dm.target_count].args;

		if (begin[i] == begin[i + 1])
			continue;
		t->sector_start = begin[i];
		t->length = begin[i + 1] - begin[i];
		t->next = sizeof(c.target[0]);
		ro = i == 1 && !strcmp(type, "readonly");
		strcpy(t->target_type, i == 1 && !ro ? type : "linear");
		if (strcmp(t->target_type, "error"))
			sprintf(args, "%s %llu%s", ro ? f->readonly : f->below,
				(unsigned long long)begin[i],
				i == 1 && !ro ? " 0 1 1 error_writes" : "");
		c.dm.target_count++;
	}
	faulty_call(f, &c, DM_TABLE_LOAD);
	/* resume with the new table; the filesystem above is not frozen for that */
	c = (struct faulty_call){ .dm.flags = DM_SKIP_LOCKFS_FLAG | DM_NOFLUSH_FLAG };
	faulty_call(f, &c, DM_DEV_SUSPEND);
}

static inline void faulty_mend(struct faulty *f)
{
	faulty_set(f, "", 0, 0);
}

/* The block of the device where the file has the block `at` of its data, written or not. */
static inline uint64_t faulty_block(int fd, uint64_t at)
{
	union {
		struct fiemap map;
		char room[sizeof(struct fiemap) + sizeof(struct fiemap_extent)];
	} u = { .map = { .fm_start = at * 4096, .fm_length = 4096, .fm_extent_count = 1 } };
	const struct fiemap_extent *e = u.map.fm_extents;

	if (ioctl(fd, FS_IOC_FIEMAP, &u) || u.map.fm_mapped_extents != 1)
		die("fiemap");
	return (e->fe_physical - e->fe_logical) / 4096 + at;
}

static inline void faulty_open(struct faulty *f, const char *below)
{
	struct faulty_call c = { .dm.flags = 0 };
	int fd = open(below, O_RDONLY | O_CLOEXEC);

	f->below = below;
	f->control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (fd < 0 || f->control < 0 || ioctl(fd, BLKGETSIZE64, &f->sectors))
		die(below);
	close(fd);
	f->sectors /= 512;
	faulty_call(f, &c, DM_DEV_CREATE);
	snprintf(f->path, sizeof(f->path), "/dev/dm-%u", minor(c.dm.dev));
	faulty_mend(f);
}

static inline void faulty_close(struct faulty *f)
{
	struct faulty_call c = { .dm.flags = 0 };

	faulty_call(f, &c, DM_DEV_REMOVE);
	close(f->control);
}

#endif /* _TESTS_FAULTY_H */
