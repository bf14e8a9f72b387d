/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Binary heaps in arrays, one set of functions for a type and an order, all of them inline.
 *
 * above(a, b), of two const pointers: does *a belong nearer to the top than *b?  h[0] is the top,
 * and h[(i - 1) / 2] is never below h[i].
 */
#ifndef _VEXFS_ENGINE_HEAP_H
#define _VEXFS_ENGINE_HEAP_H

#include "platform.h"

/*
 * name_up(h, i, x)	h[0, i) is a heap, and h[0, i] is one afterwards, with x in it
 * name_down(h, i, n, x)	x takes the place of h[i], which has heaps below it; n: of all
 * name_make(h, n)	n entries in any order become a heap
 * name_drain(h, n, k)	take k of the n out, the top first, into h[n - 1], h[n - 2], ...
 */
#define VEXFS_HEAP(name, type, above)							\
static inline void name##_up(type *h, __u32 i, type x)					\
{											\
	for (; i && above(&x, &h[(i - 1) / 2]); i = (i - 1) / 2)			\
		h[i] = h[(i - 1) / 2];							\
	h[i] = x;									\
}											\
static inline void name##_down(type *h, __u32 i, __u32 n, type x)			\
{											\
	__u32 c;									\
											\
	for (; (c = 2 * i + 1) < n; i = c) {						\
		if (c + 1 < n && above(&h[c + 1], &h[c]))				\
			c++;								\
		if (!above(&h[c], &x))							\
			break;								\
		h[i] = h[c];								\
	}										\
	h[i] = x;									\
}											\
static inline void name##_make(type *h, __u32 n)					\
{											\
	__u32 i;									\
											\
	for (i = n / 2; i-- > 0;)							\
		name##_down(h, i, n, h[i]);						\
}											\
static inline void name##_drain(type *h, __u32 n, __u32 k)				\
{											\
	type x;										\
											\
	while (k--) {									\
		x = h[--n];								\
		h[n] = h[0];								\
		name##_down(h, 0, n, x);						\
	}										\
}

#endif /* _VEXFS_ENGINE_HEAP_H */
