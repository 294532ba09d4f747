package view

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/pipeline/run"
)

// Progress follows a run: a block that is redrawn on a terminal, plain lines
// elsewhere, events with --json.
type Progress struct {
	v       *View
	mode    string // "live", "plain" or "none"
	total   int    // trials that may be trained
	started time.Time
	names   map[string]string // of trials on a terminal, by address

	mu      sync.Mutex // guards what follows
	running map[string]*runningStep
	trained int
	lost    int // trials that failed
	drawn   int // lines of the live block on the screen
}

type runningStep struct {
	event run.Event
	first run.Event // the first report since the start: a resumed trial does not begin at step 0
	lined time.Time // when its last plain line was printed
}

// lineEvery is the least time between two plain lines about one running trial.
const lineEvery = 10 * time.Second

// NewProgress follows a run that trains up to the given number of trials. Mode auto
// is live on a terminal that moves its cursor, and plain elsewhere. A terminal has room for names of trials; they
// are by address, and what has none shows its address.
func (v *View) NewProgress(mode string, trials int, names map[string]string) *Progress {
	if mode == "auto" {
		mode = "plain"
		if IsTerminal(v.opts.Stderr) && !v.opts.Dumb && !v.opts.JSON {
			mode = "live"
		}
	}
	return &Progress{v: v, mode: mode, total: trials, started: time.Now(), names: names, running: make(map[string]*runningStep)}
}

// Observe shows one event of the run.
func (p *Progress) Observe(e run.Event) {
	if p.v.opts.JSON {
		p.v.object(stageEvent(e))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	defer p.draw()
	name := e.Address.String()
	switch e.Type {
	case run.StageStart:
		p.running[name] = &runningStep{event: e, lined: e.Time}
	case run.StageProgress:
		if e.Progress.Warning != "" {
			p.warn(name, e.Progress.Warning)
			return
		}
		p.advance(name, e)
	case run.StageDone:
		p.done(name, e)
	case run.StageWaiting:
		if p.running[name] == nil {
			p.running[name] = &runningStep{event: e}
			p.say("%s %s is being computed by another process", p.v.paint(yellow, "…"), name)
		}
	case run.StageHit, run.StagePulled, run.StageDetached:
		delete(p.running, name)
	case run.StageRetry:
		p.say("%s %s failed and is tried again: %v", p.v.paint(yellow, "↻"), name, e.Err)
	case run.StageFailed:
		delete(p.running, name)
		p.failed(name, e)
	}
}

func (p *Progress) advance(name string, e run.Event) {
	r := p.running[name]
	if r == nil {
		return
	}
	if r.first.Progress.Steps == 0 || e.Progress.Step < r.event.Progress.Step { // begun, or begun again
		r.first = e
	}
	metrics := r.event.Progress.Metrics
	r.event.Time, r.event.Progress = e.Time, e.Progress
	if metrics != nil { // a report need not repeat every metric
		merged := maps.Clone(metrics)
		maps.Copy(merged, e.Progress.Metrics)
		r.event.Progress.Metrics = merged
	}
	if p.mode == "plain" && e.Progress.Waits != "" {
		p.say("  %s %s", name, e.Progress.Waits)
		return
	}
	if p.mode == "plain" && e.Time.Sub(r.lined) >= lineEvery {
		r.lined = e.Time
		p.say("  %s %s", name, stateText(r, 0))
	}
}

func (p *Progress) done(name string, e run.Event) {
	r := p.running[name]
	delete(p.running, name)
	if e.Role != pipeline.Trial {
		return
	}
	p.trained++
	result := ""
	if r != nil {
		result = lossText(r.event.Progress.Metrics)
	}
	p.say("%s %s%s  %s", p.v.paint(green, "✓"), p.shown(name), result, p.v.paint(dim, Duration(e.Elapsed)))
}

// warn prints a warning of a stage, in every mode.
func (p *Progress) warn(name, text string) {
	if !p.v.opts.JSON {
		p.v.Note("%s %s:\n%s", p.v.paint(yellow, "Warning:"), name, wrap(text, p.v.textWidth(), "  "))
	}
}

// failed prints the cause and the place of the log, in every mode.
func (p *Progress) failed(name string, e run.Event) {
	if e.Role == pipeline.Trial {
		p.lost++
	}
	if p.v.opts.JSON {
		return
	}
	p.v.Note("%s %s failed after %s", p.v.paint(red, "✗"), name, Duration(e.Elapsed))
	if list, ok := diag.From(e.Err); ok {
		p.v.Diagnostics(list)
	} else {
		p.v.Note("%s", wrap(e.Err.Error(), p.v.textWidth(), "  "))
	}
	if e.LogPath != "" {
		p.v.Note("  Log: %s\n", e.LogPath)
	}
}

// shown is the name of a trial in the text of this terminal, or its address.
func (p *Progress) shown(address string) string {
	if p.mode != "live" {
		return address // logs are easier to search if names always look the same
	}
	return cmp.Or(p.names[address], address)
}

func (p *Progress) say(format string, args ...any) {
	if p.mode != "none" && !p.v.opts.JSON {
		p.v.Note(format, args...)
	}
}

// Close ends the live block.
func (p *Progress) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

// clear removes the live block from the screen.
func (p *Progress) clear() {
	if p.drawn > 0 {
		io.WriteString(p.v.opts.Stderr, fmt.Sprintf("\x1b[%dA\x1b[J", p.drawn))
		p.drawn = 0
	}
}

// draw writes the live block again.
func (p *Progress) draw() {
	if p.mode != "live" {
		return
	}
	const usualColumns, usualRows = 80, 24 // of a terminal that does not tell
	columns, rows := p.v.opts.size(p.v.opts.Stderr)
	lines := p.live(cmp.Or(columns, usualColumns)-1, cmp.Or(rows, usualRows)-1) // a full line would scroll, and so would a full screen
	if len(lines) > 0 {
		io.WriteString(p.v.opts.Stderr, visible(strings.Join(lines, "\n"))+"\n")
	}
	p.drawn = len(lines)
}

// live is a row for each running step and a line about all, as far as they fit. What scrolled
// out of the screen could not be redrawn.
func (p *Progress) live(width, height int) []string {
	var names, lines []string
	longest := 0
	running := slices.Sorted(maps.Keys(p.running))
	for _, name := range running {
		short := cmp.Or(p.names[name], strings.ReplaceAll(p.running[name].event.Address.Key, ",", ", "), name)
		names = append(names, short)
		longest = max(longest, cells(short))
	}
	const least = 20
	longest = max(least, min(longest, width*2/5))
	if len(names) > 0 {
		names = fitNames(names, longest)
	}
	room := max(1, height-1) // a line is about all trials
	if len(running) > room {
		room = max(1, room-1)
		names = names[:room]
	}
	for i := range names {
		lines = append(lines, "  "+padded(names[i], longest, false)+"  "+stateText(p.running[running[i]], width-longest-4))
	}
	if more := len(running) - len(names); more > 0 {
		lines = append(lines, fmt.Sprintf("  … and %d more", more))
	}
	if p.total > 0 {
		lines = append(lines, "  "+shorten(p.overall(), width-2))
	}
	return lines
}

// stateText describes a running step in a width; 0 is any.
func stateText(r *runningStep, width int) string {
	pr := r.event.Progress
	switch {
	case r.event.Type == run.StageWaiting:
		return "waits for another process"
	case pr.Waits != "":
		return pr.Waits
	case pr.Steps == 0:
		return "starting"
	}
	return stepText(width, pr.Step, pr.Steps, pr.Metrics, leftText(r))
}

// leftText estimates the rest of a step from its speed between two reports.
func leftText(r *runningStep) string {
	pr, first := r.event.Progress, r.first.Progress
	if pr.Step <= first.Step || pr.Step >= pr.Steps {
		return ""
	}
	each := r.event.Time.Sub(r.first.Time) / time.Duration(pr.Step-first.Step)
	return Duration(each*time.Duration(pr.Steps-pr.Step)) + " left"
}

// overall says how many trials are done and how long the rest will take.
func (p *Progress) overall() string {
	s := fmt.Sprintf("%d of %d trials", p.trained, p.total)
	if p.lost > 0 {
		s += fmt.Sprintf(", %d failed", p.lost)
	}
	if rest := p.total - p.trained - p.lost; p.trained > 0 && rest > 0 {
		each := time.Since(p.started) / time.Duration(p.trained)
		s += ", about " + Duration(each*time.Duration(rest)) + " left"
	}
	return s
}
