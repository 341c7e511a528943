package report

import (
	"bytes"
	"fmt"
	"html/template"
	"strings"
)

// section is a part of the report under a heading, the same on the page and in Markdown.
type section struct {
	id, title string
	blocks    []block
}

// block is a paragraph, a table, a heading or charts; one of its fields is set.
type block struct {
	words   []entry // a paragraph: words and figures in turn
	table   *grid
	heading string
	charts  []chart
	folded  *section // what few will read
}

// text is a paragraph without figures.
func text(words string) block { return block{words: []entry{{words: words}}} }

func table(g grid) block         { return block{table: &g} }
func heading(title string) block { return block{heading: title} }
func prose(words ...entry) block { return block{words: words} }
func folded(s section) block     { return block{folded: &s} }

// html renders an entry.
func (e entry) html() template.HTML {
	if e.code {
		return template.HTML("<code>" + template.HTMLEscapeString(e.words) + "</code>")
	}
	var parts []string
	for _, f := range e.figures {
		parts = append(parts, string(f.html()))
	}
	switch {
	case len(parts) > 0:
		return template.HTML(strings.Join(parts, "; "))
	case e.told:
		return template.HTML(`<span class="told">` + codeWords(e.words) + `</span>`)
	}
	return template.HTML(codeWords(e.words))
}

// codeWords turns what stands between backquotes into code, and what is all between asterisks into what is to be seen.
func codeWords(text string) string {
	if strong, ok := strings.CutPrefix(text, "**"); ok {
		return "<strong>" + template.HTMLEscapeString(strings.TrimSuffix(strong, "**")) + "</strong>"
	}
	var b strings.Builder
	for i, part := range strings.Split(text, "`") {
		if part = template.HTMLEscapeString(part); i%2 == 1 {
			part = "<code>" + part + "</code>"
		}
		b.WriteString(part)
	}
	return b.String()
}

// markdown renders an entry.
func (e entry) markdown() string {
	if e.code {
		return "`" + e.words + "`"
	}
	var parts []string
	for _, f := range e.figures {
		parts = append(parts, f.text())
	}
	if len(parts) == 0 {
		return e.words
	}
	return strings.Join(parts, "; ")
}

func (s *section) html(b *bytes.Buffer, level int) {
	for _, k := range s.blocks {
		k.html(b, level)
	}
}

func (k *block) html(b *bytes.Buffer, level int) {
	switch {
	case k.heading != "":
		fmt.Fprintf(b, "<h%d>%s</h%d>\n", level+1, template.HTMLEscapeString(k.heading), level+1)
	case k.table != nil:
		k.table.html(b)
	case len(k.charts) > 0:
		b.WriteString(`<div class="charts">`)
		for i := range k.charts {
			c := &k.charts[i]
			fmt.Fprintf(b, `<figure><figcaption>%s</figcaption>%s%s`, template.HTMLEscapeString(c.title), c.legend(), c.svg())
			for _, n := range c.notes {
				fmt.Fprintf(b, `<p class="note">%s</p>`, template.HTMLEscapeString(n))
			}
			b.WriteString("</figure>\n")
		}
		b.WriteString("</div>\n")
	case k.folded != nil:
		fmt.Fprintf(b, "<details><summary>%s</summary>\n", template.HTMLEscapeString(k.folded.title))
		k.folded.html(b, level)
		b.WriteString("</details>\n")
	default:
		b.WriteString("<p>")
		for _, e := range k.words {
			b.WriteString(string(e.html()))
		}
		b.WriteString("</p>\n")
	}
}

func (g *grid) html(b *bytes.Buffer) {
	b.WriteString(`<div class="scroll" tabindex="0"><table><thead><tr>`)
	for _, h := range g.head {
		fmt.Fprintf(b, `<th scope="col">%s</th>`, template.HTMLEscapeString(h))
	}
	b.WriteString("</tr></thead><tbody>\n")
	for _, row := range g.rows {
		b.WriteString("<tr>")
		for i, e := range row {
			tag := "td"
			if i == 0 {
				tag = `th scope="row"`
			}
			fmt.Fprintf(b, "<%s>%s</%.2s>", tag, e.html(), tag)
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</tbody></table></div>\n")
}

// markdown renders the section below a heading of a level.
func (s *section) markdown(b *bytes.Buffer, level int) {
	for _, k := range s.blocks {
		switch {
		case k.heading != "":
			fmt.Fprintf(b, "\n%s %s\n", strings.Repeat("#", level+1), k.heading)
		case k.table != nil:
			b.WriteString("\n")
			k.table.markdown(b)
		case len(k.charts) > 0: // on the page
		case k.folded != nil:
			fmt.Fprintf(b, "\n%s %s\n", strings.Repeat("#", level+1), k.folded.title)
			k.folded.markdown(b, level+1)
		default:
			b.WriteString("\n")
			for _, e := range k.words {
				b.WriteString(e.markdown())
			}
			b.WriteString("\n")
		}
	}
}

func (g *grid) markdown(b *bytes.Buffer) {
	line := func(cells []string) {
		for i := range cells {
			cells[i] = strings.ReplaceAll(cells[i], "|", `\|`)
		}
		fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
	}
	line(append([]string{}, g.head...))
	b.WriteString("|")
	for i := range g.head {
		if b.WriteString("---"); g.right != nil && g.right[i] {
			b.WriteString(":")
		}
		b.WriteString("|")
	}
	b.WriteString("\n")
	for _, row := range g.rows {
		var cells []string
		for _, e := range row {
			cells = append(cells, e.markdown())
		}
		line(cells)
	}
}
