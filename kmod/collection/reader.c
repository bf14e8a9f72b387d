// SPDX-License-Identifier: GPL-2.0
/*
 * Who may see records that are bound to files: whoever may read the file, as open(2) would decide,
 * from the owner, group and mode that the file has now, through the idmap of the mount.  Ancestors
 * of the file are not looked at, nor is a security module asked.
 *
 * Files of one class (the same owner, group and bits) have one answer, so a call works it out once.
 * No lock is taken and nothing sleeps.
 */
#include "collection/collection.h"

enum { UNKNOWN, NO, YES };

static bool may_read(struct vexfs_reader *r, const struct vexfs_class *c)
{
	bool may = vexfs_caller_may_read(&r->caller, c->uid, c->gid, c->mode);

	r->refused |= !may;
	return may;
}

void vexfs_reader_init(struct vexfs_reader *r, const struct file *file,
		       const struct vexfs_body *b)
{
	vexfs_caller_init(&r->caller, file);
	r->refused = false;
	r->classes = b ? READ_ONCE(b->files.classes) : 0;
	r->verdict = r->classes ? kvzalloc(r->classes, GFP_KERNEL_ACCOUNT) : NULL;
	if (!r->verdict)
		r->classes = 0;		/* nothing is remembered, then */
}

void vexfs_reader_drop(struct vexfs_reader *r)
{
	kvfree(r->verdict);
}

static bool verdict(struct vexfs_reader *r, const struct vexfs_class *c)
{
	if (c->id >= r->classes)
		return may_read(r, c);
	if (r->verdict[c->id] == UNKNOWN)
		r->verdict[c->id] = may_read(r, c) ? YES : NO;
	return r->verdict[c->id] == YES;
}

bool vexfs_reader_may(void *arg, const struct vexfs_file *file)
{
	const struct vexfs_class *c = smp_load_acquire(&vexfs_bound_file(file)->class);

	return c && verdict(arg, c);
}

bool vexfs_reader_hides(struct vexfs_reader *r, const struct vexfs_body *b)
{
	const struct vexfs_class *c;

	/* whose it was nobody knows: who may read a file of root that nobody may read? */
	if (READ_ONCE(b->files.lost) && !vexfs_caller_may_read(&r->caller, 0, 0, 0))
		return true;
	for (c = smp_load_acquire(&b->files.newest); c; c = c->before)
		if (READ_ONCE(c->files) && !verdict(r, c))
			return true;
	return false;
}

bool vexfs_reader_sees(struct vexfs_reader *r, const struct vexfs_body *b, u64 slot)
{
	const struct vexfs_file *f = vexfs_columns_file(b->columns, slot);

	return !f || vexfs_reader_may(r, f);
}
