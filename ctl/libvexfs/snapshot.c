// SPDX-License-Identifier: GPL-2.0
/* libvexfs: snapshots and compaction, see <vexfs/vexfs.h>. */
#include <string.h>
#include "libvexfs/call.h"

static int snapshot(int fd, __u32 op, const char *name)
{
	struct vexfs_ioc_snapshot s = { .size = sizeof(s), .op = op };
	size_t len = strlen(name);

	if (len >= sizeof(s.name))
		return -ENAMETOOLONG;
	memcpy(s.name, name, len);
	return vexfs_call(fd, VEXFS_IOC_SNAPSHOT, &s);
}

int vexfs_snapshot_create(int fd, const char *name)
{
	return snapshot(fd, VEXFS_SNAPSHOT_CREATE, name);
}

int vexfs_snapshot_delete(int fd, const char *name)
{
	return snapshot(fd, VEXFS_SNAPSHOT_DELETE, name);
}

int vexfs_snapshot_list(int fd, struct vexfs_snapshot_info *info)
{
	struct vexfs_ioc_snapshots s = {
		.size = sizeof(s),
		.n = VEXFS_MAX_SNAPSHOTS,
		.snapshots = to_u64(info),
	};
	int err = vexfs_call(fd, VEXFS_IOC_SNAPSHOTS, &s);
	__u32 i;

	if (!err && s.n > VEXFS_MAX_SNAPSHOTS)
		err = -EPROTO;
	for (i = 0; !err && i < s.n; i++)	/* it may be a foreign vexfs-fuse that answers */
		info[i].name[sizeof(info[i].name) - 1] = 0;
	return err ? err : (int)s.n;
}

int vexfs_compact(int fd, __u32 min_dead, __u64 *before, __u64 *after)
{
	struct vexfs_ioc_compact c = { .size = sizeof(c), .min_dead = min_dead };
	int err = vexfs_call(fd, VEXFS_IOC_COMPACT, &c);

	if (before)
		*before = c.before;
	if (after)
		*after = c.after;
	return err;
}
