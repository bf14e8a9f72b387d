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
 * goes: load, replace and unload publish a pointer and drain the program's SRCU before they return,
 * so a program runs only between vexfs_hooks_enter() and vexfs_hooks_leave().
 *
 * What collections and searches ask for is in collection/program.h.
 */
#ifndef _VEXFS_HOOKS_H
#define _VEXFS_HOOKS_H

#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include "collection/program.h"

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
