// SPDX-License-Identifier: GPL-2.0
/*
 * The struct_ops type vexfs_ops: what the verifier asks, and what comes and goes by a link.
 *
 * struct_ops calls reg, update and unreg under a mutex that all links of the machine share, except
 * when the last reference to a link goes: that unreg comes from a workqueue.
 */
#include <linux/bpf.h>
#include <linux/bpf_verifier.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include "hooks/hooks.h"
#include "hooks/trace.h"

/* --- struct_ops: what the verifier asks --- */

/* The module's BTF, and in it the type of the argument of every op. */
static struct btf *vexfs_btf;
static const struct btf_type *search_type;

static int vexfs_ops_init(struct btf *btf)
{
	vexfs_btf = btf;
	return 0;
}

/*
 * struct vexfs_search in our BTF, found through the prototype of an op: BTF ids of a module need
 * not be those of its build.
 */
static const struct btf_type *arg_type(const struct btf_member *member)
{
	const struct btf_type *t = btf_type_by_id(vexfs_btf, member->type);

	if (!t || !btf_type_is_ptr(t))
		return NULL;
	t = btf_type_by_id(vexfs_btf, t->type);
	if (!t || !btf_type_is_func_proto(t) || btf_type_vlen(t) != 1)
		return NULL;
	t = btf_type_by_id(vexfs_btf, btf_params(t)[0].type);
	if (!t || !btf_type_is_ptr(t))
		return NULL;
	t = btf_type_by_id(vexfs_btf, t->type);
	return t && __btf_type_is_struct(t) && t->size == sizeof(struct vexfs_search) ? t : NULL;
}

/*
 * An op is loaded.  search calls kfuncs that may sleep; the others run within it, per batch, and
 * must not.
 */
static int vexfs_ops_check_member(const struct btf_type *t, const struct btf_member *member,
				  const struct bpf_prog *prog)
{
	const struct btf_type *arg = arg_type(member);

	if (!arg)
		return -EINVAL;
	WRITE_ONCE(search_type, arg);	/* the same for all ops and programs */
	switch (__btf_member_bit_offset(t, member) / 8) {
	case offsetof(struct vexfs_ops, search):
		return prog->sleepable ? 0 : -EINVAL;
	case offsetof(struct vexfs_ops, distance):
	case offsetof(struct vexfs_ops, filter):
		return prog->sleepable ? -EINVAL : 0;
	}
	return -EINVAL;
}

static bool vexfs_ops_is_valid_access(int off, int size, enum bpf_access_type type,
				      const struct bpf_prog *prog, struct bpf_insn_access_aux *info)
{
	return bpf_tracing_btf_ctx_access(off, size, type, prog, info);
}

/*
 * A store through a pointer to a kernel struct: what the op may write of the query, nothing else
 * anywhere.  The log is that of the verifier, which knows what it looks at.
 */
static int vexfs_ops_btf_struct_access(struct bpf_verifier_log *log,
				       const struct bpf_reg_state *reg, int off, int size)
{
	static const struct {
		unsigned int slot;
		int from, to;
	} writable[] = {
		{ VEXFS_SLOT_SEARCH, offsetof(struct vexfs_search, state),
		  offsetofend(struct vexfs_search, state) },
		{ VEXFS_SLOT_FILTER, offsetof(struct vexfs_search, keep),
		  offsetofend(struct vexfs_search, keep) },
	};
	const struct bpf_verifier_env *env = container_of(log, struct bpf_verifier_env, log);
	const char *op = env->prog->aux->attach_func_name;
	unsigned int i;

	if (btf_type_by_id(reg->btf, reg->btf_id) != READ_ONCE(search_type) ||
	    reg->type & PTR_UNTRUSTED) {
		bpf_log(log, "a VexFS program may write to its own struct vexfs_search only\n");
		return -EACCES;
	}
	for (i = 0; i < ARRAY_SIZE(writable); i++)
		if (!strcmp(op, vexfs_op_name[writable[i].slot]) && off >= writable[i].from &&
		    size > 0 && size <= writable[i].to - off)
			return SCALAR_VALUE;
	bpf_log(log,
		"of struct vexfs_search only state (by search) and keep (by filter) may be written (%s, offset %d, %d bytes)\n",
		op, off, size);
	return -EACCES;
}

static const struct bpf_verifier_ops vexfs_verifier_ops = {
	.get_func_proto = bpf_base_func_proto,
	.is_valid_access = vexfs_ops_is_valid_access,
	.btf_struct_access = vexfs_ops_btf_struct_access,
};

/* --- struct_ops: an object comes, changes and goes --- */

/* Copy what is no op; validate() looks at it.  1: done, 0: an op, or a member that must be zero. */
static int vexfs_ops_init_member(const struct btf_type *t, const struct btf_member *member,
				 void *kdata, const void *udata)
{
	const struct vexfs_ops *from = udata;
	struct vexfs_ops *to = kdata;

	switch (__btf_member_bit_offset(t, member) / 8) {
	case offsetof(struct vexfs_ops, name):
		memcpy(to->name, from->name, sizeof(to->name));
		return 1;
	case offsetof(struct vexfs_ops, abi):
		to->abi = from->abi;
		return 1;
	case offsetof(struct vexfs_ops, flags):
		to->flags = from->flags;
		return 1;
	case offsetof(struct vexfs_ops, max_visits):
		to->max_visits = from->max_visits;
		return 1;
	case offsetof(struct vexfs_ops, timeout_us):
		to->timeout_us = from->timeout_us;
		return 1;
	}
	return 0;
}

/* The whole object, before it is registered or takes another's place. */
static int vexfs_ops_validate(void *kdata)
{
	return vexfs_ops_check(kdata);
}

static int vexfs_ops_reg(void *kdata, struct bpf_link *link)
{
	if (!link)
		return -EOPNOTSUPP;	/* without BPF_F_LINK: nothing to replace or to pin */
	return vexfs_program_load(kdata, link);
}

static int vexfs_ops_update(void *kdata, void *old_kdata, struct bpf_link *link)
{
	return vexfs_program_replace(kdata, old_kdata, link);
}

/* Detached, or its last reference is gone.  One that is not registered (any more) is fine. */
static void vexfs_ops_unreg(void *kdata, struct bpf_link *link)
{
	vexfs_program_unload(kdata, link);
}

/* One function for all ops, so that no compiler can fold two into one whose name the BTF lacks. */
static int vexfs_ops_stub(struct vexfs_search *s)
{
	return 0;
}

static struct vexfs_ops vexfs_ops_stubs = {
	.search = vexfs_ops_stub,
	.distance = vexfs_ops_stub,
	.filter = vexfs_ops_stub,
};

static struct bpf_struct_ops bpf_vexfs_ops = {
	.verifier_ops = &vexfs_verifier_ops,
	.init = vexfs_ops_init,
	.check_member = vexfs_ops_check_member,
	.init_member = vexfs_ops_init_member,
	.validate = vexfs_ops_validate,
	.reg = vexfs_ops_reg,
	.update = vexfs_ops_update,
	.unreg = vexfs_ops_unreg,
	.cfi_stubs = &vexfs_ops_stubs,
	.owner = THIS_MODULE,
	.name = "vexfs_ops",
};

/* --- what the registry asks of its host --- */

static void reap(struct work_struct *work)
{
	vexfs_programs_reap();
}

static DECLARE_WORK(reap_work, reap);

void vexfs_programs_unused(void)
{
	schedule_work(&reap_work);
}

void vexfs_event_switch(const char *program, u64 generation, u32 ops)
{
	trace_vexfs_switch(program, generation, ops);
}

void vexfs_event_program_error(const char *program, u32 slot, u64 generation, int err,
			       const struct inode *dir)
{
	trace_vexfs_program_error(program, slot, generation, err, dir);
}

void vexfs_event_eject(const char *program, u32 slot, u64 generation, int err,
		       const struct inode *dir)
{
	trace_vexfs_eject(program, slot, generation, err, dir);
}

int vexfs_hooks_init(void)
{
	int err = vexfs_kfuncs_init();

	if (!err)
		err = register_bpf_struct_ops(&bpf_vexfs_ops, vexfs_ops);
	if (!err && !vexfs_btf)		/* the kernel only warns then, and every load would fail */
		err = -ENOTSUPP;
	if (err)
		pr_err("vexfs: struct_ops cannot be registered (%pe)%s\n", ERR_PTR(err),
		       vexfs_btf ? "" :
		       ": the module has no usable BTF; build it with pahole (package dwarves) against the running kernel");
	return err;
}

void vexfs_hooks_exit(void)
{
	/*
	 * A loaded object and a mount each hold the module: nothing but names without users is
	 * left.
	 */
	flush_work(&reap_work);
	vexfs_programs_reap();
	WARN_ON(vexfs_programs_any());
}
