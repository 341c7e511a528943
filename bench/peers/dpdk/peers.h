// What the files of this program share. It is the C side of `make peers`: see main.c.
#pragma once

#include <stdint.h>

struct route {
	uint32_t addr, len, hop;
};

// What a hop stands for: the port and the Ethernet header of what leaves there.
struct adjacency {
	uint32_t port;
	uint8_t header[14], pad[2];
};

enum { LINE = 64, PORTS = 4, BURST = 256 };

// The input, as peers.Input writes it: little endian, no padding, and at the end the FNV-1a of all that is before.
//
//	"vrfpeer1" | counts: 5 x u32 | adjacencies | routes | sets x keys x u32 | frames x 64 bytes | u64
struct counts {
	uint32_t hops, routes, sets, keys, frames; // adjacencies[0] is hop 1's
};

struct input {
	struct counts n;
	const struct adjacency *adjacencies;
	const struct route *routes;
	uint32_t *keys;       // set by set; DPDK's functions take no const
	uint8_t (*lines)[LINE]; // the frames: 60 bytes each, the FCS left out
};

extern struct input input;

// Prints "error: ..." and ends.
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

uint64_t fnv1a(uint64_t h, const void *bytes, uint64_t n);
enum { FNV_PRIME_LOW = 0x1b3 };
#define FNV_START UINT64_C(0xcbf29ce484222325)

uint64_t now(void); // ns
void pin(int cpu);  // the calling thread

void input_read(const char *name);

// lookup.c: rte_fib and, if it is wanted, rte_lpm over the same routes.
void lookup_build(int with_lpm); // prints the conditions that it finds as "key: value"
uint64_t lookup_answers(const char *engine, const uint32_t *keys);
// Looks keys up for at least ns, and tells how many and how long.
void lookup_run(const char *engine, const char *mode, int burst, uint32_t set, uint64_t ns);
struct rte_fib *lookup_fib(void);

// forward.c: the loop over rte_ring.
void forward_build(int worker_cpu, int other_cpu);
void forward_run(int check, int cross, int burst, uint64_t ns);
void forward_answers(int check);
