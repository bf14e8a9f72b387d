// SPDX-License-Identifier: GPL-2.0
/*
 * The loads and their judge (crash.h) in the guest, on a filesystem that is mounted.
 *
 *	crashload write|ops MOUNT SEED OPERATIONS [DEVICE OFFSET]
 *	crashload judge MOUNT SEED PROMISED|none
 *
 * ops: generated workloads, so many, which orders.c judges.
 *
 * Promises are written at byte OFFSET of DEVICE, past the filesystem.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "crash.h"

static int device = -1;
static uint64_t offset;

static void promise(const uint64_t number[3])
{
	static char block[CRASH_PROMISE_SIZE] __attribute__((aligned(CRASH_PROMISE_SIZE)));
	int i;

	if (device < 0)
		return;
	memcpy(block, CRASH_PROMISE, 8);
	for (i = 0; i < 3; i++) {
		uint64_t le = htole64(number[i]);

		memcpy(block + 8 + 8 * i, &le, sizeof(le));
	}
	if (pwrite(device, block, sizeof(block), offset) == sizeof(block))
		return;
	printf("cannot write the promise: %s\n", strerror(errno));
	exit(1);
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 0;

	if (argc == 5 && !strcmp(argv[1], "judge")) {
		crash_judge(argv[2], seed,
			    strcmp(argv[4], "none") ? strtoull(argv[4], NULL, 0) : 0);
		return 0;
	}
	if ((argc != 5 && argc != 7) || (strcmp(argv[1], "write") && strcmp(argv[1], "ops"))) {
		fprintf(stderr, "usage: crashload write|ops MOUNT SEED OPERATIONS [DEVICE OFFSET]\n"
				"       crashload judge MOUNT SEED PROMISED|none\n");
		return 2;
	}
	if (argc == 7) {
		device = open(argv[5], O_WRONLY | O_DIRECT);
		offset = strtoull(argv[6], NULL, 0);
		if (device < 0) {
			printf("%s: %s\n", argv[5], strerror(errno));
			return 1;
		}
	}
	if (*argv[1] == 'o')
		crash_ops_write(argv[2], seed, strtoull(argv[4], NULL, 0), promise);
	else
		crash_write(argv[2], seed, strtoull(argv[4], NULL, 0), promise);
	return 0;
}
