/* SPDX-License-Identifier: GPL-2.0 */
/* The records of oracle.h in lists. */
#ifndef _VEXFS_TEST_LISTED_H
#define _VEXFS_TEST_LISTED_H

#include "oracle.h"
#include "engine/query.h"
#include "engine/probe.h"

#define LISTED_ALL 1000000u		/* effort: all lists */

extern struct vexfs_hit_f listed_hits[MAX_N];
float *listed_row(__u32 slot);
float listed_unit(void);		/* [-1, 1) */
/* How often listed_stop() was asked, with &listed_stops, and from which time on it says so. */
extern __u32 listed_stops, listed_stop_at;
bool listed_stop(void *arg);

void listed_to(__u64 to);
/* Codes of all and lists of the first n. */
void listed_only(__u32 metric, __u32 n);
/* The same, which are measured. */
void listed_some(__u32 metric, __u32 n);
void listed_forget(void);
/* One search for the k nearest by lists; no more restarts than that. */
int listed_ask(__u32 metric, __u32 k, __u32 *truncated, __u32 most_restarts);
/* All records, each once, from all lists, at the very distance, is what there is. */
void listed_check(__u32 metric, bool (*keep)(__u32));
/* Queries at the default recall; returns how many of the nearest they found, in millionths. */
__u32 listed_found(__u32 metric, bool (*keep)(__u32), __u32 queries);

/* For a group of tests, and before each: one that failed leaves things behind. */
int listed_seed(void **state);
int listed_clean(void **state);

#endif /* _VEXFS_TEST_LISTED_H */
