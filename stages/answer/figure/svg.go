package figure

import (
	"encoding/csv"
	"fmt"
	"html"
	"slices"
	"strconv"
	"strings"
)

// Inline is the figure as SVG for a page whose stylesheet has its inks. id tells it
// apart from others on the page.
func (f Figure) Inline(id string, width float64) string {
	d := f.draw(width)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="drawing" viewBox="0 0 %s %s" width="%[1]s" height="%[2]s" role="img" aria-labelledby="%[3]s">`, px(d.width), px(d.height), id)
	fmt.Fprintf(&b, `<title id="%s">%s</title>`, id, html.EscapeString(f.Description))
	d.write(&b)
	b.WriteString("</svg>")
	return b.String()
}

// SVG is the figure as a file. Its mark tells package source that it and the files of its name are
// no files of the user.
func (f Figure) SVG(width float64) []byte {
	d := f.draw(width)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" data-generator="ablate" viewBox="0 0 %s %s" width="%[1]s" height="%[2]s" role="img">`, px(d.width), px(d.height))
	fmt.Fprintf(&b, "<title>%s</title><style>text{font-family:Helvetica,Arial,sans-serif}", html.EscapeString(f.Description))
	for _, i := range d.inks() {
		fmt.Fprintf(&b, ".k-%s{stroke:%s}.f-%[1]s{fill:%[2]s}", i, onPaper[i])
	}
	b.WriteString(faintStyle + "</style>")
	d.shapes = d.printed()
	d.write(&b)
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

const faintStyle = ".faint{opacity:.45}.pale{opacity:.16}.line{fill:none;stroke-linejoin:round}"

// inks lists the inks of a drawing.
func (d *drawing) inks() []ink {
	var out []ink
	for _, s := range d.shapes {
		if s.ink != "" && !slices.Contains(out, s.ink) {
			out = append(out, s.ink)
		}
	}
	slices.Sort(out)
	return out
}

// CSV is the data of the figure.
func (f Figure) CSV() ([]byte, error) {
	var b strings.Builder
	w := csv.NewWriter(&b)
	if err := w.WriteAll(f.Data); err != nil {
		return nil, fmt.Errorf("writing the data of %s: %w", f.Name, err)
	}
	return []byte(b.String()), nil
}

// px prints a length with a tenth of a pixel.
func px(v float64) string {
	s := strconv.FormatFloat(v, 'f', 1, 64)
	return strings.TrimSuffix(s, ".0")
}

func (d *drawing) write(b *strings.Builder) {
	for _, s := range d.shapes {
		class := ""
		switch {
		case s.faint:
			class = " faint"
		case s.pale:
			class = " pale"
		}
		switch s.form {
		case line:
			fmt.Fprintf(b, `<path class="line k-%s%s" stroke-width="%s"%s d="%s"/>`, s.ink, class, px(s.width), dashes(s.dash), path(s.points))
		case area:
			s.writeArea(b, class)
		case label:
			weight := ""
			if s.bold {
				weight = ` font-weight="600"`
			}
			fmt.Fprintf(b, `<text class="f-%s" x="%s" y="%s" font-size="%s"%s%s>%s</text>`, s.ink, px(s.points[0].x), px(s.points[0].y), px(s.size), anchors[s.anchor], weight, html.EscapeString(s.text))
		case marker:
			s.writeMark(b, class)
		}
	}
}

var anchors = map[string]string{"middle": ` text-anchor="middle"`, "end": ` text-anchor="end"`}

var dashSteps = [][]float64{nil, {6, 3}, {2, 2}, {8, 3, 2, 3}}

func dashes(i int) string {
	if i == 0 {
		return ""
	}
	var parts []string
	for _, v := range dashSteps[i] {
		parts = append(parts, px(v))
	}
	return ` stroke-dasharray="` + strings.Join(parts, " ") + `"`
}

func path(points []point) string {
	var b strings.Builder
	for i, p := range points {
		switch i {
		case 0:
			b.WriteString("M")
		case 1:
			b.WriteString("L")
		default:
			b.WriteString(" ")
		}
		b.WriteString(px(p.x) + " " + px(p.y))
	}
	return b.String()
}

func (s shape) writeArea(b *strings.Builder, class string) {
	switch {
	case s.panel > 0:
		x, y := s.points[0].x, s.points[0].y
		fmt.Fprintf(b, `<rect class="hit" data-panel="%d" x="%s" y="%s" width="%s" height="%s"/>`, s.panel-1, px(x), px(y), px(s.points[2].x-x), px(s.points[2].y-y))
	case s.colour != "":
		fmt.Fprintf(b, `<path fill="%s" d="%sZ">%s</path>`, s.colour, path(s.points), titleOf(s.note))
	default:
		fmt.Fprintf(b, `<path class="f-%s%s" d="%sZ"/>`, s.ink, class, path(s.points))
	}
}

func titleOf(note string) string {
	if note == "" {
		return ""
	}
	return "<title>" + html.EscapeString(note) + "</title>"
}

// writeMark draws a marker. Markers differ in shape, so that series can be told apart
// in grey.
func (s shape) writeMark(b *strings.Builder, class string) {
	style := fmt.Sprintf(`class="f-%s%s"`, s.ink, class)
	if !s.filled {
		style = fmt.Sprintf(`class="f-paper k-%s%s" stroke-width="1.5"`, s.ink, class)
	}
	if s.mark%3 == 0 {
		fmt.Fprintf(b, `<circle %s cx="%s" cy="%s" r="%s">%s</circle>`, style, px(s.points[0].x), px(s.points[0].y), px(s.size), titleOf(s.note))
		return
	}
	fmt.Fprintf(b, `<path %s d="%sZ">%s</path>`, style, path(s.outline()), titleOf(s.note))
}

// outline is the corners of a marker that is not round.
func (s shape) outline() []point {
	x, y, r := s.points[0].x, s.points[0].y, s.size
	if s.mark%3 == 1 {
		r *= 0.9
		return []point{{x - r, y - r}, {x + r, y - r}, {x + r, y + r}, {x - r, y + r}}
	}
	r *= 1.15
	return []point{{x, y - r}, {x + r, y + 0.8*r}, {x - r, y + 0.8*r}}
}
