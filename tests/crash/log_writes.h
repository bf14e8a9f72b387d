/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The format of dm-log-writes, in which QEMU's blklogwrites and crash_image.c record what a disk is
 * told, and which states.c reads.  All numbers are little-endian.
 */
#ifndef _VEXFS_TESTS_LOG_WRITES_H
#define _VEXFS_TESTS_LOG_WRITES_H

#include <stdint.h>

#define LOG_MAGIC	0x6a736677736872ULL
#define LOG_VERSION	1
#define LOG_SECTOR	512		/* what crash_image.c writes */
#define LOG_FLUSH	(1U << 0)	/* the cache was flushed before this entry took effect */
#define LOG_FUA		(1U << 1)	/* durable when it completed */
#define LOG_DISCARD	(1U << 2)	/* carries no data */
#define LOG_MARK	(1U << 3)	/* carries data_len bytes of text, for people */
#define LOG_METADATA	(1U << 4)	/* a hint */
#define LOG_ALL		(LOG_FLUSH | LOG_FUA | LOG_DISCARD | LOG_MARK | LOG_METADATA)

/* First sector of the log. */
struct log_super {
	uint64_t magic;		/* LOG_MAGIC */
	uint64_t version;	/* LOG_VERSION */
	uint64_t nr_entries;	/* behind the truth when the writer was killed: not used */
	uint32_t sector_size;	/* bytes; unit of everything below */
};

/* Head of each entry; it fills a sector, then come nr_sectors of data unless it is a discard. */
struct log_entry {
	uint64_t sector;
	uint64_t nr_sectors;
	uint64_t flags;		/* LOG_* */
	uint64_t data_len;	/* bytes of a mark */
};

#endif /* _VEXFS_TESTS_LOG_WRITES_H */
