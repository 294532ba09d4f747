package view

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Watched is a study while it runs, for one screen of a terminal.
type Watched struct {
	Study    string
	Counts   string // trials by state
	Left     string // until all trials are done
	Problem  string // why there is no plan
	Factors  []string
	Metric   string
	Cells    []WatchedCell
	Running  []WatchedTrial
	Failures []Failure
}

// WatchedCell is a cell with its trials.
type WatchedCell struct {
	Levels []string
	Marks  string // one for each trial
	Mean   string // of the last values
	Curve  Curve  // mean of its trials
}

// WatchedTrial is a running trial.
type WatchedTrial struct {
	Name        string
	Step, Steps int
	Metrics     map[string]float64
	Left        string
}

// Screen is a terminal that is drawn again and again.
type Screen struct {
	v    *View
	live bool
}

// NewScreen takes the terminal over. Without one, a screen is drawn once.
func (v *View) NewScreen() *Screen {
	s := &Screen{v: v, live: IsTerminal(v.opts.Stdout) && !v.opts.Dumb}
	if s.live {
		io.WriteString(v.opts.Stdout, "\x1b[?1049h\x1b[?25l") // the alternate screen, without a cursor
	}
	return s
}

// Close gives the terminal back.
func (s *Screen) Close() {
	if s.live {
		io.WriteString(s.v.opts.Stdout, "\x1b[?25h\x1b[?1049l")
	}
}

// Draw shows a study, and reports whether it can be drawn again.
func (s *Screen) Draw(w Watched) bool {
	width, height := s.v.opts.size(s.v.opts.Stdout)
	if !s.live {
		height = 0
	}
	lines := strings.Split(visible(strings.Join(s.v.watched(w, width, height), "\n")), "\n")
	if !s.live {
		s.v.Document(strings.Join(lines, "\n") + "\n")
		return false
	}
	s.v.write("\x1b[H" + strings.Join(lines, "\x1b[K\n") + "\x1b[K\x1b[J")
	return true
}

// watched lays a study out in a width and a height; 0 is any.
func (v *View) watched(w Watched, width, height int) []string {
	if w.Study == "" {
		return []string{"No study has run with this store yet."}
	}
	head := w.Study + "  " + w.Counts
	if w.Left != "" {
		head += ", about " + w.Left + " left"
	}
	lines := strings.Split(fit(head, width), "\n")
	if w.Problem != "" {
		lines = slices.Concat(lines, []string{""}, linesOf(fit("The study cannot be planned; this shows what its runs recorded.\n"+w.Problem, width)))
	}
	var cells, running, failed []string
	if len(w.Cells) > 0 {
		cells = append([]string{""}, linesOf(w.cellTable(width).text(width))...)
	}
	if len(w.Running) > 0 {
		running = []string{"", "Running", ""}
		for i, name := range w.runningNames(width) {
			running = append(running, w.Running[i].row(name, width))
		}
	}
	if len(w.Failures) > 0 {
		failed = []string{"", "Failed", ""}
		for _, f := range w.Failures {
			failed = append(failed, linesOf(fit("  "+v.paint(red, "✗")+" "+f.Address+"\n    "+f.Error, width))...)
		}
	}
	if height > 0 { // the head may take half, failures a third of the rest, running trials half of what is left
		lines = cutLines(lines, max(1, height/2, height-len(cells)-len(running)-len(failed)))
		room := height - len(lines)
		failed = cutLines(failed, max(room/3, room-len(cells)-len(running)))
		room -= len(failed)
		running = cutLines(running, max(room/2, room-len(cells)))
		cells = cutLines(cells, room-len(running))
	}
	return slices.Concat(lines, cells, running, failed)
}

func linesOf(text string) []string { return strings.Split(strings.TrimRight(text, "\n"), "\n") }

// cutLines leaves out what exceeds a number of lines, and says so.
func cutLines(lines []string, most int) []string {
	if len(lines) <= most {
		return lines
	}
	if most < 1 {
		return nil
	}
	return append(slices.Clone(lines[:most-1]), fmt.Sprintf("  … %d more lines", len(lines)-most+1))
}

// cellTable has a row for each cell.
func (w Watched) cellTable(width int) table {
	const curve, narrow, wide = 24, 12, 100
	columns := curve
	if width > 0 && width < wide {
		columns = narrow
	}
	t := table{spare: []string{"curve"}}
	for _, f := range w.Factors {
		t.head, t.right = append(t.head, f), append(t.right, false)
	}
	t.head, t.right = append(t.head, "trials", w.Metric, "curve"), append(t.right, false, true, false)
	for _, c := range w.Cells {
		t.rows = append(t.rows, append(append([]string{}, c.Levels...), c.Marks, c.Mean, sparkline(c.Curve, columns)))
	}
	return t
}

// runningNames are the names of the running trials as they fit a width; 0 is any.
func (w Watched) runningNames(width int) []string {
	var names []string
	for _, t := range w.Running {
		names = append(names, t.Name)
	}
	if width == 0 {
		return names
	}
	const least = 20
	return fitNames(names, max(least, width*2/5))
}

func (t WatchedTrial) row(name string, width int) string {
	if width > 0 {
		width = max(1, width-cells(name)-4)
	}
	left := t.Left
	if left != "" {
		left += " left"
	}
	return "  " + name + "  " + stepText(width, t.Step, t.Steps, t.Metrics, left)
}
