package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
)

// scaleKind is how an axis lays values out.
type scaleKind uint8

const (
	linear scaleKind = iota
	logarithmic
	category // values are numbers of names, from 0
	// tail is for percentiles: as far again for each nine more, so that 99.999 is not where 99 is.
	tail
)

// axis is one of a chart's two.
type axis struct {
	title string // with the unit
	kind  scaleKind
	names []string // of categories
	min   float64  // linear: 0 unless said otherwise
	whole bool     // linear: ticks at whole numbers alone
}

// mark is a point of a chart: a bar where the x axis has categories, or a part of one in a stack.
type mark struct {
	x    float64
	y    figure
	note string // for who points at it: what it is of
}

// curve is marks that belong together.
type curve struct {
	name  string
	marks []mark
	line  bool // drawn without marks: a law that was fitted
}

// chart is one plot.
type chart struct {
	id      string
	title   string
	x, y    axis
	series  []curve
	stacked bool
	notes   []string // below it
}

// The drawing's size: what a phone shows without shrinking its letters below what can be read.
const (
	width, height            = 420, 290
	left, right, top, bottom = 54, 12, 12, 46
	plotWidth, plotHeight    = width - left - right, height - top - bottom
	most                     = 7 // ticks
)

// layout maps values to pixels.
type layout struct {
	kind     scaleKind
	min, max float64
	from, to float64
}

func (l *layout) place(v float64) float64 {
	a, b, x := l.min, l.max, v
	switch l.kind {
	case logarithmic:
		a, b, x = math.Log10(l.min), math.Log10(l.max), math.Log10(v)
	case tail:
		a, b, x = nines(l.min), nines(l.max), nines(v)
	case category:
		a, b = -0.5, l.max+0.5
	}
	if b == a {
		return (l.from + l.to) / 2
	}
	return l.from + (l.to-l.from)*(x-a)/(b-a)
}

// nines is 0 for 0 %, 1 for 90, 2 for 99 and so on.
func nines(percent float64) float64 { return -math.Log10(1 - min(percent, 99.99999)/100) }

// span finds the ends of an axis.
func (a *axis) span(values []float64) (low, high float64) {
	if a.kind == category {
		return 0, float64(len(a.names) - 1)
	}
	low, high = slices.Min(values), slices.Max(values)
	switch a.kind {
	case logarithmic:
		low, high = math.Pow(10, math.Floor(math.Log10(low)+1e-9)), math.Pow(10, math.Ceil(math.Log10(high)-1e-9))
		if low == high {
			high *= 10
		}
	case linear:
		step := a.step(max(high, 0) - min(low, a.min))
		low, high = math.Floor(min(low, a.min)/step)*step, math.Ceil(max(high, 0)/step-1e-9)*step
		if low == high {
			high = low + 1
		}
	}
	return low, high
}

// step is what lies between two ticks of a linear axis.
func (a *axis) step(span float64) float64 {
	if a.whole {
		return max(1, tickStep(span))
	}
	return tickStep(span)
}

// tickStep is 1, 2 or 5 times a power of ten, so that some fit.
func tickStep(span float64) float64 {
	if span <= 0 {
		return 1
	}
	step := math.Pow(10, math.Floor(math.Log10(span)))
	for _, f := range []float64{0.1, 0.2, 0.5, 1, 2, 5} {
		if span/(step*f) <= float64(most)-1 {
			return step * f
		}
	}
	return step * 10
}

// ticks are the values that an axis names.
func (a *axis) ticks(l *layout, values []float64) (all []float64) {
	switch l.kind {
	case logarithmic:
		for v := l.min; v <= l.max*(1+1e-9); v *= 10 {
			all = append(all, v)
		}
	case category:
		for v := 0.0; v <= l.max; v++ {
			all = append(all, v)
		}
	case tail:
		all = values
	default:
		step := a.step(l.max - l.min)
		for i := 0; l.min+float64(i)*step <= l.max*(1+1e-9); i++ {
			all = append(all, l.min+float64(i)*step)
		}
	}
	return all
}

// short prints a tick: 1k, 2M.
func short(v float64) string {
	for _, u := range []struct {
		from float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if math.Abs(v) >= u.from {
			return fmt.Sprintf("%g%s", math.Round(v/u.from*1000)/1000, u.name)
		}
	}
	return fmt.Sprintf("%g", math.Round(v*1e6)/1e6)
}

// values are all of the chart, as drawn: y in the unit of its figures.
func (c *chart) values() (xs, ys []float64) {
	sums := map[float64]float64{}
	for _, s := range c.series {
		for _, m := range s.marks {
			xs = append(xs, m.x)
			if c.stacked {
				sums[m.x] += m.y.v * m.y.unit.scale
				continue
			}
			ys = append(ys, m.y.low*m.y.unit.scale, m.y.high*m.y.unit.scale)
		}
	}
	for _, v := range sums {
		ys = append(ys, v)
	}
	return xs, ys
}

// drawn tells whether there is anything to draw.
func (c *chart) drawn() bool {
	return slices.ContainsFunc(c.series, func(s curve) bool { return len(s.marks) > 0 })
}

// moves tells whether a curve goes from one value of the x axis to another.
func (c *chart) moves() bool {
	return slices.ContainsFunc(c.series, func(s curve) bool { return len(s.marks) > 1 })
}

// svg draws the chart. Each mark has the data of its figure; the drawing has those of its y axis, so that the height of a mark can be
// checked as well.
func (c *chart) svg() template.HTML {
	xs, ys := c.values()
	x, y := layout{kind: c.x.kind, from: left, to: width - right}, layout{kind: c.y.kind, from: height - bottom, to: top}
	x.min, x.max = c.x.span(xs)
	y.min, y.max = c.y.span(ys)
	if c.x.kind == linear {
		x.from, x.to = x.from+8, x.to-8
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg id="%s" class="chart" viewBox="0 0 %d %d" role="img" aria-label="%s" data-y="%s" data-ymin="%s" data-ymax="%s" data-top="%d" data-bottom="%d">`,
		c.id, width, height, template.HTMLEscapeString(c.title+": "+c.y.title+" against "+c.x.title), [...]string{"linear", "log", "category", "tail"}[c.y.kind],
		exact(y.min), exact(y.max), top, height-bottom)
	c.frame(&b, &x, &y, xs)
	if c.x.kind == category {
		c.bars(&b, &x, &y)
	} else {
		c.lines(&b, &x, &y)
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// frame draws axes, ticks and titles.
func (c *chart) frame(b *strings.Builder, x, y *layout, xs []float64) {
	for _, v := range c.y.ticks(y, nil) {
		at := y.place(v)
		fmt.Fprintf(b, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text class="tick" x="%d" y="%.1f" text-anchor="end">%s</text>`,
			left, width-right, at, at, left-5, at+4, short(v))
	}
	slices.Sort(xs)
	last := math.Inf(-1)
	for _, v := range c.x.ticks(x, slices.Compact(xs)) {
		at, text := x.place(v), short(v)
		if c.x.kind == category {
			text = c.x.names[int(v)]
		}
		if c.x.kind == category {
			for i, part := range broken(text) {
				fmt.Fprintf(b, `<text class="tick" x="%.1f" y="%d" text-anchor="middle">%s</text>`, at, height-bottom+14+12*i, template.HTMLEscapeString(part))
			}
			continue
		}
		half := float64(len(text)) * 3.1
		if at-half < last+4 {
			continue
		}
		last = at + half
		anchor := "middle"
		if at+half > width {
			anchor = "end"
			at = width - 1
		}
		fmt.Fprintf(b, `<text class="tick" x="%.1f" y="%d" text-anchor="%s">%s</text>`, at, height-bottom+16, anchor, template.HTMLEscapeString(text))
	}
	fmt.Fprintf(b, `<line class="axis" x1="%d" x2="%d" y1="%d" y2="%d"/>`, left, width-right, height-bottom, height-bottom)
	fmt.Fprintf(b, `<text class="title" x="%d" y="%d" text-anchor="middle">%s</text>`, left+plotWidth/2, height-8, template.HTMLEscapeString(c.x.title))
	fmt.Fprintf(b, `<text class="title" transform="translate(13 %d) rotate(-90)" text-anchor="middle">%s</text>`, top+plotHeight/2, template.HTMLEscapeString(c.y.title))
}

// broken breaks a name in lines as wide as a bar's place.
func broken(name string) (lines []string) {
	name, behind, more := strings.Cut(name, ", ")
	if at := strings.IndexByte(name, '-'); at > 0 {
		lines, name = append(lines, name[:at+1]), name[at+1:]
	}
	if lines = append(lines, name); more {
		lines = append(lines, "("+behind+")")
	}
	return lines
}

// shape tells curves apart besides their colours: circle, square, triangle, diamond, upside-down triangle, cross.
func shape(n int, x, y float64) string {
	const r = 4.2
	switch n % 6 {
	case 1:
		return fmt.Sprintf(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, x-3.7, y-3.7, 7.4, 7.4)
	case 2:
		return fmt.Sprintf(`<path d="M%.1f %.1fl4.6 8h-9.2z"/>`, x, y-4.6)
	case 3:
		return fmt.Sprintf(`<path d="M%.1f %.1fl5 5l-5 5l-5 -5z"/>`, x, y-5)
	case 4:
		return fmt.Sprintf(`<path d="M%.1f %.1fl4.6 -8h-9.2z"/>`, x, y+4.6)
	case 5:
		return fmt.Sprintf(`<path class="open" d="M%.1f %.1fl7 7m0 -7l-7 7"/>`, x-3.5, y-3.5)
	}
	return fmt.Sprintf(`<circle cx="%.1f" cy="%.1f" r="%.1f"/>`, x, y, r)
}

// lines draws points with their intervals, joined.
func (c *chart) lines(b *strings.Builder, x, y *layout) {
	for n, s := range c.series {
		var path strings.Builder
		for i, m := range s.marks {
			fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(i, 1)], x.place(m.x), y.place(m.y.v*m.y.unit.scale))
		}
		class := "line"
		if s.line {
			class += " law"
		}
		fmt.Fprintf(b, `<path class="%s s%d" d="%s"/>`, class, n, path.String())
		for _, m := range s.marks {
			at, level := x.place(m.x), y.place(m.y.v*m.y.unit.scale)
			class := "mark"
			if s.line {
				class = "mark law"
			}
			fmt.Fprintf(b, `<g class="%s s%d" %s data-at="%.3f"><title>%s</title>`, class, n, m.y.data(), level, template.HTMLEscapeString(m.hint(s.name)))
			if m.y.low < m.y.high {
				lo, hi := y.place(m.y.low*m.y.unit.scale), y.place(m.y.high*m.y.unit.scale)
				fmt.Fprintf(b, `<path class="whisker" d="M%.1f %.1fV%.1fm-3 0h6M%.1f %.1fh6"/>`, at, lo, hi, at-3, lo)
			}
			if !s.line {
				b.WriteString(shape(n, at, level))
			}
			b.WriteString("</g>")
		}
	}
}

// bars draws a bar for each mark, beside one another or stacked, with their values above them where they stand alone.
func (c *chart) bars(b *strings.Builder, x, y *layout) {
	slot := x.place(1) - x.place(0)
	each := slot * 0.72
	if !c.stacked {
		each /= float64(len(c.series))
	}
	each = min(each, 56)
	base := map[float64]float64{}
	for n, s := range c.series {
		for _, m := range s.marks {
			at := x.place(m.x) - each/2
			if !c.stacked {
				at += each * (float64(n) - float64(len(c.series)-1)/2)
			}
			v := m.y.v * m.y.unit.scale
			zero := base[m.x]
			from, to := y.place(max(zero, y.min)), y.place(max(zero+v, y.min))
			if c.stacked {
				base[m.x] += max(v, 0)
			}
			fmt.Fprintf(b, `<g class="mark bar s%d" %s data-at="%.3f" data-base="%s"><title>%s</title>`, n, m.y.data(), to, exact(zero),
				template.HTMLEscapeString(m.hint(s.name)))
			if c.y.kind == logarithmic { // which has no 0 for a bar to stand on
				b.WriteString(shape(n, at+each/2, to))
			} else {
				fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, at, min(from, to), each-1, math.Abs(from-to))
			}
			if m.y.low < m.y.high && !c.stacked {
				lo, hi := y.place(m.y.low*m.y.unit.scale), y.place(m.y.high*m.y.unit.scale)
				fmt.Fprintf(b, `<path class="whisker" d="M%.1f %.1fV%.1fm-4 0h8M%.1f %.1fh8"/>`, at+each/2, lo, hi, at+each/2-4, lo)
			}
			if !c.stacked && each > 22 {
				level := min(to, y.place(m.y.high*m.y.unit.scale)) - 7
				fmt.Fprintf(b, `<text class="value" x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, at+each/2, max(level, 9), number(v))
			}
			b.WriteString("</g>")
		}
	}
}

// hint is what a mark says to who points at it.
func (m *mark) hint(series string) string {
	parts := []string{series, m.note, m.y.text()}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ": ")
}

// legend lists the series, where there is more than one.
func (c *chart) legend() template.HTML {
	if len(c.series) < 2 {
		return ""
	}
	var b strings.Builder
	b.WriteString(`<ul class="legend">`)
	for n, s := range c.series {
		if len(s.marks) == 0 {
			continue
		}
		mark := shape(n, 7, 7)
		switch {
		case s.line:
			mark = `<path class="open law" d="M0 7h14"/>`
		case c.x.kind == category:
			mark = `<rect x="2" y="2" width="10" height="10"/>`
		}
		fmt.Fprintf(&b, `<li><svg class="key mark s%d" viewBox="0 0 14 14" aria-hidden="true">%s</svg>%s</li>`, n, mark, template.HTMLEscapeString(s.name))
	}
	b.WriteString(`</ul>`)
	return template.HTML(b.String())
}
