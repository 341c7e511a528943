package report

import (
	"bufio"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vrfwd/bench/plan"
	"vrfwd/bench/sample"
	"vrfwd/internal/estimate"
)

// claim is a figure as the page has it.
type claim struct {
	From  string  `json:"from"`
	How   string  `json:"how"`
	Value float64 `json:"value,string"`
	Low   float64 `json:"low,string"`
	High  float64 `json:"high,string"`
	Scale float64 `json:"scale,string"`
	Text  string  `json:"text"`
	// Of marks in a drawing: where they are, and of its axis.
	At     float64 `json:"-"`
	Base   float64 `json:"-"`
	InPlot *plotAxis
}

type plotAxis struct {
	id, kind              string
	min, max, top, bottom float64
}

// rawFolder looks places up in a folder's files, by nothing of the package's own: JSON as it is, and fields of lines.
type rawFolder struct {
	t     *testing.T
	dir   string
	lines map[string][]any
	plans map[string]*plan.Model // by the run that they are made of
}

func newRawFolder(t *testing.T, dir string) *rawFolder {
	return &rawFolder{t, dir, map[string][]any{}, map[string]*plan.Model{}}
}

// line is a sample as generic JSON.
func (r *rawFolder) line(id string) (any, error) {
	name, number, _ := strings.Cut(id, ":")
	if _, ok := r.lines[name]; !ok {
		f, err := os.Open(filepath.Join(r.dir, name))
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in := bufio.NewScanner(f)
		in.Buffer(nil, 1<<24)
		for in.Scan() {
			var v any
			if err := json.Unmarshal(in.Bytes(), &v); err != nil {
				return nil, err
			}
			r.lines[name] = append(r.lines[name], v)
		}
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > len(r.lines[name]) {
		return nil, fmt.Errorf("no line %q in %s", number, name)
	}
	return r.lines[name][n-1], nil
}

// walk goes down a path: by names, by numbers, or by the name or stage of a list's element.
func walk(v any, path []string) (any, error) {
	for _, key := range path {
		switch at := v.(type) {
		case map[string]any:
			next, ok := at[key]
			if !ok {
				return nil, fmt.Errorf("no field %q", key)
			}
			v = next
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil {
				i = slices.IndexFunc(at, func(e any) bool { m, _ := e.(map[string]any); return m["name"] == key || m["stage"] == key })
			}
			if i < 0 || i >= len(at) {
				return nil, fmt.Errorf("no element %q", key)
			}
			v = at[i]
		default:
			return nil, fmt.Errorf("nothing below %v for %q", at, key)
		}
	}
	return v, nil
}

// point is a place's number with its interval, and its raw samples.
type rawFigure struct {
	v, low, high float64
	raw          []float64
}

func (r *rawFolder) figure(place string) (f rawFigure, err error) {
	if file, rest, ok := strings.Cut(place, "#"); ok {
		benchmark, unit, _ := strings.Cut(rest, "#")
		f.raw, err = r.bench(file, benchmark, unit)
		return f, err
	}
	id, path, _ := strings.Cut(place, "/")
	if run, ok := strings.CutPrefix(id, "plan:"); ok {
		f.v, err = r.plan(run, path)
		f.low, f.high = f.v, f.v
		return f, err
	}
	line, err := r.line(id)
	if err != nil {
		return f, err
	}
	v, err := walk(line, strings.Split(path, "/"))
	if err != nil {
		return f, fmt.Errorf("%s: %w", place, err)
	}
	switch v := v.(type) {
	case float64:
		return rawFigure{v: v, low: v, high: v}, nil
	case map[string]any:
		f.v, f.low, f.high = v["value"].(float64), v["low"].(float64), v["high"].(float64)
		raw, _ := v["raw"].([]any)
		for _, one := range raw {
			f.raw = append(f.raw, one.(float64))
		}
		return f, nil
	}
	return f, fmt.Errorf("%s is no number", place)
}

// bench finds a benchmark's samples in a raw file.
func (r *rawFolder) bench(file, benchmark, unit string) (all []float64, err error) {
	text, err := os.ReadFile(filepath.Join(r.dir, file))
	if err != nil {
		return nil, err
	}
	pkg := ""
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 2 && fields[0] == "pkg:" {
			pkg = filepath.Base(fields[1])
		}
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := regexp.MustCompile(`-\d+$`).ReplaceAllString(pkg+"."+fields[0][len("Benchmark"):], "")
		for i := 2; i+1 < len(fields) && name == benchmark; i += 2 {
			if fields[i+1] == unit {
				v, err := strconv.ParseFloat(fields[i], 64)
				if err != nil {
					return nil, err
				}
				all = append(all, v)
			}
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no %s of %s", file, unit, benchmark)
	}
	return all, nil
}

// plan asks a model of its own of a run.
func (r *rawFolder) plan(run, path string) (float64, error) {
	if r.plans[run] == nil {
		all, err := sample.ReadDir(r.dir)
		if err != nil {
			return 0, err
		}
		all = slices.DeleteFunc(all, func(s sample.Sample) bool { return s.Run != run })
		if r.plans[run], err = plan.Fit(all, "samecore", ""); err != nil {
			return 0, err
		}
	}
	model := r.plans[run]
	parts := strings.Split(path, "/")
	rate, memory, _ := model.Errors()
	s := model.Scaling()
	switch {
	case path == "error/rate":
		return rate, nil
	case path == "error/memory":
		return memory, nil
	case path == "scaling/sigma":
		return s.Sigma, nil
	case path == "scaling/kappa":
		return s.Kappa, nil
	case parts[0] == "law":
		n, err := strconv.Atoi(parts[1])
		return s.Capacity(n), err
	case path == "full-copy/tables":
		w := plan.Defaults()
		w.Method, w.Size, w.Extrapolate = "full-copy", "64", true
		a, err := model.Answer(w)
		if err != nil {
			return 0, err
		}
		sum := a.Methods[0].Total
		for _, p := range a.Methods[0].Memory {
			if p.Key == "arena" || p.Key == "rings" {
				sum -= p.Bytes
			}
		}
		return sum, nil
	case parts[0] == "held":
		i, err := strconv.Atoi(parts[1])
		if err != nil {
			return 0, err
		}
		h := model.HeldBack()[i]
		c := map[string]plan.Comparison{"rate": h.Rate, "memory": h.Memory}[parts[2]]
		return map[string]float64{"predicted": c.Predicted, "measured": c.Measured, "error": c.Error()}[parts[3]], nil
	}
	return 0, errors.New("the plan has no " + path)
}

// expression is "median of 0/1", "(0+1-2+3)/4", "0/1/2": sums bind closer than what stands between them.
var expression = regexp.MustCompile(`^(median of )?\(?([\d+]+)(?:([-/])([\d+]+))?\)?(?:/([\d+]+))?$`)

// check looks a claim up and compares all that it says.
func (r *rawFolder) check(c claim) error {
	var figures []rawFigure
	for place := range strings.FieldsSeq(c.From) {
		f, err := r.figure(place)
		if err != nil {
			return err
		}
		figures = append(figures, f)
	}
	if len(figures) == 0 {
		return errors.New("of nothing")
	}
	want := figures[0]
	switch {
	case c.How == "":
		if len(figures) != 1 {
			return errors.New("several places and nothing made of them")
		}
	case c.How == "sum":
		want = rawFigure{}
		for _, f := range figures {
			want.v += f.v
		}
		want.low, want.high = want.v, want.v
	case c.How == "model":
		for _, f := range figures[1:] { // the law, times the rate of one worker
			want.v *= f.v
		}
		want.low, want.high = want.v, want.v
	case c.How == "allowance of 0":
		mib, err := r.bench(strings.SplitN(c.From, "#", 2)[0], "lpm.Memory/vrfs=1000/profile=typical", "MiB")
		if err != nil {
			return err
		}
		perRoute, err := r.bench(strings.SplitN(c.From, "#", 2)[0], "lpm.Memory/vrfs=1000/profile=typical", "B/route")
		if err != nil {
			return err
		}
		var parts []float64
		for i := range mib {
			b := mib[i] * (1 << 20)
			parts = append(parts, b/(24*b/perRoute[i]+1000*1024))
		}
		e := estimate.Of(parts)
		want = rawFigure{v: e.Median, low: e.Low, high: e.High}
	default:
		m := expression.FindStringSubmatch(c.How)
		if m == nil {
			return fmt.Errorf("expression %q", c.How)
		}
		eval := func(of func(f rawFigure) float64) float64 {
			side := func(text string) (sum float64) {
				for n := range strings.SplitSeq(text, "+") {
					i, _ := strconv.Atoi(n)
					sum += of(figures[i])
				}
				return sum
			}
			v := side(m[2])
			switch m[3] {
			case "/":
				v /= side(m[4])
			case "-":
				v -= side(m[4])
			}
			if m[5] != "" {
				v /= side(m[5])
			}
			return v
		}
		if m[1] == "" {
			v := eval(func(f rawFigure) float64 { return f.v })
			want = rawFigure{v: v, low: v, high: v}
			break
		}
		var all []float64
		shortest := len(figures[0].raw)
		for _, f := range figures {
			shortest = min(shortest, len(f.raw))
		}
		for i := range shortest {
			all = append(all, eval(func(f rawFigure) float64 { return f.raw[i] }))
		}
		e := estimate.Of(all)
		want = rawFigure{v: e.Median, low: e.Low, high: e.High}
	}
	for _, pair := range [][2]float64{{c.Value, want.v}, {c.Low, want.low}, {c.High, want.high}} {
		if math.Abs(pair[0]-pair[1]) > 1e-9*math.Abs(pair[1])+1e-12 {
			return fmt.Errorf("says %v [%v, %v], the samples say %v [%v, %v]", c.Value, c.Low, c.High, want.v, want.low, want.high)
		}
	}
	return c.printed()
}

// numberText finds numbers, not the digits of a unit such as p99-us.
var numberText = regexp.MustCompile(`(?:^|[\s\[])(-?\d[\d,]*(?:\.\d+)?)`)

// printed compares the text with the values: three significant digits.
func (c *claim) printed() error {
	if c.InPlot != nil {
		return c.placed()
	}
	numbers := numberText.FindAllStringSubmatch(c.Text, -1)
	values := []float64{c.Value, c.Low, c.High}
	if c.Low == c.High {
		values = values[:1]
	}
	if len(numbers) != len(values) {
		return fmt.Errorf("text %q for %v", c.Text, values)
	}
	for i, n := range numbers {
		v, err := strconv.ParseFloat(strings.ReplaceAll(n[1], ",", ""), 64)
		if want := values[i] * c.Scale; err != nil || math.Abs(v-want) > 0.0051*math.Abs(want)+1e-4 {
			return fmt.Errorf("text %q for %v", c.Text, want)
		}
	}
	return nil
}

// placed compares the height of a mark with its value.
func (c *claim) placed() error {
	a, v := c.InPlot, c.Base+c.Value*c.Scale
	low, high := a.min, a.max
	if c.Base != 0 || v < 0 && low == 0 {
		v = max(v, low)
	}
	if a.kind == "log" {
		v, low, high = math.Log10(v), math.Log10(low), math.Log10(high)
	}
	if at := a.bottom - (a.bottom-a.top)*(v-low)/(high-low); math.Abs(at-c.At) > 0.01 {
		return fmt.Errorf("in %s: drawn at %.2f, the value is at %.2f", a.id, c.At, at)
	}
	if !strings.Contains(c.Text, number(c.Value*c.Scale)) && !strings.Contains(c.Text, plan.Thousands(int(c.Value))) {
		return fmt.Errorf("in %s: %q does not say %v", a.id, c.Text, c.Value*c.Scale)
	}
	return nil
}

// page reads a page without a browser: its claims, the ids of its plots, and text that has digits and is in no claim.
func readPage(t *testing.T, page []byte) (claims []claim, plots []string, loose []string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(string(page)))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	type element struct {
		name, class, id string
		claim           int // index + 1 of the claim that it is
	}
	var stack []element
	var plot *plotAxis
	number := func(s string) float64 {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatalf("attribute %q: %v", s, err)
		}
		return v
	}
	for {
		token, err := d.Token()
		if err == io.EOF {
			return claims, plots, loose
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			at := map[string]string{}
			for _, a := range token.Attr {
				at[a.Name.Local] = a.Value
			}
			e := element{name: token.Name.Local, class: at["class"], id: at["id"]}
			if at["class"] == "chart" {
				plot = &plotAxis{at["id"], at["data-y"], number(at["data-ymin"]), number(at["data-ymax"]), number(at["data-top"]), number(at["data-bottom"])}
				plots = append(plots, plot.id)
			}
			if from, ok := at["data-from"]; ok {
				c := claim{From: from, How: at["data-how"], Value: number(at["data-value"]), Low: number(at["data-low"]), High: number(at["data-high"]), Scale: number(at["data-scale"])}
				if y, ok := at["data-at"]; ok {
					if c.At, c.InPlot = number(y), plot; at["data-base"] != "" {
						c.Base = number(at["data-base"])
					}
				}
				claims = append(claims, c)
				e.claim = len(claims)
			}
			stack = append(stack, e)
		case xml.EndElement:
			if len(stack) == 0 {
				t.Fatalf("</%s> closes nothing", token.Name.Local)
			}
			stack = stack[:len(stack)-1]
		case xml.CharData:
			text := strings.TrimSpace(string(token))
			if text == "" {
				continue
			}
			free := false
			for _, e := range slices.Backward(stack) {
				if e.claim > 0 {
					claims[e.claim-1].Text += " " + text
					free = true
					break
				}
				// Names, units, settings, commands and conditions are no figures; nor are the axes' ticks.
				free = free || slices.Contains([]string{"th", "code", "summary", "style", "title", "h1", "h2", "h3", "li", "nav", "head", "figcaption"}, e.name) ||
					slices.Contains([]string{"tick", "title", "cond", "note", "told"}, e.class) || e.id == "conditions"
			}
			if !free && strings.ContainsAny(text, "0123456789") {
				loose = append(loose, text)
			}
		}
	}
}

// allowed is what may have digits and is no figure: names of methods and rules, the bars, numbers of the report's own points.
var allowed = regexp.MustCompile(`^[≥≤] [\d.]+ \S+$|^cpu: |95 % confidence|RFC 9971|^\w+ on layer 1$|\(RFC \d+\)$|64-byte|\d+ points between|^\d+ samples of one run|^Run \S+ against \S+: \d+ points in both|^Without samples: |fitted to up to \d+ workers|^\d+$|below 1, the peer|^dpdk`)

// TestTraced: every figure on the page, in tables, text and plots, is one of the raw samples, or what is said to have been made
// of them; and there is no figure without its place.
func TestTraced(t *testing.T) {
	traced(t, folder(t))
}

func traced(t *testing.T, dir string) {
	t.Helper()
	path, err := Write(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	claims, _, loose := readPage(t, page)
	r := newRawFolder(t, dir)
	for _, c := range claims {
		if err := r.check(c); err != nil {
			t.Errorf("%q (%s of %s): %v", c.Text, c.How, c.From, err)
		}
	}
	for _, text := range loose {
		if !allowed.MatchString(text) {
			t.Errorf("a figure without its place: %q", text)
		}
	}
	if len(claims) < 100 {
		t.Errorf("%d figures", len(claims))
	}
}

// TestTraces: the check above catches what it is there for.
func TestTraces(t *testing.T) {
	dir := folder(t)
	b, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	page := b.HTML()
	r := newRawFolder(t, dir)
	claims, _, _ := readPage(t, page)
	wrong := 0
	for i, c := range claims {
		switch i % 3 {
		case 0:
			c.Value *= 1.02
		case 1:
			if c.InPlot != nil {
				c.At += 1
			} else {
				c.Text = strings.Replace(c.Text, "1", "7", 1) + " 12345"
			}
		case 2:
			if c.Value == 0 && c.Low == c.High {
				continue
			}
			c.From = strings.Replace(c.From, ":", ":9", 1)
			c.From = strings.Replace(c.From, "#", "#x", 1)
		}
		if c.Value == 0 && i%3 == 0 {
			continue
		}
		if r.check(c) == nil {
			t.Errorf("not seen: %+v", c)
		}
		wrong++
	}
	if wrong < 100 {
		t.Error(wrong)
	}
}

// TestRecordedTraced: so is every figure of the recorded results.
func TestRecordedTraced(t *testing.T) {
	const results = "../../results"
	if _, err := Open(results); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(results)); err != nil {
		t.Fatal(err)
	}
	traced(t, dir)
}
