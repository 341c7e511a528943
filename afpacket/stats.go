package afpacket

import "sync/atomic"

// Stats are a port's counters since it was opened, in frames. A frame that the kernel received counts once: in RxFrames
// or in one of the Rx counters below it that say why not.
type Stats struct {
	RxFrames    uint64 // returned by RxBurst
	RxDrops     uint64 // not stored by the kernel: no room in the ring
	RxTooLong   uint64 // skipped: longer than Options.FrameSize
	RxSuper     uint64 // skipped: segments merged by GRO or not yet cut by TSO (see Warnings)
	RxOtherHost uint64 // skipped: to another MAC address
	RxTag       uint64 // skipped: the outer tag is not an 802.1Q one
	RxBad       uint64 // skipped: the ring holds what the kernel never writes
	RxChecksum  uint64 // of RxFrames, those whose checksum the sender had left to its device and was completed here
	RxFreezes   uint64 // times that the kernel found every block taken (V3)

	TxFrames  uint64 // taken by the kernel
	TxFull    uint64 // not taken by TxBurst: all slots wait for the device
	TxRefused uint64 // not taken by TxBurst: the kernel would not have them (down, removed, queue full, no memory)
	TxTooLong uint64 // taken and dropped: longer than Options.FrameSize or the device's MTU allows
	TxWrong   uint64 // taken and dropped: TP_STATUS_WRONG_FORMAT
}

// counters are written by the port's worker and read by anyone.
type counters struct {
	rxFrames, rxTooLong, rxSuper, rxOtherHost, rxTag, rxBad, rxChecksum atomic.Uint64
	txFrames, txFull, txRefused, txTooLong, txWrong                     atomic.Uint64
}

// add adds n once per burst; a locked addition of 0 is left out.
func add(c *atomic.Uint64, n int) {
	if n != 0 {
		c.Add(uint64(n))
	}
}

func (c *counters) stats() Stats {
	return Stats{
		RxFrames: c.rxFrames.Load(), RxTooLong: c.rxTooLong.Load(), RxSuper: c.rxSuper.Load(),
		RxOtherHost: c.rxOtherHost.Load(), RxTag: c.rxTag.Load(), RxBad: c.rxBad.Load(), RxChecksum: c.rxChecksum.Load(),
		TxFrames: c.txFrames.Load(), TxFull: c.txFull.Load(), TxRefused: c.txRefused.Load(),
		TxTooLong: c.txTooLong.Load(), TxWrong: c.txWrong.Load(),
	}
}
