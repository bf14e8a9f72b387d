// SPDX-License-Identifier: GPL-2.0
/*
 * fsck.vexfs: repairing.  It is made in memory, and verified there; then it is asked for, if it has
 * to be, and written.
 */
#define _GNU_SOURCE
#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <platform/printable.h>
#include <platform/repair.h>
#include "fsck.h"

#define LINES	100			/* of what was done, without --all */

static void did(void *arg, const char *fmt, ...)
{
	struct check *c = arg;
	char line[1024];
	va_list ap;

	if (c->changed++ >= LINES && !c->all)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (c->json) {
		json_object_array_add(c->changes, json_object_new_string(line));
		return;
	}
	clear_progress(c);
	printf("%s: repair: %s\n", printable(c->path), printable(line));
}

static void left(void *arg, enum vexfs_finding nr, const char *fmt, ...)
{
	struct check *c = arg;
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	clear_progress(c);
	fprintf(stderr, "fsck.vexfs: %s: is left: [%d] %s: %s\n", printable(c->path), nr,
		finding_name(nr), printable(line));
}

/* --- may it be? --- */

/*
 * What nothing can be lost by: counts, a lost block, the orphan list, what is made anew by the next
 * mount.
 */
static bool is_safe(const struct check *c)
{
	static const bool safe[TABLE] = {
		[TABLE_SUPER_COUNTS] = true,
		[TABLE_SUPER_COPY] = true,
		[TABLE_BLOCK_LOST] = true,
		[TABLE_GROUP_DIRS] = true,
		[TABLE_INODE_BLOCKS] = true,
		[TABLE_ORPHAN] = true,
		[TABLE_CHECKPOINT] = true,
		[TABLE_SUPER_ERROR] = true,
		[TABLE_LOG_PENDING] = true,
		[TABLE_BINDING_GONE] = true,
	};
	size_t i;

	for (i = 0; i < TABLE; i++)
		if (c->count[i] && !safe[i])
			return false;
	return true;
}

/* Another filesystem, where a superblock of ours should be.  NULL: there is none. */
static const char *other_filesystem(struct check *c, struct vexfs_dev *dev)
{
	static char name[64];
	const char *type = NULL;
	blkid_probe pr;
	__u32 i;

	if (c->at || le64_to_cpu(c->super.s.s_magic) == VEXFS_MAGIC)
		return NULL;
	for (i = 0; i < c->unread.n; i++)
		if (!c->unread.block[i])	/* nobody knows */
			return NULL;
	pr = blkid_new_probe();
	if (pr && !blkid_probe_set_device(pr, dev->fd, 0, 0)) {
		blkid_probe_enable_superblocks(pr, 1);
		blkid_probe_enable_partitions(pr, 1);
		blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE);
		if (blkid_do_safeprobe(pr) != 1 &&
		    blkid_probe_lookup_value(pr, "TYPE", &type, NULL) &&
		    blkid_probe_lookup_value(pr, "PTTYPE", &type, NULL))
			type = "something else";
	}
	if (type)
		snprintf(name, sizeof(name), "%s", type);
	blkid_free_probe(pr);
	return type ? name : NULL;
}

static bool confirmed(struct check *c, size_t blocks)
{
	char answer[16];

	clear_progress(c);
	printf("%s: write this, %zu blocks (y/n)? ", printable(c->path), blocks);
	fflush(stdout);
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* --- writing --- */

static int open_undo(struct check *c, int *fd)
{
	*fd = -1;
	if (!c->undo)
		return 0;
	*fd = open(c->undo, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (*fd >= 0)
		return 0;
	return fail(c, "the undo file %s: %s; nothing was written", printable(c->undo),
		    strerror(errno));
}

static int write_out(struct check *c, struct vexfs_dev *dev, struct vexfs_undo_plan *plan)
{
	size_t written = 0;
	bool of_undo;
	int err = open_undo(c, &plan->undo);

	if (err)
		return err;
	no_cancel();
	err = vexfs_undo_write(dev, plan, &written, &of_undo);
	if (plan->undo >= 0)
		close(plan->undo);
	if (err && of_undo) {
		if (c->undo)
			unlink(c->undo);
		return fail(c, "before anything was written: %s", strerror(-err));
	}
	if (err)
		return fail(c, "while it was written: %s; repair it again%s%s", strerror(-err),
			    c->undo ? ", or take it back with --undo-apply " : "",
			    c->undo ? c->undo : "");
	if (!c->json)
		printf("%s: repaired, %zu blocks were written\n", printable(c->path), written);
	c->state = "repaired";
	return FSCK_CORRECTED;
}

void too_many_unread(struct check *c)
{
	fail(c, "more than %u blocks cannot be read, the first ones %llu, %llu and %llu: copy the device (ddrescue), and repair the copy; nothing was written",
	     VEXFS_MAX_UNREAD, ull(c->unread.block[0]), ull(c->unread.block[1]),
	     ull(c->unread.block[2]));
}

/* What the repair has come to. */
static int judge(struct check *c, int err, const struct vexfs_super *log, const char *why,
		 const struct vexfs_dev *dev)
{
	switch (err) {
	case -EINTR:
		fail(c, "cancelled; nothing was written");
		return FSCK_CANCELLED;
	case -EIO:
		if (c->unread.n <= VEXFS_MAX_UNREAD)
			break;
		too_many_unread(c);
		return FSCK_ERRORS;
	case -EAGAIN:
		fail(c, "blocks that could not be read can be read now: nothing was written; check it again, and copy a device that goes on so (ddrescue)");
		return FSCK_ERRORS;
	case -EUCLEAN:
		fail(c, "not all errors can be repaired: nothing was written");
		return FSCK_ERRORS;
	case -ENOENT:
		return fail(c, "there is no superblock, nor anything that one could be made from");
	case -ENXIO:
		return fail(c, VEXFS_SHORT_DEVICE, ull(dev->blocks << VEXFS_BLOCK_SHIFT),
			    ull(le64_to_cpu(log->s_blocks) << VEXFS_BLOCK_SHIFT));
	case -EOPNOTSUPP:
		return fail(c, "%s", why ? why : strerror(EOPNOTSUPP));
	case -ENOSPC:
		fail(c, "there is no room for what a repair has to make: nothing was written");
		return FSCK_ERRORS;
	}
	return fail(c, "it could not be repaired: %s; nothing was written", strerror(-err));
}

int repair(struct check *c, struct vexfs_dev *dev, int code)
{
	struct vexfs_repair_opts opts = { .did = did, .progress = progress, .left = left,
					  .arg = c, .checked = &c->n };
	struct vexfs_undo_plan plan;
	struct vexfs_super log;
	const char *why = other_filesystem(c, dev);
	size_t n = 0;
	__u64 *changed;
	int err;

	if (why) {
		fail(c, "holds %s: name the block of a superblock (-b) if it is a VexFS all the same",
		     why);
		return FSCK_ERRORS;
	}
	if (c->mode == MODE_SAFE && !is_safe(c)) {
		fail(c, "cannot be repaired without being asked for: run fsck.vexfs");
		return FSCK_ERRORS;
	}
	vexfs_dev_drop(dev);
	err = vexfs_repair_device(dev, &opts, c->at, &plan, &log, &why);
	clear_progress(c);
	if (!c->json && c->changed > LINES && !c->all)
		printf("%s: repair: %llu more (--all shows them)\n", printable(c->path),
		       c->changed - LINES);
	if (!err && is_cancelled())
		err = -EINTR;
	if (!err)
		err = vexfs_dev_changed(dev, &changed, &n);
	if (err) {
		code = judge(c, err, &log, why, dev);
	} else {
		free(changed);
		if (c->mode != MODE_ASK || confirmed(c, n))
			code = write_out(c, dev, &plan);
		else
			fail(c, "nothing was written");
	}
	free((void *)plan.replayed);
	return code;
}

int undo(struct check *c, struct vexfs_dev *dev, const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC), err;
	size_t written;
	const char *why;

	if (fd < 0)
		return fail(c, "the undo file %s: %s", printable(file), strerror(errno));
	no_cancel();
	err = vexfs_undo_apply(dev, fd, &written, &why);
	close(fd);
	if (err == -EINVAL && why)
		return fail(c, "the undo file %s %s: nothing was written", printable(file), why);
	if (err)
		return fail(c, "while it was put back: %s; do it again", strerror(-err));
	if (!c->json)
		printf("%s: as it was before the repair, %zu blocks were put back\n",
		       printable(c->path), written);
	c->state = "undone";
	return FSCK_OK;
}
