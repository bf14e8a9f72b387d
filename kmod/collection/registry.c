// SPDX-License-Identifier: GPL-2.0
/*
 * The registry of programs: what is loaded under which name, who is bound to it, rounds that run it,
 * and how it does.
 *
 * Locks: registry_lock (mutex) guards the list of programs, every write of vexfs_program.object
 * and the raising of bound[].  Inside it: vexfs_program.lock (spin), which is also inside
 * vexfs_binding.lock (spin), and what the host takes to show a program.  The SRCU of a program is
 * never entered under a lock, and never drained under registry_lock.
 *
 * Dropping a reference takes no lock at all, because inode eviction does it, and memory reclaim
 * may evict inodes while we allocate under registry_lock or while sysfs allocates under its own
 * locks.  A program that is of no use any more is taken out later, by who is told of it.
 */
#include "collection/registry.h"

static DEFINE_MUTEX(registry_lock);
static LIST_HEAD(registry);
static u64 last_generation;		/* registry_lock */

const char *const vexfs_op_name[VEXFS_SLOTS] = {
	[VEXFS_SLOT_SEARCH] = "search",
	[VEXFS_SLOT_DISTANCE] = "distance",
	[VEXFS_SLOT_FILTER] = "filter",
};

static bool has_op(const struct vexfs_ops *ops, unsigned int slot)
{
	switch (slot) {
	case VEXFS_SLOT_SEARCH:
		return ops->search;
	case VEXFS_SLOT_DISTANCE:
		return ops->distance;
	case VEXFS_SLOT_FILTER:
		return ops->filter;
	}
	return false;
}

/* What is loaded, for those who hold registry_lock. */
static struct vexfs_object *loaded(struct vexfs_program *p)
{
	return rcu_dereference_protected(p->object, lockdep_is_held(&registry_lock));
}

/* --- names and references --- */

const char *vexfs_program_name(const struct vexfs_program *p)
{
	return p->name;
}

/* -EINVAL; -ENAMETOOLONG: not terminated within VEXFS_PROG_NAME_LEN bytes. */
static int check_name(const char *name)
{
	size_t i, len = strnlen(name, VEXFS_PROG_NAME_LEN);

	if (len == VEXFS_PROG_NAME_LEN)
		return -ENAMETOOLONG;
	for (i = 0; i < len; i++)
		if (!(name[i] >= 'a' && name[i] <= 'z') && !(name[i] >= '0' && name[i] <= '9') &&
		    name[i] != '_' && name[i] != '-')
			return -EINVAL;
	return len ? 0 : -EINVAL;
}

static struct vexfs_program *find(const char *name)
{
	struct vexfs_program *p;

	lockdep_assert_held(&registry_lock);
	list_for_each_entry(p, &registry, node)
		if (!strcmp(p->name, name))
			return p;
	return NULL;
}

/* Find or make; name has been checked.  No reference is taken: registry_lock keeps it. */
static struct vexfs_program *find_or_add(const char *name)
{
	struct vexfs_program *p = find(name);
	int err;

	if (p)
		return p;
	p = kzalloc(sizeof(*p), GFP_KERNEL);
	if (!p)
		return ERR_PTR(-ENOMEM);
	err = init_srcu_struct(&p->srcu);
	if (err) {
		kfree(p);
		return ERR_PTR(err);
	}
	strscpy(p->name, name, sizeof(p->name));
	spin_lock_init(&p->lock);
	err = vexfs_program_show(p);	/* from here on the host frees it */
	if (err)
		return ERR_PTR(err);
	list_add_tail(&p->node, &registry);
	return p;
}

void vexfs_programs_reap(void)
{
	struct vexfs_program *p, *next;

	mutex_lock(&registry_lock);
	list_for_each_entry_safe(p, next, &registry, node) {
		if (atomic_read(&p->refs) || loaded(p))
			continue;
		list_del(&p->node);
		vexfs_program_hide(p);
	}
	mutex_unlock(&registry_lock);
}

int vexfs_programs_each(int (*fn)(struct vexfs_program *p, const struct vexfs_object *o, void *arg),
			void *arg)
{
	struct vexfs_program *p;
	int err = 0;

	mutex_lock(&registry_lock);
	list_for_each_entry(p, &registry, node) {
		err = fn(p, loaded(p), arg);
		if (err)
			break;
	}
	mutex_unlock(&registry_lock);
	return err;
}

#ifndef __KERNEL__
void vexfs_programs_freeze(bool freeze)
{
	if (freeze)
		mutex_lock(&registry_lock);
	else
		mutex_unlock(&registry_lock);
}
#endif

bool vexfs_programs_any(void)
{
	return !list_empty(&registry);
}

struct vexfs_program *vexfs_program_get(const char *name, bool create)
{
	struct vexfs_program *p;
	int err = check_name(name);

	if (err)
		return ERR_PTR(-EINVAL);
	mutex_lock(&registry_lock);
	p = create ? find_or_add(name) : find(name);
	if (!p)
		p = ERR_PTR(-ENOENT);
	else if (!IS_ERR(p))
		atomic_inc(&p->refs);
	mutex_unlock(&registry_lock);
	return p;
}

struct vexfs_program *vexfs_program_ref(struct vexfs_program *p)
{
	if (p)
		atomic_inc(&p->refs);
	return p;
}

void vexfs_program_put(struct vexfs_program *p)
{
	if (p && atomic_dec_and_test(&p->refs))
		vexfs_programs_unused();	/* p may be gone by now */
}

/* What is loaded under a name, or NULL; it stays until it is let go of. */
static struct vexfs_object *hold(struct vexfs_program *p, int *idx)
{
	*idx = srcu_read_lock(&p->srcu);
	__release(&p->srcu);		/* for sparse: let_go() does */
	return srcu_dereference(p->object, &p->srcu);
}

static void let_go(struct vexfs_program *p, int idx)
{
	__acquire(&p->srcu);
	srcu_read_unlock(&p->srcu, idx);
}

void vexfs_program_look(struct vexfs_program *p,
			void (*fn)(const struct vexfs_object *o, void *arg), void *arg)
{
	int idx;

	fn(hold(p, &idx), arg);
	let_go(p, idx);
}

/* --- errors --- */

/* Without errors, for this version of its program.  lock held. */
static void forgive(struct vexfs_binding *b, u64 generation)
{
	if (b->ejected) {
		spin_lock(&b->prog->lock);
		if (b->prog->generation == b->generation)
			b->prog->ejected--;
		spin_unlock(&b->prog->lock);
	}
	b->generation = generation;
	b->errors = 0;
	b->in_a_row = 0;
	b->ejected = false;
}

void vexfs_binding_init(struct vexfs_binding *b, const struct inode *dir)
{
	b->dir = dir;
	spin_lock_init(&b->lock);
}

void vexfs_binding_set(struct vexfs_binding *b, struct vexfs_program *p)
{
	spin_lock(&b->lock);
	forgive(b, 0);
	b->prog = p;
	spin_unlock(&b->lock);
}

void vexfs_hooks_ok(struct vexfs_hookset *set, unsigned int slot, u32 queries)
{
	struct vexfs_binding *b = set->binding + slot;

	atomic64_add(queries, &set->prog[slot]->queries);
	if (!READ_ONCE(b->in_a_row))
		return;
	spin_lock(&b->lock);
	if (b->prog == set->prog[slot] && b->generation == set->generation[slot])
		b->in_a_row = 0;
	spin_unlock(&b->lock);
}

/*
 * Generations only rise, so an older one than the last that erred was replaced.  Is it ejected by
 * this?
 */
static bool count_error(struct vexfs_binding *b, struct vexfs_program *p, unsigned int slot,
			u64 generation)
{
	if (b->prog != p || generation < b->generation)
		return false;
	if (generation > b->generation)
		forgive(b, generation);
	if (b->errors < U32_MAX)
		b->errors++;
	if (slot != VEXFS_SLOT_SEARCH || ++b->in_a_row < VEXFS_EJECT_AFTER || b->ejected)
		return false;
	b->ejected = true;
	spin_lock(&p->lock);
	if (p->generation == generation)
		p->ejected++;
	spin_unlock(&p->lock);
	return true;
}

void vexfs_hooks_error(struct vexfs_hookset *set, unsigned int slot, int error)
{
	struct vexfs_binding *b = set->binding + slot;
	struct vexfs_program *p = set->prog[slot];
	u64 generation = set->generation[slot];
	bool eject;

	atomic64_inc(&p->queries);
	atomic64_inc(&p->failures);
	spin_lock(&b->lock);
	eject = count_error(b, p, slot, generation);
	spin_unlock(&b->lock);
	vexfs_event_program_error(p->name, slot, generation, error, b->dir);
	if (!eject)
		return;
	vexfs_event_eject(p->name, slot, generation, error, b->dir);
	vexfs_complain(b->dir,
		       "search program '%s' ejected after %u errors in a row, the last one %d; searches use the built-in until it is replaced or bound again",
		       p->name, VEXFS_EJECT_AFTER, error);
}

/* Errors of this version of p in the binding; *ejected: has it been? */
static u32 errors_of(struct vexfs_binding *b, const struct vexfs_program *p, u64 generation,
		     bool *ejected)
{
	u32 errors = 0;

	*ejected = false;
	spin_lock(&b->lock);
	if (b->prog == p && b->generation == generation) {
		errors = b->errors;
		*ejected = b->ejected;
	}
	spin_unlock(&b->lock);
	return errors;
}

/* --- bindings --- */

int vexfs_program_bind(struct vexfs_program *p, unsigned int slot)
{
	struct vexfs_object *o;
	int err = 0;

	if (slot >= VEXFS_SLOTS)
		return -EINVAL;
	mutex_lock(&registry_lock);
	o = loaded(p);
	if (!o) {
		err = -ENOENT;
	} else if (!has_op(o->ops, slot)) {
		err = -EOPNOTSUPP;
	} else {
		atomic_inc(&p->bound[slot]);
	}
	mutex_unlock(&registry_lock);
	return err;
}

void vexfs_program_bind_any(struct vexfs_program *p, unsigned int slot)
{
	if (WARN_ON_ONCE(slot >= VEXFS_SLOTS))
		return;
	mutex_lock(&registry_lock);
	atomic_inc(&p->bound[slot]);
	mutex_unlock(&registry_lock);
}

void vexfs_program_unbind(struct vexfs_program *p, unsigned int slot)
{
	if (WARN_ON_ONCE(slot >= VEXFS_SLOTS))
		return;
	WARN_ON_ONCE(atomic_dec_return(&p->bound[slot]) < 0);
}

static u32 bound_state(const struct vexfs_object *o, unsigned int slot, bool ejected)
{
	if (!o || !has_op(o->ops, slot))
		return VEXFS_BOUND_MISSING;
	return ejected ? VEXFS_BOUND_EJECTED : VEXFS_BOUND_LOADED;
}

void vexfs_binding_info(struct vexfs_binding *b, struct vexfs_program *p, unsigned int slot,
			struct vexfs_bound *out)
{
	struct vexfs_object *o;
	bool ejected;
	int idx;

	memset(out, 0, sizeof(*out));
	if (!p)
		return;		/* VEXFS_BOUND_BUILTIN */
	strscpy(out->name, p->name, sizeof(out->name));
	o = hold(p, &idx);
	out->generation = o ? o->generation : 0;
	out->errors = errors_of(b, p, out->generation, &ejected);
	out->state = bound_state(o, slot, ejected);
	let_go(p, idx);
}

/* --- rounds of a query --- */

void vexfs_hooks_reset(struct vexfs_hookset *set)
{
	set->captured = false;
	memset(set->state, 0, sizeof(set->state));	/* VEXFS_BOUND_BUILTIN */
	memset(set->generation, 0, sizeof(set->generation));
}

/* The first so many slots. */
static void leave(struct vexfs_hookset *set, unsigned int slots)
{
	memset(set->ops, 0, sizeof(set->ops));
	while (slots--)
		if (set->prog[slots])
			let_go(set->prog[slots], set->idx[slots]);
}

int vexfs_hooks_enter(struct vexfs_hookset *set)
{
	unsigned int slot;

	for (slot = 0; slot < VEXFS_SLOTS; slot++) {
		struct vexfs_program *p = set->prog[slot];
		struct vexfs_object *o = p ? hold(p, set->idx + slot) : NULL;
		u64 generation = o ? o->generation : 0;
		bool ejected;

		if (!set->captured) {
			set->state[slot] = VEXFS_BOUND_BUILTIN;
			set->generation[slot] = generation;
			if (p) {
				errors_of(set->binding + slot, p, generation, &ejected);
				set->state[slot] = bound_state(o, slot, ejected);
			}
		} else if (set->generation[slot] != generation) {
			leave(set, slot + 1);
			return -ESTALE;
		}
		set->ops[slot] = set->state[slot] == VEXFS_BOUND_LOADED ? o->ops : NULL;
	}
	set->captured = true;
	return 0;
}

void vexfs_hooks_leave(struct vexfs_hookset *set)
{
	leave(set, VEXFS_SLOTS);
}

void vexfs_hooks_put(struct vexfs_hookset *set)
{
	unsigned int slot;

	for (slot = 0; slot < VEXFS_SLOTS; slot++) {
		vexfs_program_put(set->prog[slot]);
		set->prog[slot] = NULL;
	}
}

/* --- what is loaded comes, changes and goes --- */

int vexfs_ops_check(const struct vexfs_ops *ops)
{
	int err;

	if (ops->abi != VEXFS_OPS_ABI) {
		vexfs_program_say("a program object for ABI %u was refused: this VexFS speaks %u",
				  ops->abi, VEXFS_OPS_ABI);
		return -EPROTONOSUPPORT;
	}
	err = check_name(ops->name);
	if (err) {
		vexfs_program_say("a program object was refused: its name is %s",
				  err == -ENAMETOOLONG ? "too long" :
				  *ops->name ? "not of [a-z0-9_-]" : "empty");
		return err;
	}
	if (ops->flags & ~VEXFS_OPS_FLAGS_ALL) {
		vexfs_program_say("program '%s' was refused: unknown flags %#x", ops->name,
				  ops->flags & ~VEXFS_OPS_FLAGS_ALL);
		return -EINVAL;
	}
	if (ops->flags & VEXFS_OPS_EXHAUSTIVE) {
		vexfs_program_say("program '%s' was refused: EXHAUSTIVE is not supported", ops->name);
		return -EOPNOTSUPP;
	}
	if (!ops->search && !ops->distance && !ops->filter) {
		vexfs_program_say("program '%s' was refused: it has no op", ops->name);
		return -EINVAL;
	}
	return 0;
}

/* A bit per op that it has. */
static u32 ops_bits(const struct vexfs_object *o)
{
	u32 slot, bits = 0;

	for (slot = 0; o && slot < VEXFS_SLOTS; slot++)
		if (has_op(o->ops, slot))
			bits |= BIT(slot);
	return bits;
}

/* Put a new version under a name; returns the old one, to free after a drain. */
static struct vexfs_object *publish(struct vexfs_program *p, struct vexfs_object *o)
{
	struct vexfs_object *old = loaded(p);

	if (o)
		o->generation = ++last_generation;
	spin_lock(&p->lock);
	p->generation = o ? o->generation : 0;
	WRITE_ONCE(p->ejected, 0);
	spin_unlock(&p->lock);
	rcu_assign_pointer(p->object, o);
	vexfs_event_switch(p->name, o ? o->generation : old->generation, ops_bits(o));
	return old;
}

/*
 * Wait for the rounds that run the old version, and free it; gives back a reference to p, which
 * nobody else may have.
 */
static void drain(struct vexfs_program *p, struct vexfs_object *old)
{
	/*
	 * Expedited: others on this machine may wait for the mutex that struct_ops holds around
	 * us.
	 */
	synchronize_srcu_expedited(&p->srcu);
	kfree(old);
	vexfs_program_put(p);
}

static struct vexfs_object *new_object(const struct vexfs_ops *ops, const void *owner)
{
	struct vexfs_object *o = kzalloc(sizeof(*o), GFP_KERNEL);

	if (o) {
		o->ops = ops;
		o->owner = owner;
	}
	return o;
}

int vexfs_program_load(const struct vexfs_ops *ops, const void *owner)
{
	struct vexfs_program *p;
	struct vexfs_object *o;
	int err = 0;

	o = new_object(ops, owner);
	if (!o)
		return -ENOMEM;
	mutex_lock(&registry_lock);
	p = find_or_add(ops->name);
	if (IS_ERR(p)) {
		err = PTR_ERR(p);
	} else if (loaded(p)) {
		err = -EEXIST;
	} else {
		publish(p, o);
		o = NULL;
	}
	mutex_unlock(&registry_lock);
	kfree(o);
	return err;
}

/* The program whose loaded version is this one. */
static struct vexfs_program *find_loaded(const struct vexfs_ops *ops, const void *owner)
{
	struct vexfs_program *p;

	list_for_each_entry(p, &registry, node)
		if (loaded(p) && loaded(p)->ops == ops && loaded(p)->owner == owner)
			return p;
	return NULL;
}

int vexfs_program_replace(const struct vexfs_ops *ops, const struct vexfs_ops *was,
			  const void *owner)
{
	struct vexfs_object *o, *old = NULL;
	struct vexfs_program *p;
	unsigned int slot;
	int err = 0;

	o = new_object(ops, owner);
	if (!o)
		return -ENOMEM;
	mutex_lock(&registry_lock);
	p = find_loaded(was, owner);
	if (!p) {
		err = -ENOENT;
	} else if (strcmp(ops->name, was->name)) {
		vexfs_program_say("program '%s' cannot be replaced by one named '%s'",
				  was->name, ops->name);
		err = -EINVAL;
	}
	for (slot = 0; !err && slot < VEXFS_SLOTS; slot++) {
		if (has_op(was, slot) && !has_op(ops, slot) && atomic_read(&p->bound[slot])) {
			vexfs_program_say(
				"program '%s' was not replaced: a collection is bound to its %s, which the new object lacks",
				was->name, vexfs_op_name[slot]);
			err = -EBUSY;
		}
	}
	if (!err)
		old = publish(vexfs_program_ref(p), o);
	mutex_unlock(&registry_lock);
	if (err)
		kfree(o);
	else
		drain(p, old);
	return err;
}

void vexfs_program_unload(const struct vexfs_ops *ops, const void *owner)
{
	struct vexfs_object *old = NULL;
	struct vexfs_program *p;

	mutex_lock(&registry_lock);
	p = find_loaded(ops, owner);
	if (p)
		old = publish(vexfs_program_ref(p), NULL);
	mutex_unlock(&registry_lock);
	if (p)
		drain(p, old);
}
