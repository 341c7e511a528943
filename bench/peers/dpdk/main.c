// peers [EAL ARGUMENTS] -- INPUT WORKER_CPU OTHER_CPU WITH_LPM
//
// DPDK as a peer: rte_fib and rte_lpm over the routes and keys of INPUT (lookup.c), and a forwarding loop over rte_ring
// (forward.c). It reads commands from standard input and answers each with one line, until its input ends:
//
//	answers ENGINE SET                 answers CHECKSUM         of all of a set's keys
//	lookup ENGINE MODE BURST SET NS    lookup LOOKUPS NS        at least so long
//	forward CHECK CROSS BURST NS       forward FRAMES NS LOST WRONG
//	frames CHECK                       frames CHECKSUM DROPPED  what the loop makes of each frame
//
// ENGINE is rte-fib or rte-lpm, MODE burst, single or dependent, CHECK and CROSS 0 or 1. What it is measured on comes
// before the first answer, as "key: value", up to "ready". The measuring thread is pinned to WORKER_CPU while it measures,
// and is free otherwise.
#include "peers.h"

#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <rte_eal.h>
#include <rte_version.h>

struct input input;

void fail(const char *format, ...) {
	va_list args;
	va_start(args, format);
	fputs("error: ", stdout);
	vprintf(format, args);
	putchar('\n');
	fflush(stdout);
	exit(1);
}

uint64_t fnv1a(uint64_t h, const void *bytes, uint64_t n) {
	for (const uint8_t *b = bytes, *end = b + n; b < end; b++)
		h = (h ^ *b) * UINT64_C(0x100000001b3);
	return h;
}

uint64_t now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void pin(int cpu) {
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof set, &set))
		fail("CPU %d: sched_setaffinity refuses", cpu);
}

void input_read(const char *name) {
	FILE *f = fopen(name, "rb");
	if (!f || fseek(f, 0, SEEK_END))
		fail("%s: cannot be read", name);
	uint64_t size = ftell(f), huge = 2 << 20, head = 8 + sizeof(struct counts);
	rewind(f);
	char *all = aligned_alloc(huge, (size + huge - 1) & ~(huge - 1));
	if (!all)
		fail("%s: no memory for %" PRIu64 " bytes", name, size);
	madvise(all, size, MADV_HUGEPAGE);
	if (fread(all, 1, size, f) != size || size < head + 8 || memcmp(all, "vrfpeer1", 8))
		fail("%s: not an input of peers", name);
	fclose(f);
	struct counts *n = &input.n;
	memcpy(n, all + 8, sizeof *n);
	uint64_t want = head + (uint64_t)n->hops * sizeof(struct adjacency) + (uint64_t)n->routes * sizeof(struct route) +
	                (uint64_t)n->sets * n->keys * 4 + (uint64_t)n->frames * LINE + 8;
	uint64_t sum;
	if (size != want)
		fail("%s: %" PRIu64 " bytes, %" PRIu64 " expected", name, size, want);
	memcpy(&sum, all + size - 8, 8);
	if (sum != fnv1a(FNV_START, all, size - 8))
		fail("%s: its checksum is not %016" PRIx64, name, sum);
	input.adjacencies = (void *)(all + head);
	input.routes = (void *)(input.adjacencies + n->hops);
	input.keys = (void *)(input.routes + n->routes);
	input.lines = (void *)(input.keys + (uint64_t)n->sets * n->keys);
}

// set returns the keys of one, which it checks.
static uint32_t *set(uint32_t number) {
	if (number >= input.n.sets)
		fail("set %u: there are %u", number, input.n.sets);
	return input.keys + (uint64_t)number * input.n.keys;
}

int main(int argc, char **argv) {
	cpu_set_t anywhere;
	sched_getaffinity(0, sizeof anywhere, &anywhere);
	int used = rte_eal_init(argc, argv);
	if (used < 0)
		fail("rte_eal_init refuses");
	argc -= used, argv += used;
	if (argc != 5)
		fail("usage: peers [EAL ARGUMENTS] -- INPUT WORKER_CPU OTHER_CPU WITH_LPM");
	int worker = atoi(argv[2]);
	sched_setaffinity(0, sizeof anywhere, &anywhere);
	input_read(argv[1]);
	printf("dpdk: %s\n", rte_version());
	lookup_build(atoi(argv[4]));
	forward_build(worker, atoi(argv[3]));
	puts("ready");
	fflush(stdout);
	for (char line[256]; fgets(line, sizeof line, stdin); fflush(stdout)) {
		char engine[16], mode[16];
		int burst, check, cross;
		uint32_t number;
		uint64_t ns;
		if (sscanf(line, "answers %15s %u", engine, &number) == 2) {
			printf("answers %016" PRIx64 "\n", lookup_answers(engine, set(number)));
			continue;
		}
		if (sscanf(line, "frames %d", &check) == 1) {
			forward_answers(check);
			continue;
		}
		pin(worker);
		if (sscanf(line, "lookup %15s %15s %d %u %" SCNu64, engine, mode, &burst, &number, &ns) == 5)
			lookup_run(engine, mode, burst, (set(number), number), ns);
		else if (sscanf(line, "forward %d %d %d %" SCNu64, &check, &cross, &burst, &ns) == 4)
			forward_run(check, cross, burst, ns);
		else
			fail("no such command: %s", line);
		sched_setaffinity(0, sizeof anywhere, &anywhere);
	}
	rte_eal_cleanup();
	return 0;
}
