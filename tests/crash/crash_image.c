// SPDX-License-Identifier: GPL-2.0
/*
 * The loads and their judge (crash.h) over an image that is mounted in this process.
 *
 *	crash-image write IMAGE SEED OPERATIONS LOG OFFSET
 *	crash-image judge IMAGE SEED PROMISED|none
 *
 * write records what IMAGE's disk is told, and promises as if they were written at its byte OFFSET,
 * in LOG, in the format of dm-log-writes: see states.c.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <core/core.h>
#include <platform/image.h>
#include "crash.h"
#include "image_calls.h"
#include "log_writes.h"

static __attribute__((noreturn)) void die(const char *what, int err)
{
	printf("crash-image: %s: %s\n", what, strerror(err));
	fflush(stdout);
	exit(1);
}

/* --- what the disk is told --- */

static struct {
	pthread_mutex_t lock;
	FILE *f;
	uint64_t offset;		/* of promises */
} recording = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* bytes is a multiple of LOG_SECTOR. */
static void put(uint64_t offset, const void *data, uint64_t bytes, uint64_t flags)
{
	char head[LOG_SECTOR] = { 0 };
	const struct log_entry e = {
		.sector = htole64(offset / LOG_SECTOR),
		.nr_sectors = htole64(bytes / LOG_SECTOR),
		.flags = htole64(flags),
	};

	memcpy(head, &e, sizeof(e));
	pthread_mutex_lock(&recording.lock);
	if (fwrite(head, sizeof(head), 1, recording.f) != 1 ||
	    (bytes && fwrite(data, bytes, 1, recording.f) != 1))
		die("the recording", errno);
	pthread_mutex_unlock(&recording.lock);
}

static void record(struct vexfs_dev *dev, __u64 block, const void *data)
{
	(void)dev;
	if (data)
		put(block << VEXFS_BLOCK_SHIFT, data, VEXFS_BLOCK_SIZE, 0);
	else
		put(0, NULL, 0, LOG_FLUSH);
}

static void promise(const uint64_t number[3])
{
	char block[CRASH_PROMISE_SIZE] = CRASH_PROMISE;
	int i;

	for (i = 0; i < 3; i++) {
		uint64_t le = htole64(number[i]);

		memcpy(block + 8 + 8 * i, &le, sizeof(le));
	}
	put(recording.offset, block, sizeof(block), LOG_FUA);
}

static void start_recording(const char *path, uint64_t offset)
{
	char sector[LOG_SECTOR] = { 0 };
	const struct log_super s = {
		.magic = htole64(LOG_MAGIC),
		.version = htole64(LOG_VERSION),
		.sector_size = htole32(LOG_SECTOR),
	};

	recording.offset = offset;
	recording.f = fopen(path, "w");
	memcpy(sector, &s, sizeof(s));
	if (!recording.f || fwrite(sector, sizeof(sector), 1, recording.f) != 1)
		die(path, errno);
}

int main(int argc, char **argv)
{
	bool write = argc == 7 && !strcmp(argv[1], "write");
	static struct vexfs_dev dev;
	struct vexfs_image *image;
	const char *why = NULL;
	uint64_t seed;
	int err;

	if (!write && (argc != 5 || strcmp(argv[1], "judge"))) {
		fprintf(stderr, "usage: crash-image write IMAGE SEED OPERATIONS LOG OFFSET\n"
				"       crash-image judge IMAGE SEED PROMISED|none\n");
		return 2;
	}
	seed = strtoull(argv[3], NULL, 0);
	err = vexfs_dev_open(&dev, argv[2], O_RDWR);
	if (err)
		die(argv[2], -err);
	if (write) {
		start_recording(argv[5], strtoull(argv[6], NULL, 0));
		dev.record = record;
	}
	err = vexfs_image_mount(&dev, 0, &image, &why);
	if (err)
		die(why ?: "mount", -err);
	image_calls(image);
	if (write)
		crash_write(IMAGE_TOP, seed, strtoull(argv[4], NULL, 0), promise);
	else
		crash_judge(IMAGE_TOP, seed,
			    strcmp(argv[4], "none") ? strtoull(argv[4], NULL, 0) : 0);
	image_calls(NULL);
	err = vexfs_image_close(image);
	if (err)
		die("unmounting", -err);
	if (write && fclose(recording.f))
		die(argv[5], errno);
	return 0;
}
