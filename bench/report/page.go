package report

import (
	"bytes"
	_ "embed" // style.css
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"strings"
)

// Names of what Write makes.
const (
	Page    = "report.html"
	Text    = "REPORT.md"
	Picture = "answer.svg" // for documents that show the answer
)

//go:embed style.css
var style string

// HTML renders the page: one file that needs no other.
func (b *Book) HTML() []byte {
	var out bytes.Buffer
	title := "vrfwd: measured"
	fmt.Fprintf(&out, `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>%s</title>
<link rel="icon" href="data:,">
<style>
%s</style>
</head>
<body>
<header>
<h1>%s</h1>
`, title, style, title)
	sections := b.sections()
	if len(b.runs) > 0 {
		c := &b.runs[0].samples[0].Conditions
		fmt.Fprintf(&out, `<p class="cond">%s, %d CPUs; %s; commit %.12s; %s UTC</p>`, template.HTMLEscapeString(c.CPU), c.CPUs, template.HTMLEscapeString(c.Go),
			template.HTMLEscapeString(c.Commit), b.runs[0].last().Format("2006-01-02 15:04"))
	}
	out.WriteString("<nav><ul>")
	for _, s := range sections {
		fmt.Fprintf(&out, `<li><a href="#%s">%s</a></li>`, s.id, template.HTMLEscapeString(s.title))
	}
	out.WriteString("</ul></nav>\n</header>\n<main>\n")
	for _, s := range sections {
		fmt.Fprintf(&out, "<section id=\"%s\">\n<h2>%s</h2>\n", s.id, template.HTMLEscapeString(s.title))
		s.html(&out, 2)
		out.WriteString("</section>\n")
	}
	out.WriteString("</main>\n</body>\n</html>\n")
	return out.Bytes()
}

// picture is the answer's charts side by side, as a drawing of its own.
func (b *Book) picture() ([]byte, bool) {
	if len(b.runs) == 0 {
		return nil, false
	}
	center, ok := b.runs[0].main()
	if !ok {
		return nil, false
	}
	charts, ok := methodChart(b.runs[0], center)
	if !ok {
		return nil, false
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d"><style>%s</style><rect class="paper" width="100%%" height="100%%"/>`,
		width*len(charts), height+26, width*len(charts), height+26, style)
	for i := range charts {
		inner := strings.Replace(string(charts[i].svg()), "<svg ", fmt.Sprintf(`<svg x="%d" y="26" width="%d" height="%d" `, i*width, width, height), 1)
		fmt.Fprintf(&out, `<text class="caption" x="%d" y="18">%s</text>%s`, i*width+left, template.HTMLEscapeString(charts[i].title), inner)
	}
	out.WriteString("</svg>\n")
	return out.Bytes(), true
}

// Write renders a folder of results into itself: Page, Text and Picture; and the marked section of a document, where one is
// named. It returns the page's path.
func Write(dir, document string) (page string, err error) {
	b, err := Open(dir)
	if err != nil {
		return "", err
	}
	page = filepath.Join(dir, Page)
	for name, content := range map[string]func() ([]byte, bool){
		Page: func() ([]byte, bool) { return b.HTML(), true }, Text: func() ([]byte, bool) { return b.Markdown(), true }, Picture: b.picture,
	} {
		if content, ok := content(); ok {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
				return "", err
			}
		}
	}
	if document == "" {
		return page, nil
	}
	text, err := os.ReadFile(document)
	if err != nil {
		return "", err
	}
	if text, err = splice(text, b.Section()); err != nil {
		return "", fmt.Errorf("%s: %w", document, err)
	}
	return page, os.WriteFile(document, text, 0o644)
}
