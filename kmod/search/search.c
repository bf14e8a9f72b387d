// SPDX-License-Identifier: GPL-2.0
/*
 * The queries of one call: rounds of the strategy, reading what they queued, the exact end, and
 * falling back.
 *
 * BPF runs in a round, between vexfs_hooks_enter() and vexfs_hooks_leave(), and nothing else does:
 * rows are read between rounds, so that replacing a program never waits for I/O.  A round is short,
 * so that it does not wait for a strategy that takes its time.  All queries of a call see one
 * snapshot, and what was bound and loaded at one time; it begins anew, with the first query, when
 *
 *	another program was bound, or none		as each round sees, and the end of the call
 *	a program came, went or was replaced		as each round sees: so no call mixes two
 *	the search program failed or took too long	with the built-in strategy and what time is
 *							left
 *
 * and a query is tried again, with the same programs, when
 *
 *	f32 may have refused one of the k best		with a larger pool (vexfs_query_finish)
 *	an estimate may have				without estimates (the same)
 *	too many of the best are of one file		for more than k (the same)
 *	a hit is damaged				without it: its slot is marked
 *
 * The deadline is the call's: what has not begun by then has no hits.  What a program has of its
 * own is CPU time, which counts while it runs: it is not to blame for a slow disk, a busy machine,
 * or a caller in a hurry.
 *
 * A filter or distance program that is missing or fails makes the query fail: a tenant's filter
 * must never fail open.  So no answer is given without a filter that was bound before its call
 * ended; a call during which programs are bound again and again fails with EAGAIN.
 *
 * No lock is held here, but for a moment in vexfs_collection_programs() and while the predicate is
 * evaluated.
 */
#include "search/search.h"

/*
 * The engine enlarges its pool five times before it says VEXFS_TRUNC_PRECISION, gives up codes
 * once, and asks for more six times before it says VEXFS_TRUNC_FILES.
 */
#define MAX_ATTEMPTS	16
#define MAX_DAMAGED	4	/* times that a query is tried again because a hit is damaged */
#define MAX_REBOUND	16	/* times that a call begins anew because something else was bound */
/*
 * A round: who replaces a program of it waits for it, and with him all who load, replace or detach
 * struct_ops of any kind.
 */
#define ROUND_US	10000

struct run {
	struct vexfs_collection_mem *c;
	struct vexfs_body *b;
	struct vexfs_ioc_search *s;
	const void *vectors;		/* s->queries rows */
	struct vexfs_hit *hits;		/* room for s->queries * s->k */
	struct vexfs_query_answer *answers;	/* s->queries */
	struct vexfs_query *q;		/* one after the other */
	struct vexfs_hit_f *found;	/* room for s->k */
	void *row;			/* room for a row */
	struct vexfs_derived *derived;	/* NULL: every record is measured */
	struct vexfs_lists *lists;	/* NULL: none */
	const struct vexfs_reader *reader;	/* of the caller */
	/* an exact search has to agree with it, if there are no programs */
	bool comparable;
	u32 care;			/* with which lists are looked into, see collection/recall.c */
	struct vexfs_hookset set;
	bool programs;			/* any is bound: rounds enter SRCU */
	bool inside;			/* such a round */
	/* times that it began anew because something else was bound */
	u32 rebound;
	bool fell_back;			/* the search program was given up */
	bool hidden;			/* there are or were records that the caller must not see ... */
	bool untold;			/* ... which the predicate may match */
	u64 deadline;			/* of the call, vx_clock_us() */
	/*
	 * CPU time in microseconds that the search program may take in an attempt, and has taken in
	 * this one
	 */
	u64 own_limit, own_us;
	/* it is the program's fault if that is too short, not the caller's */
	bool own_fault;
	u64 visited, scored;		/* of attempts that are over, given up or not */
	u32 rounds;
	u32 damaged;			/* times that a query was tried again because a hit was */
	struct vexfs_search_trace *trace;	/* NULL: not wanted */
	/* vexfs_clock_ns(): from then on time is not accounted for */
	u64 mark;
};

/* What follows a round, an attempt or a pass, where it is not an error. */
enum verdict {
	DONE,				/* nothing: the strategy is through, or was cut short */
	MORE = VEXFS_MORE,		/* another round */
	ANEW,				/* the call begins anew */
};

/* What was done since the last call was VEXFS_TIME_*. */
static void lap(struct run *r, unsigned int what)
{
	u64 now;

	if (!r->trace)
		return;
	now = vexfs_clock_ns();
	r->trace->ns[what] += now - r->mark;
	r->mark = now;
}

static void note_error(struct run *r, unsigned int slot, int error)
{
	if (!r->trace)
		return;
	r->trace->error = error;
	r->trace->error_slot = slot;
}

static bool loaded(const struct run *r, unsigned int slot)
{
	return r->set.state[slot] == VEXFS_BOUND_LOADED;
}

static bool own_strategy(const struct run *r)
{
	return loaded(r, VEXFS_SLOT_SEARCH) && !r->fell_back;
}

static bool hooked(const struct run *r)
{
	return r->set.prog[VEXFS_SLOT_FILTER] || r->set.prog[VEXFS_SLOT_DISTANCE];
}

/* An attempt is over: count what it cost.  The next one begins with a fresh budget. */
static void end_attempt(struct run *r)
{
	struct vexfs_search *s = vexfs_query_search(r->q);

	r->visited += s->visited;
	r->scored += s->scored;
	r->own_us = 0;
	vexfs_query_limits(r->q, 0, 0);
}

/* What is bound now is what the call goes by. */
static void load_programs(struct run *r)
{
	u32 slot;

	vexfs_collection_programs(r->c, &r->set);
	if (r->s->flags & (VEXFS_SEARCH_BUILTIN | VEXFS_SEARCH_EXACT) || r->s->method) {
		vexfs_program_put(r->set.prog[VEXFS_SLOT_SEARCH]);
		r->set.prog[VEXFS_SLOT_SEARCH] = NULL;
	}
	r->programs = false;
	for (slot = 0; slot < VEXFS_SLOTS; slot++)
		r->programs |= r->set.prog[slot] != NULL;
}

/* The call begins anew.  -EAGAIN: not yet again. */
static int begin_anew(struct run *r)
{
	r->s->restarts++;
	if (!vexfs_collection_rebound(r->c, &r->set))
		return 0;
	if (++r->rebound > MAX_REBOUND)
		return -EAGAIN;
	vexfs_hooks_put(&r->set);
	load_programs(r);
	return 0;
}

static void leave(struct run *r)
{
	if (r->inside)
		vexfs_hooks_leave(&r->set);
	r->inside = false;
}

/* Enter a round, to leave() then.  -ESTALE, -ENOLINK: there is none. */
static int enter(struct run *r)
{
	const struct vexfs_ops *filter, *distance;
	int err;

	if (vexfs_collection_rebound(r->c, &r->set))
		return -ESTALE;
	if (!r->programs)
		return 0;
	err = vexfs_hooks_enter(&r->set);
	if (err)
		return err;
	r->inside = true;
	filter = r->set.ops[VEXFS_SLOT_FILTER];
	distance = r->set.ops[VEXFS_SLOT_DISTANCE];
	if ((r->set.prog[VEXFS_SLOT_FILTER] && !filter) ||
	    (r->set.prog[VEXFS_SLOT_DISTANCE] && !distance)) {
		leave(r);
		return -ENOLINK;
	}
	vexfs_query_hooks(r->q, filter ? filter->filter : NULL,
			  distance ? distance->distance : NULL);
	return 0;
}

/* One call of the search program. */
static int run_program(struct run *r, const struct vexfs_ops *ops)
{
	u64 begin = vx_cpu_us();
	int ret;

	/* one tick more, for that much may be charged to it that it did not use */
	r->own_limit = (ops->timeout_us ?: r->s->timeout_us / 2) + VEXFS_TICK_US;
	r->own_fault = ops->timeout_us || r->s->timeout_us >= VEXFS_DEFAULT_TIMEOUT_US;
	vexfs_query_limits(r->q, ops->max_visits,
			   begin + max(r->own_limit, r->own_us + 1) - r->own_us);
	ret = ops->search(vexfs_query_search(r->q));
	r->own_us += vx_cpu_us() - begin;
	return ret;
}

/* One call of the strategy.  *ret: what it returned.  An error: it was not called. */
static int run_strategy(struct run *r, int *ret)
{
	struct vexfs_search *s = vexfs_query_search(r->q);
	int err;

	err = enter(r);
	if (err)
		return err;
	if (!own_strategy(r) && !hooked(r))	/* no BPF runs: nobody should wait for us */
		leave(r);
	vexfs_query_round(r->q, r->inside ? vx_clock_us() + ROUND_US : ~0ULL);
	vexfs_query_phase(r->q, VEXFS_PHASE_SEARCH);
	if (own_strategy(r))
		*ret = run_program(r, r->set.ops[VEXFS_SLOT_SEARCH]);
	else
		*ret = vexfs_builtin(s);
	vexfs_query_phase(r->q, VEXFS_PHASE_NONE);
	leave(r);
	r->rounds++;
	return 0;
}

/* Read and measure what the round queued.  How many rows, or an error. */
static s64 read_queued(struct run *r)
{
	s64 total = 0;
	int n, err;

	for (;;) {
		n = vexfs_query_read(r->q);
		if (n <= 0)
			return n ?: total;
		err = enter(r);
		if (err)
			return err;
		if (!hooked(r))
			leave(r);
		err = vexfs_query_score_read(r->q);
		leave(r);
		if (err < 0 || vexfs_query_failed(r->q))
			return min(err, 0);
		total += n;
		if (vx_killed())
			return -EINTR;
		cond_resched();
	}
}

/*
 * The search program did not do: the built-in will.  Its fault?  Not if there is no memory, nor if
 * the caller gave it less time than it has by default.
 */
static int fall_back(struct run *r, int error)
{
	if (error != -ENOMEM && (error != -ETIME || r->own_fault))
		vexfs_hooks_error(&r->set, VEXFS_SLOT_SEARCH, error);
	atomic64_inc(&r->c->fallbacks);
	note_error(r, VEXFS_SLOT_SEARCH, error);
	r->fell_back = true;
	return ANEW;
}

/* A limit of the call ends the strategy. */
static int cut(struct run *r, u32 truncated)
{
	vexfs_query_cut(r->q, truncated);
	return DONE;
}

/* A filter or distance program failed, and the query with it. */
static int hook_failed(struct run *r)
{
	static const unsigned int slots[] = { VEXFS_SLOT_FILTER, VEXFS_SLOT_DISTANCE };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(slots); i++)
		if (loaded(r, slots[i])) {
			vexfs_hooks_error(&r->set, slots[i], vexfs_query_failed(r->q));
			note_error(r, slots[i], vexfs_query_failed(r->q));
		}
	return -EPROTO;
}

/*
 * A verdict on a round whose strategy returned ret, or an error.  work: vexfs_query_work() when it
 * began; read: rows that it had queued.
 */
static int judge(struct run *r, int ret, u64 work, s64 read)
{
	u64 visited = vexfs_query_search(r->q)->visited;
	bool stuck = vexfs_query_work(r->q) == work && !read;

	if (!own_strategy(r))
		return ret;		/* DONE, MORE or an error */
	if (vx_killed())
		return -EINTR;
	if (ret == DONE && !vexfs_query_overran(r->q))
		return DONE;
	/* the limits of the call end it, whatever the program makes of them */
	if (vx_clock_us() >= r->deadline)
		return cut(r, VEXFS_TRUNC_DEADLINE);
	if (vexfs_query_overran(r->q) || r->own_us >= r->own_limit)
		return fall_back(r, -ETIME);
	if (ret == MORE && !stuck)
		return MORE;
	if (r->s->max_visits && visited >= r->s->max_visits)
		return cut(r, VEXFS_TRUNC_VISITS);
	if (ret == MORE)
		return fall_back(r, -ELOOP);	/* asks for more and does nothing */
	return fall_back(r, ret < 0 ? ret : -EINVAL);
}

/* Rounds until the strategy is satisfied.  DONE, ANEW, or why the query fails. */
static int attempt(struct run *r)
{
	int err, ret;
	s64 read;
	u64 work;

	do {
		if (vx_killed())
			return -EINTR;
		cond_resched();
		work = vexfs_query_work(r->q);
		err = run_strategy(r, &ret);
		lap(r, VEXFS_TIME_SEARCH);
		if (err)
			return err == -ESTALE ? ANEW : err;
		if (vexfs_query_failed(r->q))
			return hook_failed(r);
		read = read_queued(r);
		lap(r, VEXFS_TIME_FETCH);
		if (vexfs_query_failed(r->q))
			return hook_failed(r);
		if (read < 0)
			return read == -ESTALE ? ANEW : read;
		ret = judge(r, ret, work, read);
	} while (ret == MORE);
	return ret;
}

/* Attempts until one succeeds.  *n: hits in r->found.  DONE, ANEW, or why the query fails. */
static int query(struct run *r, u32 *n, u32 *truncated)
{
	u32 attempts = 0;
	int err;

	for (;;) {
		err = attempt(r);
		if (err == DONE) {
			err = vexfs_query_finish(r->q, r->found, truncated);
			lap(r, VEXFS_TIME_RESCORE);
			if (err >= 0) {
				*n = err;
				err = DONE;
			} else if (err == -EAGAIN && ++attempts > MAX_ATTEMPTS) {
				err = -ENOTRECOVERABLE;	/* cannot be */
			}
		}
		end_attempt(r);
		if (err != -EAGAIN)
			return err;
		r->s->restarts++;
		vexfs_query_restart(r->q);
	}
}

/* Who found the records of the last query, whose plan this is. */
static const char *strategy_name(const struct run *r, const struct vexfs_plan *plan)
{
	return own_strategy(r) ? vexfs_program_name(r->set.prog[VEXFS_SLOT_SEARCH]) :
	       plan->plan == VEXFS_PLAN_IVF ? "ivf" :
	       plan->plan == VEXFS_PLAN_LSH ? "lsh" :
	       plan->plan == VEXFS_PLAN_CODED ? "coded" : "exact";
}

/* What live recall makes of an answer to the i-th query, in r->found. */
static void sample(const struct run *r, u32 i, const struct vexfs_query_answer *a)
{
	const struct vexfs_search *s = vexfs_query_search(r->q);
	struct vexfs_plan plan;

	if (!r->comparable || hooked(r) || r->reader->refused ||
	    a->truncated & (VEXFS_TRUNC_DEADLINE | VEXFS_TRUNC_VISITS))
		return;
	vexfs_query_plan(r->q, &plan);
	vexfs_recall_sample(r->c, &(struct vexfs_answered){
		.b = r->b,
		.row = r->vectors + (size_t)i * r->c->row_bytes,
		.hit = r->found,
		.count = s->count,
		.k = r->s->k,
		.n = a->n,
		.recall = s->recall,
		.strategy = strategy_name(r, &plan),
		.care = plan.plan == VEXFS_PLAN_IVF && !own_strategy(r) && !s->effort ? r->care : 0,
	});
}

/*
 * Records of the hits, verified: a distance is only as good as the row that it was computed from.
 * Those that are damaged are left out.  How many there are, or an error.
 */
static int fill_hits(struct run *r, u32 n, struct vexfs_hit *hit)
{
	struct vexfs_record record;
	u32 i, whole = 0;
	int err;

	for (i = 0; i < n; i++) {
		u64 slot = r->found[i].slot;

		err = vexfs_record_fetch(r->b, slot, &record, r->row, NULL);
		if (err < 0 && vexfs_columns_damaged_mask(r->b->columns, slot, 1))
			continue;
		if (err < 0)
			return err;
		hit[whole] = (struct vexfs_hit){
			.id = r->found[i].id,
			.slot = slot,
			.file = vexfs_slot_ino(r->b, slot),
			.file_off = le64_to_cpu(record.r_file_off),
			.file_len = le32_to_cpu(record.r_file_len),
			.flags = vexfs_slot_flags(r->b, slot, &record),
		};
		/* its bits: a number in user space, where this is compiled, too */
		memcpy(&hit[whole].distance, &r->found[i].distance, sizeof(hit->distance));
		whole++;
		if (vx_killed())
			return -EINTR;
	}
	return whole;
}

/* The i-th query with its records.  DONE, ANEW, or why it fails. */
static int answer(struct run *r, u32 i, struct vexfs_query_answer *a, struct vexfs_hit *hits)
{
	u32 tries = 0;
	int n;

	for (;;) {
		n = query(r, &a->n, &a->truncated);
		if (n != DONE)
			return n;
		n = fill_hits(r, a->n, hits);
		lap(r, VEXFS_TIME_RECORDS);
		if (n < 0)
			return n;
		if ((u32)n == a->n) {
			sample(r, i, a);
			return DONE;
		}
		if (++tries > MAX_DAMAGED || vx_clock_us() >= r->deadline)
			break;
		r->damaged++;
		r->s->restarts++;
		vexfs_query_restart(r->q);
	}
	a->n = n;
	a->truncated |= VEXFS_TRUNC_DAMAGED;
	return DONE;
}

/* All queries, with what is bound and loaded at one time.  DONE, ANEW, or why the call fails. */
static int pass(struct run *r)
{
	bool first = !r->s->restarts;	/* the query object is as it was made */
	u64 visited, scored;
	u32 i;
	int err;

	vexfs_hooks_reset(&r->set);
	vexfs_query_hooks(r->q, NULL, NULL);
	for (i = 0; i < r->s->queries; i++) {
		struct vexfs_query_answer *a = r->answers + i;

		*a = (struct vexfs_query_answer){};
		if (i && vx_clock_us() >= r->deadline) {
			a->truncated = VEXFS_TRUNC_DEADLINE;
			continue;
		}
		if (i || !first)
			vexfs_query_reset(r->q, r->vectors + (size_t)i * r->c->row_bytes);
		visited = r->visited;
		scored = r->scored;
		err = answer(r, i, a, r->hits + (size_t)i * r->s->k);
		if (err != DONE)
			return err;
		a->visited = r->visited - visited;
		a->scored = r->scored - scored;
	}
	return vexfs_collection_rebound(r->c, &r->set) ? ANEW : DONE;
}

static void report(struct run *r)
{
	struct vexfs_ioc_search *s = r->s;
	struct vexfs_plan plan;
	unsigned int slot;
	u32 i;

	vexfs_query_plan(r->q, &plan);
	for (i = 0; i < s->queries; i++) {
		s->n += r->answers[i].n;
		s->truncated |= r->answers[i].truncated;
	}
	s->rounds = r->rounds;
	s->visited = r->visited;
	s->scored = r->scored;
	for (slot = 0; slot < VEXFS_SLOTS; slot++) {
		bool ran = slot == VEXFS_SLOT_SEARCH ? own_strategy(r) : loaded(r, slot);

		s->used[slot] = loaded(r, slot) && !ran ? VEXFS_BOUND_BUILTIN : r->set.state[slot];
		s->generation[slot] = ran ? r->set.generation[slot] : 0;
		if (ran)
			vexfs_hooks_ok(&r->set, slot, s->queries);
	}
	strscpy_pad(s->strategy, strategy_name(r, &plan), sizeof(s->strategy));
}

/* How the last query came by its records, and why so. */
static void fill_plan(const struct run *r, struct vexfs_search_trace *t)
{
	struct vexfs_plan plan;

	vexfs_query_plan(r->q, &plan);
	t->lists = plan.lists;
	t->probed = plan.probed;
	t->linked = plan.linked;
	t->plan = plan.plan;
	t->plan_why = plan.why;
	t->aim = plan.aim;
	t->method = r->s->method;
	t->tables = plan.tables;
	t->buckets = plan.buckets;
	t->tabled = plan.tabled;
	if (own_strategy(r)) {
		t->plan = VEXFS_PLAN_PROGRAM;
		t->plan_why = VEXFS_WHY_BOUND;
	} else if (!r->derived) {
		t->plan_why = t->codes == VEXFS_CODES_UNWANTED ? VEXFS_WHY_CALLER :
			      t->codes == VEXFS_CODES_FEW ? VEXFS_WHY_FEW :
			      t->codes == VEXFS_CODES_BUDGET ? VEXFS_WHY_MEMORY :
							       VEXFS_WHY_NO_CODES;
	}
}

/* r->q is there. */
static void fill_trace(struct run *r)
{
	const struct vexfs_query_stats *stats = vexfs_query_stats(r->q);
	const struct vexfs_search *s = vexfs_query_search(r->q);
	struct vexfs_search_trace *t = r->trace;
	u32 i, known = r->fell_back + r->damaged;

	BUILD_BUG_ON(sizeof(t->restart) != sizeof(stats->restart));
	memcpy(t->restart, stats->restart, sizeof(t->restart));
	for (i = 0; i < ARRAY_SIZE(t->restart); i++)
		known += t->restart[i];
	t->restart[VEXFS_RESTART_FALLBACK] = r->fell_back;
	t->restart[VEXFS_RESTART_DAMAGED] = r->damaged;
	t->restart[VEXFS_RESTART_SWITCH] = r->s->restarts - known;
	t->count = s->count;
	t->matches = r->untold ? VEXFS_MATCHES_UNTOLD : s->matches;
	t->coded = r->derived ? min(vexfs_codes_count(r->derived->codes), s->count) : 0;
	t->codes = vexfs_search_is_exact(r->s) ? VEXFS_CODES_UNWANTED :
		   vexfs_derived_state(r->b, r->derived, s->count);
	t->filtered = stats->filtered;
	t->estimated = stats->estimated;
	t->pruned = stats->pruned;
	t->deferred = stats->deferred;
	t->reranked = stats->reranked;
	t->fetched = stats->fetched;
	t->rescored = stats->rescored;
	t->recall = s->recall;
	fill_plan(r, t);
}

int vexfs_collection_search(struct vexfs_collection_mem *c, const struct file *file,
			    struct vexfs_ioc_search *s, const void *vectors,
			    const struct vexfs_condition *where, struct vexfs_hit *hits,
			    struct vexfs_query_answer *answers, struct vexfs_search_trace *trace)
{
	struct vexfs_query_params params = {
		.row = vectors,
		.dims = c->dims,
		.metric = c->metric,
		.k = s->k,
		.attrs = c->attrs,
		.max_visits = s->max_visits,
		.per_file = s->per_file,
		.recall = vexfs_search_is_exact(s) ? VEXFS_RECALL_ALL : s->recall,
		.effort = s->effort,
		.method = s->method,
		.range = s->flags & VEXFS_SEARCH_RANGE,
		.radius = s->radius,
	};
	struct vexfs_reader reader;
	struct run r = {
		.c = c,
		.s = s,
		.vectors = vectors,
		.hits = hits,
		.answers = answers,
		.trace = trace,
		.reader = &reader,
		.comparable = !where && !s->snapshot[0] && !s->per_file &&
			      !vexfs_search_is_exact(s) && !(s->flags & VEXFS_SEARCH_RANGE),
		.care = READ_ONCE(c->recall.care),
	};
	struct vexfs_snapshot_mem *snap = NULL;
	struct vexfs_cached *predicate = NULL;
	struct vexfs_tables *tables = NULL;
	struct super_block *sb = c->dir->i_sb;
	struct vexfs_match match;
	struct vx_rows *rows;
	int err = -ENOMEM;

	BUILD_BUG_ON(sizeof(params.arg) != sizeof(s->arg));
	params.aim = vexfs_recall_aim(params.recall ?: VEXFS_DEFAULT_RECALL, r.care);
	memcpy(params.arg, s->arg, sizeof(params.arg));
	if (s->snapshot[0]) {
		snap = vexfs_snapshot_get(c, s->snapshot, &r.b);
		if (IS_ERR(snap))
			return PTR_ERR(snap);
		params.as_of = &snap->as_of;
	} else {
		r.b = vexfs_body_get(c);
	}
	r.mark = vexfs_clock_ns();
	r.deadline = params.deadline_us = vx_clock_us() + s->timeout_us;
	load_programs(&r);

	r.found = kvmalloc_array(s->k, sizeof(*r.found), GFP_KERNEL_ACCOUNT);
	r.row = kvmalloc(c->row_bytes, GFP_KERNEL_ACCOUNT);
	if (!vexfs_search_is_exact(s))
		r.derived = vexfs_derived_search(c, r.b, s->timeout_us / 2, &r.lists);
	if (r.derived) {
		params.codes = r.derived->codes;
		params.lists = r.lists;
		tables = vexfs_tables_get(r.derived);
		params.lsh = tables ? tables->lsh : NULL;
	}
	vexfs_reader_init(&reader, file, r.b);
	params.may = vexfs_reader_may;
	params.may_arg = &reader;
	r.hidden = params.hidden = vexfs_reader_hides(&reader, r.b);
	r.untold = r.hidden && where;
	rows = vexfs_rows_open(r.b->vectors, c->row_bytes);
	lap(&r, VEXFS_TIME_PREPARE);
	if (where) {
		predicate = vexfs_predicate_get(r.b, where, r.deadline, &match);
		params.match = &match;
		lap(&r, VEXFS_TIME_PREDICATE);
	}
	if (IS_ERR(predicate))
		err = PTR_ERR(predicate);
	else if (r.found && r.row && rows)
		r.q = vexfs_query_again(vexfs_spare_take(sb), r.b->columns, rows, &params);
	if (r.q) {
		do
			err = pass(&r);
		while (err == ANEW && !(err = begin_anew(&r)));
		if (err == DONE)
			report(&r);
		if (trace)
			fill_trace(&r);
		if (r.derived && !r.hidden && vexfs_query_wants_tables(r.q))
			vexfs_tables_want(r.derived);
		vx_rows_put(rows);
		vexfs_spare_put(sb, r.q);
	}
	vexfs_rows_close(rows);
	vexfs_predicate_put(predicate);
	vexfs_reader_drop(&reader);
	vexfs_snapshot_put(snap);
	vexfs_tables_put(tables);
	vexfs_lists_free(r.lists);
	vexfs_derived_put(r.derived);
	vexfs_body_put(r.b);
	kvfree(r.row);
	kvfree(r.found);
	vexfs_hooks_put(&r.set);
	atomic64_add(s->queries, &c->queries);
	return err;
}
