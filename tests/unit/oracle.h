/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records in memory, queries over them, and exact search in double precision to compare with.  The
 * order of additions is the documented one (four sums, by the dimension modulo 4), so ids and
 * distances must be equal to the last bit.
 */
#ifndef _VEXFS_TEST_ORACLE_H
#define _VEXFS_TEST_ORACLE_H

#include "driver.h"

#define MAX_N	6000
#define DIMS	40
#define FILES	50

/* the records: slot i is at dims * i of rows, however many dims there are */
extern float rows[MAX_N][DIMS];
extern __u64 ids[MAX_N];
extern __s64 attr[MAX_N];
extern bool dead[MAX_N];
extern __u32 n_rows, dims;
extern struct vexfs_columns *columns;
extern struct vexfs_codes *codes;		/* NULL: none */
extern struct vexfs_lists *lists;		/* NULL: none */
extern struct vexfs_lsh *lsh;			/* NULL: none */
extern struct vx_rows plane;
/* the files that slots may be bound to, and which of them may be read */
extern struct vexfs_file files[FILES];
extern bool readable[FILES];
/* what begin() asks for */
extern float query[DIMS];
extern const struct vexfs_match *match;		/* NULL: no predicate */
extern const double *radius;			/* NULL: the k nearest */
extern const struct vexfs_asof *as_of;		/* NULL: as it is now */
extern __u32 recall, effort;			/* 0: the default */
extern __u32 method;				/* VEXFS_METHOD_* */
extern bool bound;				/* slots are bound to files */
extern bool hidden;				/* some of which may not be read: vexfs_query_params */
extern __u32 per_file;		/* most hits of one; else 0.  And two of them have almost all slots */

/*
 * n new records of d dimensions, and a query.  kind of data: 0 ordinary, 1 many equal rows, 2 rows
 * that differ in the last bit, 3 huge and tiny.  The caller frees columns.
 */
void fill(__u32 n, __u32 d, __u32 kind);
/* The same with attributes for keep_below(): most are 1 to 1000, by slot. */
void fill_random(__u32 n, __u32 d, __u32 kind);
void new_query(void);
void kill_some(__u32 n);		/* at most n of them */
/* Codes of the first n, until forget_codes(). */
void encode(__u32 metric, __u32 n);
void forget_codes(void);
/* The file of slot i; FILES: none. */
__u32 file_of(__u32 i);

struct vexfs_query *begin(__u32 metric, __u32 k, __u64 max_visits, __u64 deadline);

double distance(__u32 metric, const float *x);	/* from the query */
/*
 * The nearest among the records for which keep() holds, penalty() added, within the radius if there
 * is one, in order; all of those are counted.  The caller frees them.
 */
struct near *near_all(__u32 metric, bool (*keep)(__u32), double (*penalty)(__u32), __u32 *found);
/* Compare with the truth over the records for which keep() holds, penalty() added. */
void check(__u32 metric, __u32 k, bool (*keep)(__u32), double (*penalty)(__u32),
	   const struct vexfs_hit_f *hits, int n);
extern __u32 truth;			/* records that check() found, k or not */
/*
 * How many of the first k of the truth are among the hits; each hit is a true record at its true
 * distance, in order.
 */
__u32 recalled(__u32 metric, __u32 k, bool (*keep)(__u32), double (*penalty)(__u32),
	       const struct vexfs_hit_f *hits, int n);

/* Programs, which count their calls, and what they do to the truth. */
extern __u32 calls;
int odd_filter(struct vexfs_search *s);
bool keep_odd(__u32 i);
int attr_distance(struct vexfs_search *s);
double by_attr(__u32 i);
/* Estimate, defer, take, in odd steps: what bpf/coded does.  Gives way after each take. */
int coded_program(struct vexfs_search *s);

bool keep_readable(__u32 i);
/* The predicate attr < below, to be freed, and what it matches of the columns. */
extern __s64 below;
struct vexfs_predicate *predicate(struct vexfs_match *m);
bool keep_below(__u32 i);
bool keep_odd_below(__u32 i);
__u32 matching(void);			/* slots, dead ones included */

#endif /* _VEXFS_TEST_ORACLE_H */
