// SPDX-License-Identifier: GPL-2.0
/*
 * Strategies that choose lists themselves, in any order: each record is met exactly once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "listed.h"

/* --- a strategy that chooses the lists itself --- */

static __u32 probed_first;		/* so many steps by vexfs_q_probe() before */
static __u32 pairs, pairs_off;		/* of lists; the first one's centre is farther */

static int chooses(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	const struct vexfs_probed *next;
	__u64 *far = calloc(s->lists, sizeof(*far));
	__u8 *met = calloc(s->lists, 1);
	__u32 i, n_far = 0, seen = 0;
	int n = 0;

	for (i = 0; i < probed_first && n >= 0; i++) {
		n = vexfs_q_probe(q, 0);
		if (n > 0)
			n = vexfs_q_defer(q);
	}
	/* those that were looked into: only the last of them has rows that were not */
	for (i = 0; probed_first && i < s->lists; i++) {
		met[i] = q->probe->done[i] || i == q->probe->at;
		seen += met[i];
		if (i == q->probe->at)
			while ((n = vexfs_q_list(q, i, 0)) >= 0 &&
			       q->probe->done[i] < lists->list[i].n)
				if (n)
					assert_true(vexfs_q_defer(q) >= 0);
		if (n > 0)
			assert_true(vexfs_q_defer(q) >= 0);
	}
	do {
		next = vexfs_q_probes(q);
		assert_non_null(next);
		for (i = 0; i < VEXFS_BATCH && next[i].list != ~0u; i++) {
			assert_true(next[i].list < s->lists && !met[next[i].list]);
			assert_int_equal(next[i].rows, lists->list[next[i].list].n);
			met[next[i].list] = 1;
			seen++;
			far[n_far++] = next[i].key;
			while (q->probe->done[next[i].list] < next[i].rows) {
				n = vexfs_q_list(q, next[i].list, 0);
				assert_true(n >= 0);
				if (n)
					assert_true(vexfs_q_defer(q) >= 0);
			}
		}
	} while (i == VEXFS_BATCH);
	assert_true(vexfs_q_probes(q)[0].list == ~0u);
	assert_int_equal(seen, s->lists);	/* each once */
	for (i = 0; i < n_far / 2; i++)
		pairs_off += far[i] > far[i + n_far / 2];
	pairs += n_far / 2;
	free(far);
	free(met);
	while ((n = vexfs_q_probe(q, 0)) >= 0)	/* strays */
		if (n)
			assert_true(vexfs_q_defer(q) >= 0);
	assert_int_equal(n, -ENOENT);
	for (s->state[0] = s->linked; s->state[0] < s->count; s->state[0] += 64)
		if (vexfs_q_estimate(q, s->state[0], 64, 0) > 0)
			assert_true(vexfs_q_defer(q) >= 0);
	while ((n = vexfs_q_take(q)) > 0) {
		n = measured(q, n);
		if (n < 0)
			break;
	}
	return n;
}

/* Lists that have any. */
static __u32 with_rows(void)
{
	__u32 i, n = 0;

	for (i = 0; i < lists->lists; i++)
		n += lists->list[i].n > 0;
	return n;
}

static void test_chosen(void **state)
{
	__u32 m, i, truncated, restarts, good = 0, wanted = 0;
	struct vexfs_query *q;
	struct vexfs_plan plan;
	int n;

	(void)state;
	for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++) {
		fill(MAX_N, 16, 0);
		listed_some(m, MAX_N - 300);
		kill_some(200);
		for (i = 0; i < 8; i++) {
			new_query();
			probed_first = i % 4;
			q = begin(m, 10, 0, ~0ULL);
			n = run(q, chooses, listed_hits, &truncated, &restarts);
			assert_int_equal(restarts, 0);
			vexfs_query_plan(q, &plan);	/* each was looked into, and counts once */
			assert_in_range(plan.probed, with_rows(), lists->lists);
			good += recalled(m, 10, NULL, NULL, listed_hits, n);
			wanted += n;
			vexfs_query_restart(q);
			assert_null(vexfs_q_probes(q));		/* no program runs */
			vexfs_query_phase(q, VEXFS_PHASE_FILTER);
			assert_null(vexfs_q_probes(q));
			vexfs_query_free(q);
		}
		q = begin(m, 10, 0, 1);				/* long ago */
		vexfs_query_phase(q, VEXFS_PHASE_SEARCH);
		assert_null(vexfs_q_probes(q));
		vexfs_query_free(q);
		vexfs_lists_free(lists);
		lists = NULL;
		q = begin(m, 10, 0, ~0ULL);			/* there are none */
		vexfs_query_phase(q, VEXFS_PHASE_SEARCH);
		assert_null(vexfs_q_probes(q));
		vexfs_query_free(q);
		listed_forget();
	}
	print_message("recall %.4f, %u of %u lists later than farther ones\n",
		      (double)good / wanted, pairs_off, pairs);
	assert_true(good >= 0.98 * wanted);
	assert_true(pairs_off <= pairs / 8);	/* the order is not quite that of distances */
}

/* --- a strategy that does anything in any order --- */

static bool looked[MAX_N], before[MAX_N], taken[MAX_N];
static __u32 rounds_left;

/* Rows [from, to) of a list were looked at. */
static void look_list(const struct vexfs_query *q, __u32 list, __u32 from, __u32 to)
{
	for (; from < to; from++)
		looked[vexfs_list_slot(q->lists, q->lists->list + list, from)] = true;
}

static __u32 count(const bool *set)
{
	__u32 i, n = 0;

	for (i = 0; i < n_rows; i++)
		n += set[i];
	return n;
}

/* What is in the batch is new, or was left in one; and what becomes of it. */
static void any_end(struct vexfs_query *q)
{
	const struct vexfs_cand *c = vexfs_q_candidates(q);
	__u32 i, n = q->s.batch;
	__u64 slot[VEXFS_BATCH];
	int err;

	for (i = 0; i < n; i++) {
		slot[i] = c[i].slot;
		if (taken[slot[i]])
			fail_msg("slot %llu again", slot[i]);
		assert_true(looked[slot[i]] && !dead[slot[i]]);
	}
	if (!chance(4)) {			/* it is left: as if nobody had looked */
		for (i = 0; i < n; i++)
			looked[slot[i]] = before[slot[i]];
		return;
	}
	err = chance(2) ? vexfs_q_defer(q) : vexfs_q_score(q);
	if (err >= 0)
		err = vexfs_q_offer(q);
	assert_true(err >= 0);
	for (i = 0; i < n; i++)
		taken[slot[i]] = true;
}

static int any(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	__u32 at, from, n, i, done[100], strays, way;
	__u64 slots[VEXFS_BATCH];
	int err;

	while (rounds_left) {
		for (i = 0; i < vexfs_lists_count(lists); i++)
			done[i] = q->probing ? q->probe->done[i] : 0;
		strays = q->probing ? q->probe->strays : 0;
		from = chance(3) ? chance(n_rows) : 0;
		n = chance(VEXFS_BATCH + 1);
		at = chance(vexfs_lists_count(lists));
		for (i = 0; i < n; i++)
			slots[i] = chance(n_rows);
		way = chance(7);
		err = way == 0 ? vexfs_q_range(q, from, n) :
		      way == 1 ? vexfs_q_estimate(q, from, n, 0) :
		      way == 2 ? vexfs_q_slots(q, slots, n) :
		      way < 5 ? vexfs_q_list(q, at, 0) : vexfs_q_probe(q, 0);
		if (err == -EAGAIN)
			return VEXFS_MORE;
		rounds_left--;
		if (err == -ENOENT && way >= 5)
			continue;
		assert_true(err >= 0);
		memcpy(before, looked, sizeof(before));
		for (i = 0; i < n && way < 3; i++)
			if (way == 2 || from + i < n_rows)
				looked[way == 2 ? slots[i] : from + i] = true;
		for (i = 0; q->probing && i < vexfs_lists_count(lists); i++)
			look_list(q, i, done[i], q->probe->done[i]);
		for (i = strays; q->probing && i < q->probe->strays; i++)
			looked[q->lists->stray[i]] = true;
		any_end(q);
	}
	return 0;
}

/* Deferred ones, at last. */
static int take_rest(struct vexfs_query *q)
{
	int n;

	while ((n = vexfs_q_take(q)) > 0)
		if ((n = vexfs_q_score(q)) < 0 || (n = vexfs_q_offer(q)) < 0)
			break;
	return n;
}

static void test_any(void **state)
{
	__u32 t, i, truncated;
	struct vexfs_query *q;
	int err, n;

	(void)state;
	for (t = 0; t < 100; t++) {
		fill(1500, 8, t % 3 == 1);
		for (i = 0; i < 40 * 8; i++)			/* strays */
			listed_row(100)[i] *= 0x1p40f;
		kill_some(chance(100));
		listed_only(VEXFS_METRIC_L2, 1000 + chance(501));
		if (!chance(10))
			assert_int_equal(vexfs_lists_tune(lists, columns, &plane, NULL, NULL), 0);
		kill_some(chance(100));
		plane.absent = chance(4);
		memset(looked, 0, sizeof(looked));
		memset(taken, 0, sizeof(taken));
		effort = chance(2) ? LISTED_ALL : 0;
		rounds_left = chance(200);
		q = begin(VEXFS_METRIC_L2, n_rows, 0, ~0ULL);
		do {
			vexfs_query_phase(q, VEXFS_PHASE_SEARCH);
			err = any(&q->s) ?: take_rest(q);
			vexfs_query_phase(q, VEXFS_PHASE_NONE);
			while ((n = vexfs_query_read(q)) > 0)
				assert_int_equal(vexfs_query_score_read(q), 0);
			assert_int_equal(n, 0);
			if (err == -EAGAIN)
				err = VEXFS_MORE;
		} while (err == VEXFS_MORE);
		assert_int_equal(err, 0);
		if (q->marking && vexfs_query_looked(q) != count(looked))
			fail_msg("try %u: looked at %llu, not %u", t, vexfs_query_looked(q),
				 count(looked));
		/* that it left things out is known, and no reason to look again */
		vexfs_query_cut(q, VEXFS_TRUNC_VISITS);
		n = vexfs_query_finish(q, listed_hits, &truncated);
		assert_true(n >= 0);
		for (i = 0; i < (__u32)n; i++) {
			if (!taken[listed_hits[i].slot])
				fail_msg("slot %llu was not taken, or twice", listed_hits[i].slot);
			taken[listed_hits[i].slot] = false;
		}
		if (count(taken))
			fail_msg("try %u: %u were lost", t, count(taken));
		vexfs_query_free(q);
		plane.absent = 0;
		effort = 0;
		listed_forget();
	}
}

/* Lists in any order, of one that has not been told which are near. */
static int each_list(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	__u64 *at = s->state;
	int n;

	while (at[0] < s->lists) {
		__u32 done = q->probing ? q->probe->done[at[0]] : 0;

		n = vexfs_q_list(q, at[0], 0);
		if (n > 0)
			n = vexfs_q_defer(q);
		if (n < 0)
			return n == -EAGAIN ? VEXFS_MORE : n;
		at[0] += q->probe->done[at[0]] == done;
	}
	n = take_rest(q);
	return n == -EAGAIN ? VEXFS_MORE : n;
}

static void test_each_list(void **state)
{
	__u32 i, m, truncated, restarts, good = 0, wanted = 0;
	struct vexfs_query *q;
	int n;

	(void)state;
	for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++) {
		fill(5000, 24, 0);
		listed_some(m, 5000);
		new_query();
		q = begin(m, 10, 0, ~0ULL);
		for (i = 0; i < 30; i++) {
			n = run(q, each_list, listed_hits, &truncated, &restarts);
			good += recalled(m, 10, NULL, NULL, listed_hits, n);
			wanted += n;
			assert_true(vexfs_query_search(q)->scored < 4000);
			new_query();
			vexfs_query_reset(q, query);
		}
		vexfs_query_free(q);
		listed_forget();
	}
	print_message("recall %.4f\n", (double)good / wanted);
	assert_true(good >= wanted * 0.985);
}

/* A program that looks into lists as bpf/ivf does, and one that began elsewhere. */
static int begins_elsewhere(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	int n;

	if (!s->state[3]) {
		n = measured(q, vexfs_q_range(q, 0, VEXFS_BATCH));
		if (n < 0)
			return n == -EAGAIN ? VEXFS_MORE : n;
		s->state[3] = 1;
	}
	return vexfs_ivf(s);
}

static void test_begins_elsewhere(void **state)
{
	__u32 truncated, restarts;
	struct vexfs_query *q;
	int n;

	(void)state;
	fill(2000, 12, 0);
	listed_some(VEXFS_METRIC_L2, 1900);
	effort = LISTED_ALL;
	q = begin(VEXFS_METRIC_L2, 2000, 0, ~0ULL);
	n = run(q, begins_elsewhere, listed_hits, &truncated, &restarts);
	check(VEXFS_METRIC_L2, 2000, NULL, NULL, listed_hits, n);
	vexfs_query_free(q);
	effort = 0;
	listed_forget();
}

/* One that asks for lists after they were given up goes through all slots. */
static int as_program(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	int n;

	while (!s->state[1]) {
		n = vexfs_q_probe(q, 0);
		if (n > 0)
			n = vexfs_q_defer(q);
		if (n == -EAGAIN)
			return VEXFS_MORE;
		if (n == -ENOENT) {
			s->state[0] = s->linked;
			s->state[1] = 1;
		} else if (n < 0) {
			return n;
		}
	}
	for (; s->state[0] < s->count; s->state[0] += VEXFS_BATCH) {
		n = vexfs_q_estimate(q, s->state[0], VEXFS_BATCH, 0);
		if (n > 0)
			n = vexfs_q_defer(q);
		if (n < 0)
			return n == -EAGAIN ? VEXFS_MORE : n;
	}
	n = take_rest(q);
	return n == -EAGAIN ? VEXFS_MORE : n;
}

static void test_program(void **state)
{
	__u32 truncated, restarts, i;
	struct vexfs_query *q;
	int n;

	(void)state;
	fill(3000, 12, 0);
	listed_some(VEXFS_METRIC_L2, 2900);
	effort = 1;			/* more are wanted than a list has */
	q = begin(VEXFS_METRIC_L2, 3000, 0, ~0ULL);
	n = run(q, as_program, listed_hits, &truncated, &restarts);
	assert_int_equal(restarts, 1);
	assert_int_equal(truncated, 0);
	check(VEXFS_METRIC_L2, 3000, NULL, NULL, listed_hits, n);
	vexfs_query_free(q);
	for (i = 0; i < dims; i++)
		query[i] *= 0x1p40f;
	q = begin(VEXFS_METRIC_L2, 10, 0, ~0ULL);
	n = run(q, as_program, listed_hits, &truncated, &restarts);
	assert_int_equal(truncated, 0);
	check(VEXFS_METRIC_L2, 10, NULL, NULL, listed_hits, n);
	vexfs_query_free(q);
	effort = 0;
	listed_forget();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_chosen, listed_clean),
		cmocka_unit_test_setup(test_any, listed_clean),
		cmocka_unit_test_setup(test_each_list, listed_clean),
		cmocka_unit_test_setup(test_begins_elsewhere, listed_clean),
		cmocka_unit_test_setup(test_program, listed_clean),
	};

	return cmocka_run_group_tests(tests, listed_seed, NULL);
}
