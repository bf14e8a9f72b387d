/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hostile programs of villain.bpf.c, one for each op and number, and what the two halves share.
 */
#ifndef _VEXFS_TESTS_VILLAIN_H
#define _VEXFS_TESTS_VILLAIN_H

/* SEARCH(what it does) and so on; 0 is none */
#define VILLAINS(X)								\
	X(SEARCH, ENDLESS_RANGE, "range and score without end in one round")	\
	X(SEARCH, ENDLESS_TAKE, "take and score without end, which costs no visits")	\
	X(SEARCH, ENDLESS_CHOICE, "refine, keep and measure in part without end")	\
	X(SEARCH, ENDLESS_LISTS, "lists, buckets and signatures without end")	\
	X(SEARCH, ENDLESS_MATCHES, "matches without end, and it listens to nothing")	\
	X(SEARCH, ENDLESS_ROUNDS, "another round for ever, without a kfunc")	\
	X(SEARCH, WILD_SLOTS, "slots of chance, of 64 bits")			\
	X(SEARCH, WILD_LISTS, "lists, tables, codes and sigmas of chance")	\
	X(SEARCH, WILD_RANGES, "ranges of chance, and lengths")			\
	X(SEARCH, SAME_SLOT, "one slot ten thousand times")			\
	X(SEARCH, EVERY_SLOT, "all slots, the deleted ones too, by rescore and twice")	\
	X(SEARCH, WRONG_ORDER, "offer before score, defer after it, score twice")	\
	X(SEARCH, ERRORS, "errors and other numbers of chance")			\
	X(SEARCH, LATE_ERROR, "an error after it has offered what it likes")	\
	X(SEARCH, DROPS, "keeps nothing and says that it has finished")		\
	X(SEARCH, STALE_INDEX, "slots and lists that another query left in a map")	\
	X(SEARCH, STALE_SCRATCH, "goes on where its own memory says, which it filled with chance")	\
	X(SEARCH, HUGE_SCRATCH, "64 KiB for each query, all of it written in each round")	\
	X(SEARCH, SHARED_SLOTS, "slots that other processors rewrite meanwhile")	\
	X(DISTANCE, PENALTIES, "penalties of chance, of 64 bits")		\
	X(DISTANCE, FAILS, "errors of chance")					\
	X(DISTANCE, SLOW, "loops for each batch")				\
	X(DISTANCE, OTHERS, "writes into candidates what is not its own")	\
	X(DISTANCE, MOVES, "calls what is search's")				\
	X(FILTER, CHANCE, "keeps what it likes, another time something else")	\
	X(FILTER, ERRS, "errors of chance")					\
	X(FILTER, ADDS, "keeps candidates that there are not")			\
	X(FILTER, DAWDLES, "loops for each batch")

enum villain {
	VILLAIN_NONE,
#define X(op, name, what) VILLAIN_##op##_##name,
	VILLAINS(X)
#undef X
	VILLAINS_END
};

/* Value of the map `orders`, which user space has mapped. */
#define VILLAIN_SHARED	64
struct villain_orders {
	unsigned long long mode;
	unsigned long long shared[VILLAIN_SHARED];	/* slots that both sides write */
	unsigned long long left[4];			/* what queries left for each other */
	unsigned long long calls;			/* of any op */
};

#endif /* _VEXFS_TESTS_VILLAIN_H */
