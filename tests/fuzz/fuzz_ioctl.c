// SPDX-License-Identifier: GPL-2.0
/*
 * Arguments of ioctls.
 *
 * The input is steps, each a byte, modulo STEPS, and what it takes.  A call of an ioctl (the step
 * is its number) starts from arguments that are right, and takes a count (1) of changes: place in
 * the struct (2), byte (1).  Its pointers lead into an arena between pages that are not there; a
 * change of one moves it inside or out of the arena, but never to other memory of this process.
 * Other steps fill the arena, change files, unmount and mount, pull the plug.
 *
 * On a filesystem with nothing wrong: no call sees damage, none writes beside the arena, and
 * whatever was called, the check finds nothing afterwards, and as many records are listed as are
 * counted.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vexfs/ioctl.h>

#include "base.h"
#include "fuzz.h"
#include "use.h"

/*
 * Steps beside those that are the number of an ioctl; 0 is none, and the call of one that there is
 * not.
 */
enum {
	FILL = VEXFS_IOC_LAST + 1,	/* the arena: place (2), length (1), bytes */
	BACK,				/* the other collection, or the first one again */
	SYNC, UNLINK, RENAME, WRITE, MKDIR,
	REMOUNT,
	KILL,
	STEPS,
};

#define MOST		24u		/* steps of an input */
#define ARENA_BYTES	(1u << 20)
#define ROWS		0x0000u		/* where in the arena what is */
#define IDS		0x2000u
#define ATTRS		0x3000u
#define KEYS		0x4000u
#define LENS		0x5000u
#define BINDS		0x6000u
#define NODES		0x7000u
#define VALUES		0x8000u
#define OUT		0x10000u	/* what is written to */

static struct base base;
static __u8 *arena;
static struct vexfs_image *image;
static struct file *dir, *doc;

static __u64 in_arena(__u32 off)
{
	return (uintptr_t)arena + off;
}

/* --- the arena --- */

/*
 * At a multiple of 4 GiB, with as much on both sides that nobody has: the upper half of a pointer
 * tells.
 */
static void make_arena(void)
{
	const size_t span = 3ULL << 32;
	__u8 *all = mmap(NULL, span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	must(all != MAP_FAILED);
	arena = (__u8 *)(((uintptr_t)all + (1ULL << 32)) & ~((1ULL << 32) - 1));
	must(mmap(arena, ARENA_BYTES, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == arena);
}

static void fill_arena(void)
{
	struct vexfs_predicate_node node[] = { { .op = VEXFS_PRED_LT, .value = 1930 },
					       { .op = VEXFS_PRED_NOT } };
	struct vexfs_bind bind = { .fd = 7, .len = 1 };
	__u32 i;

	madvise(arena, ARENA_BYTES, MADV_DONTNEED);
	for (i = 0; i < 32; i++) {
		((float *)(arena + ROWS))[i] = i % 7 - 3.0f;
		((__u64 *)(arena + IDS))[i] = 1000 + i * 3;
		((__s64 *)(arena + ATTRS))[i] = i % 3;
		((__s64 *)(arena + VALUES))[i] = i;
		arena[LENS + i] = i % 4 ? 3 : 0;
		memcpy(arena + BINDS + i * sizeof(bind), &bind, sizeof(bind));
		bind.fd = i % 2 ? 7 : -1;
		bind.len = i % 2;
	}
	memcpy(arena + KEYS, "one2two3key-00key-01", 20);
	memcpy(arena + NODES, node, sizeof(node));
}

/* --- arguments --- */

union arg {
	__u8 byte[512];
	__u32 size;
	struct vexfs_ioc_create create;
	struct vexfs_ioc_info info;
	struct vexfs_ioc_insert insert;
	struct vexfs_ioc_get get;
	struct vexfs_ioc_delete del;
	struct vexfs_ioc_search search;
	struct vexfs_ioc_use use;
	struct vexfs_ioc_list list;
	struct vexfs_ioc_intern intern;
	struct vexfs_ioc_words words;
	struct vexfs_ioc_drop drop;
	struct vexfs_ioc_path path;
	struct vexfs_ioc_snapshot snapshot;
	struct vexfs_ioc_snapshots snapshots;
	struct vexfs_ioc_compact compact;
	struct vexfs_ioc_recall recall;
	struct vexfs_ioc_memory memory;
	struct vexfs_ioc_index index;
};

static const struct {
	unsigned int cmd;
	__u16 pointer[8];		/* where they are; 0: no more */
} calls[VEXFS_IOC_LAST + 1] = {
#define AT(what, field) offsetof(struct vexfs_ioc_##what, field)
	[1] = { VEXFS_IOC_CREATE },
	[2] = { VEXFS_IOC_INFO },
	[3] = { VEXFS_IOC_INSERT,
		{ AT(insert, rows), AT(insert, ids), AT(insert, attrs), AT(insert, keys),
		  AT(insert, key_lens), AT(insert, binds) } },
	[4] = { VEXFS_IOC_GET, { AT(get, row), AT(get, key), AT(get, key_out) } },
	[5] = { VEXFS_IOC_DELETE, { AT(delete, ids), AT(delete, keys), AT(delete, key_lens) } },
	[6] = { VEXFS_IOC_SEARCH,
		{ AT(search, vector), AT(search, hits), AT(search, answers), AT(search, key),
		  AT(search, where), AT(search, where_values), AT(search, trace) } },
	[7] = { VEXFS_IOC_USE },
	[8] = { VEXFS_IOC_LIST, { AT(list, items), AT(list, rows), AT(list, keys) } },
	[9] = { VEXFS_IOC_INTERN, { AT(intern, words), AT(intern, lens), AT(intern, codes) } },
	[10] = { VEXFS_IOC_WORDS, { AT(words, words), AT(words, lens) } },
	[11] = { VEXFS_IOC_DROP },
	[12] = { VEXFS_IOC_PATH, { AT(path, path) } },
	[13] = { VEXFS_IOC_SNAPSHOT },
	[14] = { VEXFS_IOC_SNAPSHOTS, { AT(snapshots, snapshots) } },
	[15] = { VEXFS_IOC_COMPACT },
	[16] = { VEXFS_IOC_RECALL, { AT(recall, counts) } },
	[17] = { VEXFS_IOC_MEMORY },
	[18] = { VEXFS_IOC_INDEX },
#undef AT
};

/* Arguments that are right, for a collection of 4 x f32. */
static void right(union arg *a, __u32 nr)
{
	memset(a, 0, sizeof(*a));
	a->size = _IOC_SIZE(calls[nr].cmd);
	switch (nr) {
	case 1:
		a->create.dims = 4;
		a->create.element = VEXFS_ELEM_F32;
		a->create.metric = VEXFS_METRIC_L2;
		a->create.attrs = 2;
		strcpy(a->create.attr[0].name, "year");
		a->create.attr[0].type = VEXFS_ATTR_INT;
		strcpy(a->create.attr[1].name, "lang");
		a->create.attr[1].type = VEXFS_ATTR_KEYWORD;
		break;
	case 3:
		a->insert.flags = VEXFS_INSERT_UPSERT;
		a->insert.n = 2;
		a->insert.row_bytes = 16;
		a->insert.rows = in_arena(ROWS);
		a->insert.ids = in_arena(IDS);
		a->insert.attrs = in_arena(ATTRS);
		a->insert.keys = in_arena(KEYS);
		a->insert.key_lens = in_arena(LENS);
		a->insert.key_bytes = 3;
		break;
	case 4:
		a->get.id = 1003;
		a->get.row = in_arena(OUT);
		a->get.row_bytes = 16;
		a->get.key_out = in_arena(OUT + 0x1000);
		break;
	case 5:
		a->del.n = 1;
		a->del.ids = in_arena(IDS);
		break;
	case 6:
		a->search.k = 5;
		a->search.vector_bytes = 16;
		a->search.vector = in_arena(ROWS);
		a->search.hits = in_arena(OUT);
		a->search.where = in_arena(NODES);
		break;
	case 8:
		a->list.n = 8;
		a->list.row_bytes = 16;
		a->list.items = in_arena(OUT);
		a->list.rows = in_arena(OUT + 0x2000);
		a->list.keys = in_arena(OUT + 0x3000);
		a->list.key_bytes = 0x1000;
		break;
	case 9:
		a->intern.attr = 1;
		a->intern.n = 3;
		a->intern.words = in_arena(KEYS);
		a->intern.lens = in_arena(LENS + 1);
		a->intern.codes = in_arena(ATTRS + 0x100);
		a->intern.word_bytes = 9;
		break;
	case 10:
		a->words.attr = 1;
		a->words.n = 8;
		a->words.first = 1;
		a->words.words = in_arena(OUT);
		a->words.lens = in_arena(OUT + 0x1000);
		a->words.word_bytes = 0x1000;
		break;
	case 12:
		a->path.file = 20;
		a->path.path = in_arena(OUT);
		a->path.room = 64;
		break;
	case 13:
		a->snapshot.op = VEXFS_SNAPSHOT_CREATE;
		strcpy(a->snapshot.name, "s");
		break;
	case 14:
		a->snapshots.n = VEXFS_MAX_SNAPSHOTS;
		a->snapshots.snapshots = in_arena(OUT);
		break;
	case 16:
		a->recall.n = 8;
		a->recall.counts = in_arena(OUT);
		break;
	}
}

/* It leads into the arena, close to it, or nowhere. */
static void tame(__u64 *pointer)
{
	if (*pointer && *pointer >> 32 != (uintptr_t)arena >> 32)
		*pointer = in_arena(*pointer % (ARENA_BYTES + 64));
}

static void call(struct piece *in, __u32 nr)
{
	union arg *a = (void *)(arena + ARENA_BYTES - sizeof(*a)), before;
	__u32 n, i;
	long ret;

	right(a, nr);
	for (n = take_u8(in) % 16; n; n--) {
		__u32 at = take_u16(in) % sizeof(a->byte);

		a->byte[at] = take_u8(in);
	}
	for (i = 0; i < ARRAY_SIZE(calls[nr].pointer) && calls[nr].pointer[i]; i++)
		tame((__u64 *)(a->byte + calls[nr].pointer[i]));
	if (nr == 6 && a->search.timeout_us)	/* time is nothing that an input could tell */
		a->search.timeout_us |= 1 << 24;
	before = *a;
	ret = vexfs_file_ioctl(dir, calls[nr].cmd ?: _IOWR(VEXFS_IOC_MAGIC, take_u8(in), __u64), a);
	must(ret >= -4095 && ret <= 0);
	must(ret != -EIO && ret != -EUCLEAN && ret != -ENOMEM && ret != -EROFS && ret != -EINTR);
	must(a->size == before.size);
	if (!ret && nr == 6)
		must(a->search.n <= (a->search.queries ?: 1) * a->search.k);
	if (!ret && nr == 8)
		must(a->list.n <= before.list.n && a->list.key_bytes <= before.list.key_bytes);
	if (!ret && nr == 16)
		must(a->recall.n <= before.recall.n);
	if (!ret && nr == 10)
		must(a->words.n <= before.words.n &&
		     a->words.word_bytes <= before.words.word_bytes);
}

/* --- the filesystem --- */

static struct file *lookup(int fd)
{
	return fd == 7 ? doc : NULL;
}

static void open_files(const char *path)
{
	dir = vexfs_file_open(image, path, O_RDONLY | O_DIRECTORY, 0);
	must(!IS_ERR(dir));
	doc = vexfs_file_open(image, "/collection/doc", O_RDONLY | O_CREAT, 0644);
	if (IS_ERR(doc))
		doc = NULL;
}

static void close_files(void)
{
	vexfs_file_close(dir);
	if (doc)
		vexfs_file_close(doc);
	doc = NULL;
}

/* Records that are listed are those that are counted. */
static void count(const char *path)
{
	struct file *file = vexfs_file_open(image, path, O_RDONLY | O_DIRECTORY, 0);
	struct vexfs_ioc_info info = { .size = sizeof(info) };
	struct vexfs_ioc_list l = { .size = sizeof(l), .items = in_arena(OUT) };
	__u64 n = 0;
	long ret;

	must(!IS_ERR(file));
	ret = vexfs_file_ioctl(file, VEXFS_IOC_INFO, &info);
	must(!ret || ret == -ENODATA);
	while (!ret && l.cursor != ~0ULL) {
		l.n = 1000;
		must(!vexfs_file_ioctl(file, VEXFS_IOC_LIST, &l));
		n += l.n;
	}
	if (getenv("FUZZ_SHOW"))
		fprintf(stderr, "%s: %llu records are listed, %llu are counted\n", path, n,
			info.live);
	must(ret || n == info.live);
	vexfs_file_close(file);
}

static void mount(void)
{
	must(!use_mount(&base.dev, 0, base_record, &image));
}

static void unmount(void)
{
	must(!vexfs_image_close(image));
	must(use_verify(&base.dev) == 0);
}

static const char *step(struct piece *in, __u8 what, const char *path)
{
	const char *other = *path == '/' && path[1] == 'c' ? "/other" : "/collection";
	struct file *file;
	size_t len;
	__u32 off;

	if (what <= VEXFS_IOC_LAST) {
		call(in, what);
		return path;
	}
	switch (what) {
	case FILL:
		off = take_u16(in);
		len = min_t(size_t, take_u8(in), in->left);
		memcpy(arena + off, take(in, len), len);
		break;
	case BACK:
		close_files();
		open_files(path = other);
		break;
	case SYNC:
		must(!vexfs_file_sync(dir));
		break;
	case UNLINK:
		vexfs_image_unlink(image, "/collection/doc");
		break;
	case RENAME:
		vexfs_image_rename(image, "/collection/new", "/collection/doc");
		break;
	case WRITE:
		file = vexfs_file_open(image, "/collection/new", O_RDWR | O_CREAT, 0644);
		if (!IS_ERR(file)) {
			vexfs_file_pwrite(file, "new", 3, take_u16(in));
			vexfs_file_close(file);
		}
		break;
	case MKDIR:
		vexfs_image_mkdir(image, "/collection/sub", 0755);
		break;
	case REMOUNT:
		close_files();
		unmount();
		mount();
		open_files(path);
		break;
	case KILL:
		close_files();
		vexfs_image_kill(image);
		must(use_verify(&base.dev) == 0);
		mount();
		open_files(path);
		break;
	}
	return path;
}

int LLVMFuzzerTestOneInput(const __u8 *data, size_t size)
{
	struct piece in = { data, size };
	const char *path = "/collection";
	__u32 n;

	if (!arena) {
		base_make(&base);
		make_arena();
		vx_check_user = true;
		vexfs_image_descriptors(lookup);
	}
	fill_arena();
	mount();
	must(!vexfs_image_mkdir(image, "/other", 0755) && !vexfs_image_sync(image));
	open_files(path);
	for (n = 0; in.left && n < MOST; n++)
		path = step(&in, take_u8(&in) % STEPS, path);
	close_files();
	count("/collection");
	count("/other");
	unmount();
	base_put_back(&base);
	return 0;
}
