/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Program objects: what is loaded, what is bound, and how a query runs them.
 *
 *	hooks.c   the struct_ops type vexfs_ops, the registry of programs, bindings, rounds
 *	kfuncs.c  what programs call
 *	sysfs.c   /sys/fs/vexfs
 *
 * A vexfs_program is a *name*.  It exists while an object of that name is loaded or while somebody
 * holds a reference (a collection that is bound to it).  What is loaded under the name comes and
 * goes: load, replace and unload publish a pointer and drain SRCU before they return, so a program
 * runs only between vexfs_hooks_enter() and vexfs_hooks_leave().
 *
 * How a query uses it:
 *
 *	struct vexfs_hookset set = {};
 *
 *	vexfs_collection_programs(c, &set);
 *	again:
 *	vexfs_hooks_reset(&set);
 *	for each round {
 *		idx = vexfs_hooks_enter(&set);
 *		if (idx == -ESTALE)			// a program came, went or was replaced
 *			restart the query, goto again;	// the bindings: vexfs_collection_rebound()
 *		set.ops[slot] is what to call, or NULL;
 *		vexfs_hooks_leave(&set, idx);
 *		read the rows that were queued;			// never between enter and leave
 *	}
 *	vexfs_hooks_put(&set);
 *
 * Between enter and leave: no I/O, no user memory, no page fault, no lock that a load or replace
 * may wait for.  Every round must end by a deadline: unload and replace wait for it under a mutex
 * that all struct_ops links of the machine share.
 */
#ifndef _VEXFS_HOOKS_H
#define _VEXFS_HOOKS_H

#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <vexfs/format.h>
#include <vexfs/ioctl.h>
#include <vexfs/program.bpf.h>

#define VEXFS_EJECT_AFTER	16	/* errors of a search program in a row */

/* One version of a program: what one load or replace brought. */
struct vexfs_object {
	const struct vexfs_ops *ops;	/* inside the struct_ops map */
	const struct bpf_link *link;	/* identity only */
	u64 generation;			/* counts loads and replaces of all programs, from 1 */
};

struct vexfs_program {
	struct kobject kobj;		/* /sys/fs/vexfs/programs/NAME; its release frees us */
	struct list_head node;		/* the registry; registry_lock */
	char name[VEXFS_PROG_NAME_LEN];
	atomic_t refs;			/* holders of a pointer */
	/* SRCU, written under registry_lock; NULL: not loaded */
	struct vexfs_object __rcu *object;
	atomic_t bound[VEXFS_SLOTS];	/* collections per op; raised under registry_lock */

	spinlock_t lock;		/* the two below; inside vexfs_binding.lock */
	u64 generation;			/* of what is loaded; 0: nothing */
	u32 ejected;			/* bindings that it was ejected from since it was loaded */

	atomic64_t queries;		/* that it answered or failed, once each */
	atomic64_t failures;		/* of those, failed; never reset */
};

/*
 * How the program does that is bound to a slot of a collection.  Each collection counts for itself, so that its users
 * neither eject the program elsewhere nor forgive it there.
 */
struct vexfs_binding {
	const struct inode *dir;	/* (const) of the collection */
	spinlock_t lock;		/* all below */
	struct vexfs_program *prog;	/* NULL: built-in; whoever bound it has a reference */
	u64 generation;			/* that the rest belongs to */
	u32 errors;			/* since it was bound, loaded or replaced */
	u32 in_a_row;			/* of search */
	bool ejected;			/* search */
};

/*
 * By name, with a reference.  create: make an entry for an object that is not loaded (a binding
 * read from disk). ERR_PTR: -EINVAL the name is empty, too long or holds other than [a-z0-9_-];
 * -ENOENT neither known nor create; -ENOMEM. name has VEXFS_PROG_NAME_LEN bytes, need not be
 * terminated.  May sleep and allocate.
 */
struct vexfs_program *vexfs_program_get(const char *name, bool create);
/* Another reference to one that is held. */
struct vexfs_program *vexfs_program_ref(struct vexfs_program *p);
/* NULL is fine.  Never sleeps: may be called from inode eviction and under any lock. */
void vexfs_program_put(struct vexfs_program *p);

/*
 * Count a binding of a collection to op `slot` of p.  -ENOENT not loaded, -EOPNOTSUPP the object has
 * no such op, -EINVAL no such slot.  While bound, a replace that lacks the op is refused (EBUSY).
 * The caller keeps its reference to p for as long.
 */
int vexfs_program_bind(struct vexfs_program *p, unsigned int slot);
/* The same for a binding read from disk: whatever is loaded now, if anything. */
void vexfs_program_bind_any(struct vexfs_program *p, unsigned int slot);
/* Undo either.  Never sleeps. */
void vexfs_program_unbind(struct vexfs_program *p, unsigned int slot);

void vexfs_binding_init(struct vexfs_binding *b, const struct inode *dir);
/* From now on it is of p (NULL: built-in), without errors.  Never sleeps. */
void vexfs_binding_set(struct vexfs_binding *b, struct vexfs_program *p);
/* Name, state, errors and generation, for VEXFS_IOC_INFO; p: what is bound, with a reference.  May sleep. */
void vexfs_binding_info(struct vexfs_binding *b, struct vexfs_program *p, unsigned int slot,
			struct vexfs_bound *out);

/* The programs of one query.  Belongs to one thread; zero it, then vexfs_collection_programs(). */
struct vexfs_hookset {
	struct vexfs_program *prog[VEXFS_SLOTS];	/* with a reference each; NULL: built-in */
	struct vexfs_binding *binding;		/* [VEXFS_SLOTS], the collection's */
	u64 bindings;				/* vexfs_collection_mem.bindings then */
	/* Captured by the first enter after a reset, fixed until the next. */
	bool captured;
	u32 state[VEXFS_SLOTS];			/* VEXFS_BOUND_*; LOADED: will be called */
	u64 generation[VEXFS_SLOTS];		/* of what is loaded, called or not; 0: nothing */
	/*
	 * Valid between enter and leave; non-NULL exactly where state is LOADED, and then it has
	 * the slot's op.
	 */
	const struct vexfs_ops *ops[VEXFS_SLOTS];
};

/* Forget what was captured: the query starts again. */
void vexfs_hooks_reset(struct vexfs_hookset *set);
/*
 * Begin a round: what the slots hold now cannot go away until vexfs_hooks_leave().  Returns an
 * index to leave with (>= 0), or -ESTALE, with nothing to leave, when what is loaded is no longer
 * what the first round ran.
 */
int vexfs_hooks_enter(struct vexfs_hookset *set);
void vexfs_hooks_leave(struct vexfs_hookset *set, int idx);
/* Drop the references of prog[]. */
void vexfs_hooks_put(struct vexfs_hookset *set);

/*
 * How the program of a slot did, once per call (not per round), outside enter and leave: it
 * answered so many queries, or failed.  What the set has captured says which version: an error of one that was replaced or
 * unbound meanwhile is not held against what is there now.  error: why, a negative errno (what the
 * program returned; -ETIME, -ELOOP: it had to be stopped).  After VEXFS_EJECT_AFTER errors in a row
 * of search the program is ejected from the binding: its state is VEXFS_BOUND_EJECTED until it is
 * bound, loaded or replaced again, and one line says why.
 */
void vexfs_hooks_ok(struct vexfs_hookset *set, unsigned int slot, u32 queries);
void vexfs_hooks_error(struct vexfs_hookset *set, unsigned int slot, int error);

/*
 * Module init and exit, after and before all mounts.  The order of hooks and sysfs does not matter.
 * hooks_init: -ENOTSUPP (and a line that says so) when the module's BTF is not usable.
 */
int vexfs_hooks_init(void);
void vexfs_hooks_exit(void);
int vexfs_kfuncs_init(void);		/* by hooks_init */
int vexfs_sysfs_init(void);
void vexfs_sysfs_exit(void);

/*
 * sysfs.c for hooks.c: make and remove the directory of a program.  A removed program is freed
 * when its last user in sysfs is gone.
 */
int vexfs_sysfs_add_program(struct vexfs_program *p);
void vexfs_sysfs_del_program(struct vexfs_program *p);
/*
 * hooks.c for sysfs.c: call fn with what is loaded (NULL: nothing), which cannot go away
 * meanwhile.
 */
void vexfs_program_look(struct vexfs_program *p,
			void (*fn)(const struct vexfs_object *o, void *arg), void *arg);

#endif /* _VEXFS_HOOKS_H */
