package packet

// Desc describes one frame in an Arena. 16 bytes, no pointers: copying one costs nothing to the garbage collector.
// Its zero value is an empty frame at the start of the arena.
type Desc struct {
	Off   uint32 // first byte of the frame in its arena
	Len   uint16 // bytes, without FCS
	TCI   uint16 // 802.1Q tag received out of band (FlagTCI set)
	Port  uint16 // ingress port, later egress port
	Flags uint16 // Flag...
	Mark  uint32 // free for the owner: stream, flow or hop
}

// FlagTCI says that Desc.TCI holds a tag that is not in the frame (AF_PACKET strips it: tp_vlan_tci).
const FlagTCI uint16 = 1
