// Forwarding: a thin loop over rte_ring with rte_fib, in memory. One table, no VRFs; what is in it:
//
//	generator   copies a frame's line of 64 bytes into an mbuf and writes a sequence number, as gen.Traffic does
//	ring rx     SPSC
//	worker      reads the destination; with check: version, length, header checksum, TTL; rte_fib in bulk; TTL and
//	            checksum (RFC 1624); takes the tag off and writes the Ethernet header; sorts by port; counts by port
//	rings tx    SPSC, one for each port
//	sink        counts by flow, and looks at the port and at what follows the EtherType, as bench's does
//
// The mbufs are taken from their pool once and go round, so that no pool is in the figure. Without cross all is one
// thread; with cross generator and sink are another, on OTHER_CPU.
#include "peers.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_fib.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

enum { ETHERNET = 14, TAGGED = 18, FRAME = 60, IN_FLIGHT = 2048, SEQUENCE = 52 }; // gen: the signature's sequence in a tagged frame

struct tally {
	uint32_t n, port;
};

static struct rte_mempool *pool;
static struct rte_mbuf *frames[IN_FLIGHT];
static struct rte_ring *rx, *tx[PORTS], *dropped;
static struct tally *flows; // by frame of the input
static int worker_cpu, other_cpu;

static struct rte_ring *ring(const char *name) {
	struct rte_ring *r = rte_ring_create(name, 2 * IN_FLIGHT, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (!r)
		fail("rte_ring_create: %s", rte_strerror(rte_errno));
	return r;
}

void forward_build(int worker, int other) {
	worker_cpu = worker, other_cpu = other;
	pool = rte_pktmbuf_pool_create("frames", IN_FLIGHT, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (!pool || rte_pktmbuf_alloc_bulk(pool, frames, IN_FLIGHT))
		fail("rte_pktmbuf_pool_create: %s", rte_strerror(rte_errno));
	rx = ring("rx"), dropped = ring("dropped");
	for (int p = 0; p < PORTS; p++) {
		char name[8];
		snprintf(name, sizeof name, "tx%d", p);
		tx[p] = ring(name);
	}
	flows = calloc(input.n.frames, sizeof *flows);
	for (uint32_t i = 0; i < input.n.frames; i++) {
		uint32_t dst = rte_be_to_cpu_32(*(unaligned_uint32_t *)(input.lines[i] + TAGGED + 16));
		uint64_t hop;
		rte_fib_lookup_bulk(lookup_fib(), &dst, &hop, 1);
		flows[i].port = hop ? input.adjacencies[hop - 1].port : PORTS;
	}
}

// good is the header's check: version and IHL, length, checksum, TTL.
static inline int good(const struct rte_ipv4_hdr *ip, uint32_t room) {
	return ip->version_ihl == RTE_IPV4_VHL_DEF && rte_be_to_cpu_16(ip->total_length) <= room && ip->time_to_live > 1 &&
	       rte_raw_cksum(ip, sizeof *ip) == 0xffff; // RFC 1071: the sum with its checksum in it
}

// work is the worker's pass: what it has taken from rx leaves for a port or is dropped.
static inline unsigned work(struct rte_fib *fib, int burst, int check, uint64_t *counters) {
	struct rte_mbuf *m[BURST], *out[PORTS][BURST], *bad[BURST];
	uint32_t dst[BURST];
	uint64_t hop[BURST];
	unsigned to[PORTS] = {0}, drops = 0, n = rte_ring_sc_dequeue_burst(rx, (void **)m, burst, NULL);
	for (unsigned i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
	unsigned kept = 0;
	for (unsigned i = 0; i < n; i++) {
		struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m[i], struct rte_ipv4_hdr *, TAGGED);
		if (check && unlikely(!good(ip, m[i]->data_len - TAGGED))) {
			bad[drops++] = m[i];
			continue;
		}
		m[kept] = m[i];
		dst[kept++] = rte_be_to_cpu_32(ip->dst_addr);
	}
	if (kept)
		rte_fib_lookup_bulk(fib, dst, hop, kept);
	for (unsigned i = 0; i < kept; i++) {
		if (unlikely(hop[i] == 0)) {
			bad[drops++] = m[i];
			continue;
		}
		const struct adjacency *a = &input.adjacencies[hop[i] - 1];
		struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m[i], struct rte_ipv4_hdr *, TAGGED);
		ip->time_to_live--;
		uint32_t sum = ip->hdr_checksum + rte_cpu_to_be_16(0x0100);
		ip->hdr_checksum = sum + (sum >= 0xffff);
		m[i]->data_off += 4;
		m[i]->data_len -= 4, m[i]->pkt_len -= 4;
		memcpy(rte_pktmbuf_mtod(m[i], void *), a->header, sizeof a->header);
		out[a->port][to[a->port]++] = m[i];
	}
	for (int p = 0; p < PORTS; p++)
		if (to[p]) {
			rte_ring_sp_enqueue_bulk(tx[p], (void **)out[p], to[p], NULL);
			counters[p] += to[p];
		}
	if (unlikely(drops)) {
		rte_ring_sp_enqueue_bulk(dropped, (void **)bad, drops, NULL);
		counters[PORTS] += drops;
	}
	return n;
}

// The other end: a stack of free frames, and the next line of the input.
struct end {
	uint32_t line, round;
	unsigned free;
	struct rte_mbuf *stack[IN_FLIGHT];
	uint64_t sent, out, back, wrong;
	uint64_t sum; // of what came out: filled where it is asked for
};

static inline void generate(struct end *e, unsigned burst) {
	unsigned n = RTE_MIN(RTE_MIN(burst, e->free), input.n.frames - e->line);
	struct rte_mbuf **m = e->stack + e->free - n;
	for (unsigned i = 0; i < n; i++) {
		m[i]->data_off = RTE_PKTMBUF_HEADROOM;
		m[i]->data_len = m[i]->pkt_len = FRAME;
		m[i]->hash.usr = e->line + i;
		char *frame = rte_pktmbuf_mtod(m[i], char *);
		memcpy(frame, input.lines[e->line + i], LINE);
		*(unaligned_uint32_t *)(frame + SEQUENCE) = rte_cpu_to_be_32(e->round);
	}
	rte_ring_sp_enqueue_bulk(rx, (void **)m, n, NULL);
	e->free -= n;
	e->sent += n;
	if ((e->line += n) == input.n.frames)
		e->line = 0, e->round++;
}

static inline void collect(struct end *e, int sum) {
	const uint16_t untagged = rte_cpu_to_be_16(0x4500); // version 4, IHL 5, TOS 0
	for (unsigned p = 0; p <= PORTS; p++) {
		struct rte_mbuf **m = e->stack + e->free;
		unsigned n = rte_ring_sc_dequeue_burst(p < PORTS ? tx[p] : dropped, (void **)m, IN_FLIGHT - e->free, NULL);
		for (unsigned i = 0; i < n; i++) {
			struct tally *t = &flows[m[i]->hash.usr];
			t->n++;
			e->wrong += t->port != p || (p < PORTS && *rte_pktmbuf_mtod_offset(m[i], unaligned_uint16_t *, ETHERNET) != untagged);
			if (sum && p < PORTS)
				e->sum += fnv1a(fnv1a(FNV_START, &p, 4), rte_pktmbuf_mtod(m[i], void *), m[i]->data_len);
		}
		e->free += n;
		*(p < PORTS ? &e->out : &e->back) += n;
	}
}

static struct {
	int burst, check;
	int stop;
} run;

static void *worker(void *counters) {
	pin(worker_cpu);
	struct rte_fib *fib = lookup_fib();
	while (!__atomic_load_n(&run.stop, __ATOMIC_ACQUIRE)) {
		for (int i = 0; i < 64; i++) {
			if (run.check)
				work(fib, run.burst, 1, counters);
			else
				work(fib, run.burst, 0, counters);
		}
	}
	return NULL;
}

// rounds sends whole rounds of the input until ns have passed, and waits for the last frame. In one thread one burst is
// in flight, so that the frames stay in L1; across two, IN_FLIGHT.
static uint64_t rounds(struct end *e, int check, int cross, int burst, uint64_t ns, int sum) {
	static uint64_t counters[2][PORTS + 1 + 8];
	struct rte_fib *fib = lookup_fib();
	memset(e, 0, sizeof *e);
	for (uint32_t i = 0; i < input.n.frames; i++)
		flows[i].n = 0;
	e->free = cross ? IN_FLIGHT : burst;
	memcpy(e->stack, frames, e->free * sizeof *frames);
	unsigned all = e->free;
	pthread_t thread;
	if (cross) {
		run.burst = burst, run.check = check, run.stop = 0;
		if (pthread_create(&thread, NULL, worker, counters[1]))
			fail("pthread_create refuses");
		pin(other_cpu);
	}
	uint64_t began = now(), took = 0;
	do {
		uint32_t round = e->round;
		while (e->round == round) {
			generate(e, burst);
			if (!cross && check)
				work(fib, burst, 1, counters[0]);
			else if (!cross)
				work(fib, burst, 0, counters[0]);
			collect(e, sum);
		}
		took = now() - began;
	} while (took < ns);
	while (e->free < all) // drain
		collect(e, sum);
	took = now() - began;
	if (cross) {
		__atomic_store_n(&run.stop, 1, __ATOMIC_RELEASE);
		pthread_join(thread, NULL);
	}
	return took;
}

void forward_run(int check, int cross, int burst, uint64_t ns) {
	static struct end e;
	if (burst < 1 || burst > BURST)
		fail("burst %d: 1 to %d are possible", burst, BURST);
	rounds(&e, check, cross, burst, 0, 0); // warm
	uint64_t took = rounds(&e, check, cross, burst, ns, 0), lost = e.sent - e.out - e.back;
	for (uint32_t i = 0; i < input.n.frames; i++)
		if (flows[i].n != e.round)
			lost += flows[i].n < e.round ? e.round - flows[i].n : flows[i].n - e.round;
	printf("forward %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", e.out, took, lost, e.wrong);
}

void forward_answers(int check) {
	static struct end e;
	rounds(&e, check, 0, BURST, 0, 1);
	printf("frames %016" PRIx64 " %" PRIu64 "\n", e.sum, e.back);
}
