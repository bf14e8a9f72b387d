/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What TSan need not tell of, for tests in which searches run beside inserts.  A block of codes, of a
 * list or not, has rows that are not published yet beside others; a search looks at all 32, and takes
 * those that are.  TSan may have forgotten the stack of those who write, or of those who read.
 *
 * A change of the orphan list stamps the checksum of a neighbour, whose owner may be storing it: he
 * stamps it himself then, under orphan_lock, before the transaction of either ends.
 */
#ifndef _VEXFS_TEST_RACES_H
#define _VEXFS_TEST_RACES_H

#define RACES_OF_BLOCKS									\
	"race:vexfs_ladder_add\nrace:vexfs_list_append\nrace:vexfs_list_copy\nrace:vexfs_codes_put\n"	\
	"race:vexfs_ladder_block\nrace:vexfs_rabitq_block\n"
#define RACES_OF_ORPHANS "race:vexfs_orphan_add\nrace:vexfs_orphan_del\n"

/*
 * Those of this program, at its top.  TSan forgets the stacks of what is long ago, and then does not see
 * that it knows a race: it is to remember as much as it can.
 */
#define KNOWN_RACES(races)								\
	const char *__tsan_default_options(void);					\
	const char *__tsan_default_options(void)					\
	{										\
		return "history_size=7";						\
	}										\
	const char *__tsan_default_suppressions(void);					\
	const char *__tsan_default_suppressions(void)					\
	{										\
		return races;								\
	}

#endif /* _VEXFS_TEST_RACES_H */
