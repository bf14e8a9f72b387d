// SPDX-License-Identifier: GPL-2.0
/* What an errno means for the call that gave it, and what the user can do about it. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <vexfs/vexfs.h>

#define ANY	VEXFS_OP_MAX
#define STR(x)	#x
#define XSTR(x)	STR(x)

/* The first match counts: of the call, then of any. */
static const struct {
	enum vexfs_op op;
	int err;
	const char *text;
} reasons[] = {
	{ VEXFS_OP_OPEN, ENOENT,
	  "there is no such directory; create it with `vexctl collection create`" },
	{ VEXFS_OP_OPEN, ENOTDIR,
	  "it is a file; a collection is a directory, and an image is attached before it is opened" },
	{ VEXFS_OP_OPEN, EACCES, "no permission to read it; ask its owner" },

	{ VEXFS_OP_CREATE, EEXIST,
	  "it is a collection already; see `vexctl collection info`, or delete it with `vexctl collection drop`" },
	{ VEXFS_OP_CREATE, ENOTEMPTY,
	  "the directory is not empty; only an empty one can become a collection" },
	{ VEXFS_OP_CREATE, EINVAL,
	  "the schema is invalid; dims are 1 to " XSTR(VEXFS_MAX_DIMS) ", at most " XSTR(
		  VEXFS_MAX_ATTRS) " attributes with different names of [a-z_][a-z0-9_]*, none of them and, or, not, in, is or null" },
	{ VEXFS_OP_CREATE, EOPNOTSUPP,
	  "this kernel module does not have that element or metric; take f32, and l2, cosine or dot" },

	{ VEXFS_OP_INSERT, EEXIST,
	  "an id or key is taken, or given twice; choose others, or replace records with an upsert" },
	{ VEXFS_OP_INSERT, EINVAL,
	  "a vector holds NaN or infinity, a key a NUL, or an attribute the code of no word" },
	{ VEXFS_OP_INSERT, EDOM,
	  "a vector is all zeros, which has no direction; cosine needs another metric or vector" },
	{ VEXFS_OP_INSERT, EMSGSIZE,
	  "the vectors do not have as many dimensions as the collection; see `vexctl collection info`" },
	{ VEXFS_OP_INSERT, E2BIG,
	  "the batch is too large; at most 64 MiB and 1,048,576 records at once" },

	{ VEXFS_OP_GET, ENOENT, "there is no record of that id or key" },
	{ VEXFS_OP_GET, EINVAL, "a key has 1 to 255 bytes, and no NUL" },
	{ VEXFS_OP_GET, EMSGSIZE,
	  "the buffer is smaller than a row; see row_bytes of the collection" },

	{ VEXFS_OP_DELETE, ENOENT,
	  "there is no record of that id or key, or it is given twice; nothing was deleted" },
	{ VEXFS_OP_DELETE, EINVAL, "no ids were given, or a key is empty or has a NUL" },
	{ VEXFS_OP_DELETE, E2BIG, "too many ids; at most 1,048,576 at once" },

	{ VEXFS_OP_SEARCH, EINVAL,
	  "k is 0, a vector holds NaN or infinity, or recall is not above 0 and at most 1, or goes with exact; give k of 1 or more, and finite numbers" },
	{ VEXFS_OP_SEARCH, E2BIG,
	  "k or the condition is too large, or too many queries at once; k is at most " XSTR(VEXFS_MAX_K)
	  " (within a distance 65536), a condition has at most 64 steps with 1024 values" },
	{ VEXFS_OP_SEARCH, EDOM,
	  "the vector is all zeros, which has no direction; cosine needs another vector" },
	{ VEXFS_OP_SEARCH, EMSGSIZE,
	  "the vector does not have as many dimensions as the collection; see `vexctl collection info`" },
	{ VEXFS_OP_SEARCH, ENOENT,
	  "there is no record of that id or key, or no snapshot of that name" },
	{ VEXFS_OP_SEARCH, ENAMETOOLONG, "there is no snapshot of that name; it is too long" },
	{ VEXFS_OP_SEARCH, ENXIO,
	  "the condition names an attribute that the collection does not have; see `vexctl collection info`" },
	{ VEXFS_OP_SEARCH, EPROTOTYPE,
	  "the condition orders or masks a keyword attribute; words can only be equal or not" },
	{ VEXFS_OP_SEARCH, EBADMSG,
	  "the condition is malformed; make it with vexfs_where_parse(), or see vexfs/ioctl.h" },
	{ VEXFS_OP_SEARCH, ENOLINK,
	  "its filter or distance program is not loaded; `vexctl load` it, or unbind it with `vexctl use DIR --builtin`" },
	{ VEXFS_OP_SEARCH, EPROTO,
	  "its filter or distance program failed; `vexctl replace` it, or unbind it with `vexctl use DIR --builtin`" },
	{ VEXFS_OP_SEARCH, EAGAIN,
	  "programs were bound to the collection again and again meanwhile; try again" },

	{ VEXFS_OP_USE, ENOENT,
	  "no program of that name is loaded; `vexctl load` its object first" },
	{ VEXFS_OP_USE, EOPNOTSUPP,
	  "the program has no such op; see `vexctl program show`" },
	{ VEXFS_OP_USE, EINVAL, "a name may contain a-z, 0-9, _ and -" },
	{ VEXFS_OP_USE, ENAMETOOLONG, "the name is too long; at most 31 bytes" },

	{ VEXFS_OP_LIST, ESTALE, "the collection was compacted meanwhile; list it again" },
	{ VEXFS_OP_LIST, ENOENT,
	  "there is no snapshot of that name; see them with `vexctl snapshot list`" },
	{ VEXFS_OP_LIST, ENAMETOOLONG, "there is no snapshot of that name; it is too long" },

	{ VEXFS_OP_WORDS, EINVAL, "it is not a keyword attribute; see `vexctl collection info`" },
	{ VEXFS_OP_INTERN, EINVAL,
	  "it is not a keyword attribute, or a word is empty or has a NUL in it" },
	{ VEXFS_OP_PATH, ENOENT,
	  "there is no such file in the collection, or its name is not known" },
	{ VEXFS_OP_PATH, EACCES, "a directory on the way to it may not be read" },
	{ VEXFS_OP_PATH, ERANGE, "its path is too long" },

	{ VEXFS_OP_DROP, ENOENT, "the directory was removed; nothing is left to drop" },

	{ ANY, EPROTO, "the answer of the kernel module, or of vexfs-fuse, makes no sense; it does not fit this library" },
	{ VEXFS_OP_SNAPSHOT, EEXIST, "there is one of that name; choose another, or delete it" },
	{ VEXFS_OP_SNAPSHOT, ENOENT,
	  "there is no snapshot of that name; see them with `vexctl snapshot list`" },
	{ VEXFS_OP_SNAPSHOT, EINVAL, "a name may contain a-z, 0-9, `.`, `_` and `-`" },
	{ VEXFS_OP_SNAPSHOT, ENAMETOOLONG, "the name is too long; at most 31 bytes" },
	{ VEXFS_OP_SNAPSHOT, ENOSPC,
	  "the filesystem is full, or the collection has 32 snapshots; delete some" },

	{ VEXFS_OP_COMPACT, EBUSY, "a compaction is running, or the filesystem is being frozen" },
	{ VEXFS_OP_COMPACT, ENOSPC,
	  "there is no room for a copy of what is alive; delete files or snapshots" },
	{ VEXFS_OP_COMPACT, EUCLEAN,
	  "a record is damaged, nothing was changed; see the kernel log (dmesg), and delete the record" },

	{ VEXFS_OP_INDEX, ENOSPC,
	  "there is no room for all of it within the mount option resident=: searches are right, and slower; raise it with `mount -o remount,resident=SIZE`" },

	{ VEXFS_OP_ATTACH, EALREADY, "this process has attached it already" },
	{ VEXFS_OP_ATTACH, EBUSY, "it is mounted, or in use by another process; end that first" },
	{ VEXFS_OP_ATTACH, EINVAL, "it holds no VexFS; make one with `mkfs.vexfs`" },
	{ VEXFS_OP_ATTACH, EUCLEAN,
	  "the filesystem is damaged; see what fsck.vexfs says, and restore from a backup" },
	{ VEXFS_OP_ATTACH, EOPNOTSUPP, "made by a newer VexFS; use that version" },
	{ VEXFS_OP_ATTACH, EROFS,
	  "it is write-protected, or has features that this version can only read; attach it read-only" },
	{ VEXFS_OP_ATTACH, ENOENT, "there is no such file; make one with `truncate` and `mkfs.vexfs`" },
	{ VEXFS_OP_ATTACH, ENXIO,
	  "the file is shorter than the filesystem in it; give it its size back, or take a backup" },
	{ VEXFS_OP_ATTACH, ENOSPC,
	  "the disk that it is on has no room for its log; make some, or attach it read-only" },
	{ VEXFS_OP_ATTACH, EACCES,
	  "no permission to open it; attach it read-only if it may be read, or ask its owner" },
	{ VEXFS_OP_ATTACH, EIO, "it cannot be read; check the drive that it is on" },
	{ VEXFS_OP_CREATE_IMAGE, EEXIST, "there is something of that name already; attach it, or take another name" },
	{ VEXFS_OP_CREATE_IMAGE, EINVAL, "the size of an image is 8 MiB to 16 TiB" },
	{ VEXFS_OP_CREATE_IMAGE, EFBIG,
	  "no file can be as large there, see also `ulimit -f`; take a smaller size" },
	{ VEXFS_OP_CREATE_IMAGE, ENOSPC,
	  "the disk has no room for its log, 4 to 48 MiB by its size; make some, or take a smaller size" },
	{ VEXFS_OP_CREATE_IMAGE, ENOENT, "there is no directory to make it in; make that first" },
	{ VEXFS_OP_CREATE_IMAGE, EACCES, "no permission to write in its directory; ask its owner" },
	{ VEXFS_OP_DETACH, ENOENT, "it is not attached" },
	{ VEXFS_OP_DETACH, EIO,
	  "a write failed, and what was not synced before may be lost; check the drive that it is on" },
	{ VEXFS_OP_FILE, ENOTDIR, "a part of its path is a file, and no image that is attached" },
	{ VEXFS_OP_FILE, EBUSY, "another process has the image open, and can do that alone; end it first" },
	{ VEXFS_OP_FILE, ELOOP, "symbolic links in an image are not followed" },
	{ VEXFS_OP_FILE, EACCES, "no permission; ask its owner" },

	{ VEXFS_OP_NATIVE, EPERM,
	  "only root and who runs vexfs-fuse may load programs there, and only where -o noprograms does not forbid it" },
	{ VEXFS_OP_NATIVE, ENOTTY,
	  "neither a mount by vexfs-fuse nor in an attached image; programs of the kernel are BPF objects" },
	{ VEXFS_OP_NATIVE, ENOENT, "no program of that name is loaded" },
	{ VEXFS_OP_NATIVE, ENOEXEC, "it is no native program; make it with `make bpf/NAME.native.so`" },

	{ ANY, EBADF, "it is closed, or its image was detached" },
	{ ANY, ENOTTY,
	  "not in a VexFS filesystem; mount one with `vexctl mount` or vexfs-fuse, or attach its image" },
	{ ANY, ENOTCONN,
	  "vexfs-fuse has ended; unmount the directory with `fusermount3 -u`, and mount it again" },
	{ ANY, ECONNABORTED,
	  "the process that answered, vexfs-fuse or one that had attached the image, has ended; mount or attach it again" },
	{ ANY, EPROTONOSUPPORT,
	  "it is mounted by a vexfs-fuse of another version; unmount it, and mount it by the one of this version" },
	{ ANY, ECONNREFUSED,
	  "vexfs-fuse cannot be reached from this network namespace; use the one in which it was mounted, or mount it in this one" },
	{ ANY, EUSERS,
	  "too many calls of this user are under way at vexfs-fuse, or they take too much memory; end some of them" },
	{ ANY, ENODATA, "not a collection; make one with `vexctl collection create`" },
	{ ANY, EACCES, "no write permission on the directory; ask its owner" },
	{ ANY, EPERM, "not permitted; run it as root" },
	{ ANY, EROFS,
	  "the filesystem is mounted read-only; remount it with -o remount,rw, or attach it for writing" },
	{ ANY, ENOSPC, "the filesystem, or the disk that its image is on, is full; delete files, or make room there" },
	{ ANY, EIO,
	  "the device failed or the filesystem was shut down; see the kernel log (dmesg), or for an image what is printed above" },
	{ ANY, EUCLEAN,
	  "the filesystem is damaged; see the kernel log (dmesg), or for an image what is printed above, and restore from a backup" },
	{ ANY, ENOMEM, "out of memory; free some and try again" },
	{ ANY, EINTR, "interrupted; try again" },
	{ ANY, EOPNOTSUPP,
	  "this kernel module does not do that; it may be older or newer than vexctl" },
	{ ANY, EINVAL, "the kernel module refused an argument; it may be older than vexctl" },
	{ ANY, E2BIG, "the kernel module is older than vexctl; update it" },
};

const char *vexfs_strerror_for(enum vexfs_op op, int err)
{
	const char *text;
	size_t i;

	if (err < 0)
		err = (int)-(unsigned int)err;
	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].err == err && (reasons[i].op == op || reasons[i].op == ANY))
			return reasons[i].text;
	text = strerrordesc_np(err);	/* unlike strerror() thread-safe */
	return text ? text : "unknown error";
}
