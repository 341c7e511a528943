// The least that forwards: a comparator of BenchmarkLive.
//
//	forward IN OUT BLOCK BLOCKS SLOT SLOTS
//
// It takes frames from IN's TPACKET_V3 ring (BLOCKS of BLOCK bytes, 1 ms) and copies each into OUT's TPACKET_V2 ring
// (SLOTS of SLOT bytes), one sendto for at most 256; nothing is looked up, checked or rewritten. It sleeps in poll while
// there is nothing, drops what finds no slot, prints "ready" when it begins and ends with its standard input.
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BURST = 256 };

static int open_ring(const char *name, int protocol, int version, int option, struct tpacket_req3 *q, char **mem) {
	int fd = socket(AF_PACKET, SOCK_RAW, 0), one = 1;
	struct sockaddr_ll a = {.sll_family = AF_PACKET, .sll_protocol = htons(protocol), .sll_ifindex = if_nametoindex(name)};
	size_t size = (size_t)q->tp_block_size * q->tp_block_nr;
	socklen_t len = version == TPACKET_V3 ? sizeof *q : sizeof(struct tpacket_req);
	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) ||
	    setsockopt(fd, SOL_PACKET, protocol ? PACKET_IGNORE_OUTGOING : PACKET_QDISC_BYPASS, &one, sizeof one) ||
	    setsockopt(fd, SOL_PACKET, option, q, len) ||
	    (*mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)) == MAP_FAILED ||
	    bind(fd, (struct sockaddr *)&a, sizeof a)) {
		perror(name);
		exit(1);
	}
	return fd;
}

int main(int argc, char **argv) {
	if (argc != 7) {
		fputs("usage: see the head of forward.c\n", stderr);
		return 2;
	}
	unsigned block = atoi(argv[3]), blocks = atoi(argv[4]), size = atoi(argv[5]), slots = atoi(argv[6]);
	char *in, *out;
	struct tpacket_req3 rq = {.tp_block_size = block, .tp_block_nr = blocks, .tp_frame_size = 2048, .tp_frame_nr = block / 2048 * blocks, .tp_retire_blk_tov = 1};
	struct tpacket_req3 tq = {.tp_block_size = size * slots, .tp_block_nr = 1, .tp_frame_size = size, .tp_frame_nr = slots};
	int rx = open_ring(argv[1], ETH_P_ALL, TPACKET_V3, PACKET_RX_RING, &rq, &in);
	int tx = open_ring(argv[2], 0, TPACKET_V2, PACKET_TX_RING, &tq, &out);
	struct pollfd wait[2] = {{.fd = rx, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
	puts("ready");
	fflush(stdout);
	for (unsigned next = 0, free = 0;;) {
		struct tpacket_block_desc *b = (void *)(in + (size_t)next * block);
		if (!(__atomic_load_n(&b->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER)) {
			poll(wait, 2, -1);
			if (wait[1].revents)
				return 0;
			continue;
		}
		char *p = (char *)b + b->hdr.bh1.offset_to_first_pkt;
		unsigned filled = 0;
		for (unsigned left = b->hdr.bh1.num_pkts; left > 0; left--) {
			struct tpacket3_hdr *f = (void *)p;
			struct tpacket2_hdr *t = (void *)(out + (size_t)free * size);
			if (f->tp_snaplen + sizeof *t <= size && __atomic_load_n(&t->tp_status, __ATOMIC_ACQUIRE) == TP_STATUS_AVAILABLE) {
				memcpy((char *)t + TPACKET2_HDRLEN - sizeof(struct sockaddr_ll), p + f->tp_mac, f->tp_snaplen);
				t->tp_len = f->tp_snaplen;
				__atomic_store_n(&t->tp_status, TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
				free = (free + 1) % slots;
				filled++;
			}
			if (filled == BURST || left == 1) {
				sendto(tx, NULL, 0, MSG_DONTWAIT, NULL, 0);
				filled = 0;
			}
			p += f->tp_next_offset;
		}
		__atomic_store_n(&b->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		next = (next + 1) % blocks;
	}
}
