// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/fs/vexfs, one value per file:
 *
 *	features			what this module does, a word per feature
 *	programs/NAME/loaded		0 or 1; 0: only bound to by name
 *	programs/NAME/generation	of what is loaded; 0: nothing
 *	programs/NAME/ops		those it implements, of: search distance filter
 *	programs/NAME/flags		VEXFS_OPS_*, hexadecimal
 *	programs/NAME/max_visits	its own budget in slots; 0: the query's
 *	programs/NAME/timeout_us	its own time; 0: half of the query's
 *	programs/NAME/queries		that it answered or failed
 *	programs/NAME/errors		of those, failed
 *	programs/NAME/ejected		bindings from which its search was ejected for its errors:
 *					the built-in runs there
 *	programs/NAME/bound		bindings of collections that are in memory
 *
 * Readers take no lock of ours but the program's SRCU, so that directories can be removed under
 * registry_lock.
 */
#include <linux/fs.h>
#include <linux/kobject.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include "hooks/hooks.h"

static struct kobject *vexfs_kobj, *programs_kobj;

/* What an attribute shows of the loaded object. */
struct seen {
	struct vexfs_ops ops;
	u64 generation;
};

static void see(const struct vexfs_object *o, void *arg)
{
	struct seen *s = arg;

	memset(s, 0, sizeof(*s));
	if (o) {
		s->ops = *o->ops;
		s->generation = o->generation;
	}
}

struct program_attr {
	struct attribute attr;
	ssize_t (*show)(struct vexfs_program *p, const struct seen *s, char *buf);
};

static ssize_t loaded_show(struct vexfs_program *p, const struct seen *s, char *buf)
{
	return sysfs_emit(buf, "%d\n", s->generation != 0);
}

static ssize_t generation_show(struct vexfs_program *p, const struct seen *s, char *buf)
{
	return sysfs_emit(buf, "%llu\n", s->generation);
}

static ssize_t ops_show(struct vexfs_program *p, const struct seen *s, char *buf)
{
	const char *search = s->ops.search ? "search " : "";
	const char *distance = s->ops.distance ? "distance " : "";
	int len = sysfs_emit(buf, "%s%s%s", search, distance, s->ops.filter ? "filter " : "");

	if (len)
		buf[len - 1] = '\n';
	return len;
}

static ssize_t flags_show(struct vexfs_program *p, const struct seen *s, char *buf)
{
	return sysfs_emit(buf, "%#x\n", s->ops.flags);
}

static ssize_t max_visits_show(struct vexfs_program *p, const struct seen *s, char *buf)
{
	return sysfs_emit(buf, "%llu\n", s->ops.max_visits);
}

static ssize_t timeout_us_show(struct vexfs_program *p, const struct seen *s, char *buf)
{
	return sysfs_emit(buf, "%u\n", s->ops.timeout_us);
}

static ssize_t queries_show(struct vexfs_program *p, const struct seen *s, char *buf)
{
	return sysfs_emit(buf, "%lld\n", atomic64_read(&p->queries));
}

static ssize_t errors_show(struct vexfs_program *p, const struct seen *s, char *buf)
{
	return sysfs_emit(buf, "%lld\n", atomic64_read(&p->failures));
}

static ssize_t ejected_show(struct vexfs_program *p, const struct seen *s, char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(p->ejected));
}

static ssize_t bound_show(struct vexfs_program *p, const struct seen *s, char *buf)
{
	unsigned int slot;
	int n = 0;

	for (slot = 0; slot < VEXFS_SLOTS; slot++)
		n += atomic_read(&p->bound[slot]);
	return sysfs_emit(buf, "%d\n", n);
}

#define PROGRAM_ATTR(file) \
	static const struct program_attr file##_attr = { \
		.attr = { .name = #file, .mode = 0444 }, \
		.show = file##_show, \
	}
PROGRAM_ATTR(loaded);
PROGRAM_ATTR(generation);
PROGRAM_ATTR(ops);
PROGRAM_ATTR(flags);
PROGRAM_ATTR(max_visits);
PROGRAM_ATTR(timeout_us);
PROGRAM_ATTR(queries);
PROGRAM_ATTR(errors);
PROGRAM_ATTR(ejected);
PROGRAM_ATTR(bound);

static struct attribute *program_attrs[] = {
	(struct attribute *)&loaded_attr.attr,
	(struct attribute *)&generation_attr.attr,
	(struct attribute *)&ops_attr.attr,
	(struct attribute *)&flags_attr.attr,
	(struct attribute *)&max_visits_attr.attr,
	(struct attribute *)&timeout_us_attr.attr,
	(struct attribute *)&queries_attr.attr,
	(struct attribute *)&errors_attr.attr,
	(struct attribute *)&ejected_attr.attr,
	(struct attribute *)&bound_attr.attr,
	NULL,
};
ATTRIBUTE_GROUPS(program);

static ssize_t program_show(struct kobject *kobj, struct attribute *attr, char *buf)
{
	struct vexfs_program *p = container_of(kobj, struct vexfs_program, host.kobj);
	const struct program_attr *a = container_of_const(attr, struct program_attr, attr);
	struct seen s;

	vexfs_program_look(p, see, &s);
	return a->show(p, &s, buf);
}

static const struct sysfs_ops program_sysfs_ops = {
	.show = program_show,
};

static void program_release(struct kobject *kobj)
{
	struct vexfs_program *p = container_of(kobj, struct vexfs_program, host.kobj);

	cleanup_srcu_struct(&p->srcu);
	kfree(p);
}

static const struct kobj_type program_ktype = {
	.release = program_release,
	.sysfs_ops = &program_sysfs_ops,
	.default_groups = program_groups,
};

int vexfs_program_show(struct vexfs_program *p)
{
	int err = kobject_init_and_add(&p->host.kobj, &program_ktype, programs_kobj, "%s", p->name);

	if (err)
		kobject_put(&p->host.kobj);
	return err;
}

void vexfs_program_hide(struct vexfs_program *p)
{
	kobject_del(&p->host.kobj);
	kobject_put(&p->host.kobj);
}

static ssize_t features_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "ops_abi_%u f32 l2 cosine dot search distance filter replace\n",
			  VEXFS_OPS_ABI);
}

static struct kobj_attribute features_attr = __ATTR_RO(features);

int vexfs_sysfs_init(void)
{
	int err = -ENOMEM;

	vexfs_kobj = kobject_create_and_add("vexfs", fs_kobj);
	if (!vexfs_kobj)
		return -ENOMEM;
	err = sysfs_create_file(vexfs_kobj, &features_attr.attr);
	if (err)
		goto put;
	programs_kobj = kobject_create_and_add("programs", vexfs_kobj);
	if (programs_kobj)
		return 0;
	err = -ENOMEM;
put:
	kobject_put(vexfs_kobj);
	return err;
}

void vexfs_sysfs_exit(void)
{
	kobject_put(programs_kobj);
	kobject_put(vexfs_kobj);
}
