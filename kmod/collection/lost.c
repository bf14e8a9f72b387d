// SPDX-License-Identifier: GPL-2.0
/*
 * Records that cannot be trusted.
 *
 * Loading reads the records, not their rows, so it cannot verify a checksum of each.  It finds those
 * that have a field that cannot be, or contradict another one: then the checksums of both say which
 * of them was not written so.  Where both verify, the later one holds, as it does for the repair.
 *
 * Of a record that is lost nothing is believed: it has no id, no key, no attributes and no file, so
 * whoever inserts its id again may, and ids that are given by ourselves leave one out for each.  Its
 * slot is what it was: it counts, it is dead if it was, and nobody writes to it; so the collection
 * may be changed as any other.  Compaction refuses to leave it behind.  The repair makes it a
 * deletion.
 *
 * A block that cannot be read, after some tries, is as bad; but if in the end nothing can be read, the
 * load fails, and the next one who asks tries again.
 *
 * Lock: vexfs_collection_mem.lock, over all of a load.
 */
#include "collection/collection.h"

/* Records that may be torn in a row and in order among themselves, as a misplaced block is. */
#define SEEN 256u

struct vexfs_seen {
	u64 slot, seq;
};

const char *vexfs_lost_text(u32 why)
{
	switch (why) {
	case VEXFS_LOST_UNREAD:
		return "it cannot be read";
	case VEXFS_LOST_TORN:
		return "it is not what was written";
	case VEXFS_LOST_WORD:
		return "it has a keyword without a word";
	case VEXFS_LOST_BINDING:
		return "it is bound to no inode";
	case VEXFS_LOST_FILE:
		return "the inode of its file is damaged";
	case VEXFS_LOST_KEY:
		return "it has a bad key";
	case VEXFS_LOST_ID:
		return "a later record has its id";
	case VEXFS_LOST_SAME_KEY:
		return "a later record has its key";
	case VEXFS_LOST_ORDER:
		return "it is not in order";
	default:
		return "it has a field that cannot be";
	}
}

void vexfs_trial_end(struct vexfs_trial *t)
{
	kvfree(t->seen);
	kvfree(t->row);
}

u32 vexfs_record_wrong(const struct vexfs_collection_mem *c, const struct vexfs_record *r)
{
	s64 attr[VEXFS_MAX_ATTRS];
	u32 i;

	if (le32_to_cpu(r->r_flags) & ~VEXFS_RECORD_ALL)
		return VEXFS_LOST_FIELD;
	for (i = 0; i < VEXFS_MAX_ATTRS; i++) {
		attr[i] = le64_to_cpu(r->r_attr[i]);
		if (i >= c->attrs && attr[i])
			return VEXFS_LOST_FIELD;
	}
	if (!vexfs_words_known(c, attr))
		return VEXFS_LOST_WORD;
	if (r->r_flags & cpu_to_le32(VEXFS_RECORD_BOUND) &&
	    !vexfs_ino_valid(&VEXFS_SB(c->dir->i_sb)->fs, le64_to_cpu(r->r_file)))
		return VEXFS_LOST_BINDING;
	return 0;
}

int vexfs_trial_lose(struct vexfs_trial *t, u64 slot, u32 why, bool fresh, bool dead)
{
	struct vexfs_columns *cols = t->b->columns;
	int err = fresh ? vexfs_columns_put_lost(cols, slot, why) :
			  vexfs_columns_lose(cols, slot, why);

	if (err)
		return err;
	if (fresh)
		vexfs_columns_publish(cols, slot + 1);
	if (dead)
		vexfs_columns_kill(cols, slot);
	return vexfs_columns_damage(cols, slot, -EUCLEAN);
}

/* Is the record what was written?  1, 0, or an error that ends the load. */
static int is_whole(struct vexfs_trial *t, u64 slot)
{
	struct vexfs_record r;
	int err, tries = VEXFS_LOST_TRIES;

	if (!t->row)
		t->row = kvmalloc(t->b->row_bytes + VEXFS_MAX_KEY, GFP_KERNEL_ACCOUNT);
	if (!t->row)
		return -ENOMEM;
	if (vx_killed())
		return -EINTR;
	cond_resched();
	for (err = -EIO; err == -EIO && tries; tries--)
		err = vexfs_record_read(t->b, slot, &r, t->row, t->row + t->b->row_bytes);
	if (err == -ENOMEM || err == -EINTR)
		return err;
	return err >= 0;
}

static struct vexfs_seen *seen_at(struct vexfs_trial *t, u64 n)
{
	return t->seen + n % SEEN;
}

int vexfs_trial_order(struct vexfs_trial *t, u64 slot, u64 seq, u32 *why)
{
	int whole, this, err = 0;

	if (!t->seen)
		t->seen = kvmalloc_array(SEEN, sizeof(*t->seen), GFP_KERNEL_ACCOUNT);
	if (!t->seen)
		return -ENOMEM;
	for (; !err && t->top > t->bottom; t->top--) {
		const struct vexfs_seen *last = seen_at(t, t->top - 1);

		if (last->seq < seq)
			break;
		if (vexfs_columns_lost(t->b->columns, last->slot))
			continue;
		whole = is_whole(t, last->slot);
		this = whole > 0 ? is_whole(t, slot) : 1;
		if (whole < 0 || this < 0)
			return min(whole, this);
		/* who stands out against both neighbours is wrong */
		if (whole &&
		    (!this || (t->top - 1 > t->bottom && seq <= seen_at(t, t->top - 2)->seq))) {
			*why = this ? VEXFS_LOST_ORDER : VEXFS_LOST_TORN;
			return 0;
		}
		err = vexfs_trial_lose(t, last->slot, whole ? VEXFS_LOST_ORDER : VEXFS_LOST_TORN,
				       false, false);
	}
	return err;
}

void vexfs_trial_good(struct vexfs_trial *t, u64 slot, u64 seq)
{
	*seen_at(t, t->top++) = (struct vexfs_seen){ slot, seq };
	t->bottom = max(t->bottom, t->top > SEEN ? t->top - SEEN : 0);
}

int vexfs_trial_two(struct vexfs_trial *t, u64 slot, u64 other, u32 *why)
{
	int whole = is_whole(t, slot), o;

	if (!whole)
		*why = VEXFS_LOST_TORN;
	if (whole <= 0)
		return whole;
	o = is_whole(t, other);
	if (o < 0)
		return o;
	o = vexfs_trial_lose(t, other, o ? *why : VEXFS_LOST_TORN, false, false);
	*why = 0;
	return o;
}
