/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Program objects: what is loaded, what is bound, and how a query runs them.
 *
 * A vexfs_program is a *name*.  It exists while an object of that name is loaded or while somebody
 * holds a reference (a collection that is bound to it).  What is loaded under the name comes and
 * goes: load, replace and unload publish a pointer and drain the program's SRCU before they return,
 * so a program runs only between vexfs_hooks_enter() and vexfs_hooks_leave().
 *
 * What collections and searches ask for is in collection/program.h.  Objects come by struct_ops in
 * the kernel (hooks/hooks.c), and compiled natively in user space (ctl/platform/native-user.c).
 */
#ifndef _VEXFS_COLLECTION_REGISTRY_H
#define _VEXFS_COLLECTION_REGISTRY_H

#include "collection/collection.h"

#define VEXFS_EJECT_AFTER	16	/* errors of a search program in a row */

/* One version of a program: what one load or replace brought. */
struct vexfs_object {
	const struct vexfs_ops *ops;	/* the owner's, until it is unloaded or replaced */
	const void *owner;		/* whose load it was: identity only */
	u64 generation;			/* counts loads and replaces of all programs, from 1 */
};

struct vexfs_program {
	struct vexfs_program_host host;	/* how it is shown; frees us */
	struct list_head node;		/* the registry; registry_lock */
	char name[VEXFS_PROG_NAME_LEN];
	atomic_t refs;			/* holders of a pointer */
	struct srcu_struct srcu;	/* of its own: who replaces another does not wait for us */
	/* srcu, written under registry_lock; NULL: not loaded */
	struct vexfs_object __rcu *object;
	atomic_t bound[VEXFS_SLOTS];	/* collections per op; raised under registry_lock */

	spinlock_t lock;		/* the two below; inside vexfs_binding.lock */
	u64 generation;			/* of what is loaded; 0: nothing */
	u32 ejected;			/* bindings that it was ejected from since it was loaded */

	atomic64_t queries;		/* that it answered or failed, once each */
	atomic64_t failures;		/* of those, failed; never reset */
};

extern const char *const vexfs_op_name[VEXFS_SLOTS];	/* "search" */

/*
 * May it be loaded?  -EPROTONOSUPPORT another ABI; -EINVAL, -ENAMETOOLONG its name; -EINVAL flags that
 * are unknown, or no op; -EOPNOTSUPP.  vexfs_program_say() tells why.
 */
int vexfs_ops_check(const struct vexfs_ops *ops);
/*
 * It was checked, and stays as it is until it is unloaded or replaced.  owner: NULL, or what tells
 * its load from others.
 *
 * load: -EEXIST the name is taken.  replace: -ENOENT `was` is not loaded (any more); -EINVAL it has
 * another name; -EBUSY it lacks an op that a collection is bound to.  -ENOMEM.  replace and unload
 * wait for the rounds that run the old version, which nobody looks at any more when they return.
 */
int vexfs_program_load(const struct vexfs_ops *ops, const void *owner);
int vexfs_program_replace(const struct vexfs_ops *ops, const struct vexfs_ops *was,
			  const void *owner);
/* One that is not loaded (any more) is fine. */
void vexfs_program_unload(const struct vexfs_ops *ops, const void *owner);

/* Call fn with what is loaded (NULL: nothing), which cannot go away meanwhile. */
void vexfs_program_look(struct vexfs_program *p,
			void (*fn)(const struct vexfs_object *o, void *arg), void *arg);
/*
 * The same for every program, until fn returns an error.  It is called inside registry_lock: it loads
 * nothing, and drops no reference.
 */
int vexfs_programs_each(int (*fn)(struct vexfs_program *p, const struct vexfs_object *o, void *arg),
			void *arg);

/* Take out what is of no use any more.  Inside no lock. */
void vexfs_programs_reap(void);
#ifndef __KERNEL__
void vexfs_programs_freeze(bool freeze);	/* around fork(2) */
#endif
bool vexfs_programs_any(void);		/* is there anything left? */

/* --- the host's --- */

/*
 * There is a program, and it is to be seen; it goes, and is freed (srcu and all) when nobody looks at
 * it any more.  show: an error, and it was freed.
 */
int vexfs_program_show(struct vexfs_program *p);
void vexfs_program_hide(struct vexfs_program *p);
/* Something is of no use any more: vexfs_programs_reap(), soon.  Takes no lock but that one's. */
void vexfs_programs_unused(void);
/* Why a load or replace is refused: a line for who asked for it. */
#ifdef __KERNEL__
#define vexfs_program_say(fmt, ...) pr_notice_ratelimited("vexfs: " fmt "\n", ##__VA_ARGS__)
#else
__printf(1, 2) void vexfs_program_say(const char *fmt, ...);
#endif

/* What happened, for who traces it; see hooks/trace.h.  ops: 0, it was unloaded. */
void vexfs_event_switch(const char *program, u64 generation, u32 ops);
void vexfs_event_program_error(const char *program, u32 slot, u64 generation, int err,
			       const struct inode *dir);
void vexfs_event_eject(const char *program, u32 slot, u64 generation, int err,
		       const struct inode *dir);

#endif /* _VEXFS_COLLECTION_REGISTRY_H */
