// SPDX-License-Identifier: GPL-2.0
/*
 * mkfs.vexfs: make a VexFS on a partition or in a file.  Refuses what holds something, unless
 * forced.
 */
#include <blkid/blkid.h>
#include <json.h>
#include <fcntl.h>
#include <getopt.h>
#include <glob.h>
#include <libmount/libmount.h>
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include <platform/mkfs.h>
#include <platform/printable.h>

static const char usage_text[] =
	"Usage: mkfs.vexfs [OPTION]... DEVICE|FILE\n"
	"Make a VexFS filesystem of 8 MiB to 16 TiB.\n"
	"\n"
	"  -L, --label LABEL    name of the filesystem, at most 32 bytes\n"
	"  -U, --uuid UUID      use this UUID instead of a random one\n"
	"  -J, --journal BLOCKS blocks of 4 KiB in the log, 1024 to 12288 [by size]\n"
	"  -f, --force          overwrite what the device holds; never a mounted one\n"
	"  -q, --quiet          print nothing but errors\n"
	"      --json           print what was made as JSON\n"
	"  -h, --help           print this\n"
	"  -V, --version        print the version of the format\n";

static void say(const char *fmt, va_list ap, const char *tail)
{
	char msg[1024];

	vsnprintf(msg, sizeof(msg), fmt, ap);
	fprintf(stderr, "mkfs.vexfs: %s%s\n", printable(msg), tail);
}

__attribute__((format(printf, 1, 2), noreturn))
static void fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap, "");
	va_end(ap);
	exit(1);
}

/* The end: output that did not get out is a failure, too. */
static int done(void)
{
	if (fflush(stdout) || ferror(stdout))
		fail("cannot write the output: %s", strerror(errno));
	return 0;
}

/* The command line is wrong; nothing was tried. */
__attribute__((format(printf, 1, 2), noreturn))
static void usage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap, "; see `mkfs.vexfs --help`");
	va_end(ap);
	exit(2);
}

/* A size for people: in a static buffer. */
static const char *human(__u64 bytes)
{
	static const char *const unit[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	static char buf[32];
	double v = bytes;
	unsigned int i = 0;

	while (v >= 1024 && i + 1 < ARRAY_SIZE(unit)) {
		v /= 1024;
		i++;
	}
	snprintf(buf, sizeof(buf), v == (__u64)v ? "%.0f %s" : "%.1f %s", v, unit[i]);
	return buf;
}

/* Fails when path, a device or a file, is mounted or is the file behind a loop device. */
static void refuse_in_use(const char *path, bool file)
{
	char *real = realpath(path, NULL), line[4096];
	struct libmnt_table *table = mnt_new_table_from_file("/proc/self/mountinfo");
	struct libmnt_cache *cache = mnt_new_cache();
	struct libmnt_fs *fs;
	glob_t loops;
	size_t i;

	if (!real || !cache)
		fail("%s: out of memory", path);
	if (!table)
		fail("cannot read /proc/self/mountinfo, so %s might be mounted", path);
	mnt_table_set_cache(table, cache);
	fs = mnt_table_find_source(table, real, MNT_ITER_BACKWARD);
	if (fs)
		fail("%s is mounted on %s; unmount it first", path, mnt_fs_get_target(fs));
	mnt_unref_table(table);
	mnt_unref_cache(cache);

	if (file && !glob("/sys/block/loop*/loop/backing_file", 0, NULL, &loops)) {
		for (i = 0; i < loops.gl_pathc; i++) {
			FILE *f = fopen(loops.gl_pathv[i], "re");

			line[0] = 0;
			if (f && fgets(line, sizeof(line), f))
				line[strcspn(line, "\n")] = 0;
			if (f)
				fclose(f);
			if (!strcmp(line, real)) {
				const char *name = loops.gl_pathv[i] + strlen("/sys/block/");

				fail("%s is in use by /dev/%.*s; detach it first (losetup -d)",
				     path, (int)strcspn(name, "/"), name);
			}
		}
		globfree(&loops);
	}
	free(real);
}

static blkid_probe probe_new(int fd, const char *path)
{
	blkid_probe pr = blkid_new_probe();

	if (!pr || blkid_probe_set_device(pr, fd, 0, 0))
		fail("%s cannot be probed for what it holds", path);
	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE |
						      BLKID_SUBLKS_MAGIC | BLKID_SUBLKS_BADCSUM);
	blkid_probe_enable_partitions(pr, 1);
	blkid_probe_set_partitions_flags(pr, BLKID_PARTS_MAGIC | BLKID_PARTS_FORCE_GPT);
	return pr;
}

/* Fails when the device holds a filesystem, a part of a RAID or volume, or partitions. */
static void refuse_signature(struct vexfs_dev *dev, const char *path)
{
	static union {
		__u8 bytes[VEXFS_BLOCK_SIZE];
		struct vexfs_super super;
	} b;
	blkid_probe pr = probe_new(dev->fd, path);
	const char *type = NULL;

	if (vexfs_dev_read(dev, 0, &b))
		fail("%s cannot be read", path);
	if (le64_to_cpu(b.super.s_magic) == VEXFS_MAGIC)	/* libblkid does not know us */
		fail("%s holds a vexfs already; use --force to overwrite it", path);
	switch (blkid_do_safeprobe(pr)) {
	case 1:
		break;
	case 0:
		if (!blkid_probe_lookup_value(pr, "TYPE", &type, NULL))
			fail("%s holds %s; use --force to overwrite it", path, type);
		if (!blkid_probe_lookup_value(pr, "PTTYPE", &type, NULL))
			fail("%s holds a partition table (%s); name a partition, or use --force to overwrite it",
			     path, type);
		fail("%s holds something; use --force to overwrite it", path);
	case -2:
		fail("%s holds several signatures; use --force to overwrite them", path);
	default:
		fail("%s cannot be probed for what it holds", path);
	}
	blkid_free_probe(pr);
}

static void wipe(struct vexfs_dev *dev, const char *path)
{
	blkid_probe pr = probe_new(dev->fd, path);

	while (!blkid_do_probe(pr))
		if (blkid_do_wipe(pr, 0))
			fail("%s: old signatures cannot be wiped: %s", path, strerror(errno));
	blkid_free_probe(pr);
}

static void open_device(struct vexfs_dev *dev, const char *path)
{
	struct stat st;
	bool file;
	int err;

	if (stat(path, &st)) {
		if (errno == ENOENT)
			fail("%s does not exist; a file can be made with: truncate -s 64M %s", path,
			     path);
		fail("%s: %s", path, strerror(errno));
	}
	file = S_ISREG(st.st_mode);
	if (!file && !S_ISBLK(st.st_mode))
		fail("%s is neither a block device nor a file", path);
	refuse_in_use(path, file);
	/* O_EXCL: the kernel knows of users that no table shows, such as a RAID or a partition */
	err = vexfs_dev_open(dev, path, O_RDWR | (file ? 0 : O_EXCL));
	if (err == -EBUSY)
		fail("%s is in use by the system; is it mounted, or part of a volume?", path);
	if (err == -EACCES || err == -EPERM)
		fail("%s: no permission to write; run it as root", path);
	if (err)
		fail("%s: %s", path, strerror(-err));
	err = vexfs_dev_lock(dev, false);
	if (err == -EBUSY)
		fail("%s is open in another process; close it there first", path);
	if (err)
		fail("%s cannot be locked: %s", path, strerror(-err));
	if (dev->blocks < VEXFS_MIN_BLOCKS || dev->blocks > VEXFS_MAX_BLOCKS)
		fail("%s has %llu whole blocks of 4 KiB; VexFS needs %u to %llu (8 MiB to 16 TiB)",
		     path, (unsigned long long)dev->blocks, VEXFS_MIN_BLOCKS, VEXFS_MAX_BLOCKS);
}

static void print_json(const char *path, const struct vexfs_super *s)
{
	struct json_object *o = json_object_new_object();
	char uuid[UUID_STR_LEN];

	uuid_unparse(s->s_uuid, uuid);
	json_object_object_add(o, "device", json_object_new_string(path));
	json_object_object_add(o, "uuid", json_object_new_string(uuid));
	json_object_object_add(o, "label",
			       json_object_new_string_len(s->s_label,
							  strnlen(s->s_label, sizeof(s->s_label))));
	json_object_object_add(
		o, "bytes", json_object_new_uint64(le64_to_cpu(s->s_blocks) << VEXFS_BLOCK_SHIFT));
	json_object_object_add(o, "inodes",
			       json_object_new_uint64((__u64)le32_to_cpu(s->s_groups) *
						      le32_to_cpu(s->s_inodes_per_group)));
	json_object_object_add(o, "log_bytes",
			       json_object_new_uint64((__u64)le32_to_cpu(s->s_journal_blocks)
						      << VEXFS_BLOCK_SHIFT));
	puts(printable_json(json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE)));
	json_object_put(o);
}

int main(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "label", required_argument, NULL, 'L' },
		{ "uuid", required_argument, NULL, 'U' },
		{ "journal", required_argument, NULL, 'J' },
		{ "force", no_argument, NULL, 'f' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ }
	};
	struct vexfs_mkfs_opts opts = { .uid = geteuid(), .gid = getegid() };
	struct vexfs_super super;
	bool force = false, quiet = false, json = false;
	struct vexfs_dev dev;
	const char *path;
	char uuid[UUID_STR_LEN], *end;
	unsigned long n;
	int c, err;

	signal(SIGXFSZ, SIG_IGN);	/* the write fails, and that is said */
	opterr = 0;
	uuid_generate(opts.uuid);
	while ((c = getopt_long(argc, argv, "L:U:J:fqhV", longopts, NULL)) != -1) {
		switch (c) {
		case 'L':
			opts.label = optarg;
			if (strlen(optarg) > sizeof(super.s_label))
				usage("--label: '%s' is longer than 32 bytes", optarg);
			break;
		case 'U':
			if (uuid_parse(optarg, opts.uuid))
				usage("--uuid: '%s' is not a UUID; one looks like %s", optarg,
				     "6f1c2d60-93a1-4a0e-8f4e-0a4f5d5c8b11");
			break;
		case 'J':
			errno = 0;
			n = strtoul(optarg, &end, 10);
			if (errno || *end || end == optarg || n < VEXFS_MIN_JOURNAL ||
			    n > VEXFS_MAX_JOURNAL)
				usage("--journal: '%s' is not a number of log blocks; give %u to %u",
				      optarg, VEXFS_MIN_JOURNAL, VEXFS_MAX_JOURNAL);
			opts.journal_blocks = n;
			break;
		case 'f':
			force = true;
			break;
		case 'q':
			quiet = true;
			break;
		case 'j':
			json = true;
			break;
		case 'h':
			fputs(usage_text, stdout);
			return done();
		case 'V':
			puts("mkfs.vexfs: format version 1, unstable");
			return done();
		default:
			usage("the option %s is unknown or lacks its value", argv[optind - 1]);
		}
	}
	if (optind + 1 != argc)
		usage("name %s", optind == argc ? "a device or a file" : "only one device or file");
	path = argv[optind];
	open_device(&dev, path);
	/* what can be refused is refused before anything is wiped */
	err = vexfs_super_init(&super, dev.blocks, opts.journal_blocks);
	if (err)
		fail("%s has %s, too small for a log of %u blocks", path,
		     human(dev.blocks << VEXFS_BLOCK_SHIFT), opts.journal_blocks);
	if (force)
		wipe(&dev, path);
	else
		refuse_signature(&dev, path);
	err = vexfs_mkfs(&dev, &opts, &super);
	if (err)
		fail("%s: writing failed: %s", path, strerror(-err));
	if (json) {
		print_json(path, &super);
	} else if (!quiet) {
		uuid_unparse(opts.uuid, uuid);
		printf("%s: vexfs, %s", printable(path),
		       human(le64_to_cpu(super.s_blocks) << VEXFS_BLOCK_SHIFT));
		printf(", %u group%s, %llu inodes, log %s, UUID %s\n", le32_to_cpu(super.s_groups),
		       le32_to_cpu(super.s_groups) == 1 ? "" : "s",
		       (unsigned long long)le32_to_cpu(super.s_groups) *
			       le32_to_cpu(super.s_inodes_per_group),
		       human((__u64)le32_to_cpu(super.s_journal_blocks) << VEXFS_BLOCK_SHIFT),
		       uuid);
	}
	vexfs_dev_close(&dev);
	return done();
}
