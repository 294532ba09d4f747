package view

import (
	"cmp"
	"fmt"
	"html"
	"slices"
	"strings"
)

// Sizes of a drawn graph, in pixels.
const (
	boxHeight  = 34
	boxApart   = 16
	layerApart = 64
	letter     = 7.3 // width of a character
	margin     = 12
)

// box is a stage in a drawn graph.
type box struct {
	stage       Stage
	layer       int
	x, y, width float64
}

// SVG draws stages from left to right: each stands in the first column that is to the
// right of all that it needs. The stylesheet has colours for bright and dark pages.
func SVG(stages []Stage) string {
	boxes := layers(stages)
	width, height := arrange(boxes)
	at := make(map[string]box)
	for _, b := range boxes {
		at[b.stage.Address] = b
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img">`, width, height, width, height)
	b.WriteString("<title>Stages of the study, and what each depends on</title><style>" + graphStyle + "</style>\n")
	for _, to := range boxes {
		for _, need := range to.stage.Needs {
			from := at[need]
			x1, y1, x2, y2 := from.x+from.width, from.y+boxHeight/2, to.x, to.y+boxHeight/2
			fmt.Fprintf(&b, `<path class="edge" d="M%.0f %.0fC%.0f %.0f %.0f %.0f %.0f %.0f"/>`+"\n", x1, y1, x1+layerApart/2, y1, x2-layerApart/2, y2, x2, y2)
		}
	}
	for _, x := range boxes {
		fmt.Fprintf(&b, `<rect x="%.0f" y="%.0f" width="%.0f" height="%d" rx="5"/><text x="%.0f" y="%.0f">%s</text>`+"\n",
			x.x, x.y, x.width, boxHeight, x.x+10, x.y+boxHeight/2+4, html.EscapeString(x.stage.label()))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

const graphStyle = "rect{fill:#f5f5f2;stroke:#5c5c5c}text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#1b1b1b}.edge{fill:none;stroke:#8a8a8a;stroke-width:1.3}" +
	"@media(prefers-color-scheme:dark){rect{fill:#242322;stroke:#aaa69f}text{fill:#eae7e2}.edge{stroke:#8a8781}}"

// layers gives each stage its column. Stages come in dependency order.
func layers(stages []Stage) []box {
	column := make(map[string]int)
	var out []box
	for _, s := range stages {
		layer := 0
		for _, need := range s.Needs {
			layer = max(layer, column[need]+1)
		}
		column[s.Address] = layer
		out = append(out, box{stage: s, layer: layer})
	}
	return out
}

// arrange places the boxes and returns the size of the whole. Boxes of a column are
// ordered by the mean height of what they need, so that few edges cross.
func arrange(boxes []box) (width, height float64) {
	at := make(map[string]float64)
	x := float64(margin)
	for layer := 0; ; layer++ {
		var column []*box
		for i := range boxes {
			if boxes[i].layer == layer {
				column = append(column, &boxes[i])
			}
		}
		if len(column) == 0 {
			center(boxes, height)
			return x - layerApart + margin, height + margin
		}
		mean := func(b *box) float64 {
			sum := 0.0
			for _, need := range b.stage.Needs {
				sum += at[need]
			}
			return sum / float64(max(1, len(b.stage.Needs)))
		}
		slices.SortStableFunc(column, func(a, b *box) int { return cmp.Compare(mean(a), mean(b)) })
		widest := 0.0
		y := float64(margin)
		for _, b := range column {
			b.x, b.y, b.width = x, y, 20+letter*float64(cells(b.stage.label()))
			at[b.stage.Address] = y
			widest = max(widest, b.width)
			y += boxHeight + boxApart
		}
		height = max(height, y-boxApart)
		x += widest + layerApart
	}
}

// center moves each column to the middle of the height.
func center(boxes []box, height float64) {
	ends := make(map[int]float64)
	for _, b := range boxes {
		ends[b.layer] = max(ends[b.layer], b.y+boxHeight)
	}
	for i := range boxes {
		boxes[i].y += (height - ends[boxes[i].layer]) / 2
	}
}
