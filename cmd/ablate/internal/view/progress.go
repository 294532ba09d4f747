package view

import (
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

	mu      sync.Mutex // guards what follows
	running map[string]*runningStep
	trained int
	drawn   int // lines of the live block on the screen
}

type runningStep struct {
	event   run.Event
	started time.Time
	lined   time.Time // of its last plain line
}

// lineEvery is the least time between two plain lines about one running trial.
const lineEvery = 10 * time.Second

// NewProgress follows a run that trains up to the given number of trials. Mode auto
// is live on a terminal and plain elsewhere.
func (v *View) NewProgress(mode string, trials int) *Progress {
	if mode == "auto" {
		mode = "plain"
		if IsTerminal(v.opts.Stderr) && !v.opts.JSON {
			mode = "live"
		}
	}
	return &Progress{v: v, mode: mode, total: trials, started: time.Now(), running: make(map[string]*runningStep)}
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
		p.running[name] = &runningStep{event: e, started: e.Time, lined: e.Time}
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
			p.running[name] = &runningStep{event: e, started: e.Time}
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
	metrics := r.event.Progress.Metrics
	r.event.Progress = e.Progress
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
		p.say("  %s %s", name, p.state(r))
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
	p.say("%s %s%s  %s", p.v.paint(green, "✓"), name, result, p.v.paint(dim, Duration(e.Elapsed)))
}

// warn prints a warning of a stage, in every mode.
func (p *Progress) warn(name, text string) {
	if !p.v.opts.JSON {
		p.v.Note("%s %s:\n%s", p.v.paint(yellow, "Warning:"), name, wrap(text, textWidth, "  "))
	}
}

// failed prints the cause and the place of the log, in every mode.
func (p *Progress) failed(name string, e run.Event) {
	if p.v.opts.JSON {
		return
	}
	p.v.Note("%s %s failed after %s", p.v.paint(red, "✗"), name, Duration(e.Elapsed))
	if list, ok := diag.From(e.Err); ok {
		p.v.Diagnostics(list)
	} else {
		p.v.Note("%s", wrap(e.Err.Error(), textWidth, "  "))
	}
	if e.LogPath != "" {
		p.v.Note("  Log: %s\n", e.LogPath)
	}
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
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(p.running)) {
		r := p.running[name]
		short := r.event.Address.Key // the levels are enough to name a trial
		if short == "" {
			short = name
		}
		lines = append(lines, clip(fmt.Sprintf("  %s  %s", p.state(r), short), p.v.width()-1))
	}
	if p.total > 0 {
		lines = append(lines, "  "+p.overall())
	}
	if len(lines) > 0 {
		io.WriteString(p.v.opts.Stderr, strings.Join(lines, "\n")+"\n")
	}
	p.drawn = len(lines)
}

// state describes a running step: bar, step, loss, speed, time left.
func (p *Progress) state(r *runningStep) string {
	pr := r.event.Progress
	if r.event.Type == run.StageWaiting {
		return "waits for another process"
	}
	if pr.Waits != "" {
		return pr.Waits
	}
	if pr.Steps == 0 {
		return "starting"
	}
	s := fmt.Sprintf("%s %d/%d%s", bar(pr.Step, pr.Steps, 12), pr.Step, pr.Steps, lossText(pr.Metrics))
	if speed := pr.Metrics["tokens_per_second"]; speed > 0 {
		s += fmt.Sprintf("  %.0f tok/s", speed)
	}
	if pr.Step > 0 {
		left := time.Duration(float64(time.Since(r.started)) / float64(pr.Step) * float64(pr.Steps-pr.Step))
		s += "  " + Duration(left) + " left"
	}
	return s
}

// overall says how many trials are done and how long the rest will take.
func (p *Progress) overall() string {
	s := fmt.Sprintf("%d of %d trials", p.trained, p.total)
	if p.trained > 0 && p.trained < p.total {
		each := time.Since(p.started) / time.Duration(p.trained)
		s += ", about " + Duration(each*time.Duration(p.total-p.trained)) + " left"
	}
	return s
}

func lossText(metrics map[string]float64) string {
	s := ""
	if v, ok := metrics["loss"]; ok {
		s += fmt.Sprintf("  loss %.4f", v)
	}
	if v, ok := metrics["val_loss"]; ok {
		s += fmt.Sprintf("  val %.4f", v)
	}
	return s
}

func bar(n, of, width int) string {
	full := n * width / max(1, of)
	return strings.Repeat("━", full) + strings.Repeat("╌", width-full)
}

func clip(s string, width int) string {
	if r := []rune(s); len(r) > width {
		return string(r[:width-1]) + "…"
	}
	return s
}
