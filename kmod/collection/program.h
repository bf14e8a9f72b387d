/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Programs, as collections and searches see them: by name, opaque.  collection/registry.c implements
 * this.
 *
 * A struct vexfs_program is a *name*.  What is loaded under the name comes and goes: a program runs
 * only between vexfs_hooks_enter() and vexfs_hooks_leave().
 *
 * How a query uses it:
 *
 *	struct vexfs_hookset set = {};
 *
 *	vexfs_collection_programs(c, &set);
 *	again:
 *	vexfs_hooks_reset(&set);
 *	for each round {
 *		if (vexfs_hooks_enter(&set) == -ESTALE)	// a program came, went or was replaced
 *			restart the query, goto again;	// the bindings: vexfs_collection_rebound()
 *		set.ops[slot] is what to call, or NULL;
 *		vexfs_hooks_leave(&set);
 *		read the rows that were queued;			// never between enter and leave
 *	}
 *	vexfs_hooks_put(&set);
 *
 * Between enter and leave: no I/O, no user memory, no page fault, no lock that a load or replace
 * may wait for.  Every round must be short: unload and replace of a program that is in it wait for
 * it, under a mutex that all struct_ops links of the machine share.
 */
#ifndef _VEXFS_COLLECTION_PROGRAM_H
#define _VEXFS_COLLECTION_PROGRAM_H

#include "collection/platform.h"
#include <vexfs/program.bpf.h>

struct vexfs_program;

/*
 * How the program does that is bound to a slot of a collection.  Each collection counts for itself,
 * so that its users neither eject the program elsewhere nor forgive it there.
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

/* Its name, terminated, as long as it is held. */
const char *vexfs_program_name(const struct vexfs_program *p);
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
 * Count a binding of a collection to op `slot` of p.  -ENOENT not loaded, -EOPNOTSUPP the object
 * has no such op, -EINVAL no such slot.  While bound, a replace that lacks the op is refused
 * (EBUSY).  The caller keeps its reference to p for as long.
 */
int vexfs_program_bind(struct vexfs_program *p, unsigned int slot);
/* The same for a binding read from disk: whatever is loaded now, if anything. */
void vexfs_program_bind_any(struct vexfs_program *p, unsigned int slot);
/* Undo either.  Never sleeps. */
void vexfs_program_unbind(struct vexfs_program *p, unsigned int slot);

void vexfs_binding_init(struct vexfs_binding *b, const struct inode *dir);
/* From now on it is of p (NULL: built-in), without errors.  Never sleeps. */
void vexfs_binding_set(struct vexfs_binding *b, struct vexfs_program *p);
/*
 * Name, state, errors and generation, for VEXFS_IOC_INFO; p: what is bound, with a reference.  May
 * sleep.
 */
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
	int idx[VEXFS_SLOTS];			/* what to leave with, for registry.c */
};

/* Forget what was captured: the query starts again. */
void vexfs_hooks_reset(struct vexfs_hookset *set);
/*
 * Begin a round: what the slots hold now cannot go away until vexfs_hooks_leave().
 * -ESTALE: what is loaded is no longer what the first round ran; there is nothing to leave.
 */
int vexfs_hooks_enter(struct vexfs_hookset *set);
void vexfs_hooks_leave(struct vexfs_hookset *set);
/* Drop the references of prog[]. */
void vexfs_hooks_put(struct vexfs_hookset *set);

/*
 * How the program of a slot did, once per call (not per round), outside enter and leave: it
 * answered so many queries, or failed.  What the set has captured says which version: an error of
 * one that was replaced or unbound meanwhile is not held against what is there now.  error: why, a
 * negative errno (what the program returned; -ETIME, -ELOOP: it had to be stopped).  After
 * VEXFS_EJECT_AFTER errors in a row of search the program is ejected from the binding: its state is
 * VEXFS_BOUND_EJECTED until it is bound, loaded or replaced again, and one line says why.
 */
void vexfs_hooks_ok(struct vexfs_hookset *set, unsigned int slot, u32 queries);
void vexfs_hooks_error(struct vexfs_hookset *set, unsigned int slot, int error);

#endif /* _VEXFS_COLLECTION_PROGRAM_H */
