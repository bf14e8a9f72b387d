// SPDX-License-Identifier: GPL-2.0
/* A BPF object, but nothing for VexFS in it. */
#include <vexfs/program.bpf.h>

SEC("socket")
int nothing(void *skb)
{
	return 0;
}

char _license[] SEC("license") = "GPL";
