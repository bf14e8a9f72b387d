/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a disk may hold after a power cut, rebuilt from a record of what it was told (log_writes.h)
 * and the image as it was before.
 *
 * A state is cut after some entry of the log; has all writes that a flush or their FUA flag made
 * durable until then, and some of the others, in their order.
 *
 * Promises: a guest program tells what must survive by writing a 4096-byte block at a byte offset
 * beyond the filesystem on the same disk: the magic "PROMISE!" followed by up to eight le64 numbers,
 * the rest zero.  It writes the block *after* the call returned that makes the promise (an fsync,
 * say), so a state must keep whatever promise precedes its cut.  The promise itself is never lost
 * here, it is part of the record and not of the filesystem, and is not written to the images.
 *
 * Whoever finds something wrong with the log says so and ends the program.
 */
#ifndef _VEXFS_TESTS_LOG_H
#define _VEXFS_TESTS_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_PROMISE_NUMBERS	8
#define LOG_KEEP_ALL		65536u

/* States that no disk may leave behind, to show that who judges them would notice. */
enum log_control {
	LOG_REAL,
	/* every write is kept or lost by chance, flushed or not: a disk that ignores flushes */
	LOG_NO_FLUSH,
	/* so is every write outside of the journal: data was not durable when the log said so */
	LOG_NO_DATA,
	/* nothing that was not flushed is kept, and the next promise was made already */
	LOG_EARLY
};

struct log_state {
	size_t cut;		/* entries before this index happened */
	size_t durable;		/* entries before this index were flushed */
	uint32_t keep;		/* chance of the others to survive, of LOG_KEEP_ALL */
	uint64_t seed;		/* of that chance */
};

struct crash_log;

/* promise_offset: -1, there are none.  The journal: its bytes, for LOG_NO_DATA. */
struct crash_log *log_open(const char *log, const char *base, int64_t promise_offset,
			   enum log_control control, uint64_t journal, uint64_t journal_len);
void log_close(struct crash_log *l);
size_t log_entries(const struct crash_log *l);
size_t log_flushes(const struct crash_log *l);

/* One cut at random, any time past the mount. */
struct log_state log_random(const struct crash_log *l, uint64_t *seed);
/*
 * All that are worth it, in order; free() it.  At each flush and FUA write: just before it with all
 * and with none of what may be lost, just after it, and `orders` cuts since the one before, with some
 * of it.
 */
struct log_state *log_marks(const struct crash_log *l, unsigned int orders, uint64_t seed,
			    size_t *count);

struct log_made {
	bool promised;
	uint64_t promise[LOG_PROMISE_NUMBERS];
	uint64_t lost, open;	/* writes, of so many that chance decided about */
};
/* Write the state to the file fd, which becomes as long as the disk.  Quick for states in order. */
void log_make(struct crash_log *l, const struct log_state *s, int fd, struct log_made *made);
/* "1:2:0:0:0:0:0:0", or "none" */
const char *log_promise(const struct log_made *made);

/* Say why, and end with 1. */
__attribute__((noreturn, format(printf, 1, 2))) void log_die(const char *fmt, ...);

#endif /* _VEXFS_TESTS_LOG_H */
