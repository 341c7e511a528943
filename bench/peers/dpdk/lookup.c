// Lookups: rte_fib as DIR-24-8 with 2-byte entries, and rte_lpm. Each key is one lookup in one table: no VRF, no second
// table.
#include "peers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_fib.h>
#include <rte_lpm.h>
#include <rte_rib.h>

static struct rte_fib *fib;
static struct rte_lpm *lpm;

struct rte_fib *lookup_fib(void) { return fib; }

// groups counts the /24s that hold longer prefixes: each needs one group of 256 entries. Routes are sorted.
static uint32_t groups(void) {
	uint32_t n = 0, last = UINT32_MAX;
	for (uint32_t i = 0; i < input.n.routes; i++)
		if (input.routes[i].len > 24 && input.routes[i].addr >> 8 != last) {
			last = input.routes[i].addr >> 8;
			n++;
		}
	return n;
}

void lookup_build(int with_lpm) {
	uint32_t n = input.n.routes, spare = 64;
	struct rte_fib_conf fc = {.type = RTE_FIB_DIR24_8, .default_nh = 0, .max_routes = n,
		.dir24_8 = {.nh_sz = RTE_FIB_DIR24_8_2B, .num_tbl8 = groups() + spare}};
	struct rte_lpm_config lc = {.max_rules = n, .number_tbl8s = groups() + spare};
	if (input.n.hops >= 1 << 15)
		fail("%u next hops: 2-byte entries of rte_fib hold less than %d", input.n.hops, 1 << 15);
	if (!(fib = rte_fib_create("fib", SOCKET_ID_ANY, &fc)))
		fail("rte_fib_create: %s", rte_strerror(rte_errno));
	if (with_lpm && !(lpm = rte_lpm_create("lpm", SOCKET_ID_ANY, &lc)))
		fail("rte_lpm_create: %s", rte_strerror(rte_errno));
	uint64_t began = now();
	for (const struct route *r = input.routes; r < input.routes + n; r++) {
		int e = rte_fib_add(fib, r->addr, r->len, r->hop);
		if (e)
			fail("rte_fib_add %08x/%u: %s", r->addr, r->len, rte_strerror(-e));
	}
	printf("rte-fib-build-ms: %" PRIu64 "\n", (now() - began) / 1000000);
	if (with_lpm) {
		// rte_lpm_add searches the rules of the same length one by one, so this grows with their square.
		began = now();
		for (const struct route *r = input.routes; r < input.routes + n; r++) {
			int e = rte_lpm_add(lpm, r->addr, r->len, r->hop);
			if (e)
				fail("rte_lpm_add %08x/%u: %s", r->addr, r->len, rte_strerror(-e));
		}
		printf("rte-lpm-build-ms: %" PRIu64 "\n", (now() - began) / 1000000);
	}
	const char *how = "AVX-512";
	if (rte_fib_select_lookup(fib, RTE_FIB_LOOKUP_DIR24_8_VECTOR_AVX512)) {
		rte_fib_select_lookup(fib, RTE_FIB_LOOKUP_DEFAULT);
		how = "scalar";
	}
	printf("rte-fib-lookup: %s\n", how);
}

static void known(int ok, const char *what) {
	if (!ok)
		fail("%s is not known", what);
}

uint64_t lookup_answers(const char *engine, const uint32_t *keys) {
	int is_fib = !strcmp(engine, "rte-fib");
	known(is_fib || (lpm && !strcmp(engine, "rte-lpm")), engine);
	uint64_t h = FNV_START;
	for (uint32_t i = 0; i < input.n.keys; i += BURST) {
		uint64_t wide[BURST];
		uint32_t hops[BURST];
		if (is_fib)
			rte_fib_lookup_bulk(fib, (uint32_t *)keys + i, wide, BURST);
		else
			rte_lpm_lookup_bulk(lpm, keys + i, hops, BURST);
		for (int j = 0; j < BURST; j++)
			hops[j] = is_fib ? wide[j] : hops[j] & RTE_LPM_LOOKUP_SUCCESS ? hops[j] & (RTE_LPM_LOOKUP_SUCCESS - 1) : 0;
		h = fnv1a(h, hops, sizeof hops);
	}
	return h;
}

// The loops, each over n keys, n a multiple of burst. What they return depends on every answer: without, the compiler
// could leave lookups out.

static uint64_t fib_burst(uint32_t *keys, uint32_t n, int burst) {
	uint64_t out[BURST];
	for (uint32_t i = 0; i < n; i += burst)
		rte_fib_lookup_bulk(fib, keys + i, out, burst);
	return out[0];
}

static uint64_t fib_single(uint32_t *keys, uint32_t n, int burst) {
	uint64_t out, sum = 0;
	(void)burst;
	for (uint32_t i = 0; i < n; i++) {
		rte_fib_lookup_bulk(fib, keys + i, &out, 1);
		sum += out;
	}
	return sum;
}

// Dependent: each address waits for the last answer, and is not changed by it: none is 0, which the compiler cannot know.
static uint32_t nothing(void) {
	static volatile uint32_t zero;
	return zero;
}

static uint64_t fib_dependent(uint32_t *keys, uint32_t n, int burst) {
	uint64_t out = 0;
	uint32_t none = nothing();
	(void)burst;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t key = keys[i] ^ ((uint32_t)out & none);
		rte_fib_lookup_bulk(fib, &key, &out, 1);
	}
	return out;
}

static uint64_t lpm_burst(uint32_t *keys, uint32_t n, int burst) {
	uint32_t out[BURST];
	for (uint32_t i = 0; i < n; i += burst) {
		rte_lpm_lookup_bulk(lpm, keys + i, out, burst);
		asm volatile("" : : "r"(out) : "memory"); // inlined: the answers are asked for
	}
	return out[0];
}

static uint64_t lpm_single(uint32_t *keys, uint32_t n, int burst) {
	uint64_t sum = 0;
	(void)burst;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t hop = 0;
		rte_lpm_lookup(lpm, keys[i], &hop);
		sum += hop;
	}
	return sum;
}

static uint64_t lpm_dependent(uint32_t *keys, uint32_t n, int burst) {
	uint32_t hop = 0, none = nothing();
	(void)burst;
	for (uint32_t i = 0; i < n; i++)
		rte_lpm_lookup(lpm, keys[i] ^ (hop & none), &hop);
	return hop;
}

static const struct loop {
	const char *engine, *mode;
	uint64_t (*run)(uint32_t *keys, uint32_t n, int burst);
} loops[] = {
	{"rte-fib", "burst", fib_burst}, {"rte-fib", "single", fib_single}, {"rte-fib", "dependent", fib_dependent},
	{"rte-lpm", "burst", lpm_burst}, {"rte-lpm", "single", lpm_single}, {"rte-lpm", "dependent", lpm_dependent},
};

void lookup_run(const char *engine, const char *mode, int burst, uint32_t set, uint64_t ns) {
	static uint32_t at[16]; // the next key of each set: a sample goes on where the last one ended
	const struct loop *l = loops, *end = loops + sizeof loops / sizeof *loops;
	while (l < end && (strcmp(l->engine, engine) || strcmp(l->mode, mode)))
		l++;
	known(l < end && (lpm || strcmp(engine, "rte-lpm")), mode);
	known(burst >= 1 && burst <= BURST && BURST % burst == 0 && set < 16, "burst or set");
	uint32_t n = input.n.keys, step = n < 1 << 18 ? n : 1 << 18, *keys = input.keys + (uint64_t)set * n;
	volatile uint64_t keep = l->run(keys + at[set], step, burst); // warm
	uint64_t done = 0, began = now(), took;
	do {
		at[set] = (at[set] + step) & (n - 1);
		keep = l->run(keys + at[set], step, burst);
		done += step;
		took = now() - began;
	} while (took < ns);
	(void)keep;
	printf("lookup %" PRIu64 " %" PRIu64 "\n", done, took);
}
