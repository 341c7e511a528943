package report

import (
	"errors"
	"io/fs"
	"strings"

	"vrfwd/internal/estimate"
	"vrfwd/internal/peer"
)

// peersPattern matches the raw files of make peers. They are apart from those of make bench: what both measure, make
// bench samples more often.
const peersPattern = "peers-*.txt"

// comparison is what is known of the peers: who they are and what was measured, the newest first.
type comparison struct {
	groups []peer.Group
	files  []*file
}

// readPeers reads a folder of results, in which there may be nothing of peers.
func readPeers(dir string) (c comparison, err error) {
	c.groups, err = peer.Read(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return comparison{}, nil
	} else if err != nil {
		return comparison{}, err
	}
	c.files, err = readAll(dir, peersPattern)
	return c, err
}

// section is "against peers", and the files behind it: none where nothing was measured.
func (c comparison) section() (section, []*file) {
	out := section{id: "peers", title: "Against peers", blocks: []block{text("From `make peers`: each peer beside ours in one run, on the same routes, " +
		"keys and frames. After the value stands how many times as fast ours is, sample by sample; below 1, the peer is faster. What each does in the " +
		"loop that is timed, and does not do, is in the second table.")}}
	used := map[*file]bool{}
	for _, g := range c.groups {
		out.blocks = append(out.blocks, c.group(g, used)...)
	}
	var behind []*file
	for _, f := range c.files {
		if used[f] {
			behind = append(behind, f)
		}
	}
	return out, behind
}

// group is one group: a table of what was measured, if anything was, and a table of facts.
func (c comparison) group(g peer.Group, used map[*file]bool) (out []block) {
	values, facts := grid{head: []string{"engine"}}, grid{head: append([]string{"in its loop"}, g.Facts...)}
	for _, column := range g.Columns {
		values.head = append(values.head, column.Title)
	}
	var notes []string
	for _, e := range g.Engines {
		row, any := []entry{words(e.Title)}, false
		for _, column := range g.Columns {
			value := c.value(g, e, column, used)
			any = any || len(value.figures) > 0
			row = append(row, value)
		}
		if !any {
			continue
		}
		values.rows = append(values.rows, row)
		fact := []entry{words(e.Title)}
		for _, d := range e.Does {
			fact = append(fact, told(d))
		}
		facts.rows = append(facts.rows, fact)
		if e.Note != "" {
			notes = append(notes, e.Title+": "+e.Note+".")
		}
	}
	if len(values.rows) == 0 {
		return nil
	}
	out = []block{heading(g.Title), prose(told(g.About)), table(values), table(facts)}
	for _, n := range notes {
		out = append(out, prose(told(n)))
	}
	return out
}

// value is an engine's value in one column, and how many times as fast ours is.
func (c comparison) value(g peer.Group, e peer.Engine, column peer.Column, used map[*file]bool) entry {
	id, against := column.ID(e.Name), column.ID(e.Against)
	want := []string{id}
	if e.Against != "" && e.Against != e.Name {
		want = append(want, against)
	}
	f := newest(c.files, g.Unit, want...)
	if f == nil {
		return entry{}
	}
	used[f] = true
	v := f.figure(id, g.Unit)
	v.unit.name = strings.TrimSuffix(g.Unit, "/op")
	if len(want) == 1 {
		return v.cell()
	}
	ratio := figure{how: "median of 1/0", from: []string{f.place(id, g.Unit), f.place(against, g.Unit)}, unit: times}
	e2 := estimate.Paired(f.samples[id][g.Unit], f.samples[against][g.Unit], func(theirs, ours float64) float64 {
		if g.Less {
			return theirs / ours
		}
		return ours / theirs
	})
	if g.Less {
		ratio.how = "median of 0/1"
	}
	ratio.v, ratio.low, ratio.high = e2.Median, e2.Low, e2.High
	return entry{figures: []figure{v, ratio}}
}
