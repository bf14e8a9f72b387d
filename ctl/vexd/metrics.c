// SPDX-License-Identifier: GPL-2.0
/*
 * Metrics for Prometheus, text format 0.0.4, on 127.0.0.1 only: http://127.0.0.1:9734/metrics.
 * Counters of searches begin when vexd does; those of programs when the kernel first knew the name.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <libmount.h>
#include <microhttpd.h>
#include <vexfs/vexfs.h>
#include "loader/loader.h"
#include "meter/meter.h"
#include "vexd.h"

static struct MHD_Daemon *daemon_;
static struct source http = { .fd = -1 };
static int listening = -1;

static const char *const event_types[] = {
	"switch", "unload", "use", "program_error", "eject", "compact", "damage",
	"mount", "unmount", "lost",
};
#define EVENTS	(sizeof(event_types) / sizeof(event_types[0]))
static __u64 event_count[EVENTS];

void metrics_count_event(const char *type)
{
	size_t i;

	for (i = 0; i < EVENTS; i++)
		if (!strcmp(event_types[i], type))
			event_count[i]++;
}

/* name="value", the value printable, and what the format wants escaped, escaped. */
static void label(FILE *f, const char *name, const char *value)
{
	fprintf(f, "%s=\"", name);
	for (value = printable(value); *value; value++) {
		if (*value == '\\' || *value == '"')
			fputc('\\', f);
		fputc(*value, f);
	}
	fputc('"', f);
}

static void head(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* --- programs --- */

struct program_list {
	struct vexfs_program_info *p;
	size_t n;
};

static int take_program(const struct vexfs_program_info *i, void *arg)
{
	struct program_list *l = arg;
	struct vexfs_program_info *p = reallocarray(l->p, l->n + 1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	l->p = p;
	p[l->n++] = *i;
	return 0;
}

static void program_family(FILE *f, const struct program_list *l, const char *name,
			   const char *type, const char *help,
			   __u64 (*value)(const struct vexfs_program_info *i))
{
	size_t i;

	head(f, name, type, help);
	for (i = 0; i < l->n; i++) {
		fprintf(f, "%s{", name);
		label(f, "program", l->p[i].name);
		fprintf(f, "} %llu\n", value(&l->p[i]));
	}
}

static __u64 is_loaded(const struct vexfs_program_info *i) { return i->loaded; }
static __u64 is_ejected(const struct vexfs_program_info *i) { return i->ejected; }
static __u64 generation(const struct vexfs_program_info *i) { return i->generation; }
static __u64 bound(const struct vexfs_program_info *i) { return i->bound; }
static __u64 queries(const struct vexfs_program_info *i) { return i->queries; }
static __u64 errors(const struct vexfs_program_info *i) { return i->errors; }

static void programs(FILE *f)
{
	struct vexfs_load_error err = {};
	struct program_list l = {};

	vexfs_programs(take_program, &l, &err);
	program_family(f, &l, "vexfs_program_loaded", "gauge", "1 if it is loaded.", is_loaded);
	program_family(f, &l, "vexfs_program_ejected", "gauge",
		       "Bindings whose search it was ejected from, after too many errors.",
		       is_ejected);
	program_family(f, &l, "vexfs_program_generation", "gauge", "Rises with every replacement.",
		       generation);
	program_family(f, &l, "vexfs_program_bindings", "gauge",
		       "Bindings of collections in memory.", bound);
	program_family(f, &l, "vexfs_program_queries_total", "counter",
		       "Queries it answered or failed.", queries);
	program_family(f, &l, "vexfs_program_errors_total", "counter", "Of those, failed.", errors);
	free(l.p);
}

/* --- searches --- */

struct search_row {
	char path[PATH_MAX];
	bool gone;			/* the collection, or its filesystem */
	struct meter_key key;
	struct meter_counts n;
};

struct search_list {
	struct search_row *row;
	size_t n;
};

static int take_row(const struct meter_key *k, const struct meter_counts *n, void *arg)
{
	struct search_list *l = arg;
	struct search_row *row = reallocarray(l->row, l->n + 1, sizeof(*row));
	int err;

	if (!row)
		return -ENOMEM;
	l->row = row;
	row += l->n++;
	row->key = *k;
	row->n = *n;
	err = meter_dir(k->dev, k->ino, k->generation, row->path);
	row->gone = err == -ESTALE || err == -ENOENT;
	if (err)
		snprintf(row->path, sizeof(row->path), "%u:%u inode %llu generation %u",
			 k->dev >> 20, k->dev & 0xfffff, k->ino, k->generation);
	return 0;
}

static void labels(FILE *f, const char *name, const struct search_row *row, const char *more)
{
	fprintf(f, "%s{", name);
	label(f, "collection", row->path);
	fputc(',', f);
	label(f, "strategy", row->key.strategy);
	fprintf(f, "%s} ", more);
}

static void search_family(FILE *f, const struct search_list *l, const char *name, const char *help,
			  size_t offset)
{
	size_t i;

	head(f, name, "counter", help);
	for (i = 0; i < l->n; i++) {
		labels(f, name, &l->row[i], "");
		fprintf(f, "%llu\n", *(const __u64 *)((const char *)&l->row[i].n + offset));
	}
}

/* Buckets at whole powers of two, of which ours are parts. */
static void durations(FILE *f, const struct search_list *l)
{
	const char *name = "vexfs_search_duration_seconds";
	size_t i;

	head(f, name, "histogram", "Time of calls of search that did not fail.");
	for (i = 0; i < l->n; i++) {
		const struct search_row *row = &l->row[i];
		__u64 below = 0, all = row->n.calls - row->n.errors;
		char more[64], full[80];
		int b;

		snprintf(full, sizeof(full), "%s_bucket", name);
		for (b = 0; b < METER_BUCKETS - 1; b++) {
			below += row->n.bucket[b];
			if (b < 31 || (b & 7) != 7)
				continue;	/* from 64 microseconds on, those below in one */
			snprintf(more, sizeof(more), ",le=\"%g\"", meter_bucket_end(b) / 1e6);
			labels(f, full, row, more);
			fprintf(f, "%llu\n", below);
		}
		below += row->n.bucket[METER_BUCKETS - 1];
		all = below;		/* one moment's numbers, not those of two */
		labels(f, full, row, ",le=\"+Inf\"");
		fprintf(f, "%llu\n", all);
		snprintf(full, sizeof(full), "%s_sum", name);
		labels(f, full, row, "");
		fprintf(f, "%.6f\n", row->n.us / 1e6);
		snprintf(full, sizeof(full), "%s_count", name);
		labels(f, full, row, "");
		fprintf(f, "%llu\n", all);
	}
}

static void searches(FILE *f)
{
	struct search_list l = {};
	size_t i, kept;

	if (events_meter())
		meter_rows(events_meter(), take_row, &l);
	/* what is gone is told no more, and makes room: there is some for a thousand */
	for (i = kept = 0; i < l.n; i++) {
		if (l.row[i].gone)
			meter_forget(events_meter(), &l.row[i].key);
		else
			l.row[kept++] = l.row[i];
	}
	l.n = kept;
#define FAMILY(name, help, field) \
	search_family(f, &l, "vexfs_" name, help, offsetof(struct meter_counts, field))
	FAMILY("search_calls_total", "Calls of search.", calls);
	FAMILY("search_queries_total", "Queries in those.", queries);
	FAMILY("search_errors_total", "Calls that failed.", errors);
	FAMILY("search_truncated_total", "Calls with an answer that is not complete.", truncated);
	FAMILY("search_restarts_total",
	       "Queries that began again: program replaced or failed, or for precision.", restarts);
	FAMILY("search_visited_total", "Slots looked at.", visited);
	FAMILY("search_scored_total", "Slots measured in full precision.", scored);
#undef FAMILY
	durations(f, &l);
	free(l.row);
}

/* --- live recall --- */

struct recall_row {
	char path[PATH_MAX];
	struct vexfs_recall_count n;
};

struct recall_list {
	struct recall_row *row;
	size_t n;
};

static void take_recall(__u32 dev, const struct vexfs_recall_count *n, void *arg)
{
	struct recall_list *l = arg;
	struct recall_row *row = reallocarray(l->row, l->n + 1, sizeof(*row));
	char path[PATH_MAX];
	size_t i;

	if (!row)
		return;
	l->row = row;
	if (meter_dir(dev, n->dir, n->generation, path))
		return;			/* it has just gone */
	for (i = 0; i < l->n; i++)	/* a filesystem may be mounted in several places */
		if (!strcmp(row[i].path, path) &&
		    !strncmp(row[i].n.strategy, n->strategy, sizeof(n->strategy)))
			return;
	strcpy(row[l->n].path, path);
	row[l->n++].n = *n;
}

static void recall_family(FILE *f, const struct recall_list *l, const char *name,
			  const char *type, const char *help,
			  double (*value)(const struct vexfs_recall_count *n))
{
	size_t i;

	head(f, name, type, help);
	for (i = 0; i < l->n; i++) {
		fprintf(f, "%s{", name);
		label(f, "collection", l->row[i].path);
		fputc(',', f);
		label(f, "strategy", l->row[i].n.strategy);
		fprintf(f, "} %.15g\n", value(&l->row[i].n));
	}
}

static double recall(const struct vexfs_recall_count *n) { return (double)n->found / n->expected; }
static double recall_wanted(const struct vexfs_recall_count *n) { return n->wanted / 1e6 / n->queries; }
static double recall_queries(const struct vexfs_recall_count *n) { return n->queries; }
static double recall_expected(const struct vexfs_recall_count *n) { return n->expected; }
static double recall_found(const struct vexfs_recall_count *n) { return n->found; }

static void recalls(FILE *f)
{
	struct libmnt_table *table = mnt_new_table_from_file("/proc/self/mountinfo");
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct recall_list l = {};
	struct libmnt_fs *fs;

	while (table && iter && !mnt_table_next_fs(table, iter, &fs)) {
		const char *type = mnt_fs_get_fstype(fs), *target = mnt_fs_get_target(fs);

		if (type && !strcmp(type, "vexfs") && target)
			meter_recalls(target, take_recall, &l);
	}
	mnt_free_iter(iter);
	mnt_unref_table(table);
	recall_family(f, &l, "vexfs_recall", "gauge",
		      "Part of the true neighbours that sampled searches found.", recall);
	recall_family(f, &l, "vexfs_recall_wanted", "gauge", "What these wanted, on average.",
		      recall_wanted);
	recall_family(f, &l, "vexfs_recall_queries_total", "counter",
		      "Searches that were sampled: run again, exactly.", recall_queries);
	recall_family(f, &l, "vexfs_recall_expected_total", "counter", "True neighbours of these.",
		      recall_expected);
	recall_family(f, &l, "vexfs_recall_found_total", "counter", "Of those, found.",
		      recall_found);
	free(l.row);
}

/* --- filesystems --- */

struct mounted {
	char *dir, *device;
	struct statvfs st;
	struct vexfs_ioc_memory memory;	/* limit and all else 0: the module does not tell */
};

static double size(const struct mounted *m) { return (double)m->st.f_blocks * m->st.f_frsize; }
static double free_size(const struct mounted *m) { return (double)m->st.f_bfree * m->st.f_frsize; }
static double files(const struct mounted *m) { return m->st.f_files; }
static double free_files(const struct mounted *m) { return m->st.f_ffree; }
static double limit(const struct mounted *m) { return m->memory.limit; }
static double used(const struct mounted *m) { return m->memory.used; }
static double codes(const struct mounted *m) { return m->memory.codes; }
static double lists(const struct mounted *m) { return m->memory.lists; }
static double tables(const struct mounted *m) { return m->memory.tables; }
static double evicted(const struct mounted *m) { return m->memory.evicted; }
static double collections(const struct mounted *m) { return m->memory.collections; }
static double lacking(const struct mounted *m) { return m->memory.lacking; }
static double checkpoints(const struct mounted *m) { return m->memory.checkpoints; }
static double checkpoint_slots(const struct mounted *m) { return m->memory.checkpoint_slots; }
static double checkpoint_bytes(const struct mounted *m) { return m->memory.checkpoint_bytes; }

static const struct {
	const char *name, *type, *help;
	double (*value)(const struct mounted *m);
} mount_families[] = {
	{ "vexfs_filesystem_bytes", "gauge", "Size.", size },
	{ "vexfs_filesystem_free_bytes", "gauge", "Free.", free_size },
	{ "vexfs_filesystem_files", "gauge", "Inodes.", files },
	{ "vexfs_filesystem_free_files", "gauge", "Free inodes.", free_files },
	{ "vexfs_resident_limit_bytes", "gauge",
	  "Memory that derived data may take (mount option resident=).", limit },
	{ "vexfs_resident_bytes", "gauge", "Memory that derived data take.", used },
	{ "vexfs_resident_codes_bytes", "gauge", "Of those, codes.", codes },
	{ "vexfs_resident_lists_bytes", "gauge", "Of those, lists.", lists },
	{ "vexfs_resident_tables_bytes", "gauge", "Of those, hash tables.", tables },
	{ "vexfs_resident_evicted_total", "counter",
	  "How often derived data of a collection made room.", evicted },
	{ "vexfs_collections", "gauge", "Collections in memory.", collections },
	{ "vexfs_collections_lacking", "gauge",
	  "Of those, whose codes or lists do not fit: searches are exact, or by codes alone, and slower.",
	  lacking },
	{ "vexfs_checkpoints", "gauge", "Collections in memory that have a checkpoint on disk.",
	  checkpoints },
	{ "vexfs_checkpoint_slots", "gauge", "Slots of these checkpoints.", checkpoint_slots },
	{ "vexfs_checkpoint_bytes", "gauge", "Bytes of these checkpoints.", checkpoint_bytes },
};
#define MOUNT_FAMILIES	(sizeof(mount_families) / sizeof(mount_families[0]))

/* False: it has just gone. */
static bool look_at(struct mounted *m, struct libmnt_fs *fs)
{
	const char *dir = mnt_fs_get_target(fs), *device = mnt_fs_get_source(fs);
	int fd;

	memset(m, 0, sizeof(*m));
	m->memory.size = sizeof(m->memory);
	if (statvfs(dir, &m->st))
		return false;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		if (ioctl(fd, VEXFS_IOC_MEMORY, &m->memory))
			memset(&m->memory, 0, sizeof(m->memory));
		close(fd);
	}
	m->dir = strdup(dir);
	m->device = strdup(device ? device : "?");
	return true;
}

static void filesystems(FILE *f)
{
	struct libmnt_table *table = mnt_new_table_from_file("/proc/self/mountinfo");
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct mounted *all = NULL, *more;
	size_t n = 0, i, k;
	struct libmnt_fs *fs;

	while (table && iter && !mnt_table_next_fs(table, iter, &fs)) {
		const char *type = mnt_fs_get_fstype(fs);

		if (!type || strcmp(type, "vexfs") || !mnt_fs_get_target(fs))
			continue;
		more = reallocarray(all, n + 1, sizeof(*all));
		if (!more)
			break;
		all = more;
		n += look_at(&all[n], fs);
	}
	mnt_free_iter(iter);
	mnt_unref_table(table);
	for (k = 0; k < MOUNT_FAMILIES; k++) {
		head(f, mount_families[k].name, mount_families[k].type, mount_families[k].help);
		for (i = 0; i < n; i++) {
			if (!all[i].dir || !all[i].device)
				continue;
			fprintf(f, "%s{", mount_families[k].name);
			label(f, "dir", all[i].dir);
			fputc(',', f);
			label(f, "device", all[i].device);
			fprintf(f, "} %.15g\n", mount_families[k].value(&all[i]));
		}
	}
	for (i = 0; i < n; i++) {
		free(all[i].dir);
		free(all[i].device);
	}
	free(all);
}

static void write_all(FILE *f)
{
	size_t i;

	head(f, "vexd_info", "gauge", "1; the version is a label.");
	fprintf(f, "vexd_info{version=\"%s\"} 1\n", VEXFS_VERSION);
	head(f, "vexd_start_time_seconds", "gauge", "When it was started, since the epoch.");
	fprintf(f, "vexd_start_time_seconds %.3f\n", started());
	head(f, "vexd_watching", "gauge",
	     "1 if the tracepoints of the module are watched: else no searches are counted.");
	fprintf(f, "vexd_watching %d\n", events_meter() != NULL);
	head(f, "vexd_events_total", "counter", "Events, as they were logged.");
	for (i = 0; i < EVENTS; i++)
		fprintf(f, "vexd_events_total{event=\"%s\"} %llu\n", event_types[i],
			event_count[i]);
	head(f, "vexd_dropped_total", "counter",
	     "Calls not counted and events not taken, for want of room.");
	fprintf(f, "vexd_dropped_total %llu\n", events_meter() ? meter_dropped(events_meter()) : 0);
	filesystems(f);
	programs(f);
	searches(f);
	recalls(f);
}

static enum MHD_Result reply(struct MHD_Connection *c, unsigned int code, char *text, size_t len,
			     enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(len, text, mode);
	enum MHD_Result ret;

	if (!r) {
		if (mode == MHD_RESPMEM_MUST_FREE)
			free(text);
		return MHD_NO;
	}
	MHD_add_response_header(r, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
	if (code == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, "Allow", "GET, HEAD");
	ret = MHD_queue_response(c, code, r);
	MHD_destroy_response(r);
	return ret;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *data_size, void **state)
{
	static const char no[] = "metrics are at /metrics\n", how[] = "only GET and HEAD\n";
	static int begun;
	char *text = NULL;
	size_t len = 0;
	FILE *f;

	(void)arg;
	(void)version;
	(void)data;
	if (!*state) {			/* the headers are here; what follows them is thrown away */
		*state = &begun;
		return MHD_YES;
	}
	if (*data_size) {
		*data_size = 0;
		return MHD_YES;
	}
	if (strcmp(method, "GET") && strcmp(method, "HEAD"))
		return reply(c, MHD_HTTP_METHOD_NOT_ALLOWED, (char *)how, sizeof(how) - 1,
			     MHD_RESPMEM_PERSISTENT);
	if (strcmp(url, "/metrics"))
		return reply(c, MHD_HTTP_NOT_FOUND, (char *)no, sizeof(no) - 1,
			     MHD_RESPMEM_PERSISTENT);
	f = open_memstream(&text, &len);
	if (!f)
		return MHD_NO;
	write_all(f);
	if (fclose(f)) {
		free(text);
		return MHD_NO;
	}
	return reply(c, MHD_HTTP_OK, text, len, MHD_RESPMEM_MUST_FREE);
}

static void on_http(struct source *s, __u32 events)
{
	(void)s;
	(void)events;
	MHD_run(daemon_);
}

int metrics_open(unsigned int port, char *why, size_t size)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const union MHD_DaemonInfo *info;
	int err, one = 1;

	if (!port)
		return 0;
	/* our own socket, to know why if it is refused */
	listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listening < 0 || setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(listening, (struct sockaddr *)&addr, sizeof(addr)) || listen(listening, 16)) {
		err = -errno;
		snprintf(why, size, "no metrics on 127.0.0.1:%u: %s", port, strerror(errno));
		metrics_close();
		return err;
	}
	daemon_ = MHD_start_daemon(MHD_USE_EPOLL, port, NULL, NULL, on_request, NULL,
				   MHD_OPTION_LISTEN_SOCKET, listening, MHD_OPTION_CONNECTION_LIMIT,
				   16u, MHD_OPTION_CONNECTION_TIMEOUT, 10u,
				   MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)16384,
				   MHD_OPTION_END);
	info = daemon_ ? MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (!info) {
		snprintf(why, size, "no metrics on 127.0.0.1:%u: libmicrohttpd does not start",
			 port);
		metrics_close();
		return -EIO;
	}
	http.fd = info->epoll_fd;
	http.ready = on_http;
	return loop_add(&http, EPOLLIN) ? -errno : 0;
}

/* Connections that take too long are cut off only when it runs. */
void metrics_tick(void)
{
	if (daemon_)
		MHD_run(daemon_);
}

void metrics_close(void)
{
	if (daemon_) {
		loop_del(&http);
		MHD_stop_daemon(daemon_);	/* closes the socket, too */
		listening = -1;
	}
	if (listening >= 0)
		close(listening);
	daemon_ = NULL;
	http.fd = -1;
	listening = -1;
}
