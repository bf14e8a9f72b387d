// SPDX-License-Identifier: GPL-2.0
/*
 * The programs that are bound to a collection: three slots, each with a name that is stored in the
 * collection block.
 *
 * Lock: commit_lock for the block, prog_lock for what is in memory.
 */
#include "collection/collection.h"

/* Bindings are names: they work again once an object of that name is loaded. */
int vexfs_programs_load(struct vexfs_collection_mem *c, const struct vexfs_collection *raw)
{
	struct vexfs_program *p;
	u32 slot;

	for (slot = 0; slot < VEXFS_SLOTS; slot++) {
		if (!raw->c_program[slot][0])
			continue;
		p = vexfs_program_get(raw->c_program[slot], true);
		if (p == ERR_PTR(-EINVAL)) {
			vexfs_complain(c->dir, "bad program name");
			return -EUCLEAN;
		}
		if (IS_ERR(p))
			return PTR_ERR(p);
		vexfs_program_bind_any(p, slot);
		c->prog[slot] = p;
		vexfs_binding_set(&c->binding[slot], p);
	}
	return 0;
}

void vexfs_programs_drop(struct vexfs_collection_mem *c)
{
	u32 slot;

	for (slot = 0; slot < VEXFS_SLOTS; slot++) {
		if (!c->prog[slot])
			continue;
		vexfs_binding_set(&c->binding[slot], NULL);
		vexfs_program_unbind(c->prog[slot], slot);
		vexfs_program_put(c->prog[slot]);
		c->prog[slot] = NULL;
	}
}

void vexfs_collection_programs(struct vexfs_collection_mem *c, struct vexfs_hookset *set)
{
	u32 slot;

	set->binding = c->binding;
	spin_lock(&c->prog_lock);
	for (slot = 0; slot < VEXFS_SLOTS; slot++)
		set->prog[slot] = c->prog[slot] ? vexfs_program_ref(c->prog[slot]) : NULL;
	set->bindings = c->bindings;
	spin_unlock(&c->prog_lock);
}

bool vexfs_collection_rebound(const struct vexfs_collection_mem *c, const struct vexfs_hookset *set)
{
	return READ_ONCE(c->bindings) != set->bindings;
}

/* Write the name into the collection block and wait for it.  commit_lock held. */
static int write_binding(struct vexfs_collection_mem *c, u32 slot, const char *name)
{
	struct vexfs_schema_change s;
	int err = vexfs_schema_begin(&s, c, 0);
	tid_t tid;

	if (err)
		return err;
	tid = vexfs_tid(s.handle);
	strscpy_pad(s.raw->c_program[slot], name, VEXFS_PROG_NAME_LEN);
	err = vexfs_schema_end(&s, 0);
	return err ?: vexfs_commit_barrier(c->dir->i_sb, tid);
}

int vexfs_collection_use(struct vexfs_collection_mem *c, u32 slot, const char *name)
{
	struct vexfs_program *p = NULL, *old;
	int err;

	if (slot >= VEXFS_SLOTS || strnlen(name, VEXFS_PROG_NAME_LEN) == VEXFS_PROG_NAME_LEN)
		return -EINVAL;
	if (name[0]) {
		p = vexfs_program_get(name, false);
		if (IS_ERR(p))
			return PTR_ERR(p);
		err = vexfs_program_bind(p, slot);
		if (err)
			goto put;
	}
	err = -EINTR;
	if (down_read_killable(&c->dir->i_rwsem))
		goto unbind;
	if (mutex_lock_killable(&c->commit_lock))
		goto unlock_dir;
	err = READ_ONCE(c->gone) ?: write_binding(c, slot, name);
	if (!err) {
		spin_lock(&c->prog_lock);
		old = c->prog[slot];
		c->prog[slot] = p;
		if (p != old)		/* running searches begin anew */
			WRITE_ONCE(c->bindings, c->bindings + 1);
		vexfs_binding_set(&c->binding[slot], p);
		spin_unlock(&c->prog_lock);
		vexfs_event_use(c->dir, slot, name);
		p = old;		/* what is given back below */
	}
	mutex_unlock(&c->commit_lock);
unlock_dir:
	inode_unlock_shared(c->dir);
unbind:
	if (p)
		vexfs_program_unbind(p, slot);
put:
	if (p)
		vexfs_program_put(p);
	return err;
}
