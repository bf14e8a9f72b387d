// SPDX-License-Identifier: GPL-2.0
/*
 * Programs in user space: none is ever loaded.  A binding that a collection has on disk is there,
 * by its name, and does what one does whose program is not loaded; a new one is -EOPNOTSUPP.
 */
#include "host.h"

struct vexfs_program {
	atomic_t refs;
	char name[VEXFS_PROG_NAME_LEN];
};

const char *vexfs_program_name(const struct vexfs_program *p)
{
	return p->name;
}

static bool name_valid(const char *name)
{
	size_t n = strnlen(name, VEXFS_PROG_NAME_LEN);

	return n && n < VEXFS_PROG_NAME_LEN &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

struct vexfs_program *vexfs_program_get(const char *name, bool create)
{
	struct vexfs_program *p;

	if (!name_valid(name))
		return ERR_PTR(-EINVAL);
	if (!create)
		return ERR_PTR(-EOPNOTSUPP);
	p = kzalloc(sizeof(*p), GFP_KERNEL);
	if (!p)
		return ERR_PTR(-ENOMEM);
	atomic_set(&p->refs, 1);
	strscpy(p->name, name, sizeof(p->name));
	return p;
}

struct vexfs_program *vexfs_program_ref(struct vexfs_program *p)
{
	atomic_inc(&p->refs);
	return p;
}

void vexfs_program_put(struct vexfs_program *p)
{
	if (p && !__atomic_sub_fetch(&p->refs.v, 1, __ATOMIC_ACQ_REL))
		kfree(p);
}

int vexfs_program_bind(struct vexfs_program *p, unsigned int slot)
{
	(void)p;
	return slot < VEXFS_SLOTS ? -ENOENT : -EINVAL;
}

/* Nobody counts them. */
void vexfs_program_bind_any(struct vexfs_program *p, unsigned int slot)
{
	(void)p, (void)slot;
}

void vexfs_program_unbind(struct vexfs_program *p, unsigned int slot)
{
	(void)p, (void)slot;
}

void vexfs_binding_init(struct vexfs_binding *b, const struct inode *dir)
{
	*b = (struct vexfs_binding){ .dir = dir };
	spin_lock_init(&b->lock);
}

void vexfs_binding_set(struct vexfs_binding *b, struct vexfs_program *p)
{
	spin_lock(&b->lock);
	b->prog = p;
	spin_unlock(&b->lock);
}

static u32 state_of(const struct vexfs_program *p)
{
	return p ? VEXFS_BOUND_MISSING : VEXFS_BOUND_BUILTIN;
}

void vexfs_binding_info(struct vexfs_binding *b, struct vexfs_program *p, unsigned int slot,
			struct vexfs_bound *out)
{
	(void)b, (void)slot;
	out->state = state_of(p);
	if (p)
		strscpy(out->name, p->name, sizeof(out->name));
}

void vexfs_hooks_reset(struct vexfs_hookset *set)
{
	set->captured = false;
}

int vexfs_hooks_enter(struct vexfs_hookset *set)
{
	u32 slot;

	for (slot = 0; slot < VEXFS_SLOTS; slot++)
		set->state[slot] = state_of(set->prog[slot]);
	set->captured = true;
	return 0;
}

void vexfs_hooks_leave(struct vexfs_hookset *set)
{
	(void)set;
}

void vexfs_hooks_put(struct vexfs_hookset *set)
{
	u32 slot;

	for (slot = 0; slot < VEXFS_SLOTS; slot++) {
		vexfs_program_put(set->prog[slot]);
		set->prog[slot] = NULL;
	}
}

/* No program runs. */
void vexfs_hooks_ok(struct vexfs_hookset *set, unsigned int slot, u32 queries)
{
	(void)set, (void)slot, (void)queries;
}

void vexfs_hooks_error(struct vexfs_hookset *set, unsigned int slot, int error)
{
	(void)set, (void)slot, (void)error;
}
