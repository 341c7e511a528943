package config

import "time"

// Process is the part of a configuration that is about the program, not the network. But for the log's level it is
// fixed while the router runs.
type Process struct {
	// Threads that forward, each on a core of its own; default: one for each of cpus, or 1.
	Workers int `yaml:"workers" range:"1-64"`
	// The cores that they are pinned to; default: not pinned.
	CPUs []int `yaml:"cpus" range:"0-4095"`
	// How the kernel spreads a port's packets over workers: by flow, by the core that received them, or by the device's
	// queue; default hash.
	Fanout string `yaml:"fanout" enum:"hash,cpu,qm"`
	// Workers never sleep: lower latency for a core that is always busy.
	BusyPoll bool `yaml:"busy-poll"`
	// The rings shared with the kernel, of each port and worker.
	Rings Rings `yaml:"rings"`
	// How many ICMP errors the router sends: of each kind, for each ingress interface; default: 200 a second, 100 at once.
	ICMPErrors *Limit `yaml:"icmp-errors"`
	// How many pings to its own addresses it answers, for each ingress interface; default: 20000 a second, 2000 at once.
	ICMPEcho *Limit `yaml:"icmp-echo"`
	// How many VRFs there can be at a time; default 4096.
	MaxVRFs int `yaml:"max-vrfs" range:"1-65534"`
	// Unix socket for fwd show, reload and capture; default: none.
	Control string `yaml:"control"`
	// Address and port for /metrics and /healthz over HTTP; default: none.
	Metrics string `yaml:"metrics"`
	// What is logged.
	Log Log `yaml:"log"`
}

// Rings is how packets pass between the kernel and the workers. What is 0 or empty is left to the port (package afpacket).
type Rings struct {
	Place
	// How packets come in: by TPACKET_V3 or TPACKET_V2 rings, or by recvmmsg without a ring.
	Receive string `yaml:"receive" enum:"v3,v2,msg"`
	// How packets go out: by TPACKET_V3 or TPACKET_V2 rings, or by sendmmsg without a ring.
	Transmit string `yaml:"transmit" enum:"v3,v2,msg"`
	// Bytes of a block of the receive ring: a power of two.
	BlockSize Size `yaml:"block-size" range:"4096-67108864"`
	// Blocks of the receive ring.
	Blocks int `yaml:"blocks" range:"2-65536"`
	// Slots of the transmit ring.
	TxFrames int `yaml:"tx-frames" range:"2-1048576"`
	// How long the kernel keeps a block that is not full, in whole milliseconds.
	Retire time.Duration `yaml:"retire" range:"1ms-1m"`
	// Send through the device's queueing discipline instead of past it.
	Qdisc bool `yaml:"qdisc"`
}

// Limit bounds how many messages are sent.
type Limit struct {
	Place
	// Per second, on average; 0: none at all.
	Rate int `yaml:"rate" range:"0-1000000000" required:"true"`
	// At once.
	Burst int `yaml:"burst" range:"1-1000000000" required:"true"`
}

// Size is a number of bytes, such as 65536 or 64KiB.
type Size int

// Log is what is logged, to standard error.
type Log struct {
	Place
	// From which level on; default info.
	Level string `yaml:"level" enum:"debug,info,warn,error"`
	// Lines of key=value, the default, or JSON.
	Format string `yaml:"format" enum:"text,json"`
	// A line for each IP interface that goes up or down too.
	Changes bool `yaml:"changes"`
	// A line for each route in use that changes too.
	Routes bool `yaml:"routes"`
}

// DefaultMaxVRFs is how many VRFs there can be if the file does not say.
const DefaultMaxVRFs = 4096

// complete fills in what the file leaves out.
func (p *Process) complete() {
	if p.Workers == 0 {
		p.Workers = max(1, len(p.CPUs))
	}
	if p.MaxVRFs == 0 {
		p.MaxVRFs = DefaultMaxVRFs
	}
	for _, f := range []struct {
		value *string
		given string
	}{{&p.Fanout, "hash"}, {&p.Log.Level, "info"}, {&p.Log.Format, "text"}} {
		if *f.value == "" {
			*f.value = f.given
		}
	}
}
