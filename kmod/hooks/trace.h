/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints, /sys/kernel/tracing/events/vexfs; a static branch each while nobody listens.
 *
 *	vexfs_search_begin	a call of search has a collection and its vectors
 *	vexfs_search_end	and is over: what came of it and what it cost
 *	vexfs_switch		a program was loaded, replaced or (ops 0) unloaded
 *	vexfs_use		a collection was bound to a program ("": to the built-in)
 *	vexfs_program_error	a program failed: search falls back, filter and distance fail the query
 *	vexfs_eject		a search program failed so often that the collection no longer tries it
 *	vexfs_commit		operations on records were committed, or not
 *	vexfs_compact		a compaction ended, or was given up: slots before and after
 *	vexfs_damage		a record cannot be read or did not verify, for the first time;
 *				err -ENODATA: it is lost with its id, see collection/lost.c
 *
 * dev and ino name the directory of a collection, times are microseconds.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vexfs

#if !defined(_VEXFS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _VEXFS_TRACE_H

#include <linux/tracepoint.h>
#include "collection/collection.h"

#define vexfs_show_slot(slot) __print_symbolic(slot, \
	{ VEXFS_SLOT_SEARCH,	"search" }, \
	{ VEXFS_SLOT_DISTANCE,	"distance" }, \
	{ VEXFS_SLOT_FILTER,	"filter" })

#define vexfs_show_ops(ops) __print_flags(ops, "|", \
	{ 1 << VEXFS_SLOT_SEARCH,	"search" }, \
	{ 1 << VEXFS_SLOT_DISTANCE,	"distance" }, \
	{ 1 << VEXFS_SLOT_FILTER,	"filter" })

#define vexfs_show_truncated(bits) __print_flags(bits, "|", \
	{ VEXFS_TRUNC_DEADLINE,		"deadline" }, \
	{ VEXFS_TRUNC_VISITS,		"visits" }, \
	{ VEXFS_TRUNC_STRATEGY,		"strategy" }, \
	{ VEXFS_TRUNC_PRECISION,	"precision" }, \
	{ VEXFS_TRUNC_LIMIT,		"limit" }, \
	{ VEXFS_TRUNC_FILES,		"files" }, \
	{ VEXFS_TRUNC_DAMAGED,		"damaged" })

TRACE_EVENT(vexfs_search_begin,
	TP_PROTO(const struct inode *dir, const struct vexfs_ioc_search *s),
	TP_ARGS(dir, s),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u32, k)
		__field(u32, queries)
		__field(u32, flags)
	),
	TP_fast_assign(
		__entry->dev = dir->i_sb->s_dev;
		__entry->ino = dir->i_ino;
		__entry->k = s->k;
		__entry->queries = s->queries;
		__entry->flags = s->flags;
	),
	TP_printk("dev %d,%d ino %llu k %u queries %u flags %#x",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino, __entry->k,
		  __entry->queries, __entry->flags)
);

TRACE_EVENT(vexfs_search_end,
	TP_PROTO(const struct inode *dir, const struct vexfs_ioc_search *s, u64 us, int err),
	TP_ARGS(dir, s, us, err),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u32, k)
		__field(u32, hits)
		__field(u64, visited)
		__field(u64, scored)
		__field(u32, rounds)
		__field(u32, restarts)
		__field(u32, truncated)
		__field(int, err)
		__field(u64, us)
		__string(strategy, s->strategy)
	),
	TP_fast_assign(
		__entry->dev = dir->i_sb->s_dev;
		__entry->ino = dir->i_ino;
		__entry->k = s->k;
		__entry->hits = s->n;
		__entry->visited = s->visited;
		__entry->scored = s->scored;
		__entry->rounds = s->rounds;
		__entry->restarts = s->restarts;
		__entry->truncated = s->truncated;
		__entry->err = err;
		__entry->us = us;
		__assign_str(strategy);
	),
	TP_printk("dev %d,%d ino %llu k %u strategy '%s' visited %llu scored %llu rounds %u restarts %u hits %u truncated %s us %llu err %d",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino, __entry->k,
		  __get_str(strategy), __entry->visited, __entry->scored, __entry->rounds,
		  __entry->restarts, __entry->hits, vexfs_show_truncated(__entry->truncated),
		  __entry->us, __entry->err)
);

TRACE_EVENT(vexfs_switch,
	TP_PROTO(const char *program, u64 generation, u32 ops),
	TP_ARGS(program, generation, ops),
	TP_STRUCT__entry(
		__string(program, program)
		__field(u64, generation)
		__field(u32, ops)
	),
	TP_fast_assign(
		__assign_str(program);
		__entry->generation = generation;
		__entry->ops = ops;
	),
	TP_printk("program %s generation %llu ops %s", __get_str(program), __entry->generation,
		  vexfs_show_ops(__entry->ops))
);

TRACE_EVENT(vexfs_use,
	TP_PROTO(const struct inode *dir, u32 slot, const char *program),
	TP_ARGS(dir, slot, program),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u32, slot)
		__string(program, program)
	),
	TP_fast_assign(
		__entry->dev = dir->i_sb->s_dev;
		__entry->ino = dir->i_ino;
		__entry->slot = slot;
		__assign_str(program);
	),
	TP_printk("dev %d,%d ino %llu slot %s program '%s'", MAJOR(__entry->dev),
		  MINOR(__entry->dev), __entry->ino, vexfs_show_slot(__entry->slot),
		  __get_str(program))
);

DECLARE_EVENT_CLASS(vexfs_failure,
	TP_PROTO(const char *program, u32 slot, u64 generation, int err, const struct inode *dir),
	TP_ARGS(program, slot, generation, err, dir),
	TP_STRUCT__entry(
		__string(program, program)
		__field(u32, slot)
		__field(int, err)
		__field(u64, generation)
		__field(dev_t, dev)
		__field(u64, ino)
	),
	TP_fast_assign(
		__assign_str(program);
		__entry->dev = dir->i_sb->s_dev;
		__entry->ino = dir->i_ino;
		__entry->slot = slot;
		__entry->err = err;
		__entry->generation = generation;
	),
	TP_printk("dev %d,%d ino %llu program %s slot %s generation %llu err %d",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino, __get_str(program),
		  vexfs_show_slot(__entry->slot), __entry->generation, __entry->err)
);

DEFINE_EVENT(vexfs_failure, vexfs_program_error,
	TP_PROTO(const char *program, u32 slot, u64 generation, int err, const struct inode *dir),
	TP_ARGS(program, slot, generation, err, dir)
);

DEFINE_EVENT(vexfs_failure, vexfs_eject,
	TP_PROTO(const char *program, u32 slot, u64 generation, int err, const struct inode *dir),
	TP_ARGS(program, slot, generation, err, dir)
);

TRACE_EVENT(vexfs_commit,
	TP_PROTO(const struct inode *dir, u64 records, u64 deaths, u64 us, int err),
	TP_ARGS(dir, records, deaths, us, err),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u64, records)
		__field(u64, deaths)
		__field(u64, us)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->dev = dir->i_sb->s_dev;
		__entry->ino = dir->i_ino;
		__entry->records = records;
		__entry->deaths = deaths;
		__entry->us = us;
		__entry->err = err;
	),
	TP_printk("dev %d,%d ino %llu records %llu deaths %llu us %llu err %d",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino, __entry->records,
		  __entry->deaths, __entry->us, __entry->err)
);

TRACE_EVENT(vexfs_compact,
	TP_PROTO(const struct inode *dir, u64 before, u64 after, u64 us, int err),
	TP_ARGS(dir, before, after, us, err),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u64, before)
		__field(u64, after)
		__field(u64, us)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->dev = dir->i_sb->s_dev;
		__entry->ino = dir->i_ino;
		__entry->before = before;
		__entry->after = after;
		__entry->us = us;
		__entry->err = err;
	),
	TP_printk("dev %d,%d ino %llu slots before %llu after %llu us %llu err %d",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino, __entry->before,
		  __entry->after, __entry->us, __entry->err)
);

TRACE_EVENT(vexfs_damage,
	TP_PROTO(const struct inode *dir, u64 slot, u64 id, int err),
	TP_ARGS(dir, slot, id, err),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u64, slot)
		__field(u64, id)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->dev = dir->i_sb->s_dev;
		__entry->ino = dir->i_ino;
		__entry->slot = slot;
		__entry->id = id;
		__entry->err = err;
	),
	TP_printk("dev %d,%d ino %llu slot %llu id %llu err %d", MAJOR(__entry->dev),
		  MINOR(__entry->dev), __entry->ino, __entry->slot, __entry->id, __entry->err)
);

#endif /* _VEXFS_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH hooks
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
