package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"vrfwd/bench/live"
	"vrfwd/cmd/internal/cli"
)

// streamFlags say what traffic there is: a file, or one stream by flags. send and sink have the same, so that what one is
// told goes for the other.
type streamFlags struct {
	file       string
	interfaces []string
	words      map[string]*string
	discard    bool
	imix       bool
	seed       string
}

// oneStream are the flags of one stream.
var oneStream = []struct{ name, value, text string }{
	{"port", "", "`interface` that the frames are sent on; name@namespace for one in another network namespace"},
	{"sink", "", "`interface` that they must come out on"},
	{"vlan", "", "VLAN at the port, or a group of them: 1-1000; none: untagged"},
	{"sink-vlan", "", "VLAN at the sink, or a group of as many"},
	{"vrf", "default", "VRF that the port's side belongs to; {vlan} stands for the VLAN"},
	{"sink-vrf", "default", "VRF that the sink's side belongs to"},
	{"src", "10.0.0.0/8", "source `addresses`: prefixes, addresses, ranges a-b, and table:FILE, with commas between them"},
	{"dst", "198.18.0.0/15", "destination `addresses`, likewise"},
	{"keys", "routed", "destinations: routed (a random prefix, then an address in it), covered (any address), each (every prefix in turn)"},
	{"flows", "", "number of flows; default 1024, or one for each VLAN"},
	{"size", "64", "frame size in bytes, FCS included, or a mix such as 64:7,594:4,1518:1"},
	{"ttl", "64", "of the IP header"},
	{"rate", "1000pps", "500pps, 100kpps, 10Mbit/s, 50% of --line, or max"},
	{"line", "", "`rate` that percentages are of"},
	{"burst", "1", "frames sent at once"},
	{"count", "", "frames to send; default: as many as --duration allows"},
	{"duration", "", "time to send; default 10s, without limit with --count"},
	{"mac", "", "source `MAC`; default the interface's"},
	{"dst-mac", "", "the router's `MAC` at the port"},
	{"gateway", "", "the router's `address` at the port, to ask for its MAC by ARP; with neither, frames go to the sink's own MAC"},
	{"address", "", "the tester's `addresses` at the port, which ARP is answered for"},
	{"sink-mac", "", "`MAC` that ARP is answered with at the sink; default the interface's"},
	{"sink-address", "", "the tester's `addresses` at the sink, which ARP is answered for"},
}

func (f *streamFlags) add(fl *pflag.FlagSet) {
	f.words = map[string]*string{}
	fl.SortFlags = false
	fl.StringVarP(&f.file, "config", "c", "", "stream `file`, in place of the stream that flags describe")
	fl.StringArrayVar(&f.interfaces, "interface", nil, "`port=interface`: which interface a port of the file is here, name or name@namespace")
	for _, s := range oneStream {
		f.words[s.name] = fl.String(s.name, s.value, s.text)
	}
	fl.BoolVar(&f.discard, "discard", false, "the frames must not come out anywhere")
	fl.BoolVar(&f.imix, "imix", false, "the simple Internet mix: 64, 594 and 1518 bytes, 7:4:1")
	fl.StringVar(&f.seed, "seed", "1", "of addresses and sizes")
}

// spec reads the file or the flags.
func (f *streamFlags) spec(fl *pflag.FlagSet) (*live.Spec, error) {
	d, err := f.document(fl)
	if err != nil {
		return nil, err
	}
	s, err := d.Spec()
	if err != nil {
		return nil, err
	}
	return s, f.place(s)
}

func (f *streamFlags) document(fl *pflag.FlagSet) (*live.Document, error) {
	if f.file == "" {
		if len(f.interfaces) > 0 {
			return nil, cli.Usage(errors.New("--interface places a port of a stream file: --config is missing"))
		}
		return f.oneStream(fl.Changed)
	}
	for _, s := range oneStream {
		if fl.Changed(s.name) {
			return nil, cli.Usage(fmt.Errorf("--config and --%s: the file says what is sent", s.name))
		}
	}
	for _, name := range []string{"discard", "imix"} {
		if fl.Changed(name) {
			return nil, cli.Usage(fmt.Errorf("--config and --%s: the file says what is sent", name))
		}
	}
	d, err := live.ReadFile(f.file)
	if err == nil && (d.Seed.Text == "" || fl.Changed("seed")) {
		d.Seed = live.Word{Text: f.seed, Flag: "seed"}
	}
	return d, err
}

// elsewhere is the port that frames come out on where none is given: not one of this process.
const elsewhere = "elsewhere"

// elsewhere tells whether no frame comes out here, nor must.
func (f *streamFlags) elsewhere() bool { return f.file == "" && *f.words["sink"] == "" && !f.discard }

// oneStream makes a document of the flags.
func (f *streamFlags) oneStream(changed func(string) bool) (*live.Document, error) {
	word := func(flag string) live.Word { return live.Word{Text: *f.words[flag], Flag: flag} }
	some := func(flag string) []live.Word {
		if *f.words[flag] == "" {
			return nil
		}
		return []live.Word{word(flag)}
	}
	named := func(name, flag string) live.Word { return live.Word{Text: name, Flag: flag} }
	if *f.words["port"] == "" {
		return nil, cli.Usage(errors.New("--port is missing: the interface to send on, or --config with a stream file"))
	}
	if *f.words["port"] == *f.words["sink"] {
		return nil, cli.Usage(errors.New("--port and --sink are the same: a stream that comes out where it goes in takes two circuits in a stream file"))
	}
	size := word("size")
	if f.imix {
		if changed("size") {
			return nil, cli.Usage(errors.New("--imix and --size: only one of them"))
		}
		size = named("imix", "imix")
	}
	duration := word("duration")
	if duration.Text == "" && *f.words["count"] == "" {
		duration.Text = "10s"
	}
	to, sink := named("out", "sink"), word("sink")
	if sink.Text == "" {
		sink.Text = elsewhere
	}
	d := &live.Document{
		Name: "flags", Dir: ".", Seed: live.Word{Text: f.seed, Flag: "seed"},
		Ports: []live.PortEntry{{At: word("port"), Name: word("port"), Line: word("line")}, {At: sink, Name: sink}},
		Circuits: []live.CircuitEntry{{
			At: word("port"), Name: named("in", "port"), Port: word("port"), VLAN: word("vlan"), VRF: word("vrf"), MAC: word("mac"),
			Address: some("address"), Gateway: word("gateway"), GatewayMAC: word("dst-mac"),
		}, {
			At: sink, Name: named("out", "sink"), Port: sink, VLAN: word("sink-vlan"), VRF: word("sink-vrf"), MAC: word("sink-mac"),
			Address: some("sink-address"),
		}},
		Streams: []live.StreamEntry{{
			At: word("port"), Name: named("stream", "port"), From: named("in", "port"), To: to, Source: some("src"), Destination: some("dst"),
			Keys: word("keys"), Flows: word("flows"), Size: size, TTL: word("ttl"), Rate: word("rate"), Burst: word("burst"),
			Count: word("count"), Duration: duration,
		}},
	}
	if f.discard {
		d.Streams[0].To.Text = "discard"
		if *f.words["sink"] == "" { // then what comes back at the port is all that is seen
			d.Ports, d.Circuits = d.Ports[:1], d.Circuits[:1]
		}
	}
	return d, nil
}

// place puts the file's ports where --interface says.
func (f *streamFlags) place(s *live.Spec) error {
	for _, text := range f.interfaces {
		name, device, ok := strings.Cut(text, "=")
		at := slices.IndexFunc(s.Ports, func(p live.Port) bool { return p.Name == name })
		if !ok || device == "" {
			return cli.Usage(fmt.Errorf("--interface %s: port=interface is needed", text))
		}
		if at < 0 {
			var names []string
			for _, p := range s.Ports {
				names = append(names, p.Name)
			}
			return cli.Usage(fmt.Errorf("--interface %s: the file's ports are %s", text, strings.Join(names, ", ")))
		}
		p, err := live.ParsePort(device)
		if err != nil {
			return cli.Usage(fmt.Errorf("--interface %s: %w", text, err))
		}
		s.Ports[at].Interface, s.Ports[at].Netns = p.Interface, p.Netns
	}
	return nil
}
