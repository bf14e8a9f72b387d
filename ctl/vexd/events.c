// SPDX-License-Identifier: GPL-2.0
/*
 * Events: what the module reports through the meter, and filesystems that come and go.  Each is
 * logged, counted and sent to those who listen, as one object: "event", "time" and what belongs to
 * it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <libmount.h>
#include <vexfs/vexfs.h>
#include "meter/meter.h"
#include "vexd.h"

/* A mounted VexFS. */
struct mounted {
	struct mounted *next;
	int id;				/* of the mount */
	char *source, *target;
	bool seen;
};

static struct meter *meter;
static char meter_why[256];
static struct source meter_source = { .fd = -1 }, mount_source = { .fd = -1 };
static struct libmnt_monitor *monitor;
static struct mounted *mounts;

struct meter *events_meter(void)
{
	return meter;
}

const char *events_why(void)
{
	return meter_why;
}

static struct json_object *new_event(const char *type)
{
	struct json_object *o = json_object_new_object();
	struct timespec now;
	char stamp[48];
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(stamp + n, sizeof(stamp) - n, ".%03ldZ", now.tv_nsec / 1000000);
	json_object_object_add(o, "event", json_object_new_string(type));
	json_object_object_add(o, "time", json_object_new_string(stamp));
	metrics_count_event(type);
	return o;
}

static void add(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

static void add_number(struct json_object *o, const char *key, __u64 value)
{
	json_object_object_add(o, key, json_object_new_uint64(value));
}

/*
 * The collection of an event: its path or, where that is not to be had, what the kernel calls it.
 */
static void add_dir(struct json_object *o, const struct meter_event *e, char path[PATH_MAX])
{
	if (meter_dir(e->dev, e->ino, e->dir_generation, path))
		snprintf(path, PATH_MAX, "%u:%u inode %llu", e->dev >> 20, e->dev & 0xfffff,
			 e->ino);
	add(o, "dir", path);
}

static void add_failure(struct json_object *o, const struct meter_event *e)
{
	add(o, "program", e->program);
	add(o, "op", vexfs_slot_name(e->slot) ?: "?");
	add_number(o, "generation", e->generation);
	add(o, "code", strerrorname_np(-e->err) ?: "?");
}

static void on_switch(const struct meter_event *e)
{
	struct json_object *o = new_event(e->ops ? "switch" : "unload"),
			   *ops = json_object_new_array();
	char text[64] = "";
	__u32 i;

	add(o, "program", e->program);
	add_number(o, "generation", e->generation);
	for (i = 0; i < VEXFS_SLOTS; i++)
		if (e->ops & 1u << i) {
			json_object_array_add(ops, json_object_new_string(vexfs_slot_name(i)));
			snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s",
				 vexfs_slot_name(i));
		}
	if (e->ops) {
		json_object_object_add(o, "ops", ops);
		log_note("switch: program %s is generation %llu now:%s", e->program, e->generation,
			 text);
	} else {
		json_object_put(ops);
		log_note("unload: program %s is gone", e->program);
	}
	server_broadcast(o);
}

static void on_use(const struct meter_event *e)
{
	struct json_object *o = new_event("use");
	char path[PATH_MAX];

	add_dir(o, e, path);
	add(o, "slot", vexfs_slot_name(e->slot) ?: "?");
	add(o, "program", e->program);
	log_note("use: %s of %s is %s", vexfs_slot_name(e->slot) ?: "?", path,
		 *e->program ? e->program : "built-in");
	server_broadcast(o);
}

static void on_failure(const struct meter_event *e)
{
	struct json_object *o = new_event(e->type == METER_EJECT ? "eject" : "program_error");
	const char *op = vexfs_slot_name(e->slot) ?: "?", *code = strerrorname_np(-e->err) ?: "?";
	char path[PATH_MAX];

	add_dir(o, e, path);
	add_failure(o, e);
	if (e->type == METER_EJECT) {
		log_warn(
			"eject: program %s failed too often in %s, the last time with %s; searches there are built-in until it is replaced or bound again",
			 e->program, path, code);
	} else {
		if (e->muted)
			add_number(o, "not_reported", e->muted);
		log_warn("program_error: %s of program %s failed in %s with %s; %s", op, e->program,
			 path, code,
			 e->slot == VEXFS_SLOT_SEARCH ? "the built-in answered" :
							"the query failed");
	}
	server_broadcast(o);
}

static void on_compact(const struct meter_event *e)
{
	struct json_object *o = new_event("compact");
	char path[PATH_MAX];

	add_dir(o, e, path);
	add_number(o, "before", e->before);
	add_number(o, "after", e->after);
	add_number(o, "us", e->us);
	if (e->err) {
		add(o, "code", strerrorname_np(-e->err) ?: "?");
		log_warn("compact: %s was given up: %s", path, strerror(-e->err));
	} else {
		log_note("compact: %s from %llu to %llu slots, %.1f s", path, e->before, e->after,
			 e->us / 1e6);
	}
	server_broadcast(o);
}

static void on_damage(const struct meter_event *e)
{
	struct json_object *o = new_event("damage");
	char path[PATH_MAX];

	add_dir(o, e, path);
	if (e->err != -ENODATA)
		add_number(o, "id", e->id);
	add_number(o, "slot", e->record_slot);
	add(o, "code", strerrorname_np(-e->err) ?: "?");
	if (e->err == -ENODATA)
		log_warn("damage: the record in slot %llu of %s is lost, with its id; searches leave it out until fsck.vexfs has repaired it",
			 e->record_slot, path);
	else
		log_warn("damage: record %llu of %s %s; searches leave it out", e->id, path,
			 e->err == -EIO ? "cannot be read" : "is not what was written");
	server_broadcast(o);
}

static void on_event(const struct meter_event *e, void *arg)
{
	struct meter_event copy = *e;	/* the ring is shared with the kernel */

	(void)arg;
	copy.program[sizeof(copy.program) - 1] = 0;
	switch (copy.type) {
	case METER_SWITCH:
		on_switch(&copy);
		break;
	case METER_USE:
		on_use(&copy);
		break;
	case METER_PROGRAM_ERROR:
	case METER_EJECT:
		on_failure(&copy);
		break;
	case METER_COMPACT:
		on_compact(&copy);
		break;
	case METER_DAMAGE:
		on_damage(&copy);
		break;
	}
}

static void on_meter(struct source *s, __u32 events)
{
	static __u64 before;
	__u64 dropped;

	(void)s;
	(void)events;
	meter_poll(meter);
	dropped = meter_dropped(meter);
	if (dropped != before) {
		struct json_object *o = new_event("lost");

		add_number(o, "lost", dropped - before);
		log_warn(
			"lost: %llu events or counts of calls came faster than they could be taken",
			dropped - before);
		server_broadcast(o);
		before = dropped;
	}
}

void events_retry(void)
{
	if (meter || meter_open(&meter, on_event, NULL, meter_why, sizeof(meter_why)))
		return;
	meter_source.fd = meter_fd(meter);
	meter_source.ready = on_meter;
	if (loop_add(&meter_source, EPOLLIN)) {
		snprintf(meter_why, sizeof(meter_why), "%s", strerror(errno));
		meter_close(meter);
		meter = NULL;
		return;
	}
	log_note("watching the tracepoints of the module");
}

/* --- mounts --- */

static void tell_mount(const char *type, const struct mounted *m)
{
	struct json_object *o = new_event(type);

	add(o, "source", m->source);
	add(o, "dir", m->target);
	log_note("%s: %s on %s", type, m->source, m->target);
	server_broadcast(o);
}

/* Compare with what is mounted now.  quietly: at the start, nothing has happened yet. */
static bool read_mounts(bool quietly)
{
	struct libmnt_table *table = mnt_new_table_from_file("/proc/self/mountinfo");
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct mounted **p, *m;
	struct libmnt_fs *fs;
	bool changed = false;

	if (!table || !iter)
		goto out;		/* the next change shows it */
	while (!mnt_table_next_fs(table, iter, &fs)) {
		const char *type = mnt_fs_get_fstype(fs), *source = mnt_fs_get_source(fs),
			   *target = mnt_fs_get_target(fs);

		if (!type || strcmp(type, "vexfs") || !target)
			continue;
		for (m = mounts; m && (m->id != mnt_fs_get_id(fs) || strcmp(m->target, target));
		     m = m->next)
			;
		if (!m) {
			m = calloc(1, sizeof(*m));
			if (!m || !(m->target = strdup(target)) ||
			    !(m->source = strdup(source ? source : "?"))) {
				if (m)
					free(m->target);
				free(m);
				continue;
			}
			m->id = mnt_fs_get_id(fs);
			m->next = mounts;
			mounts = m;
			changed = true;
			if (!quietly)
				tell_mount("mount", m);
		}
		m->seen = true;
	}
	for (p = &mounts; (m = *p);) {
		if (m->seen) {
			m->seen = false;
			p = &m->next;
			continue;
		}
		*p = m->next;
		changed = true;
		if (!quietly)
			tell_mount("unmount", m);
		free(m->source);
		free(m->target);
		free(m);
	}
out:
	mnt_free_iter(iter);
	mnt_unref_table(table);
	return changed;
}

static void on_mounts(struct source *s, __u32 events)
{
	(void)s;
	(void)events;
	while (!mnt_monitor_next_change(monitor, NULL, NULL))
		;
	mnt_monitor_event_cleanup(monitor);
	/* any mount: bpffs counts as well, and one that hid a directory may be gone */
	read_mounts(false);
	mounts_changed();
}

int events_open(void)
{
	int err = -ENOMEM;

	monitor = mnt_new_monitor();
	if (monitor)
		err = mnt_monitor_enable_kernel(monitor, 1);
	if (err >= 0)
		err = mount_source.fd = mnt_monitor_get_fd(monitor);
	if (err < 0) {
		log_error("cannot watch mounts: %s", strerror(-err));
		return err;
	}
	mount_source.ready = on_mounts;
	if (loop_add(&mount_source, EPOLLIN))
		return -errno;
	read_mounts(true);
	events_retry();
	if (!meter)
		log_warn("no events of the module, no counts of searches: %s", meter_why);
	return 0;
}

void events_close(void)
{
	meter_close(meter);
	meter = NULL;
	mnt_unref_monitor(monitor);
	monitor = NULL;
}
