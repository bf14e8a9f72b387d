// SPDX-License-Identifier: GPL-2.0
/* What collection/registry.h asks of its host: in user space there is nothing to show or to trace. */
#include "collection/registry.h"

int vexfs_program_show(struct vexfs_program *p)
{
	(void)p;
	return 0;
}

/* Whoever looks at programs holds registry_lock, as does who calls this. */
void vexfs_program_hide(struct vexfs_program *p)
{
	cleanup_srcu_struct(&p->srcu);
	kfree(p);
}

void vexfs_programs_unused(void)
{
	vexfs_programs_reap();
}

/* Nobody traces. */
void vexfs_event_switch(const char *program, u64 generation, u32 ops)
{
	(void)program, (void)generation, (void)ops;
}

void vexfs_event_program_error(const char *program, u32 slot, u64 generation, int err,
			       const struct inode *dir)
{
	(void)program, (void)slot, (void)generation, (void)err, (void)dir;
}

void vexfs_event_eject(const char *program, u32 slot, u64 generation, int err,
		       const struct inode *dir)
{
	(void)program, (void)slot, (void)generation, (void)err, (void)dir;
}
