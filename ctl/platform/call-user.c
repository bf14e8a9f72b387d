// SPDX-License-Identifier: GPL-2.0
/* Calls for other processes, see call.h.  No lock: each is one thread's. */
#include "host.h"
#include "call.h"

#define ASK_US	1000			/* a caller is not asked more often whether he is there */

__thread struct vexfs_call *vexfs_calling;

void vexfs_call_begin(struct vexfs_call *call)
{
	call->has_gone = false;
	call->asked = vx_clock_us();
	vexfs_calling = call;
}

void vexfs_call_end(void)
{
	vexfs_calling = NULL;
}

bool vexfs_call_gone(void)
{
	struct vexfs_call *call = vexfs_calling;
	u64 now;

	if (!call)
		return false;
	now = vx_clock_us();
	if (!call->has_gone && now - call->asked >= ASK_US) {
		call->asked = now;
		call->has_gone = call->gone(call);
	}
	return call->has_gone;
}

size_t vexfs_call_copy(struct vexfs_call *call, void *ours, const void *theirs, size_t n, bool in)
{
	uintptr_t at = (uintptr_t)theirs;

	if (at < VEXFS_CALL_FIRST || at > call->bytes || n > call->bytes - at)
		return n;
	if (in)
		memcpy(ours, call->memory + at, n);
	else if (call->writes(call, at, n))
		memcpy(call->memory + at, ours, n);
	else
		return n;
	return 0;
}
