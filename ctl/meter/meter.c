// SPDX-License-Identifier: GPL-2.0
/* The user-space side of the meter, and paths of the collections that it names. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <libmount.h>
#include <vexfs/vexfs.h>
#include "meter.h"
#include "meter/meter.skel.h"

struct meter {
	struct meter_bpf *skel;
	struct ring_buffer *ring;	/* NULL: counters only */
	void (*events)(const struct meter_event *e, void *arg);
	void *arg;
};

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
	return 0;
}

static int on_event(void *ctx, void *data, size_t size)
{
	struct meter *m = ctx;

	if (size >= sizeof(struct meter_event))
		m->events(data, m->arg);
	return 0;
}

int meter_open(struct meter **out, void (*events)(const struct meter_event *e, void *arg),
	       void *arg, char *why, size_t why_size)
{
	libbpf_print_fn_t print = libbpf_set_print(quiet);
	struct meter *m = calloc(1, sizeof(*m));
	struct bpf_program *prog;
	int err = -ENOMEM;

	*out = NULL;
	if (access("/sys/kernel/btf/vexfs", F_OK)) {
		err = -ENODEV;
		goto out;
	}
	if (!m)
		goto out;
	m->events = events;
	m->arg = arg;
	m->skel = meter_bpf__open();
	if (!m->skel) {
		err = -errno;
		goto out;
	}
	bpf_object__for_each_program(prog, m->skel->obj)
		bpf_program__set_autoload(prog, events || prog == m->skel->progs.search_end);
	err = meter_bpf__load(m->skel);
	if (!err)
		err = meter_bpf__attach(m->skel);
	if (err || !events)
		goto out;
	m->ring = ring_buffer__new(bpf_map__fd(m->skel->maps.ring), on_event, m, NULL);
	err = m->ring ? 0 : -errno;
out:
	libbpf_set_print(print);
	if (!err) {
		*out = m;
		return 0;
	}
	meter_close(m);
	if (err == -ENODEV)
		snprintf(why, why_size, "the vexfs module is not loaded: run 'modprobe vexfs'");
	else if (err == -EPERM)
		snprintf(why, why_size,
			 "watching the tracepoints of the module needs root (CAP_SYS_ADMIN)");
	else if (err == -EACCES)
		snprintf(why, why_size,
			 "this kernel's verifier refuses the programs that watch the tracepoints: report that, please");
	else if (err == -ESRCH || err == -ENOENT)
		snprintf(why, why_size,
			 "the loaded vexfs module has other tracepoints: use the tools that came with it");
	else
		snprintf(why, why_size, "cannot attach to the tracepoints of the module: %s",
			 strerror(-err));
	return err;
}

void meter_close(struct meter *m)
{
	if (!m)
		return;
	ring_buffer__free(m->ring);
	meter_bpf__destroy(m->skel);
	free(m);
}

int meter_fd(const struct meter *m)
{
	return ring_buffer__epoll_fd(m->ring);
}

int meter_poll(struct meter *m)
{
	return ring_buffer__consume(m->ring);
}

int meter_rows(struct meter *m,
	       int (*fn)(const struct meter_key *k, const struct meter_counts *n, void *arg),
	       void *arg)
{
	int fd = bpf_map__fd(m->skel->maps.rows), ret = 0, i;
	struct meter_counts *n = calloc(1, sizeof(*n));
	struct meter_key key, *prev = NULL;

	if (!n)
		return -ENOMEM;
	/* rows are deleted by nobody else, so the walk does not start again */
	for (i = 0; !ret && i < METER_ROWS && !bpf_map_get_next_key(fd, prev, &key); i++) {
		if (!bpf_map_lookup_elem(fd, &key, n)) {
			key.strategy[sizeof(key.strategy) - 1] = 0;
			ret = fn(&key, n, arg);
		}
		prev = &key;
	}
	free(n);
	return ret;
}

void meter_forget(struct meter *m, const struct meter_key *k)
{
	bpf_map_delete_elem(bpf_map__fd(m->skel->maps.rows), k);
}

__u64 meter_dropped(struct meter *m)
{
	return m->skel->bss->dropped;
}

__u64 meter_bucket_end(unsigned int b)
{
	return b < 8 ? b + 1 : (__u64)(8 + (b & 7) + 1) << (b / 8 - 1);
}

double meter_percentile(const __u64 bucket[METER_BUCKETS], double p)
{
	__u64 total = 0, below = 0;
	unsigned int b;

	for (b = 0; b < METER_BUCKETS; b++)
		total += bucket[b];
	for (b = 0; b < METER_BUCKETS; b++) {
		if (bucket[b] && below + bucket[b] >= p * total) {
			double begin = b ? meter_bucket_end(b - 1) : 0;

			return begin +
			       (meter_bucket_end(b) - begin) * (p * total - below) / bucket[b];
		}
		below += bucket[b];
	}
	return 0;
}

int meter_mount(__u32 dev, char path[PATH_MAX])
{
	struct libmnt_table *table = mnt_new_table_from_file("/proc/self/mountinfo");
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_BACKWARD);
	dev_t want = makedev(dev >> 20, dev & 0xfffff);
	struct libmnt_fs *fs;
	int err = -ENOENT;

	/*
	 * a bind mount of a part of it will not do for handles of the whole, but for names it must
	 */
	while (table && iter && !mnt_table_next_fs(table, iter, &fs)) {
		const char *target = mnt_fs_get_target(fs), *root = mnt_fs_get_root(fs);

		if (mnt_fs_get_devno(fs) != want || !target || strlen(target) >= PATH_MAX)
			continue;
		if (!err && strcmp(root ? root : "/", "/"))
			continue;
		strcpy(path, target);
		err = 0;
		if (root && !strcmp(root, "/"))
			break;
	}
	mnt_free_iter(iter);
	mnt_unref_table(table);
	return err;
}

int meter_dir(__u32 dev, __u64 ino, __u32 generation, char path[PATH_MAX])
{
	union {
		struct file_handle h;
		char bytes[sizeof(struct file_handle) + 8];
	} u = { .h = { .handle_bytes = 8, .handle_type = 1 /* FILEID_INO32_GEN */ } };
	__u32 id[2] = { ino, generation };
	char link[64], mount[PATH_MAX];
	int at, fd, err;
	ssize_t n;

	err = meter_mount(dev, mount);
	if (err)
		return err;
	memcpy(u.h.f_handle, id, sizeof(id));
	at = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return -errno;
	fd = open_by_handle_at(at, &u.h, O_PATH | O_CLOEXEC);
	err = fd < 0 ? -errno : 0;
	close(at);
	if (err)
		return err;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATH_MAX - 1);
	err = n < 0 ? -errno : 0;
	close(fd);
	if (n < 0)
		return err;
	path[n] = 0;
	return n > 10 && !strcmp(path + n - 10, " (deleted)") ? -ESTALE : 0;
}

int meter_recalls(const char *mount,
		  void (*fn)(__u32 dev, const struct vexfs_recall_count *n, void *arg), void *arg)
{
	struct vexfs_recall_count *counts = calloc(VEXFS_MAX_RECALLS, sizeof(*counts));
	int fd = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC), n, i;
	struct stat st;

	n = !counts ? -ENOMEM : fd < 0 || fstat(fd, &st) ? -errno :
	    vexfs_recall(fd, VEXFS_RECALL_MOUNT, counts, VEXFS_MAX_RECALLS);
	for (i = 0; i < n; i++)
		fn(major(st.st_dev) << 20 | minor(st.st_dev), &counts[i], arg);
	if (fd >= 0)
		close(fd);
	free(counts);
	return n < 0 ? n : 0;
}
