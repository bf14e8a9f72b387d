/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a check of a filesystem can find.  A number is never used for something else later: scripts
 * and reports go by it.
 */
#ifndef _VEXFS_FINDING_H
#define _VEXFS_FINDING_H

enum vexfs_severity {
	VEXFS_NOTE,			/* nothing is wrong, but worth knowing */
	VEXFS_ERROR,
};

/* X(number, identifier, severity, name, what it means and what to do) */
#define VEXFS_FINDINGS(X) \
	X(101, SUPER, ERROR, "superblock", \
	  "The superblock in block 0 is damaged.  A repair takes the best of its copies, of those in the log, or makes one from what the log's own superblock says; -b N takes the one in block N.  A mount can still find the log by a copy of it, then mount it read-only and copy what matters first.") \
	X(102, SUPER_ERROR, NOTE, "marked", \
	  "The kernel found damage while this was mounted; the kernel log of that time says where.") \
	X(103, SUPER_COUNTS, ERROR, "free counts", \
	  "The superblock counts other numbers of free blocks or inodes than there are.  Space may seem full too early.") \
	X(104, SUPER_COPY, ERROR, "superblock copy", \
	  "A copy of the superblock, which is used when block 0 cannot be read, is damaged.  The filesystem works without.") \
	X(111, LOG, ERROR, "log", \
	  "The log is damaged: a mount would refuse it, or not see what is in it behind the damage.  A repair brings back what lies before that, and says how many transactions are lost; where the log's own superblock is damaged all of them are.  What was synced shortly before the crash may be gone; the rest is repaired.  Copy the device away (dd) first if you can.") \
	X(112, LOG_PENDING, NOTE, "log pending", \
	  "It was not unmounted: the log holds transactions that a mount replays.  The check goes by what is there after that.") \
	X(121, UNREAD, ERROR, "unreadable", \
	  "A block cannot be read: the device is failing.  Copy it (ddrescue) and repair the copy if you can.  A repair takes what was in the block for lost, as if its checksum were wrong, and writes it anew, which makes most drives use another place for it.") \
	X(201, GROUP, ERROR, "group", \
	  "The block that says what is free in a group of 64 MiB is damaged.  Files in the group can be read, nothing is allocated there.  A repair makes it anew from what is in use.") \
	X(202, BLOCK_FREE, ERROR, "used block is free", \
	  "A block belongs to something and is marked free: it may be given away a second time.  Repair it before anything is written.") \
	X(203, BLOCK_LOST, ERROR, "lost blocks", \
	  "Blocks are marked as in use and belong to nothing.  No data are in danger, the space is lost.") \
	X(204, GROUP_DIRS, ERROR, "directory count", \
	  "A group counts another number of directories than it has.  It matters only for where new ones go.") \
	X(301, INODE, ERROR, "inode", \
	  "An inode or one of its extent blocks is damaged: the file cannot be read, or not all of it.  `find DIR -inum N` gives the name of inode N; copy what can be read of it.  A repair clears an inode that does not verify, and keeps those extents of others that do: restore the file from a backup.  What is lost by that in a directory is in lost+found.") \
	X(302, BLOCK_TWICE, ERROR, "block with two owners", \
	  "Two things own the same block: what is written to one appears in the other.  A repair gives the second one a copy of it: look at both.") \
	X(303, INODE_UNWRITTEN, ERROR, "inode never written", \
	  "An inode is marked as in use and has never been written.") \
	X(304, INODE_BLOCKS, ERROR, "block count", \
	  "An inode counts another number of blocks than it has.") \
	X(305, SYMLINK, ERROR, "symlink", \
	  "A symbolic link has no target.") \
	X(401, DIRECTORY, ERROR, "directory", \
	  "A block of a directory is damaged: some names in it cannot be found.  A repair keeps those that can be made out, and puts files without a name into lost+found, by their inode's number.") \
	X(402, NAME_DANGLING, ERROR, "name of nothing", \
	  "A name leads to an inode that is not in use.") \
	X(403, NAME_TYPE, ERROR, "type of a name", \
	  "A name says another type of file than its inode.") \
	X(404, NAME_HIDDEN, ERROR, "name of a plane", \
	  "A name leads to an inode that belongs to a collection and has none.") \
	X(405, NAME_LOST, ERROR, "name not found", \
	  "A name is in a directory where a search for it does not look.") \
	X(406, NAME_TWICE, ERROR, "name twice", \
	  "A name is in a directory twice.") \
	X(407, DIR_NAMES, ERROR, "directory with names", \
	  "A directory has more than one name.") \
	X(408, PARENT, ERROR, "parent", \
	  "An inode says that it is in another directory than it is in: paths of search results may be wrong.") \
	X(409, DIR_LOOSE, ERROR, "loose directory", \
	  "A directory is not below the root: it and what is in it cannot be reached.  A repair puts it into lost+found.") \
	X(410, ROOT, ERROR, "root", \
	  "The root is not a directory, or has a name or another parent.") \
	X(501, ORPHAN, ERROR, "orphan list", \
	  "The list of inodes that are to be freed at the next mount is damaged.") \
	X(502, NO_NAME, ERROR, "inode without a name", \
	  "An inode in use has no name: it cannot be reached, and its space is lost.  A repair puts it into lost+found, or frees it if it had been removed.") \
	X(503, LINKS, ERROR, "link count", \
	  "An inode counts another number of names than it has.") \
	X(504, PLANE_LOOSE, ERROR, "loose plane", \
	  "A hidden inode belongs to no collection: its space is lost.") \
	X(601, COLLECTION, ERROR, "collection", \
	  "The block that describes a collection is damaged: it cannot be searched.  Its files are not affected.  A repair makes a plain directory of it, and its planes become files in lost+found: the rows of the largest one are the vectors, as they were given.") \
	X(602, PLANE, ERROR, "plane", \
	  "A collection names an inode that is not its plane, or none where it needs one.") \
	X(603, PLANE_SHORT, ERROR, "short plane", \
	  "A plane of a collection is shorter than what should be in it.") \
	X(604, LIVE, ERROR, "record count", \
	  "A collection counts another number of records than it has.") \
	X(605, DEAD, ERROR, "deletions", \
	  "A block of the bitmap of deleted records is damaged: the collection cannot be searched.  After a repair records that were deleted may be there again; those that were replaced are not.") \
	X(606, WORD, ERROR, "dictionary", \
	  "An entry in the dictionary of a keyword attribute is damaged: its word and those after it are lost.  After a repair one whose place is known is question marks, and where the dictionary had to be cut, records have no keyword.") \
	X(607, SNAPSHOT, ERROR, "snapshot", \
	  "The description of a snapshot is damaged; the records are not affected.  A repair drops it.") \
	X(608, HEIRS, ERROR, "heirs", \
	  "The table that says which files took the place of others is damaged: the collection cannot be searched, or some of its records name a wrong file.") \
	X(609, CHECKPOINT, ERROR, "checkpoint", \
	  "What was kept of codes and lists, so that a mount need not make them again, is damaged or cannot be read.  No record is lost and every search is right: the next mount makes them anew and writes another one.  Damage nobody looks for comes from the device: watch it.") \
	X(701, RECORD_MISSING, ERROR, "record never written", \
	  "A record was committed and has never been written.  Searches skip it, and a repair deletes it; insert it again.") \
	X(702, RECORD_TORN, ERROR, "torn record", \
	  "A record, its vector or its key is damaged.  Searches skip it, and a repair deletes it; insert it again.") \
	X(703, RECORD_FIELDS, ERROR, "record", \
	  "A field of a record has a value that it cannot have, or one that contradicts another record.  Searches skip it; a repair deletes it, or drops the field.") \
	X(704, RECORD_KEY, ERROR, "key", \
	  "A record has a key where there is none.") \
	X(705, RECORD_WORD, ERROR, "keyword", \
	  "A record has a keyword that is not in the dictionary.") \
	X(706, BINDING, ERROR, "binding", \
	  "A record is bound to what it cannot be bound to.") \
	X(707, BINDING_GONE, NOTE, "file is gone", \
	  "Records are bound to files that were removed; they are no longer found, and their space comes back with the next mount or compaction.")

enum vexfs_finding {
#define X(number, id, severity, name, text) VEXFS_FOUND_##id = number,
	VEXFS_FINDINGS(X)
#undef X
};

static inline enum vexfs_severity vexfs_severity_of(int number)
{
	switch (number) {
#define X(nr, id, severity, name, text) case nr: return VEXFS_##severity;
	VEXFS_FINDINGS(X)
#undef X
	}
	return VEXFS_ERROR;
}

#endif /* _VEXFS_FINDING_H */
