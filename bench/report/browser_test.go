package report

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"vrfwd/internal/testnet"
)

// look is what the page says of itself in a browser: everything unfolded, then each box and each text measured.
const look = `<script>
addEventListener("load", () => {
  const out = {width: innerWidth, dark: matchMedia("(prefers-color-scheme: dark)").matches, over: [], cut: [], overlap: [], plots: [], claims: [], errors: []};
  addEventListener("error", e => out.errors.push(e.message));
  for (const d of document.querySelectorAll("details")) d.open = true;
  const name = e => e.tagName + "." + (e.getAttribute("class") || "") + " " + (e.textContent || "").trim().slice(0, 40);
  if (document.scrollingElement.scrollWidth > innerWidth) out.over.push("the page: " + document.scrollingElement.scrollWidth);
  for (const e of document.querySelectorAll("body *")) {
    if (e.closest("script") || e.closest("svg") && e.tagName != "svg") continue;
    const scroll = e.closest(".scroll");
    if (scroll && scroll != e) continue;
    const r = e.getBoundingClientRect();
    if (r.width && (r.right > innerWidth + 0.5 || r.left < -0.5)) out.over.push(name(e));
  }
  for (const svg of document.querySelectorAll("svg.chart")) {
    const box = svg.getBoundingClientRect();
    out.plots.push({id: svg.id, width: box.width, height: box.height, marks: svg.querySelectorAll(".mark").length});
    const texts = [...svg.querySelectorAll("text")].map(t => [t, t.getBoundingClientRect()]);
    for (const [t, r] of texts)
      if (r.left < box.left - 1 || r.right > box.right + 1 || r.top < box.top - 1 || r.bottom > box.bottom + 1) out.cut.push(svg.id + ": " + t.textContent);
    for (let i = 0; i < texts.length; i++) for (let j = 0; j < i; j++) {
      const a = texts[i][1], b = texts[j][1];
      if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3)
        out.overlap.push(svg.id + ": " + texts[i][0].textContent + " on " + texts[j][0].textContent);
    }
  }
  for (const e of document.querySelectorAll("[data-from]")) {
    const d = e.dataset;
    out.claims.push({from: d.from, how: d.how, value: d.value, low: d.low, high: d.high, scale: d.scale, text: e.textContent, plot: "at" in d});
  }
  parent.postMessage(JSON.stringify(out), "*");
});
</script>`

// frame shows the page as wide as a phone or a desk is, which a browser's window may not be, and keeps what it says.
const frame = `<!doctype html><body style="margin:0"><iframe id="f" src="seen.html" style="width:%dpx;height:900px;border:0"></iframe><pre id="said"></pre>
<script>addEventListener("message", e => { document.getElementById("said").textContent = e.data })</script>`

type seen struct {
	Width                      int
	Dark                       bool
	Over, Cut, Overlap, Errors []string
	Plots                      []struct {
		ID            string
		Width, Height float64
		Marks         int
	}
	Claims []struct {
		claim
		Plot bool
	}
}

// show opens a page from disk in Chromium and returns what it says of itself, and what the console said.
func show(t *testing.T, page []byte, width int, dark bool) (s seen, console []string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string][]byte{"seen.html": bytes.Replace(page, []byte("</body>"), []byte(look+"</body>"), 1), "frame.html": fmt.Appendf(nil, frame, width)} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	args := []string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-extensions",
		"--user-data-dir=" + filepath.Join(dir, "profile"), "--window-size=1400,900", "--enable-logging=stderr", "--virtual-time-budget=5000", "--dump-dom"}
	if dark {
		args = append(args, "--blink-settings=preferredColorScheme=0")
	}
	c := exec.CommandContext(ctx, "chromium", append(args, "file://"+filepath.Join(dir, "frame.html"))...)
	c.WaitDelay = time.Second
	var out, log bytes.Buffer
	c.Stdout, c.Stderr = &out, &log
	if err := c.Run(); err != nil {
		t.Fatalf("chromium: %v\n%s", err, log.String())
	}
	m := regexp.MustCompile(`(?s)<pre id="said">(.*?)</pre>`).FindSubmatch(out.Bytes())
	if m == nil || len(m[1]) == 0 {
		t.Fatalf("the page said nothing:\n%s", log.String())
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(string(m[1]))), &s); err != nil {
		t.Fatalf("%v: %s", err, m[1])
	}
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "CONSOLE") {
			console = append(console, line)
		}
	}
	return s, console
}

// everyPlot is all that the report draws when all of it was measured, on two machines.
var everyPlot = []string{"methods-cycles", "methods-memory", "size-pps", "size-bits", "workers", "efficiency", "routes", "vrfs", "fallback", "churn",
	"memory-route", "memory-vrf", "stages", "loss", "latency", "workers-2", "efficiency-2"}

// TestBrowser: on a phone and on a desk, light and dark, nothing overflows, is cut off or covers other text, no error is on the console,
// every plot is there, and every figure that the browser shows is the raw samples'.
func TestBrowser(t *testing.T) {
	testnet.Need(t, "chromium")
	dir := folder(t)
	b, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	page := b.HTML()
	if outside := regexp.MustCompile(`(?:src|href)="(?:[^#d"][^"]*|d[^a][^"]*)"|url\(|@import`).FindAll(page, -1); len(outside) > 0 {
		t.Errorf("the page needs more than itself: %q", outside)
	}
	r := newRawFolder(t, dir)
	want, _, _ := readPage(t, page)
	for _, c := range []struct {
		width int
		dark  bool
	}{{390, false}, {1280, true}} {
		t.Run(fmt.Sprintf("%d px", c.width), func(t *testing.T) {
			s, console := show(t, page, c.width, c.dark)
			if s.Width != c.width || s.Dark != c.dark {
				t.Errorf("shown %d px wide, dark %v", s.Width, s.Dark)
			}
			for what, list := range map[string][]string{"overflows": s.Over, "cut off": s.Cut, "on other text": s.Overlap, "error": s.Errors, "console": console} {
				for _, l := range list {
					t.Errorf("%s: %s", what, l)
				}
			}
			var ids []string
			for _, p := range s.Plots {
				if ids = append(ids, p.ID); p.Width < 250 || p.Height < 150 || p.Marks < 2 {
					t.Errorf("plot %+v", p)
				}
			}
			if !slices.Equal(ids, everyPlot) {
				t.Errorf("plots %v, want %v", ids, everyPlot)
			}
			if len(s.Claims) != len(want) {
				t.Errorf("%d figures, want %d", len(s.Claims), len(want))
			}
			for _, claim := range s.Claims {
				if !claim.Plot { // how high marks are TestTraced has seen
					if err := r.check(claim.claim); err != nil {
						t.Errorf("%q: %v", claim.Text, err)
					}
				}
			}
		})
	}
}

// TestBrowserSees: the look above finds what is wrong with a page.
func TestBrowserSees(t *testing.T) {
	testnet.Need(t, "chromium")
	page := `<!doctype html><html><body><p id="wide" style="width:500px">wide</p><svg class="chart" id="c" viewBox="0 0 100 100" width="100" height="100">` +
		`<text x="90" y="50">cut off</text><text x="5" y="50">one</text><text x="6" y="51">two</text></svg><script>console.error("bad")</script></body></html>`
	s, console := show(t, []byte(page), 390, false)
	if len(s.Over) == 0 || len(s.Cut) == 0 || len(s.Overlap) == 0 || len(console) == 0 {
		t.Errorf("%+v %v", s, console)
	}
}
