// SPDX-License-Identifier: GPL-2.0
/*
 * vexctl program new: the source of a program to begin with.  tests/vm/t_doctor.sh loads all three.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "vexctl/vexctl.h"

/* @ stands for the name as an identifier. */
static const char search_text[] =
	"/* Exact search: walks all slots, 64 at a time.  Yours may skip, order or give up. */\n"
	"SEC(\"struct_ops.s/search\")\n"
	"int BPF_PROG(@_search, struct vexfs_search *s)\n"
	"{\n"
	"\t__u64 from = s->state[0];\t/* where the round before ended; state is 0 at first */\n"
	"\t__u32 n;\n"
	"\tint i, err = 0;\n"
	"\n"
	"\tbpf_for(i, 0, 8 << 20) {\n"
	"\t\tif (from >= s->count)\n"
	"\t\t\tbreak;\n"
	"\t\tn = s->count - from < VEXFS_BATCH ? s->count - from : VEXFS_BATCH;\n"
	"\t\terr = vexfs_scan(s, from, n);\t/* vexfs_batch_range, vexfs_score, vexfs_offer */\n"
	"\t\tif (err)\n"
	"\t\t\tbreak;\n"
	"\t\tfrom += n;\n"
	"\t}\n"
	"\ts->state[0] = from;\n"
	"\tif (err)\n"
	"\t\treturn vexfs_end(err);\t\t/* the round is over: called again */\n"
	"\treturn from < s->count ? VEXFS_MORE : 0;\n"
	"}\n";

static const char distance_text[] =
	"/* On top of the built-in distance: arg[0] millionths for a record whose first attribute is not 0. */\n"
	"SEC(\"struct_ops/distance\")\n"
	"int BPF_PROG(@_distance, struct vexfs_search *s)\n"
	"{\n"
	"\tstruct vexfs_cand *c = vexfs_batch(s);\n"
	"\tconst __s64 *attr = vexfs_attr(s, 0);\n"
	"\t__u32 i, n = s->batch;\n"
	"\n"
	"\tif (!c || !attr)\n"
	"\t\treturn -EINVAL;\t\t\t/* the collection has no attribute: the query fails */\n"
	"\tfor (i = 0; i < VEXFS_BATCH && i < n; i++)\n"
	"\t\tif (attr[i])\n"
	"\t\t\tc[i].penalty = s->arg[0];\n"
	"\treturn 0;\n"
	"}\n";

static const char filter_text[] =
	"/* Only records whose first attribute is at least arg[0]. */\n"
	"SEC(\"struct_ops/filter\")\n"
	"int BPF_PROG(@_filter, struct vexfs_search *s)\n"
	"{\n"
	"\tconst __s64 *attr = vexfs_attr(s, 0);\n"
	"\t__s64 least = s->arg[0];\n"
	"\t__u32 i, n = s->batch;\n"
	"\t__u64 keep = s->keep;\n"
	"\n"
	"\tif (!attr)\n"
	"\t\treturn -EINVAL;\t\t\t/* the collection has no attribute: the query fails */\n"
	"\tfor (i = 0; i < VEXFS_BATCH && i < n; i++)\n"
	"\t\tif (attr[i] < least)\n"
	"\t\t\tkeep &= ~(1ULL << i);\n"
	"\ts->keep = keep;\n"
	"\treturn 0;\n"
	"}\n";

static const char *const texts[VEXFS_SLOTS] = {
	[VEXFS_SLOT_SEARCH] = search_text,
	[VEXFS_SLOT_DISTANCE] = distance_text,
	[VEXFS_SLOT_FILTER] = filter_text,
};

static void write_skeleton(FILE *f, const char *name, int slot)
{
	char id[VEXFS_PROG_NAME_LEN + 2];
	const char *op = vexfs_slot_name(slot), *p;
	size_t i;

	snprintf(id, sizeof(id), "%s%s", isdigit((unsigned char)*name) ? "p" : "", name);
	for (i = 0; id[i]; i++)
		if (id[i] == '-')
			id[i] = '_';
	fprintf(f,
		"// SPDX-License-Identifier: GPL-2.0\n"
		"/*\n"
		" *\tclang -O2 -g -target bpf -mcpu=v3 -idirafter /usr/include/$(gcc -print-multiarch) -c %s.bpf.c -o %s.bpf.o\n"
		" *\tvexctl load %s.bpf.o && vexctl use DIR %s\n"
		" *\tcc -O2 -fPIC -shared -fvisibility=hidden -DVEXFS_NATIVE %s.bpf.c -o %s.native.so  # for load --mount\n"
		" */\n"
		"#include <vexfs/program.bpf.h>\n"
		"\n",
		name, name, name, name, name, name);
	for (p = texts[slot]; *p; p++)
		if (*p == '@')
			fputs(id, f);
		else
			fputc(*p, f);
	fprintf(f,
		"\n"
		"SEC(\".struct_ops.link\")\n"
		"struct vexfs_ops %s_ops = {\n"
		"\t.%s = (void *)%s_%s,\n"
		"\t.name = \"%s\",\n"
		"\t.abi = VEXFS_OPS_ABI,\n"
		"};\n"
		"\n"
		"char _license[] SEC(\"license\") = \"GPL\";\n",
		id, op, id, op, name);
}

static int new_(int argc, char **argv)
{
	static const struct option options[] = {
		{ "op", required_argument, NULL, 'p' },
		{ "output", required_argument, NULL, 'o' },
		{ "json", no_argument, NULL, 'j' },
		{}
	};
	const char *path = NULL, *name;
	struct json_object *o;
	bool json = false;
	int c, fd, slot = -1;
	FILE *f = stdout;
	char *text;
	size_t len;

	while ((c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		switch (c) {
		case 'p':
			slot = vexfs_slot_by_name(optarg);
			if (slot < 0)
				return usage(
					"--op: '%s' is unknown; it is search, distance or filter",
					optarg);
			break;
		case 'o':
			path = optarg;
			break;
		case 'j':
			json = true;
			break;
		default:
			return bad_option(argv);
		}
	}
	if (want_args(argc, 1, 1, "NAME"))
		return VEXCTL_USAGE;
	name = argv[optind];
	if (slot < 0)
		return usage("--op is missing; it is search, distance or filter");
	if (!*name || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(name))
		return usage("'%s' is not a name for a program: use a-z, 0-9, _ and -", name);
	if (strlen(name) >= VEXFS_PROG_NAME_LEN)
		return usage("the program's name is longer than %d bytes", VEXFS_PROG_NAME_LEN - 1);
	if (path) {
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (fd < 0)
			return fail(path, "%s",
				    errno == EEXIST ? "is there already, and not overwritten" :
								  strerror(errno));
		f = fdopen(fd, "w");
		if (!f) {
			close(fd);
			return fail(path, "%s", strerror(errno));
		}
	}
	if (!path && json)
		f = open_memstream(&text, &len);
	if (!f)
		return fail(NULL, "%s", strerror(errno));
	write_skeleton(f, name, slot);
	if (path && fclose(f)) {
		c = errno;
		unlink(path);
		return fail(path, "%s", strerror(c));
	}
	if (!json)
		return VEXCTL_OK;
	o = json_object_new_object();
	add_str(o, "name", name);
	add_str(o, "op", vexfs_slot_name(slot));
	if (path) {
		add_str(o, "file", path);
	} else {
		fclose(f);
		add_str(o, "source", text);
		free(text);
	}
	print_json(o);
	return VEXCTL_OK;
}

const struct verb skeleton_verbs[] = {
	{ "program new", new_, "NAME --op search|distance|filter [-o FILE] [--json]",
	  "print the source of a program to start from",
	  "      --op OP          search: an exact scan; distance: a penalty by attribute; filter: by attribute\n"
	  "  -o, --output FILE    write it there, unless the file exists\n"
	  "It compiles and works as it is; its first lines say how.\n" },
	{}
};
