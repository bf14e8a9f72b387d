// SPDX-License-Identifier: GPL-2.0
/*
 * Who may see records that are bound to files: whoever may read the file, as open(2) would decide,
 * from the owner, group and mode that the file has now, through the idmap of the mount.  Ancestors of
 * the file are not looked at, nor is a security module asked.
 *
 * Files of one class (the same owner, group and bits) have one answer, so a call works it out once.
 * No lock is taken and nothing sleeps.
 */
#include <linux/cred.h>
#include <linux/mnt_idmapping.h>
#include <linux/slab.h>
#include "collection/collection.h"

enum { UNKNOWN, NO, YES };

/* The decision of acl_permission_check() and generic_permission() for MAY_READ. */
static bool may_read(const struct vexfs_reader *r, const struct vexfs_class *c)
{
	vfsuid_t uid = make_vfsuid(r->idmap, r->sb->s_user_ns, c->uid);
	vfsgid_t gid = make_vfsgid(r->idmap, r->sb->s_user_ns, c->gid);
	umode_t bit = 0004;

	if (vfsuid_eq_kuid(uid, current_fsuid()))
		bit = 0400;
	else if (vfsgid_in_group_p(gid))
		bit = 0040;
	if (c->mode & bit)
		return true;
	return r->override && vfsuid_has_mapping(current_user_ns(), uid) &&
	       vfsgid_has_mapping(current_user_ns(), gid);
}

void vexfs_reader_init(struct vexfs_reader *r, const struct file *file,
		       const struct vexfs_body *b)
{
	struct user_namespace *ns = current_user_ns();

	r->idmap = file_mnt_idmap(file);
	r->sb = file_inode(file)->i_sb;
	r->override = ns_capable_noaudit(ns, CAP_DAC_READ_SEARCH) ||
		      ns_capable_noaudit(ns, CAP_DAC_OVERRIDE);
	r->classes = b ? READ_ONCE(b->files.classes) : 0;
	r->verdict = r->classes ? kvzalloc(r->classes, GFP_KERNEL_ACCOUNT) : NULL;
	if (!r->verdict)
		r->classes = 0;		/* nothing is remembered, then */
}

void vexfs_reader_drop(struct vexfs_reader *r)
{
	kvfree(r->verdict);
}

bool vexfs_reader_may(void *arg, const struct vexfs_file *file)
{
	const struct vexfs_class *c = smp_load_acquire(&vexfs_bound_file(file)->class);
	struct vexfs_reader *r = arg;

	if (!c)
		return false;
	if (c->id >= r->classes)
		return may_read(r, c);
	if (r->verdict[c->id] == UNKNOWN)
		r->verdict[c->id] = may_read(r, c) ? YES : NO;
	return r->verdict[c->id] == YES;
}

bool vexfs_reader_sees(struct vexfs_reader *r, const struct vexfs_body *b, u64 slot)
{
	const struct vexfs_file *f = vexfs_columns_file(b->columns, slot);

	return !f || vexfs_reader_may(r, f);
}
