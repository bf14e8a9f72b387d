// SPDX-License-Identifier: GPL-2.0
/*
 * VexFS as a store of `make bench-disk`, see store.h: an image in this process, by libvexfs; or, when it is called
 * vexfs-fuse-store, the same image mounted by FUSE, which each command does and undoes.
 */
#include "store.h"
#include <vexfs/vexfs.h>
#include <spawn.h>
#include <sys/wait.h>

#define SIZE	(2ULL << 30)	/* of the image, sparse */

static char image[PATH_MAX], mounted[PATH_MAX], path[PATH_MAX + 16];
static bool fuse;
static int fd = -1;
static pid_t server;
static struct vexfs_request request;
extern char **environ;

static void need(bool ok, const char *what)
{
	if (!ok)
		race_die(what, image);
}

static void sh(const char *command)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)command, NULL };
	int status;
	pid_t pid;

	need(!posix_spawnp(&pid, "sh", NULL, NULL, argv, environ) && waitpid(pid, &status, 0) == pid && !status, command);
}

static void names(const char *dir)
{
	snprintf(image, sizeof(image), "%s/image", dir);
	snprintf(mounted, sizeof(mounted), "%s/files", dir);
	snprintf(path, sizeof(path), "%s/race", fuse ? mounted : image);
}

/* The daemon is of this process's session, and is killed with it; what was mounted then is in the way. */
static void mount_it(void)
{
	char *argv[] = { (char *)"vexfs-fuse", (char *)"-f", image, mounted, NULL };
	char command[PATH_MAX + 64];
	struct stat before, st;
	int i;

	snprintf(command, sizeof(command), "fusermount3 -u -z -q '%s'; true", mounted);
	sh(command);
	need(!stat(mounted, &before) && !posix_spawnp(&server, argv[0], NULL, NULL, argv, environ), "cannot be mounted");
	for (i = 0; i < 20000 && (stat(mounted, &st) || st.st_dev == before.st_dev); i++)
		usleep(500);
	need(i < 20000, "is not mounted");
}

static void attach(void)
{
	if (fuse)
		mount_it();
	else
		need(!vexfs_attach(image, 0), "cannot be attached");
}

static void detach(void)
{
	char command[PATH_MAX + 64];

	if (fd >= 0)
		vexfs_close(fd);
	if (!fuse) {
		need(!vexfs_detach(image), "cannot be detached");
		return;
	}
	snprintf(command, sizeof(command), "fusermount3 -u '%s'", mounted);
	sh(command);
	need(waitpid(server, NULL, 0) == server, "its daemon does not end");
}

static pid_t daemon_of(void)
{
	return server;
}

static void create(const struct race *r, const char *dir)
{
	struct vexfs_schema schema = {
		.dims = r->dims, .metric = r->cosine ? VEXFS_METRIC_COSINE : VEXFS_METRIC_L2, .attrs = 1,
		.attr = { { .name = "attr", .type = VEXFS_ATTR_INT } },
	};

	names(dir);
	need(!vexfs_create_image(image, SIZE) && !mkdir(mounted, 0777), "cannot be made");
	attach();
	need(!vexfs_mkdir(path), "no directory");
	fd = vexfs_open(path);
	need(fd >= 0 && !vexfs_create(fd, &schema) && !vexfs_sync(fd), "no collection");
	detach();
}

static void open_it(const struct race *r, const char *dir)
{
	names(dir);
	attach();
	fd = vexfs_open(path);
	need(fd >= 0, "cannot be opened");
	request = (struct vexfs_request){ .vector_bytes = r->dims * 4, .k = r->k };
}

static void put(const struct race *r, uint32_t from, uint32_t n, bool replace)
{
	__u64 ids[STORE_TURN];
	__s64 attrs[STORE_TURN];
	struct vexfs_batch batch = {
		.n = n, .row_bytes = r->dims * 4, .rows = r->base + (size_t)from * r->dims, .ids = ids, .attrs = attrs,
		.flags = replace ? VEXFS_INSERT_UPSERT : 0,
	};
	uint32_t i;

	need(n <= STORE_TURN, "more rows at a time than there is room for");
	for (i = 0; i < n; i++) {
		ids[i] = from + i;
		attrs[i] = r->attr[from + i];
	}
	need(!vexfs_insert(fd, &batch) && !vexfs_sync(fd), "does not take rows");
}

static void index_it(void)
{
	need(!vexfs_index(fd), "no index");
}

static void effort(double recall)
{
	request.recall = recall;
}

static void ask(void *arg, const float *query, int32_t *ids)
{
	struct vexfs_answer answer;
	struct vexfs_hit hits[64];
	uint32_t i;

	(void)arg;
	request.vector = query;
	need(request.k <= 64 && !vexfs_search(fd, &request, hits, &answer), "does not answer");
	for (i = 0; i < answer.n; i++)
		ids[i] = (int32_t)hits[i].id;
}

static bool found(const struct race *r, uint32_t row)
{
	static float got[VEXFS_MAX_DIMS];

	return !vexfs_get(fd, row, got, r->dims * 4, NULL) && !memcmp(got, r->base + (size_t)row * r->dims, r->dims * 4);
}

int main(int argc, char **argv)
{
	struct store s = {
		.version = VEXFS_VERSION, .create = create, .open = open_it, .put = put, .index = index_it, .ask = ask,
		.effort = effort, .efforts = { 0.8, 0.9, 0.95, 0.97, 0.99, 0.996, 0.9995 }, .found = found, .close = detach,
	};
	const char *name = strrchr(argv[0], '/');

	fuse = !strcmp(name ? name + 1 : argv[0], "vexfs-fuse-store");
	s.name = fuse ? "vexfs-fuse" : "vexfs";
	s.note = fuse ? "mounted by FUSE, which opening and closing include" : "an image in the process";
	s.server = fuse ? daemon_of : NULL;
	return store_main(&s, argc, argv);
}
