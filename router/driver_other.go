//go:build !linux

package router

import "vrfwd/afpacket"

// System opens the system's network devices: on Linux only.
type System struct{}

// Open gives the error of afpacket.
func (System) Open(o afpacket.Options) (Queue, error) {
	p, err := afpacket.Open(o)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// FanoutGroup gives the error of afpacket.
func (System) FanoutGroup() (uint16, error) { return afpacket.FanoutGroup() }

// WatchLinks gives the error of afpacket.
func (System) WatchLinks() (Links, error) { return nil, afpacket.Wait(nil, 0) }

// NewWaiter gives the error of afpacket.
func (System) NewWaiter() (Waiter, error) { return nil, afpacket.Wait(nil, 0) }
