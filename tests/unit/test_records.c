// SPDX-License-Identifier: GPL-2.0
/*
 * Random histories of operations on collections over the whole stack, on an image that is mounted
 * in this process, against a naive model (history.h).  Everything that a program can ask is
 * compared with it, distances to the last bit.  Unmounts, and ends without one, are operations as
 * others.
 *
 * A history that fails prints its seed, with which VEXFS_SEED repeats it, and its operations.
 * VEXFS_HISTORIES says how many there are.  The sister in the guest is tests/vm/model.c.
 */
#include "../exact.h"
#include "box.h"
#include "client.h"
#include "disk.h"

#define PTR(p) ((__u64)(uintptr_t)(p))
#define BLOCKS 24576u
#define MAX_DIMS 20u
#define BULK 1500u /* enough of them for codes */
#define HISTORIES 60u

static struct disk disk;
static struct client client;
static struct history history, *h = &history;
static __u64 seed; /* of the history */
static bool lattice; /* rows of few different numbers: many ties */
static unsigned long searches, coded_hits, coded_wanted, kills, operations;

static void failed(void)
{
	printf("# %s\n# VEXFS_SEED=%llu VEXFS_HISTORIES=1 repeats this:\n", client.why,
	       (unsigned long long)seed);
	history_print(h);
	fail();
}

/* --- operations --- */

static const struct contents *now(__u32 c)
{
	return &h->now[c];
}

/* Is an id or key that of a record, dead or not?  Seldom one of the last ids. */
static __u64 random_id(__u32 c, __u32 used)
{
	if (now(c)->n && !chance(used))
		return now(c)->entry[chance(now(c)->n)]->id;
	return chance(200) ? chance(1u << 20) : ~0ULL - chance(3);
}

static void random_key(__u32 c, __u32 used, char key[12])
{
	const char *old = now(c)->n ? now(c)->entry[chance(now(c)->n)]->key : "";

	if (old[0] && !chance(used))
		memcpy(key, old, 12);
	else
		snprintf(key, 12, "%x", chance(1u << 20));
}

static void random_row(float *row, __u32 dims)
{
	__u32 i, any = 0;

	for (i = 0; i < dims; i++) {
		row[i] = lattice ? (float)chance(3) - 1 : (float)chance(1 << 24) / (1 << 22) - 2;
		any |= row[i] != 0;
	}
	if (!any)
		row[0] = 1;
}

/* A file that has a name, 0: none. */
static __u32 random_object(__u32 c)
{
	__u32 name = chance(FILES);

	return now(c)->object[name];
}

/* used: one in so many ids and keys is taken. */
static struct op *inserting(__u32 c, __u32 n, __u32 used, __u32 flags)
{
	__u32 dims = now(c)->dims ?: 1, i;
	struct op *op = op_new(OP_INSERT, c, n, dims);

	op->flags = flags;
	for (i = 0; i < n; i++) {
		struct entry *e = op->entry[i];

		e->id = random_id(c, used);
		if (chance(2))
			random_key(c, used, e->key);
		e->number = (__s64)chance(12) - 1;
		e->word = chance(3) ? 0 : chance(WORDS);
		e->object = chance(3) ? 0 : random_object(c);
		if (e->object) {
			e->change = now(c)->file[e->object].change;
			e->off = chance(1000);
			e->len = chance(1000);
		}
		random_row(e->row, dims);
	}
	return op;
}

static struct op *op_insert(__u32 c)
{
	return inserting(c, 1 + chance(chance(3) ? 8 : 200), 400, 0);
}

static struct op *op_upsert(__u32 c)
{
	return inserting(c, 1 + chance(8), 2, OP_FLAG_UPSERT);
}

static __u64 next_id(__u32 c)
{
	struct vexfs_ioc_info info = { .size = sizeof(info) };
	struct file *dir = vexfs_file_open(client.image, c ? "c1" : "c0", 0, 0);
	int err;

	assert_false(IS_ERR(dir));
	err = vexfs_file_ioctl(dir, VEXFS_IOC_INFO, &info);
	assert_int_equal(err, 0);
	vexfs_file_close(dir);
	return info.next_id;
}

/* The model knows what ids must be given, from where they begin. */
static struct op *op_auto_id(__u32 c)
{
	bool upsert = chance(2);
	struct op *op;
	__u64 next;
	__u32 i, j;

	if (!now(c)->made)
		return NULL;
	next = next_id(c);
	if (next > ~0ULL - 100) /* then they are given in between */
		return NULL;
	op = inserting(c, 1 + chance(5), upsert ? 2 : 1000,
		       OP_FLAG_AUTO_ID | (upsert ? OP_FLAG_UPSERT : 0));
	for (i = 0; i < op->n; i++) {
		struct entry *e = op->entry[i];
		const struct entry *old = e->key[0] ? contents_find_key(now(c), e->key) : NULL;

		for (j = 0; j < i && e->key[0]; j++)
			if (!strcmp(op->entry[j]->key, e->key))
				old = op->entry[j];
		e->id = old && upsert ? old->id : next++;
	}
	return op;
}

static struct op *op_delete(__u32 c)
{
	bool by_key = chance(2);
	struct op *op = op_new(OP_DELETE, c, 1 + chance(6), 0);
	__u32 i, used = chance(6) ? 1 : 3;

	op->flags = by_key ? OP_FLAG_BY_KEY : 0;
	for (i = 0; i < op->n; i++) {
		op->entry[i]->id = random_id(c, used);
		random_key(c, used, op->entry[i]->key);
	}
	return op;
}

static struct op *simple(enum op_kind kind, __u32 c, __u32 names)
{
	struct op *op = op_new(kind, c, 0, 0);

	op->name = chance(names);
	return op;
}

static struct op *op_create(__u32 c)
{
	struct op *op = op_new(OP_CREATE, c, 0, 1 + chance(MAX_DIMS));

	op->metric = VEXFS_METRIC_L2 + chance(3);
	return op;
}

static struct op *op_drop(__u32 c)
{
	return simple(OP_DROP, c, 1);
}

static struct op *op_file(__u32 c)
{
	return h->objects[c] < MAX_OBJECTS - 4 ? simple(OP_FILE, c, FILES) : NULL;
}

static struct op *op_write(__u32 c)
{
	return simple(OP_WRITE, c, FILES);
}

static struct op *op_unlink(__u32 c)
{
	return simple(OP_UNLINK, c, FILES);
}

static struct op *op_rename(__u32 c)
{
	struct op *op = simple(OP_RENAME, c, FILES);

	op->to = (op->name + 1 + chance(FILES - 1)) % FILES;
	return op;
}

static struct op *op_snapshot(__u32 c)
{
	return simple(OP_SNAPSHOT, c, SNAPSHOTS);
}

static struct op *op_unsnapshot(__u32 c)
{
	return simple(OP_UNSNAPSHOT, c, SNAPSHOTS);
}

static struct op *op_compact(__u32 c)
{
	return simple(OP_COMPACT, c, 1);
}

static struct op *op_sync(__u32 c)
{
	return simple(OP_SYNC, c, 1);
}

static struct op *op_sync_all(__u32 c)
{
	return simple(OP_SYNC_ALL, c, 1);
}

static void step(struct op *op)
{
	if (!op)
		return;
	history_add(h, op);
	operations++;
	if (!client_step(&client, h, op))
		failed();
}

/* --- mounts --- */

static void mount_it(void)
{
	if (client_mount(&client, disk.live, disk.blocks, disk_record, &disk))
		failed();
}

/* --- looks that client_check() has not --- */

/* Of `found` in order, at most per_file of each file; how many. */
static __u32 thin(const struct contents *s, struct near *near, __u32 found, __u32 per_file)
{
	__u32 seen[MAX_OBJECTS] = { 0 }, i, kept = 0, file;

	for (i = 0; i < found; i++) {
		const struct entry *e = contents_find(s, near[i].id);

		file = e->object ? contents_file(s, e->object) : 0;
		if (!file || seen[file]++ < per_file)
			near[kept++] = near[i];
	}
	return kept;
}

/* What one query has to give: how many, of all that there are; near has room for all of them. */
static __u32 expect(const struct contents *s, const struct vexfs_ioc_search *in, const float *q,
		    __s64 below, double radius, struct near *near)
{
	__u32 i, found = 0;

	for (i = 0; i < s->n; i++) {
		const struct entry *e = s->entry[i];
		double d = exact_distance(s->metric, q, e->row, s->dims);

		if (contents_sees(s, e) && (!in->where_nodes || e->number < below) &&
		    (!(in->flags & VEXFS_SEARCH_RANGE) || d <= radius))
			near[found++] = (struct near){ d, e->id };
	}
	qsort(near, found, sizeof(*near), nearer);
	return in->per_file ? thin(s, near, found, in->per_file) : found;
}

static void check_answer(const struct vexfs_ioc_search *in, const struct near *near, __u32 found,
			 const struct vexfs_query_answer *a, const struct vexfs_hit *hit)
{
	bool coded = !strcmp(in->strategy, "coded"), range = in->flags & VEXFS_SEARCH_RANGE;
	__u32 want = min(found, in->k), i, j;

	if (coded ? a->n > want : a->n != want)
		client_wrong(&client, "search: %u hits, not %u", a->n, want);
	if (!coded && a->truncated != (found > want && range ? VEXFS_TRUNC_LIMIT : 0))
		client_wrong(&client, "search: truncated %#x", a->truncated);
	for (i = j = 0; i < a->n && !client.why[0]; i++, j++) {
		while (coded && j < found && near[j].id != hit[i].id)
			j++; /* codes may have missed it */
		if (j == found || near[j].id != hit[i].id || near[j].distance != hit[i].distance)
			client_wrong(&client, "search: hit %u of %u is %llu at %.17g", i, a->n,
				     hit[i].id, hit[i].distance);
		coded_hits += coded && j < want;
	}
	coded_wanted += coded ? want : 0;
	searches++;
	if (client.why[0])
		failed();
}

static long ask(__u32 c, unsigned int cmd, void *arg)
{
	struct file *dir = vexfs_file_open(client.image, c ? "c1" : "c0", 0, 0);
	long ret;

	if (IS_ERR(dir))
		return PTR_ERR(dir);
	ret = vexfs_file_ioctl(dir, cmd, arg);
	vexfs_file_close(dir);
	return ret;
}

#define QUERIES 3u

static void search(__u32 c)
{
	static const __u32 ks[] = { 1, 10, 50, VEXFS_MAX_K };
	const struct contents *s = now(c);
	struct near *near = calloc(s->n + 1, sizeof(*near));
	struct vexfs_hit *hit = calloc(QUERIES * VEXFS_MAX_K, sizeof(*hit));
	struct vexfs_query_answer answer[QUERIES];
	struct vexfs_predicate_node lt = { .op = VEXFS_PRED_LT, .value = chance(13) };
	float rows[QUERIES * MAX_DIMS];
	struct vexfs_ioc_search in = {
		.size = sizeof(in),
		.k = ks[chance(4)],
		.vector_bytes = s->dims * 4,
		.vector = PTR(rows),
		.hits = PTR(hit),
		.answers = PTR(answer),
		.queries = 1 + chance(QUERIES),
		.timeout_us = VEXFS_MAX_TIMEOUT_US,
		.flags = chance(2) ? VEXFS_SEARCH_EXACT : 0,
		.per_file = chance(4) ? 0 : 1 + chance(3),
		.where = PTR(&lt),
		.where_nodes = !chance(3),
	};
	const struct entry *e = s->n ? s->entry[chance(s->n)] : NULL;
	double radius = 0;
	__u32 i;
	long err;

	assert_true(near && hit);
	for (i = 0; i < in.queries; i++)
		if (e && chance(2))
			memcpy(rows + i * s->dims, e->row, s->dims * 4);
		else
			random_row(rows + i * s->dims, s->dims);
	if (!chance(3) && e) { /* on the border of something */
		in.flags |= VEXFS_SEARCH_RANGE;
		radius = exact_distance(s->metric, rows, e->row, s->dims);
		memcpy(&in.radius, &radius, sizeof(radius));
	}
	if (!chance(4) && e) { /* more like this one */
		in.queries = 1;
		if (e->key[0] && chance(2)) {
			in.flags |= VEXFS_SEARCH_BY_KEY;
			in.key = PTR(e->key);
			in.key_len = strlen(e->key);
		} else {
			in.flags |= VEXFS_SEARCH_BY_ID;
			in.id = e->id;
		}
		memcpy(rows, e->row, s->dims * 4);
	}
	in.where = in.where_nodes ? in.where : 0;
	err = ask(c, VEXFS_IOC_SEARCH, &in);
	if (in.flags & (VEXFS_SEARCH_BY_ID | VEXFS_SEARCH_BY_KEY) && !contents_sees(s, e)) {
		if (err != -ENOENT)
			client_wrong(&client, "search by a record that is gone: %ld", err);
	} else if (err) {
		client_wrong(&client, "search: %s", strerror(-err));
	}
	if (client.why[0])
		failed();
	for (i = 0; i < in.queries && !err; i++)
		check_answer(&in, near, expect(s, &in, rows + i * s->dims, lt.value, radius, near),
			     answer + i, hit + i * in.k);
	free(near);
	free(hit);
}

/* What is not there is not got. */
static void get(__u32 c)
{
	char key[12];
	struct vexfs_ioc_get g = { .size = sizeof(g), .id = random_id(c, 3) };
	bool there;
	long err;

	if (chance(2)) {
		random_key(c, 3, key);
		g.flags = VEXFS_GET_BY_KEY;
		g.id = 0;
		g.key = PTR(key);
		g.key_len = strlen(key);
		there = contents_find_key(now(c), key);
	} else {
		there = contents_find(now(c), g.id);
	}
	err = ask(c, VEXFS_IOC_GET, &g);
	if (err != (there ? 0 : -ENOENT)) {
		client_wrong(&client, "get: %ld", err);
		failed();
	}
}

static void check(void)
{
	if (!client_check(&client, h))
		failed();
}

/* --- the end of a mount --- */

static void verify(void)
{
	disk_settle(&disk);
	if (!client_verify(&client, disk.live, disk.blocks))
		failed();
}

static void remount(__u32 c)
{
	(void)c;
	if (client_unmount(&client))
		failed();
	verify();
	history_back(h, h->n); /* all that there is stays */
	mount_it();
	check();
}

/* Memory is lost; the disk keeps all that was written to it. */
static void kill_it(__u32 c)
{
	(void)c;
	client_kill(&client);
	verify();
	mount_it();
	if (!client_survived(&client, h, true))
		failed();
	kills++;
	check();
}

/* --- histories --- */

static const struct {
	struct op *(*make)(__u32 c); /* NULL: no operation now */
	void (*look)(__u32 c);
	__u32 weight;
} choices[] = {
	{ op_insert, NULL, 16 }, { op_upsert, NULL, 12 },  { op_auto_id, NULL, 6 },
	{ op_delete, NULL, 10 }, { op_create, NULL, 2 },   { op_drop, NULL, 1 },
	{ op_file, NULL, 10 },	 { op_write, NULL, 5 },	   { op_unlink, NULL, 5 },
	{ op_rename, NULL, 6 },	 { op_snapshot, NULL, 4 }, { op_unsnapshot, NULL, 2 },
	{ op_compact, NULL, 4 }, { op_sync, NULL, 4 },	   { op_sync_all, NULL, 1 },
	{ NULL, search, 20 },	 { NULL, get, 8 },	   { NULL, remount, 2 },
	{ NULL, kill_it, 2 },
};

static void one_choice(void)
{
	__u32 i, sum = 0, at, c = !chance(4);

	for (i = 0; i < ARRAY_SIZE(choices); i++)
		sum += choices[i].weight;
	at = chance(sum);
	for (i = 0; at >= choices[i].weight; i++)
		at -= choices[i].weight;
	if (choices[i].make)
		step(choices[i].make(c));
	else if (choices[i].look == search || choices[i].look == get)
		now(c)->made ? choices[i].look(c) : (void)0;
	else
		choices[i].look(c);
}

static void one_history(void)
{
	__u32 left = 20 + chance(60), c;

	seed = chance_now();
	disk_back(&disk);
	history_init(h);
	mount_it();
	lattice = chance(2);
	for (c = 0; c < COLLECTIONS; c++) {
		step(op_new(OP_MKDIR, c, 0, 0));
		step(op_create(c));
	}
	if (!chance(6))
		step(inserting(0, BULK, 1 << 20, OP_FLAG_UPSERT));
	while (left--) {
		one_choice();
		if (left % 10 == 0)
			check();
	}
	remount(0);
	if (client_unmount(&client))
		failed();
	verify();
	history_free(h);
}

static void random_histories(void **state)
{
	const char *env = getenv("VEXFS_HISTORIES");
	__u32 n = env ? strtoul(env, NULL, 0) : HISTORIES, i;

	(void)state;
	disk_make(&disk, BLOCKS);
	for (i = 0; i < n; i++)
		one_history();
	disk_free(&disk);
	printf("# %u histories, %lu operations, %lu kills, %lu searches; codes missed %lu of %lu hits\n",
	       n, operations, kills, searches, coded_wanted - coded_hits, coded_wanted);
	assert_true(coded_wanted - coded_hits <= coded_wanted / 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_histories),
	};

	chance_seed(7);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
