// SPDX-License-Identifier: GPL-2.0
/*
 * The log in user space: writing one in the form of jbd2.
 *
 * There is one running transaction, which every vexfs_log_begin() joins.  A commit waits until
 * nobody is in it, writes descriptor blocks, copies and revoke records, flushes, writes the commit
 * block and flushes again: the first flush also covers file data that were written before.  During
 * the flushes the next transaction runs already, and who waits for it, or for data, shares the
 * flushes that come then: however many threads sync, there are two for all that came meanwhile.
 *
 * One flush, of the commit block together with what it vouches for, would not do.  After a power cut
 * the commit block may be there and something before it not.  Of a copy in the log its tag tells, but
 * jbd2 takes that for damage: with checksums of version 3 its recovery ends in an error, and there is
 * no mount, also where the log has the feature of asynchronous commits.  Of rows and file data nothing
 * in the log tells, and records that count would have rows that were never written.
 *
 * Blocks go to their places (a checkpoint) only right after a commit, when memory holds nothing that
 * is not committed; then the log is empty.  That happens when half of the ring is used, and nothing
 * runs beside that commit.  A transaction takes a third of the ring at most, so a commit always finds
 * room.
 *
 * The committed copies of group blocks keep from being reused what a transaction has freed.  After its
 * commit they go, as soon as nobody is in a transaction, who may be looking at them; of a block that
 * the next one has changed the copy becomes what was committed.
 *
 * Locks: vexfs_log.lock, which a commit gives back for its flushes; vexfs_dev.lock inside it, also for
 * the running transaction's list and revoke records, which transactions add to without
 * vexfs_log.lock.
 */
#include <time.h>

#include "block.h"
#include "jbd2.h"
#include "log.h"

#define TAGS_BYTES	(VEXFS_BLOCK_SIZE - sizeof(struct jbd2_header) - \
			 sizeof(struct jbd2_tail) - 16)
/* of a descriptor block, with one uuid */
#define TAGS		(TAGS_BYTES / sizeof(struct jbd2_tag))
#define REVOKES		((VEXFS_BLOCK_SIZE - sizeof(struct jbd2_revoke) - \
			  sizeof(struct jbd2_tail)) / sizeof(__be64))

struct vexfs_log {
	struct vexfs_dev *dev;
	struct jbd2_super super;
	__u64 start;			/* on the device */
	__u32 first, last;		/* the ring: blocks first .. last - 1 */
	__u32 seed, max;		/* blocks of a transaction */

	pthread_mutex_t lock;
	pthread_cond_t changed;		/* a transaction has ended, or a commit, or a flush */
	/* lock: transactions that run, commits that wait for them */
	__u32 handles, waiting;
	/*
	 * lock: the transaction before `sequence` is being committed; somebody flushes alone.  Never both:
	 * of two flushes at a time only one is told of a write that failed.
	 */
	bool committing, flushing;
	/* lock: flushes that have begun, and the last of those that have ended well */
	__u64 begun, flushed;
	/* lock: blocks of the last commit whose copies are still there */
	struct vx_block **copies;
	__u32 copied;
	__u32 reserved;			/* lock: credits of those that run */
	bool aborted;			/* lock to set; atomic */
	/* lock: where the next commit begins, and blocks since the last checkpoint */
	__u32 at, used;
	__u32 sequence;			/* lock: of the running transaction */
	__u32 commits;			/* lock */

	/* dev->lock: */
	struct vx_block *running;
	__u32 blocks;			/* of it */
	__u64 *revoked;
	__u32 revokes, revoke_room;
};

/* --- its superblock --- */

/* The oldest transaction is `sequence` at ring block `start`; 0: there is none.  lock held. */
static int write_super(struct vexfs_log *log, __u32 start, __u32 sequence)
{
	union jbd2_block b;

	memset(&b, 0, sizeof(b));
	log->super.s_start = htobe32(start);
	log->super.s_sequence = htobe32(sequence);
	log->super.s_head = htobe32(log->at);
	log->super.s_checksum = jbd2_super_sum(&log->super);
	b.super = log->super;
	return vexfs_dev_write(log->dev, log->start, &b) ?: vexfs_dev_sync(log->dev);
}

int vexfs_log_open(struct vexfs_dev *dev, const struct vexfs_super *super, struct vexfs_log **out,
		   const char **why)
{
	struct vexfs_log *log;
	union jbd2_block b;
	int err;

	err = vexfs_log_check(dev, super, &b.super, why);
	if (err)
		return err;
	if (b.super.s_start)
		return -EBUSY;
	log = calloc(1, sizeof(*log));
	if (!log)
		return -ENOMEM;
	log->dev = dev;
	log->super = b.super;
	log->start = le64_to_cpu(super->s_journal_start);
	log->first = be32toh(b.super.s_first);
	log->last = be32toh(b.super.s_maxlen);
	log->seed = jbd2_seed(&b.super);
	log->max = (log->last - log->first) / 3;
	log->sequence = be32toh(b.super.s_sequence) + 1;
	log->at = be32toh(b.super.s_head);
	if (log->at < log->first || log->at >= log->last)
		log->at = log->first;
	pthread_mutex_init(&log->lock, NULL);
	pthread_cond_init(&log->changed, NULL);
	dev->log = *out = log;
	return 0;
}

int vexfs_log_close(struct vexfs_log *log)
{
	struct vexfs_dev *dev = log->dev;
	int err = vexfs_log_commit(log);

	if (!err && log->used)
		err = vexfs_dev_flush(dev) ?: write_super(log, 0, log->sequence - 1);
	dev->log = NULL;
	vexfs_dev_drop(dev);
	pthread_mutex_destroy(&log->lock);
	pthread_cond_destroy(&log->changed);
	free(log->copies);
	free(log->revoked);
	free(log);
	return err;
}

__u32 vexfs_log_commits(const struct vexfs_log *log)
{
	return log->commits;
}

void vexfs_log_abort(struct vexfs_log *log, int error)
{
	pthread_mutex_lock(&log->lock);
	if (!log->aborted && error) {
		log->super.s_errno = htobe32(error);
		write_super(log, be32toh(log->super.s_start), be32toh(log->super.s_sequence));
	}
	__atomic_store_n(&log->aborted, true, __ATOMIC_RELEASE);
	pthread_cond_broadcast(&log->changed);
	pthread_mutex_unlock(&log->lock);
}

bool vexfs_log_aborted(const struct vexfs_log *log)
{
	return __atomic_load_n(&log->aborted, __ATOMIC_ACQUIRE);
}

int vexfs_log_error(const struct vexfs_log *log)
{
	return be32toh(log->super.s_errno);
}

int vexfs_log_forgive(struct vexfs_log *log)
{
	int err;

	pthread_mutex_lock(&log->lock);
	log->super.s_errno = 0;
	err = write_super(log, be32toh(log->super.s_start), be32toh(log->super.s_sequence));
	pthread_mutex_unlock(&log->lock);
	return err;
}

__u32 vexfs_log_sequence(struct vexfs_log *log)
{
	__u32 sequence;

	pthread_mutex_lock(&log->lock);
	sequence = log->sequence;
	pthread_mutex_unlock(&log->lock);
	return sequence;
}

/* --- the running transaction --- */

void vexfs_log_add(struct vexfs_log *log, struct vx_block *b)
{
	__u32 i;

	pthread_mutex_lock(&log->dev->lock);
	if (!b->in_running) {
		b->in_running = true;
		b->running = log->running;
		log->running = b;
		log->blocks++;
	}
	/* freed by this transaction, and metadata again: it must come back */
	for (i = 0; i < log->revokes; i++)
		if (log->revoked[i] == b->block)
			log->revoked[i--] = log->revoked[--log->revokes];
	pthread_mutex_unlock(&log->dev->lock);
}

int vexfs_log_revoke(struct vexfs_log *log, __u64 block)
{
	int err = 0;

	pthread_mutex_lock(&log->dev->lock);
	if (log->revokes == log->revoke_room) {
		__u32 room = log->revoke_room ? log->revoke_room * 2 : 256;
		void *p = realloc(log->revoked, room * sizeof(*log->revoked));

		if (p) {
			log->revoked = p;
			log->revoke_room = room;
		} else {
			err = -ENOMEM;
		}
	}
	if (!err)
		log->revoked[log->revokes++] = block;
	pthread_mutex_unlock(&log->dev->lock);
	return err;
}

/* --- commit --- */

static __u32 ahead(const struct vexfs_log *log, __u32 n)
{
	return log->first + (log->at - log->first + n) % (log->last - log->first);
}

static int put(struct vexfs_log *log, const void *block)
{
	int err = vexfs_dev_write(log->dev, log->start + log->at, block);

	log->at = ahead(log, 1);
	log->used++;
	return err;
}

/* An empty block of a transaction. */
static void begin_block(__u32 sequence, union jbd2_block *b, __u32 type)
{
	memset(b, 0, sizeof(*b));
	b->head = (struct jbd2_header){ htobe32(JBD2_MAGIC), htobe32(type), htobe32(sequence) };
}

static int by_block(const void *a, const void *b)
{
	const struct vx_block *const *x = a, *const *y = b;

	return (*x)->block < (*y)->block ? -1 : (*x)->block > (*y)->block;
}

/*
 * The blocks of the running transaction, in order, without those that were freed again.  It is
 * empty then.
 */
static struct vx_block **take_blocks(struct vexfs_log *log, __u32 *n)
{
	struct vx_block **all = malloc((log->blocks + 1) * sizeof(*all)), *b, *next;

	*n = 0;
	if (!all)
		return NULL;
	for (b = log->running; b; b = next) {
		next = b->running;
		b->running = NULL;
		b->in_running = false;
		if (b->dirty)
			all[(*n)++] = b;
	}
	log->running = NULL;
	log->blocks = 0;
	qsort(all, *n, sizeof(*all), by_block);
	return all;
}

static void *memdup(const void *from, size_t n)
{
	void *to = malloc(n);

	return to ? memcpy(to, from, n) : NULL;
}

/* A descriptor block and the copies of n blocks, n <= TAGS. */
static int put_blocks(struct vexfs_log *log, struct vx_block **blocks, __u32 n)
{
	__be32 magic = htobe32(JBD2_MAGIC);
	__u8 copy[VEXFS_BLOCK_SIZE];
	union jbd2_block d;
	size_t at = sizeof(d.head);
	__u32 i;
	int err = 0;

	begin_block(log->sequence, &d, JBD2_DESCRIPTOR);
	for (i = 0; i < n && !err; i++) {
		struct jbd2_tag tag = {
			.t_blocknr = htobe32(blocks[i]->block),
			.t_blocknr_high = htobe32(blocks[i]->block >> 32),
		};
		__u32 flags = (i ? JBD2_FLAG_SAME_UUID : 0) | (i + 1 == n ? JBD2_FLAG_LAST_TAG : 0);

		memcpy(copy, blocks[i]->data, sizeof(copy));
		if (!memcmp(copy, &magic, sizeof(magic))) {
			memset(copy, 0, sizeof(magic));
			flags |= JBD2_FLAG_ESCAPE;
		}
		tag.t_flags = htobe32(flags);
		tag.t_checksum = jbd2_copy_sum(log->seed, log->sequence, copy);
		memcpy(d.byte + at, &tag, sizeof(tag));
		at += sizeof(tag);
		if (!i) {
			memcpy(d.byte + at, log->super.s_uuid, sizeof(log->super.s_uuid));
			at += sizeof(log->super.s_uuid);
		}
		if (blocks[i]->committed)
			blocks[i]->frozen = memdup(blocks[i]->data, sizeof(blocks[i]->data));
		err = vexfs_dev_write(log->dev, log->start + ahead(log, i + 1), copy);
	}
	*jbd2_tail_sum(&d) = jbd2_block_sum(log->seed, &d, jbd2_tail_sum(&d));
	err = err ?: put(log, &d);
	log->at = ahead(log, n);
	log->used += n;
	return err;
}

static int put_revokes(struct vexfs_log *log, const __u64 *block, __u32 n)
{
	union jbd2_block b;
	__u32 i;

	begin_block(log->sequence, &b, JBD2_REVOKE);
	for (i = 0; i < n; i++) {
		__be64 nr = htobe64(block[i]);

		memcpy(b.byte + sizeof(b.revoke) + i * sizeof(nr), &nr, sizeof(nr));
	}
	b.revoke.r_count = htobe32(sizeof(b.revoke) + n * sizeof(__be64));
	*jbd2_tail_sum(&b) = jbd2_block_sum(log->seed, &b, jbd2_tail_sum(&b));
	return put(log, &b);
}

static int put_commit(struct vexfs_log *log, __u32 sequence)
{
	struct timespec now;
	union jbd2_block b;

	begin_block(sequence, &b, JBD2_COMMIT);
	clock_gettime(CLOCK_REALTIME, &now);
	b.commit.h_commit_sec = htobe64(now.tv_sec);
	b.commit.h_commit_nsec = htobe32(now.tv_nsec);
	b.commit.h_chksum[0] = jbd2_block_sum(log->seed, &b, &b.commit.h_chksum[0]);
	return put(log, &b);
}

/*
 * What the last commit has freed may be used again.  A block that did not change has a copy that is
 * still right, if it has one.  lock held, nobody is in a transaction.
 */
static void drop_copies(struct vexfs_log *log)
{
	struct vx_block *b;
	__u32 i;

	pthread_mutex_lock(&log->dev->lock);
	for (i = 0; i < log->copied; i++) {
		b = log->copies[i];
		if (b->in_running && !b->frozen)
			continue;	/* no memory for it: an older one holds back more */
		free(b->committed);
		b->committed = b->in_running ? b->frozen : NULL;
		if (!b->in_running)
			free(b->frozen);
		b->frozen = NULL;
	}
	pthread_mutex_unlock(&log->dev->lock);
	free(log->copies);
	log->copies = NULL;
	log->copied = 0;
}

/* lock held; given back meanwhile unless it is to be alone. */
static int flush(struct vexfs_log *log, bool alone)
{
	__u64 number = ++log->begun;
	int err;

	if (!alone)
		pthread_mutex_unlock(&log->lock);
	err = vexfs_dev_sync(log->dev);
	if (!alone)
		pthread_mutex_lock(&log->lock);
	if (!err)
		log->flushed = max(log->flushed, number);
	return err;
}

/* The copies and revoke records of the running transaction.  lock held. */
static int put_running(struct vexfs_log *log, struct vx_block **blocks, __u32 n)
{
	__u32 i;
	int err = 0;

	if (!log->used)		/* or nobody would look for it */
		err = write_super(log, log->at, log->sequence);
	for (i = 0; i < n && !err; i += TAGS)
		err = put_blocks(log, blocks + i, min_t(__u32, n - i, TAGS));
	for (i = 0; i < log->revokes && !err; i += REVOKES)
		err = put_revokes(log, log->revoked + i, min_t(__u32, log->revokes - i, REVOKES));
	log->revokes = 0;
	return err;
}

/*
 * Commit the running transaction, and let the next one begin.  lock held, which is given back
 * meanwhile; nobody is in a transaction, and none is being committed.
 */
static int commit(struct vexfs_log *log)
{
	__u32 half = (log->last - log->first) / 2, sequence = log->sequence, n;
	struct vx_block **blocks;
	bool alone;
	int err;

	if (log->aborted)
		return -EIO;
	drop_copies(log);
	blocks = take_blocks(log, &n);
	err = blocks ? put_running(log, blocks, n) : -ENOMEM;
	alone = log->used + 1 > half;
	log->committing = true;
	log->sequence++;
	pthread_cond_broadcast(&log->changed);
	err = err ?: flush(log, alone) ?: log->aborted ? -EIO : put_commit(log, sequence);
	err = err ?: flush(log, alone);
	log->committing = false;
	if (!err) {
		log->commits++;
		log->copies = blocks;
		log->copied = n;
		if (!log->handles)
			drop_copies(log);
	} else {
		free(blocks);
	}
	if (!err && alone) {
		err = vexfs_dev_flush(log->dev) ?: write_super(log, 0, log->sequence - 1);
		log->used = 0;
	}
	if (err)
		__atomic_store_n(&log->aborted, true, __ATOMIC_RELEASE);
	pthread_cond_broadcast(&log->changed);
	return err ? -EIO : 0;
}

/* Is there anything of this transaction that no commit has taken?  lock held. */
static bool is_open(const struct vexfs_log *log, __u32 sequence)
{
	return (__s32)(sequence - log->sequence) >= 0 &&
	       (log->handles || log->running || log->revokes);
}

/* Or is it on its way?  lock held. */
static bool is_committing(const struct vexfs_log *log, __u32 sequence)
{
	return log->committing && (__s32)(sequence - (log->sequence - 1)) >= 0;
}

/* Until a transaction has ended, or a commit or a flush; no others begin.  lock held. */
static void wait_alone(struct vexfs_log *log)
{
	log->waiting++;
	pthread_cond_wait(&log->changed, &log->lock);
	/* who wants to begin may have seen the same end, and that somebody waited */
	if (!--log->waiting)
		pthread_cond_broadcast(&log->changed);
}

/*
 * Those up to this number are on stable storage, and so is what was written before a flush that began
 * after `since` others.  lock held.
 */
static int wait_for(struct vexfs_log *log, __u32 sequence, __u64 since)
{
	int err = 0;
	bool open;

	while (!err) {
		open = is_open(log, sequence);
		if (log->aborted) {
			err = -EIO;
		} else if (!open && !is_committing(log, sequence) && log->flushed > since) {
			break;
		} else if (open && !log->committing && !log->flushing) {
			if (log->handles)
				wait_alone(log);
			else
				err = commit(log);
		} else if (log->committing || log->flushing) {
			pthread_cond_wait(&log->changed, &log->lock);
		} else {		/* all is committed, but there may be data */
			log->flushing = true;
			err = flush(log, false);
			log->flushing = false;
			if (err)
				__atomic_store_n(&log->aborted, true, __ATOMIC_RELEASE);
			pthread_cond_broadcast(&log->changed);
		}
	}
	return err ? -EIO : 0;
}

int vexfs_log_commit(struct vexfs_log *log)
{
	int err;

	pthread_mutex_lock(&log->lock);
	err = wait_for(log, log->sequence, log->begun);
	while (!err && log->copied && log->handles)	/* they are looked at */
		wait_alone(log);
	pthread_mutex_unlock(&log->lock);
	return err;
}

__u64 vexfs_log_flushes(struct vexfs_log *log)
{
	__u64 begun;

	pthread_mutex_lock(&log->lock);
	begun = log->begun;
	pthread_mutex_unlock(&log->lock);
	return begun;
}

int vexfs_log_wait(struct vexfs_log *log, __u32 sequence, __u64 since)
{
	int err;

	pthread_mutex_lock(&log->lock);
	err = wait_for(log, sequence, since);
	pthread_mutex_unlock(&log->lock);
	return err;
}

/* --- transactions --- */

/* Blocks that a commit would write, at most. */
static __u32 size_with(struct vexfs_log *log, __u32 credits)
{
	__u32 blocks, revokes;

	pthread_mutex_lock(&log->dev->lock);
	blocks = log->blocks + log->reserved + credits;
	revokes = log->revokes;
	pthread_mutex_unlock(&log->dev->lock);
	return blocks + DIV_ROUND_UP(blocks, TAGS) + revokes / REVOKES + 3;
}

int vexfs_log_begin(struct vexfs_log *log, vx_txn *t, int credits)
{
	int err = 0;

	pthread_mutex_lock(&log->lock);
	for (;;) {
		if (log->aborted)
			err = -EIO;
		else if (!log->waiting && size_with(log, credits) <= log->max)
			break;
		else if (log->waiting || log->handles || log->committing || log->flushing)
			pthread_cond_wait(&log->changed, &log->lock);
		else if (!log->running && !log->revokes)
			err = -ENOSPC;
		else
			err = commit(log);
		if (err)
			goto out;
	}
	log->handles++;
	log->reserved += credits;
	vexfs_txn_start(t, log->dev, credits);
	t->reserved = credits;
	t->logged = true;
out:
	pthread_mutex_unlock(&log->lock);
	return err;
}

int vexfs_log_end(vx_txn *t)
{
	struct vexfs_log *log = t->dev->log;
	int err;

	vexfs_txn_end(t);
	pthread_mutex_lock(&log->lock);
	log->reserved -= t->reserved;
	if (!--log->handles) {
		if (!log->committing)
			drop_copies(log);
		pthread_cond_broadcast(&log->changed);
	}
	err = log->aborted ? -EIO : 0;
	pthread_mutex_unlock(&log->lock);
	return err;
}
