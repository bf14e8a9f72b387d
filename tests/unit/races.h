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

const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "race:vexfs_ladder_add\nrace:vexfs_list_append\nrace:vexfs_list_copy\nrace:vexfs_codes_put\n"
	       "race:vexfs_ladder_block\nrace:vexfs_rabitq_block\n"
	       "race:vexfs_orphan_add\nrace:vexfs_orphan_del\n";
}

#endif /* _VEXFS_TEST_RACES_H */
