// SPDX-License-Identifier: GPL-2.0
/* See world.h. */
#include "box.h"
#include "world.h"

#define BLOCKS 16384u
#define DIMS 3u

/* --- the alphabet --- */

__u32 world_current(const struct world *w)
{
	const struct history *h = &w->history;

	return h->now[1].made > h->now[0].made;
}

static void fill(struct world *w, struct entry *e)
{
	__u32 i;

	e->id = w->next_id++;
	e->number = e->id % 10;
	for (i = 0; i < DIMS; i++)
		e->row[i] = 1 + (e->id * (i + 3) + i) % 7;
	snprintf(e->key, sizeof(e->key), "k%llu", e->id);
}

static struct op *insert(struct world *w, __u32 n)
{
	struct op *op = op_new(OP_INSERT, world_current(w), n, DIMS);
	__u32 i;

	for (i = 0; i < n; i++)
		fill(w, op->entry[i]);
	return op;
}

static struct op *letter_create(struct world *w)
{
	__u32 c = w->history.now[0].made ? 1 : 0;
	struct op *op = op_new(OP_CREATE, c, 0, DIMS);

	op->metric = c ? VEXFS_METRIC_COSINE : VEXFS_METRIC_L2;
	return op;
}

static struct op *letter_insert(struct world *w)
{
	return insert(w, 2);
}

/* One by its id, one by its key, one that is new. */
static struct op *letter_upsert(struct world *w)
{
	const struct contents *s = &w->history.now[world_current(w)];
	struct op *op = insert(w, 3);

	op->flags = OP_FLAG_UPSERT;
	if (s->n > 0)
		op->entry[0]->id = s->entry[0]->id;
	if (s->n > 1)
		memcpy(op->entry[1]->key, s->entry[s->n - 1]->key, sizeof(op->entry[1]->key));
	return op;
}

static struct op *letter_delete(struct world *w)
{
	const struct contents *s = &w->history.now[world_current(w)];
	struct op *op = op_new(OP_DELETE, world_current(w), 1, DIMS);

	op->entry[0]->id = s->n ? s->entry[s->n / 2]->id : 0;
	return op;
}

static struct op *letter_word(struct world *w)
{
	struct op *op = insert(w, 1);

	op->entry[0]->word = 1 + w->history.n % (WORDS - 1);
	return op;
}

/* A name of a file of collection 0, from `from` on; FILES: there is none. */
static __u32 any_file(struct world *w, __u32 from)
{
	while (from < FILES && !w->history.now[0].object[from])
		from++;
	return from;
}

static struct op *letter_bind(struct world *w)
{
	__u32 name = any_file(w, 0);
	struct op *op;

	if (name == FILES || world_current(w))
		return NULL;
	op = insert(w, 1);
	op->entry[0]->object = w->history.now[0].object[name];
	op->entry[0]->change = w->history.now[0].file[op->entry[0]->object].change;
	op->entry[0]->off = 1;
	op->entry[0]->len = 2;
	return op;
}

static struct op *letter_unlink(struct world *w)
{
	__u32 name = any_file(w, 0);
	struct op *op;

	if (name == FILES)
		return NULL;
	op = op_new(OP_UNLINK, 0, 0, 0);
	op->name = name;
	return op;
}

static struct op *letter_rename(struct world *w)
{
	__u32 to = any_file(w, 0), name = any_file(w, to + 1);
	struct op *op;

	if (to == FILES || name >= FILES)
		return NULL;
	op = op_new(OP_RENAME, 0, 0, 0);
	op->name = name;
	op->to = to;
	return op;
}

static struct op *letter_snapshot(struct world *w)
{
	struct op *op = op_new(OP_SNAPSHOT, world_current(w), 0, 0);

	while (op->name < SNAPSHOTS && w->history.now[op->collection].snapshot[op->name].used)
		op->name++;
	if (op->name < SNAPSHOTS)
		return op;
	op->kind = OP_UNSNAPSHOT;
	op->name = 0;
	return op;
}

static struct op *letter_compact(struct world *w)
{
	return op_new(OP_COMPACT, world_current(w), 0, 0);
}

static struct op *letter_drop(struct world *w)
{
	return op_new(OP_DROP, world_current(w), 0, 0);
}

static struct op *letter_file(struct world *w)
{
	struct op *op = op_new(OP_FILE, 0, 0, 0);

	while (op->name < FILES && w->history.now[0].object[op->name])
		op->name++;
	if (op->name < FILES)
		return op;
	op_free(op);
	return NULL;
}

struct op *world_letter(struct world *w, char letter)
{
	static struct op *(*const make[])(struct world * w) = {
		letter_create, letter_insert,	letter_upsert,	letter_delete,
		letter_word,   letter_bind,	letter_file,	letter_unlink,
		letter_rename, letter_snapshot, letter_compact, letter_drop,
	};
	const char *at = strchr(WORLD_LETTERS, letter);

	_Static_assert(ARRAY_SIZE(make) == sizeof(WORLD_LETTERS) - 1, "a letter is missing");
	assert_true(at && *at);
	return make[at - WORLD_LETTERS](w);
}

/* --- the world --- */

void world_complain(struct world *w, const char *why)
{
	printf("# '%s': %s\n", w->what, why);
	history_print(&w->history);
}

void world_do(struct world *w, struct op *op)
{
	history_add(&w->history, op);
	if (client_step(&w->client, &w->history, op))
		return;
	world_complain(w, w->client.why);
	fail();
}

static int mount_live(struct world *w)
{
	return client_mount(&w->client, w->disk.live, BLOCKS, disk_record, &w->disk);
}

/* One record of each kind, one dead slot, and three files. */
static void fill_base(struct world *w)
{
	static const char letters[] = "FFFIBWD";
	const char *at;

	world_do(w, op_new(OP_MKDIR, 0, 0, 0));
	world_do(w, world_letter(w, 'C'));
	for (at = letters; *at; at++)
		world_do(w, world_letter(w, *at));
	world_do(w, op_new(OP_MKDIR, 1, 0, 0));
	world_do(w, op_new(OP_SYNC_ALL, 0, 0, 0));
}

void world_open(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->what = "the base";
	w->next_id = 1;
	history_init(&w->history);
	disk_make(&w->disk, BLOCKS);
	assert_int_equal(mount_live(w), 0);
	fill_base(w);
	if (!client_check(&w->client, &w->history) || client_unmount(&w->client)) {
		world_complain(w, w->client.why);
		fail();
	}
	disk_mark(&w->disk);
	w->base = w->history.n;
}

void world_close(struct world *w)
{
	history_free(&w->history);
	disk_free(&w->disk);
}

bool world_begin(struct world *w)
{
	disk_back(&w->disk);
	history_back(&w->history, w->base);
	w->next_id = 100;
	return !mount_live(w);
}
