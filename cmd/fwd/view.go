package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"vrfwd/router"
)

const (
	viewEvery = time.Second // how often the live view changes
	portLines = 12          // most ports that it shows
)

// logTail keeps the log's last lines for the live view. Safe for concurrent use.
type logTail struct {
	mu    sync.Mutex
	lines []string
}

// tailLines is how many lines it keeps.
const tailLines = 8

// Write takes lines.
func (t *logTail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, strings.Split(strings.TrimRight(string(b), "\n"), "\n")...)
	t.lines = t.lines[max(0, len(t.lines)-tailLines):]
	return len(b), nil
}

func (t *logTail) last() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.lines...)
}

// watch shows the live view until the router is done; q and ctrl+c end the router as SIGINT does.
func watch(ctx context.Context, cancel context.CancelFunc, r *router.Router, tail *logTail, w io.Writer, done <-chan error) error {
	first := r.Snapshot()
	p := tea.NewProgram(&model{take: r.Snapshot, tail: tail, last: first, now: first, stop: cancel},
		tea.WithOutput(w), tea.WithoutSignalHandler())
	ended := make(chan error, 1)
	go func() {
		ended <- <-done
		p.Quit()
	}()
	if _, err := p.Run(); err != nil {
		cancel()
		<-ended
		return fmt.Errorf("live view: %w; --plain goes without it", err)
	}
	cancel()
	return <-ended
}

// model is the live view.
type model struct {
	take          func() router.Snapshot
	tail          *logTail
	last, now     router.Snapshot
	width, height int
	stop          func()
}

type tickMsg struct{}

func tick() tea.Cmd { return tea.Tick(viewEvery, func(time.Time) tea.Msg { return tickMsg{} }) }

// Init implements tea.Model.
func (m *model) Init() tea.Cmd { return tick() }

// Update implements tea.Model.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tickMsg:
		m.last, m.now = m.now, m.take()
		return m, tick()
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		if k := msg.String(); k == "q" || k == "ctrl+c" {
			m.stop()
		}
	}
	return m, nil
}

// View implements tea.Model.
func (m *model) View() tea.View {
	v := tea.NewView(m.render())
	v.AltScreen = true
	return v
}

var (
	titleStyle = lipgloss.NewStyle().Bold(true)
	headStyle  = lipgloss.NewStyle().Faint(true)
	badStyle   = lipgloss.NewStyle().Foreground(lipgloss.Red)
)

// render draws the whole view; interfaces get the lines that the rest leaves, those with most packets first.
func (m *model) render() string {
	var b strings.Builder
	s := m.now.At.Sub(m.last.At).Seconds()
	if s <= 0 {
		s = 1
	}
	c, o := m.now.Counters, m.last.Counters
	t := m.now.Tables
	fmt.Fprintf(&b, "%s  up %v   %d VRFs   RIB %d   FIB %d + %d prefixes, %.1f MiB   %d neighbours\n\n", titleStyle.Render("fwd"),
		m.now.Up.Round(time.Second), t.VRFs, t.RIB, t.GlobalFIB, t.VRFFIB, float64(t.FIBBytes)/(1<<20), t.Neighbors)
	fmt.Fprintf(&b, "received %s   forwarded %s   punted %s   dropped %s\n\n", pps(o.Received, c.Received, s), pps(o.Forwarded, c.Forwarded, s),
		pps(o.Punted, c.Punted, s), pps(o.Dropped, c.Dropped, s))
	if s := m.now.BGP; s.Sessions > 0 {
		up := fmt.Sprintf("%d of %d sessions up", s.Up, s.Sessions)
		if s.Up < s.Sessions {
			up = badStyle.Render(up)
		}
		fmt.Fprintf(&b, "BGP: %s   %d prefixes accepted   %d advertised\n\n", up, s.Accepted, s.Advertised)
	}
	fmt.Fprintln(&b, headStyle.Render(fmt.Sprintf("%-16s %-6s %12s %10s %12s %10s %12s", "PORT", "STATE", "RX PPS", "Mbit/s", "TX PPS", "Mbit/s", "RING DROPS")))
	for i, p := range m.now.Ports[:min(len(m.now.Ports), portLines)] {
		was := m.last.Ports[i]
		state := "up    "
		if !p.Up {
			state = badStyle.Render("down  ")
		}
		fmt.Fprintf(&b, "%-16.16s %s %s %12s\n", p.Name, state, rates(was.Rx, p.Rx, was.Tx, p.Tx, s), rate(was.Ring.Drops, p.Ring.Drops, s))
	}
	if n := len(m.now.Ports) - portLines; n > 0 {
		fmt.Fprintf(&b, "and %d more\n", n)
	}
	fmt.Fprintln(&b)
	fmt.Fprintln(&b, headStyle.Render(fmt.Sprintf("%-10s %6s %12s %10s", "WORKER", "LOAD", "PPS", "NS/FRAME")))
	for i, w := range m.now.Workers {
		was := m.last.Workers[i]
		cost := "-"
		if n := w.Received - was.Received; n > 0 {
			cost = fmt.Sprintf("%.0f", (w.Busy-was.Busy)*1e9/float64(n))
		}
		fmt.Fprintf(&b, "%-10d %5.1f%% %12s %10s\n", w.Number, 100*w.Load, rate(was.Received, w.Received, s), cost)
	}
	m.renderCounts(&b, "DROPPED", o.Drops, c.Drops, s)
	m.renderCounts(&b, "PUNTED", o.Punts, c.Punts, s)
	foot := strings.Join(m.tail.last(), "\n")
	room := m.height - strings.Count(b.String(), "\n") - strings.Count(foot, "\n") - 6
	m.renderInterfaces(&b, s, max(room, 3))
	fmt.Fprintf(&b, "\n%s\n%s", foot, headStyle.Render("q ends the router"))
	return b.String()
}

func (m *model) renderInterfaces(b *strings.Builder, s float64, room int) {
	was := map[string]router.Interface{}
	for _, i := range m.last.Interfaces {
		was[i.VR+" "+i.Name] = i
	}
	all := busiest(m.now.Interfaces, was)
	fmt.Fprintln(b)
	fmt.Fprintln(b, headStyle.Render(fmt.Sprintf("%-16s %-6s %12s %10s %12s %10s  %s", "INTERFACE", "STATE", "RX PPS", "Mbit/s", "TX PPS", "Mbit/s", "VR")))
	for _, i := range all[:min(len(all), room)] {
		w := was[i.VR+" "+i.Name]
		state := "up    "
		if !i.Up {
			state = badStyle.Render("down  ")
		}
		fmt.Fprintf(b, "%-16.16s %s %s  %s\n", i.Name, state, rates(w.Rx, i.Rx, w.Tx, i.Tx, s), i.VR)
	}
	if n := len(all) - room; n > 0 {
		fmt.Fprintf(b, "and %d more\n", n)
	}
}
