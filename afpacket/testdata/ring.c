// The comparator of BenchmarkTx and BenchmarkRx: what a packet costs in C, with the same rings and nothing else.
//
//	ring tx|rx v3|v2|msg VNET SENDER-NS SENDER-IF RECEIVER-NS RECEIVER-IF PACKETS BURST SLOT SLOTS TX-BLOCK BLOCK BLOCKS RX-SLOT
//
// tx: bursts of 60-byte frames to a device whose other end nobody listens at. rx: bursts sent by a V2 ring at one end,
// then drained at the other, on one thread. VNET 1 asks for PACKET_VNET_HDR in the transmit ring. It prints
// "elapsed-ns cpu-ns drain-ns", of all packets, and exits 1 with a message when anything goes wrong.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { V3, V2, MSG };
enum { FRAME = 60, BATCH = 64, TRIES = 1000, VNET = sizeof(struct virtio_net_hdr) };

struct ring {
	int fd, version, vnet, next;
	int slot, slots, block; // bytes, number, bytes
	unsigned blocks, left;  // V3 receive
	char *mem, *at;
};

static void check(int ok, const char *what) {
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static void enter(const char *ns) {
	int fd = open(ns, O_RDONLY);
	check(fd >= 0 && setns(fd, CLONE_NEWNET) == 0, ns);
	close(fd);
}

static void set(int fd, int option, int value) {
	check(setsockopt(fd, SOL_PACKET, option, &value, sizeof value) == 0, "setsockopt");
}

static void attach(int fd, const char *name, int protocol) {
	struct sockaddr_ll a = {.sll_family = AF_PACKET, .sll_protocol = htons(protocol), .sll_ifindex = if_nametoindex(name)};
	check(bind(fd, (void *)&a, sizeof a) == 0, name);
}

static void map(struct ring *r, int option, int retire) {
	struct tpacket_req3 q = {
		.tp_block_size = r->block, .tp_block_nr = r->blocks, .tp_frame_size = r->slot, .tp_frame_nr = r->slots, .tp_retire_blk_tov = retire};
	set(r->fd, PACKET_VERSION, r->version == V3 ? TPACKET_V3 : TPACKET_V2);
	if (r->vnet)
		set(r->fd, PACKET_VNET_HDR, 1);
	check(setsockopt(r->fd, SOL_PACKET, option, &q, r->version == V3 ? sizeof q : sizeof(struct tpacket_req)) == 0, "ring");
	r->mem = mmap(NULL, (size_t)r->block * r->blocks, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	check(r->mem != MAP_FAILED, "mmap");
}

static char *slot(struct ring *r, int i) {
	int per = r->block / r->slot;
	return r->mem + (size_t)(i / per) * r->block + (i % per) * r->slot;
}

static struct ring sender(int version, int vnet, int size, int slots, int block, const char *name) {
	struct ring r = {.fd = socket(AF_PACKET, SOCK_RAW, 0), .version = version, .vnet = vnet, .slot = size, .slots = slots, .block = block};
	check(r.fd >= 0, "socket");
	set(r.fd, PACKET_QDISC_BYPASS, 1);
	if (version != MSG) {
		r.blocks = slots / (block / size);
		map(&r, PACKET_TX_RING, 0);
	}
	attach(r.fd, name, 0);
	return r;
}

// refused lets the sender try again where the receiver's backlog was full.
static void refused(int *tries, const char *what) { check(errno == ENOBUFS && ++*tries < TRIES, what); }

static void send_ring(struct ring *r, const char *frame, int n) {
	int header = r->version == V3 ? sizeof(struct tpacket3_hdr) : sizeof(struct tpacket2_hdr);
	int vnet = r->vnet ? VNET : 0;
	while (n > 0) {
		int filled = 0;
		for (; filled < n; filled++) {
			char *p = slot(r, r->next);
			struct tpacket2_hdr *h2 = (void *)p;
			struct tpacket3_hdr *h3 = (void *)p;
			unsigned *status = r->version == V3 ? &h3->tp_status : &h2->tp_status;
			if (__atomic_load_n(status, __ATOMIC_ACQUIRE) != TP_STATUS_AVAILABLE)
				break;
			memcpy(p + header + vnet, frame, FRAME);
			if (vnet)
				((struct virtio_net_hdr *)(p + header))->hdr_len = FRAME;
			if (r->version == V3)
				h3->tp_len = FRAME + vnet;
			else
				h2->tp_len = FRAME + vnet;
			__atomic_store_n(status, TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
			if (++r->next == r->slots)
				r->next = 0;
		}
		// What is refused, and all behind it, still waits in the ring.
		for (int tries = 0; sendto(r->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0;)
			refused(&tries, "sendto");
		n -= filled;
	}
}

static void send_msg(struct ring *r, const char *frame, int n) {
	static struct mmsghdr m[BATCH];
	static struct iovec v[BATCH];
	for (int tries = 0; n > 0;) {
		int batch = n < BATCH ? n : BATCH;
		for (int i = 0; i < batch; i++) {
			v[i] = (struct iovec){(char *)frame, FRAME};
			m[i].msg_hdr = (struct msghdr){.msg_iov = &v[i], .msg_iovlen = 1};
		}
		int sent = sendmmsg(r->fd, m, batch, MSG_DONTWAIT);
		if (sent > 0)
			n -= sent;
		else
			refused(&tries, "sendmmsg");
	}
}

static volatile unsigned sink; // what the receivers do with a frame: look at its addresses and its type

static void look(const char *frame) { sink += *(const unsigned *)frame + *(const unsigned short *)(frame + 12); }

static int receive_v3(struct ring *r) {
	int n = 0;
	for (;;) {
		struct tpacket_block_desc *b = (void *)(r->mem + (size_t)r->next * r->block);
		if (!(__atomic_load_n(&b->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
			return n;
		char *p = (char *)b + b->hdr.bh1.offset_to_first_pkt;
		for (unsigned left = b->hdr.bh1.num_pkts; left > 0; left--, n++) {
			struct tpacket3_hdr *h = (void *)p;
			struct sockaddr_ll *a = (void *)(p + TPACKET_ALIGN(sizeof *h));
			if (a->sll_pkttype != PACKET_OTHERHOST && h->tp_len == h->tp_snaplen)
				look(p + h->tp_mac);
			p += h->tp_next_offset;
		}
		__atomic_store_n(&b->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		if (++r->next == (int)r->blocks)
			r->next = 0;
	}
}

static int receive_v2(struct ring *r) {
	for (int n = 0;; n++) {
		char *p = slot(r, r->next);
		struct tpacket2_hdr *h = (void *)p;
		if (!(__atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
			return n;
		struct sockaddr_ll *a = (void *)(p + TPACKET_ALIGN(sizeof *h));
		if (a->sll_pkttype != PACKET_OTHERHOST && h->tp_len == h->tp_snaplen)
			look(p + h->tp_mac);
		__atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		if (++r->next == r->slots)
			r->next = 0;
	}
}

static int receive_msg(struct ring *r) {
	static struct mmsghdr m[BATCH];
	static struct iovec v[BATCH];
	static struct sockaddr_ll a[BATCH];
	static char control[BATCH][CMSG_SPACE(sizeof(struct tpacket_auxdata))], buffer[BATCH][2048];
	for (int n = 0;;) {
		for (int i = 0; i < BATCH; i++) {
			v[i] = (struct iovec){buffer[i], sizeof buffer[i]};
			m[i].msg_hdr = (struct msghdr){.msg_name = &a[i], .msg_namelen = sizeof a[i], .msg_iov = &v[i], .msg_iovlen = 1,
				.msg_control = control[i], .msg_controllen = sizeof control[i]};
		}
		int got = recvmmsg(r->fd, m, BATCH, MSG_DONTWAIT, NULL);
		if (got <= 0)
			return n;
		for (int i = 0; i < got; i++)
			if (a[i].sll_pkttype != PACKET_OTHERHOST)
				look(buffer[i] + VNET);
		n += got;
	}
}

static long long now(clockid_t c) {
	struct timespec t;
	clock_gettime(c, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv) {
	check(argc == 16, "usage: see the head of ring.c");
	int rx = argv[1][0] == 'r', version = argv[2][0] == 'm' ? MSG : argv[2][1] == '3' ? V3 : V2;
	int vnet = atoi(argv[3]), packets = atoi(argv[8]), burst = atoi(argv[9]);
	enter(argv[4]);
	struct ring tx = sender(rx ? V2 : version, vnet, atoi(argv[10]), atoi(argv[11]), atoi(argv[12]), argv[5]);
	struct ring in = {.version = version, .vnet = 1, .block = atoi(argv[13]), .blocks = atoi(argv[14])};
	if (rx) {
		enter(argv[6]);
		in.fd = socket(AF_PACKET, SOCK_RAW, 0);
		check(in.fd >= 0, "socket");
		set(in.fd, PACKET_IGNORE_OUTGOING, 1);
		if (version == MSG) {
			int room = in.block * in.blocks;
			set(in.fd, PACKET_AUXDATA, 1);
			set(in.fd, PACKET_VNET_HDR, 1);
			check(setsockopt(in.fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) == 0, "SO_RCVBUFFORCE");
		} else {
			in.slot = atoi(argv[15]);
			in.slots = in.block / in.slot * in.blocks;
			map(&in, PACKET_RX_RING, version == V3 ? 1 : 0);
		}
		attach(in.fd, argv[7], ETH_P_ALL);
	}
	char frame[FRAME] = {[0 ... 5] = 0xff, [6] = 2, [12] = 0x88, 0xb5};
	long long drain = 0, start = now(CLOCK_MONOTONIC), cpu = now(CLOCK_THREAD_CPUTIME_ID);
	int received = 0;
	for (int sent = 0; sent < packets; sent += burst) {
		if (tx.version == MSG)
			send_msg(&tx, frame, burst);
		else
			send_ring(&tx, frame, burst);
		if (rx) {
			long long before = now(CLOCK_MONOTONIC);
			received += version == V3 ? receive_v3(&in) : version == V2 ? receive_v2(&in) : receive_msg(&in);
			drain += now(CLOCK_MONOTONIC) - before;
		}
	}
	printf("%lld %lld %lld\n", now(CLOCK_MONOTONIC) - start, now(CLOCK_THREAD_CPUTIME_ID) - cpu, drain);
	if (rx && packets > 100000 && received < packets / 2) {
		fprintf(stderr, "received %d of %d packets\n", received, packets);
		return 1;
	}
	return 0;
}
