// SPDX-License-Identifier: GPL-2.0
/*
 * fsck.vexfs: check a filesystem that is not mounted, and repair it.  Nothing is written but what
 * was asked for.
 *
 * Exit codes are those of fsck(8): 0 no errors, 1 errors that were repaired, 4 errors that are left,
 * 8 it could not be checked, 16 the command line is wrong, 32 cancelled.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uuid/uuid.h>
#include <platform/log.h>
#include <platform/mounted.h>
#include <platform/printable.h>
#include <platform/repair.h>
#include "fsck.h"

static const char usage_text[] =
	"Usage: fsck.vexfs [OPTION]... DEVICE|FILE\n"
	"Check a VexFS that is not mounted, and repair it.  On a terminal it shows what it would do and asks before it\n"
	"writes; elsewhere nothing is written without -y, -a or --replay.  One that was not unmounted is checked as a\n"
	"mount would find it, with its log replayed in memory.\n"
	"\n"
	"  -a, -p               at boot: look at the superblock and the log only, unless damage is recorded; then check\n"
	"                       everything and repair what nothing can be lost by: counts, lost blocks, the orphan list\n"
	"  -b, --superblock N   take the superblock in block N\n"
	"  -f, --force          check everything; the default, except with -a and -p\n"
	"  -n                   change nothing and ask nothing; also checks a filesystem that is mounted for writing, which\n"
	"                       means something only while it is frozen\n"
	"      --replay         replay the log onto the device, as a mount does, and check then\n"
	"  -y                   repair everything, and ask nothing\n"
	"  -z, --undo FILE      keep in a new file what is in the blocks that are written\n"
	"      --undo-apply FILE  put that back, and do nothing else\n"
	"      --all            print every finding, not just 20 of each number, and all that is repaired\n"
	"      --json           print one JSON object\n"
	"      --list           list all findings there are\n"
	"      --explain N      say what finding N means\n"
	"  -h, --help\n"
	"  -V, --version\n"
	"Exit code: 0 no errors, 1 errors were repaired, 4 errors are left, 8 it could not be checked, 16 the command line\n"
	"is wrong, 32 cancelled.\n";

static const struct {
	int number;
	enum vexfs_severity severity;
	const char *name, *text;
} table[] = {
#define X(number, id, severity, name, text) { number, VEXFS_##severity, name, text },
	VEXFS_FINDINGS(X)
#undef X
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	stop = sig;
	vexfs_kill(true);		/* collections that are being loaded */
}

bool is_cancelled(void)
{
	return stop;
}

void no_cancel(void)
{
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	vexfs_kill(false);
}

int fail(struct check *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->error, sizeof(c->error), fmt, ap);
	va_end(ap);
	fprintf(stderr, "fsck.vexfs: %s: %s\n", printable(c->path), printable(c->error));
	return FSCK_FAILED;
}

static size_t entry(int number)
{
	size_t i;

	for (i = 0; i < TABLE && table[i].number != number; i++)
		;
	return i;
}

const char *finding_name(int number)
{
	size_t i = entry(number);

	return i < TABLE ? table[i].name : "";
}

void clear_progress(struct check *c)
{
	if (c->progress_shown)
		fputs("\r\033[K", stderr);
	c->progress_shown = false;
}

static void report(void *arg, enum vexfs_finding nr, const char *fmt, ...)
{
	struct check *c = arg;
	size_t i = entry(nr);
	struct json_object *o;
	char msg[1024];
	va_list ap;

	if (c->count[i]++ >= SHOWN && !c->all)
		return;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	if (!c->json) {
		clear_progress(c);
		printf("%s: [%d] %s: %s\n", printable(c->path), nr, table[i].name, printable(msg));
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "number", json_object_new_int(nr));
	json_object_object_add(o, "severity",
			       json_object_new_string(table[i].severity == VEXFS_ERROR ? "error" :
											 "note"));
	json_object_object_add(o, "name", json_object_new_string(table[i].name));
	json_object_object_add(o, "message", json_object_new_string(msg));
	json_object_array_add(c->findings, o);
}

/* At most ten times a second on a terminal, every ten seconds elsewhere. */
bool progress(void *arg, const char *what, __u64 done, __u64 total)
{
	static struct timespec before;
	struct check *c = arg;
	bool tty = isatty(STDERR_FILENO);
	struct timespec now;
	double elapsed;

	if (stop)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!before.tv_sec)
		before = now;
	elapsed = (now.tv_sec - before.tv_sec) + (now.tv_nsec - before.tv_nsec) / 1e9;
	if (elapsed < (tty ? 0.1 : 10))
		return true;
	before = now;
	fprintf(stderr, "%s%s: %s: %llu of %llu (%.0f %%)%s", tty ? "\r\033[K" : "",
		printable(c->path), what, done, total, total ? 100.0 * done / total : 0,
		tty ? "" : "\n");
	c->progress_shown = tty;
	return true;
}

/* --- the check --- */

/* The copies of the superblock: they hold what it was when the filesystem was made. */
static int check_copies(struct check *c, struct vexfs_dev *dev, bool first_is_bad)
{
	static const __u64 copies[] = { VEXFS_GROUP_BLOCKS, 3 * VEXFS_GROUP_BLOCKS };
	union {
		__u8 bytes[VEXFS_BLOCK_SIZE];
		struct vexfs_super s;
	} copy;
	const char *why;
	int good = 0, err;
	size_t i;

	for (i = 0; i < 2; i++) {
		if (copies[i] >= dev->blocks ||
		    (!first_is_bad &&
		     copies[i] >> VEXFS_GROUP_SHIFT >= le32_to_cpu(c->super.s.s_groups)))
			continue;
		err = vexfs_dev_read(dev, copies[i], &copy);
		if (err)
			return err;
		err = vexfs_super_check(&copy.s, dev->blocks, &why);
		good += !err || err == -EROFS;
		if (err && err != -EROFS && !first_is_bad)
			report(c, VEXFS_FOUND_SUPER_COPY, "in block %llu: %s",
			       (unsigned long long)copies[i], why);
	}
	return good;
}

static unsigned long long errors(const struct check *c)
{
	unsigned long long n = 0;
	size_t i;

	for (i = 0; i < TABLE; i++)
		n += table[i].severity == VEXFS_ERROR ? c->count[i] : 0;
	return n;
}

static int check_all(struct check *c, struct vexfs_dev *dev)
{
	struct vexfs_verify_opts opts = { .report = report, .progress = progress, .arg = c };
	struct vexfs_fs fs;
	int err;

	err = vexfs_super_read(&fs, dev, dev->blocks);
	if (err == -EUCLEAN || err == -EINVAL)	/* the log may hold a copy that is none */
		report(c, VEXFS_FOUND_SUPER, "%s",
		       dev->damage[0] ? dev->damage : "its fields contradict each other");
	else if (err)
		return fail(c, "%s", strerror(-err));
	if (!err) {
		err = vexfs_verify(&fs, &opts, &c->n);
		vexfs_super_release(&fs);
		clear_progress(c);
		if (err == -EINTR) {
			fail(c, "cancelled");
			return FSCK_CANCELLED;
		}
		if (err)
			return fail(c, "the check could not be finished: %s", strerror(-err));
	}
	return errors(c) ? FSCK_ERRORS : FSCK_OK;
}

/* What the log holds, into memory; with --replay onto the device. */
static int replay_log(struct check *c, struct vexfs_dev *dev)
{
	struct vexfs_fs fs = { .host = dev };
	struct vexfs_log_replayed done;
	const char *why;
	vx_buf *b;
	int err;

	err = vexfs_log_replay(dev, &c->super.s, &done, &why);
	if (err == -EUCLEAN) {
		report(c, VEXFS_FOUND_LOG, "%s", why);
		return FSCK_ERRORS;
	}
	if (err)
		return fail(c, "%s", err == -EOPNOTSUPP ? why : strerror(-err));
	report(c, VEXFS_FOUND_LOG_PENDING, "%u transactions, %llu blocks", done.transactions,
	       (unsigned long long)done.blocks);
	if (done.lost)
		report(c, VEXFS_FOUND_LOG, "it is damaged behind those: of %u transactions more none can be brought back",
		       done.lost);
	if (c->replay && !done.lost) {
		err = vexfs_log_finish(dev, &c->super.s);
		if (err)
			return fail(c,
				    "the log could not be replayed onto the device: %s; it is as it was",
				    strerror(-err));
	}
	b = vx_bread(&fs, 0);
	if (IS_ERR(b))
		return fail(c, "%s", strerror(-PTR_ERR(b)));
	memcpy(&c->super, vx_data(b), sizeof(c->super));
	vx_brelse(b);
	return FSCK_OK;
}

/* Has the kernel recorded damage, in the superblock as it is known so far? */
static bool is_marked(const struct check *c)
{
	return le16_to_cpu(c->super.s.s_state) & VEXFS_STATE_ERROR;
}

/* The superblock that the user has named, in the place of block 0, in memory. */
static int take_super(struct check *c, struct vexfs_dev *dev)
{
	__u64 from;
	int err;

	dev->shadow = true;
	err = vexfs_repair_super(dev, c->at, &c->super.s, &from);
	if (err == -EUCLEAN)
		return fail(c, "there is no superblock in block %llu", ull(c->at));
	if (err)
		return fail(c, "%s", strerror(-err));
	report(c, VEXFS_FOUND_SUPER, "it is not looked at, but the one in block %llu", ull(c->at));
	return 0;
}

static int check(struct check *c, struct vexfs_dev *dev, bool boot, bool force)
{
	const char *why;
	int err, code = FSCK_OK;
	bool pending, marked;

	err = c->at ? take_super(c, dev) : 0;
	if (err)
		return err;
	err = vexfs_dev_read(dev, 0, &c->super);
	if (err == -EUCLEAN)
		return fail(c, "is too short to hold a VexFS");
	if (err)
		return fail(c, "%s", strerror(-err));
	err = vexfs_super_check(&c->super.s, dev->blocks, &why);
	if (err && err != -EROFS) {
		bool ours = le64_to_cpu(c->super.s.s_magic) == VEXFS_MAGIC;
		int good = check_copies(c, dev, true);

		if (!ours && good <= 0 && c->mode != MODE_REPAIR)
			return fail(c, "holds no VexFS");
		if (err == -ENXIO)
			return fail(c, VEXFS_SHORT_DEVICE, dev->blocks << VEXFS_BLOCK_SHIFT,
				    le64_to_cpu(c->super.s.s_blocks) << VEXFS_BLOCK_SHIFT);
		if (ours && err != -EUCLEAN)
			return fail(c, "%s", why);
		report(c, VEXFS_FOUND_SUPER, "%s; %d good copies", why, good);
		c->state = "errors";
		return FSCK_ERRORS;
	}
	if (!c->super.s.s_groups_init)
		report(c, VEXFS_FOUND_SUPER, "block 0 holds a copy");
	err = check_copies(c, dev, false);
	if (err < 0)
		return fail(c, "%s", strerror(-err));
	err = vexfs_log_pending(dev, &c->super.s);
	if (err == -EUCLEAN)
		report(c, VEXFS_FOUND_LOG, "its superblock in block %llu is none, or is damaged",
		       ull(le64_to_cpu(c->super.s.s_journal_start)));
	else if (err < 0)
		return fail(c, "%s", err == -EOPNOTSUPP ? "the log has a form that this version does not know" :
							  strerror(-err));
	marked = is_marked(c);
	if (err > 0 && boot && !marked && !force && !c->replay) {
		report(c, VEXFS_FOUND_LOG_PENDING, "a mount replays it");
		c->state = "log pending";
		return FSCK_OK;
	}
	pending = err > 0;
	if (pending)
		code = replay_log(c, dev);
	marked |= is_marked(c);			/* the log may hold the mark */
	if (marked)
		report(c, VEXFS_FOUND_SUPER_ERROR, "the kernel has found damage");
	if (code == FSCK_OK && (!boot || marked || force))
		code = check_all(c, dev);
	if (code == FSCK_OK && errors(c))
		code = FSCK_ERRORS;
	c->state = code == FSCK_OK ? pending && !c->replay ? "log pending" : "clean" :
		   code == FSCK_ERRORS ? "errors" : "not checked";
	return code;
}

/* Of each finding, whether that was put right: either everything was, or nothing. */
static void add_repaired(const struct check *c)
{
	bool repaired = !strcmp(c->state, "repaired");
	size_t i;

	for (i = 0; i < json_object_array_length(c->findings); i++)
		json_object_object_add(json_object_array_get_idx(c->findings, i), "repaired",
				       json_object_new_boolean(repaired));
}

static void print_json(const struct check *c)
{
	struct json_object *o = json_object_new_object(), *counts = json_object_new_object();
	char uuid[UUID_STR_LEN];
	unsigned long long all = 0;
	size_t i;

	for (i = 0; i < TABLE; i++)
		all += c->count[i];
	json_object_object_add(o, "device", json_object_new_string(c->path));
	if (le64_to_cpu(c->super.s.s_magic) == VEXFS_MAGIC) {
		char label[sizeof(c->super.s.s_label) + 1] = "";

		memcpy(label, c->super.s.s_label, sizeof(c->super.s.s_label));
		uuid_unparse_lower(c->super.s.s_uuid, uuid);
		json_object_object_add(o, "uuid", json_object_new_string(uuid));
		json_object_object_add(o, "label", json_object_new_string(label));
	}
	json_object_object_add(o, "state", json_object_new_string(c->state));
	if (!strcmp(c->state, "not checked"))
		json_object_object_add(o, "error", json_object_new_string(c->error));
	json_object_object_add(o, "errors", json_object_new_uint64(errors(c)));
	json_object_object_add(o, "notes", json_object_new_uint64(all - errors(c)));
	json_object_object_add(counts, "inodes", json_object_new_uint64(c->n.inodes));
	json_object_object_add(counts, "directories", json_object_new_uint64(c->n.directories));
	json_object_object_add(counts, "collections", json_object_new_uint64(c->n.collections));
	json_object_object_add(counts, "records", json_object_new_uint64(c->n.records));
	json_object_object_add(o, "checked", counts);
	add_repaired(c);
	json_object_object_add(o, "findings", json_object_get(c->findings));
	json_object_object_add(o, "changes", json_object_get(c->changes));
	puts(printable_json(json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE)));
	json_object_put(o);
}

static void print_text(const struct check *c, int code, bool boot)
{
	const char *path = printable(c->path);
	size_t i;

	for (i = 0; i < TABLE; i++)
		if (c->count[i] > SHOWN && !c->all)
			printf("%s: [%d] %s: %llu more (--all shows them)\n", path, table[i].number,
			       table[i].name, c->count[i] - SHOWN);
	if (code == FSCK_ERRORS)
		printf("%s: %llu errors; `fsck.vexfs --explain NUMBER` says what each means\n",
		       path, errors(c));
	else if (code == FSCK_OK && boot && !c->n.inodes)
		printf("%s: %s, %llu blocks of 4 KiB\n", path, c->state,
		       (unsigned long long)le64_to_cpu(c->super.s.s_blocks));
	else if (code == FSCK_OK)
		printf("%s: %s, %llu inodes, %llu directories, %llu collections, %llu records\n",
		       path, c->state, c->n.inodes, c->n.directories, c->n.collections,
		       c->n.records);
}

/* The end of what only prints. */
static int printed(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	fprintf(stderr, "fsck.vexfs: cannot write the output: %s\n", strerror(errno));
	return FSCK_FAILED;
}

static int list(void)
{
	size_t i;

	for (i = 0; i < TABLE; i++)
		printf("%d  %-5s  %s\n", table[i].number,
		       table[i].severity == VEXFS_ERROR ? "error" : "note", table[i].name);
	return printed();
}

static int explain(const char *arg)
{
	char *end;
	long n = strtol(arg, &end, 10);
	size_t i = *arg && !*end && n > 0 && n < 1000 ? entry(n) : TABLE;

	if (i == TABLE) {
		fprintf(stderr, "fsck.vexfs: there is no finding '%s'; see fsck.vexfs --list\n",
			printable(arg));
		return FSCK_USAGE;
	}
	printf("%d, %s (%s)\n%s\n", table[i].number, table[i].name,
	       table[i].severity == VEXFS_ERROR ? "an error" : "a note", table[i].text);
	return printed();
}

/* Is the device to be written to? */
static bool may_write(const struct check *c)
{
	return c->replay || c->mode != MODE_LOOK;
}

/* Nobody has it mounted in his own process, or shall while we look at it.  0 or an exit code. */
static int keep_out(struct check *c, struct vexfs_dev *dev, bool readonly)
{
	int err = vexfs_dev_lock(dev, !may_write(c));

	if (!err && !may_write(c) && !c->mounted && vexfs_dev_held(dev))
		err = -EBUSY;
	if (err == -EBUSY && (may_write(c) || !readonly))
		return fail(c, "is open in another process: close it there first");
	if (err == -EBUSY)
		fail(c, "note: is open in another process; what is found means nothing");
	else if (err)
		return fail(c, "cannot be locked: %s", strerror(-err));
	return 0;
}

/* Is it mounted, and may it be checked all the same?  0 or an exit code. */
static int may_check(struct check *c, const struct stat *st, bool readonly)
{
	char target[PATH_MAX];
	int is = vexfs_mounted(st, target, sizeof(target));

	if (is && c->replay)
		return fail(c, "is mounted on %s: nothing may be replayed onto it", target);
	if (is == 2 && !readonly)
		return fail(c, "is mounted on %s: unmount it first", target);
	if (is && c->mode == MODE_REPAIR)
		return fail(c, "is mounted on %s: unmount it first", target);
	if (is == 2)
		fail(c,
		     "note: is mounted on %s; what is found means nothing unless it is frozen (fsfreeze)",
		     target);
	if (is == 1)
		fail(c, "note: is mounted on %s, read-only", target);
	if (is)
		c->mode = MODE_LOOK;
	c->mounted = is;
	return 0;
}

/* For writing, if that is wanted; who only asks may look without. */
static int open_device(struct check *c, struct vexfs_dev *dev)
{
	int err = vexfs_dev_open(dev, c->path, may_write(c) ? O_RDWR | O_EXCL : O_RDONLY);

	if ((err == -EACCES || err == -EROFS || err == -EPERM) && c->mode == MODE_ASK) {
		c->mode = MODE_LOOK;
		err = vexfs_dev_open(dev, c->path, O_RDONLY);
	}
	dev->quiet = true;		/* what the core says becomes a finding */
	dev->unread = &c->unread;
	return err ? fail(c, "%s", strerror(-err)) : 0;
}

/* What could not be read was taken for zeros: say so.  code: of the check. */
static int report_unread(struct check *c, int code)
{
	__u32 i;

	if (c->unread.n > VEXFS_MAX_UNREAD) {
		too_many_unread(c);
		c->state = "errors";
		return FSCK_ERRORS;
	}
	for (i = 0; i < c->unread.n; i++)
		report(c, VEXFS_FOUND_UNREAD, "block %llu, of %s, cannot be read",
		       ull(c->unread.block[i]),
		       vexfs_repair_place(&c->super.s, c->unread.block[i]));
	if (!c->unread.n || code != FSCK_OK)
		return code;
	c->state = "errors";
	return FSCK_ERRORS;
}

/* Is there anything that a repair would do? */
static bool is_wanted(const struct check *c, int code)
{
	if (c->mode == MODE_LOOK || c->replay)
		return false;
	if (code != FSCK_OK)
		return code == FSCK_ERRORS;
	/* a mark goes once all was found to be good, and -y replays the log */
	return c->mode != MODE_ASK && (c->count[TABLE_SUPER_ERROR] ||
				       (c->mode == MODE_REPAIR && c->count[TABLE_LOG_PENDING]));
}

/* Open the device, unless something speaks against that, check it, and repair it. */
static int open_and_check(struct check *c, bool boot, bool force, bool readonly,
			  const char *undo_apply)
{
	struct vexfs_dev dev;
	struct stat st;
	int code, found;

	if (stat(c->path, &st))
		return fail(c, "%s", strerror(errno));
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		return fail(c, "is neither a block device nor a file");
	code = may_check(c, &st, readonly);
	if (!code)
		code = open_device(c, &dev);
	if (code)
		return code;
	code = keep_out(c, &dev, readonly);
	if (!code && undo_apply) {
		code = undo(c, &dev, undo_apply);
	} else if (!code) {
		found = check(c, &dev, boot, force);
		clear_progress(c);
		found = report_unread(c, found);
		code = is_wanted(c, found) ? repair(c, &dev, found) : found;
		/* nothing was wrong but the mark, or there was only the log */
		if (code == FSCK_CORRECTED && found == FSCK_OK)
			code = FSCK_OK;
	}
	vexfs_dev_close(&dev);
	clear_progress(c);
	return code;
}

static int run(struct check *c, bool boot, bool force, bool readonly, const char *undo_apply)
{
	int code;

	c->state = "not checked";
	c->findings = json_object_new_array();
	c->changes = json_object_new_array();
	code = open_and_check(c, boot, force, readonly, undo_apply);
	if (c->json)
		print_json(c);
	else if (!undo_apply)
		print_text(c, code, boot);
	json_object_put(c->findings);
	json_object_put(c->changes);
	if (fflush(stdout) || ferror(stdout))
		return fail(c, "cannot write the result: %s", strerror(errno));
	return code;
}

/* A block number; 0: it is none. */
static __u64 block_number(const char *arg)
{
	char *end;
	unsigned long long n = strtoull(arg, &end, 10);

	return *arg >= '0' && *arg <= '9' && !*end && n < VEXFS_MAX_BLOCKS ? n : 0;
}

/* What of the command line does not fit together; NULL. */
static const char *contradiction(const struct check *c, bool readonly, bool boot, bool all,
				 const char *undo_apply)
{
	if (c->replay && readonly)
		return "-n and --replay contradict each other";
	if (readonly + boot + all > 1)
		return "-n, -a and -y contradict each other";
	if (c->replay && all)
		return "-y replays the log, too";
	if (c->undo && readonly)
		return "-n and --undo contradict each other";
	if (undo_apply && (readonly || boot || all || c->replay || c->undo || c->at))
		return "--undo-apply goes with no other option";
	return NULL;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "replay", no_argument, NULL, 'r' }, { "force", no_argument, NULL, 'f' },
		{ "superblock", required_argument, NULL, 'b' },
		{ "undo", required_argument, NULL, 'z' },
		{ "undo-apply", required_argument, NULL, 'Z' },
		{ "all", no_argument, NULL, 'A' }, { "json", no_argument, NULL, 'j' },
		{ "list", no_argument, NULL, 'l' }, { "explain", required_argument, NULL, 'e' },
		{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' }, {}
	};
	struct sigaction sa = { .sa_handler = on_signal };
	static struct check c;
	bool boot = false, force = false, all = false, readonly = false;
	const char *undo_apply = NULL, *wrong;
	int o;

	signal(SIGXFSZ, SIG_IGN);	/* the write fails, and that is said */
	opterr = 0;
	while ((o = getopt_long(argc, argv, "apb:fnyz:hV", options, NULL)) != -1) {
		switch (o) {
		case 'a':
		case 'p':
			boot = true;
			break;
		case 'f':
			force = true;
			break;
		case 'n':
			readonly = true;
			break;
		case 'y':
			all = true;
			break;
		case 'b':
			c.at = block_number(optarg);
			if (c.at)
				break;
			fprintf(stderr, "fsck.vexfs: '%s' is no block that may hold a copy; see fsck.vexfs --help\n",
				printable(optarg));
			return FSCK_USAGE;
		case 'z':
			c.undo = optarg;
			break;
		case 'Z':
			undo_apply = optarg;
			break;
		case 'r':
			c.replay = true;
			break;
		case 'A':
			c.all = true;
			break;
		case 'j':
			c.json = true;
			break;
		case 'l':
			return list();
		case 'e':
			return explain(optarg);
		case 'h':
			fputs(usage_text, stdout);
			return printed();
		case 'V':
			puts("fsck.vexfs: format version 1, unstable");
			return printed();
		default:
			fprintf(stderr,
				"fsck.vexfs: the option %s is unknown or lacks its value; see fsck.vexfs --help\n",
				printable(argv[optind - 1]));
			return FSCK_USAGE;
		}
	}
	if (optind + 1 != argc) {
		fprintf(stderr, "fsck.vexfs: name %s; see fsck.vexfs --help\n",
			optind == argc ? "a device or a file" : "one device or file only");
		return FSCK_USAGE;
	}
	wrong = contradiction(&c, readonly, boot, all, undo_apply);
	if (wrong) {
		fprintf(stderr, "fsck.vexfs: %s; see fsck.vexfs --help\n", wrong);
		return FSCK_USAGE;
	}
	if (all || undo_apply)
		c.mode = MODE_REPAIR;
	else if (boot)
		c.mode = MODE_SAFE;
	else if (!readonly && !c.replay && !c.json && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		c.mode = MODE_ASK;
	c.path = argv[optind];
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	return run(&c, boot, force, readonly, undo_apply);
}
