package view

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"ablate/cache"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/planner"
	"ablate/stages/answer"
)

// Status reports the state of an instance.
type Status struct {
	Address string `json:"address" doc:"the instance"`
	Block   string `json:"block" doc:"its block"`
	State   string `json:"state" doc:"cached, running, submitted, failed, left (to run) or waiting (for something that must run first)"`
	Job     string `json:"job,omitempty" doc:"the Slurm job that computes it, and its state"`
	Log     string `json:"log,omitempty" doc:"last line of its log"`

	Step        *int               `json:"step,omitempty" doc:"of a running trial: training steps done"`
	Steps       *int               `json:"steps,omitempty" doc:"of a running trial: training steps in all"`
	Metrics     map[string]float64 `json:"metrics,omitempty" doc:"of a running trial: latest values, such as loss and tokens_per_second"`
	SecondsLeft *float64           `json:"seconds_left,omitempty" doc:"of a running trial: an estimate from its speed"`
	Failure     *Failure           `json:"failure,omitempty" doc:"of a failed instance: when and why it failed"`
}

func (Status) kind() string { return "status" }

func (e Status) text() string {
	switch e.State {
	case "submitted":
		return fmt.Sprintf("  submitted  %s\n           %s\n", e.Address, e.Job)
	case "running":
		job := ""
		if e.Job != "" {
			job = "           " + e.Job + "\n"
		}
		return fmt.Sprintf("  running  %s\n%s           %s\n", e.Address, job, cmp.Or(e.progress(), e.Log, "starting"))
	case "failed":
		return fmt.Sprintf("  failed   %s\n           %s\n", e.Address, e.Failure.line())
	}
	return ""
}

// progress says how far a running trial is; "" where it has reported no step.
func (e Status) progress() string {
	if e.Step == nil || e.Steps == nil {
		return ""
	}
	s := fmt.Sprintf("step %d of %d%s", *e.Step, *e.Steps, lossText(e.Metrics))
	if e.SecondsLeft != nil {
		s += fmt.Sprintf("  %s left", Seconds(*e.SecondsLeft))
	}
	return s
}

// Log reports a piece of a log.
type Log struct {
	Text string `json:"text" doc:"one line or several"`
}

func (Log) kind() string { return "log" }

func (e Log) text() string { return e.Text }

// Instance reports an instance with its spec, key and results.
type Instance struct {
	Address     string             `json:"address" doc:"the instance"`
	Label       string             `json:"label" doc:"its display name"`
	Action      planner.Status     `json:"action" doc:"hit, pull, resume, run, same or pending"`
	File        string             `json:"file" doc:"the file that declares it"`
	Line        int                `json:"line" doc:"the line of the declaration"`
	Spec        any                `json:"spec" doc:"the decoded block with its defaults"`
	Notes       cache.Value        `json:"notes" doc:"what is stored beside the ingredients and enters no key"`
	Key         *cache.Key         `json:"key,omitempty" doc:"its key; absent while it is pending"`
	Ingredients *cache.Value       `json:"ingredients,omitempty" doc:"what the key is the hash of"`
	Work        *pipeline.Work     `json:"work,omitempty" doc:"the size of the computation"`
	Artifacts   []cache.Artifact   `json:"artifacts,omitempty" doc:"what the store holds of it"`
	Provenance  *action.Provenance `json:"provenance,omitempty" doc:"where, when and by which program it was computed"`
	Repeats     string             `json:"repeats,omitempty" doc:"what repetitions found"`
	Metrics     map[string]float64 `json:"metrics,omitempty" doc:"last value of each metric"`
	Failure     *Failure           `json:"failure,omitempty" doc:"when and why its last attempt failed"`

	Declared diag.Range        `json:"-"`
	Reason   string            `json:"-"`
	SpecText string            `json:"-"` // as HCL
	Curves   []Curve           `json:"-"` // of the loss, by step
	Sketches []pipeline.Sketch `json:"-"` // of its formulas
}

func (Instance) kind() string { return "instance" }

func (e Instance) text() string { return e.fitted(0) }

func (e Instance) fitted(width int) string {
	var b strings.Builder
	gap := "  "
	if width > 0 && cells(e.Address)+cells(e.Label)+len("  ()") > width {
		gap = "\n  " // the address alone has more room
	}
	fmt.Fprintf(&b, "%s%s(%s)\n  declared at %s\n  %s: %s\n", e.Address, gap, e.Label, e.Declared, e.Action, e.Reason)
	if e.Failure != nil {
		fmt.Fprintf(&b, "  %s\n", e.Failure.line())
		if e.Failure.Log != "" {
			fmt.Fprintf(&b, "  log: %s\n", e.Failure.Log)
		}
	}
	if e.Key != nil {
		fmt.Fprintf(&b, "  key %s\n", e.Key)
	}
	if e.SpecText != "" {
		fmt.Fprintf(&b, "\nSpec\n\n  %s\n", strings.ReplaceAll(strings.TrimSuffix(e.SpecText, "\n"), "\n", "\n  "))
	}
	for _, k := range e.Sketches {
		b.WriteString(sketchText(k, width))
	}
	e.writeWork(&b)
	e.writeFingerprints(&b)
	e.writeEntry(&b)
	for _, c := range e.Curves {
		fmt.Fprintf(&b, "\n%s by step\n\n%s", c.Name, plot([]Curve{c}, width))
	}
	return fit(b.String(), width)
}

func (e Instance) writeWork(b *strings.Builder) {
	w := e.Work
	if w == nil {
		return
	}
	m := w.Memory
	q := func(n int64) string { return quantity(float64(n)) }
	fmt.Fprintf(b, "\nSize\n\n  %s parameters, %s FLOP per token (forward and backward), %s tokens: %s FLOP\n",
		q(w.Parameters), quantity(w.FLOPsPerToken), q(w.Tokens), quantity(w.FLOPs()))
	fmt.Fprintf(b, "  memory: about %s; %s parameters, %s optimizer state, %s gradients, and an estimated %s logits and %s activations, then %s for the update\n",
		Size(m.Total()), Size(m.Parameters), Size(m.State), Size(m.Gradients), Size(m.Logits), Size(m.Activations), Size(m.Update))
}

func (e Instance) writeFingerprints(b *strings.Builder) {
	if e.Ingredients == nil {
		return
	}
	code := e.Ingredients.At("code")
	if code.IsZero() || len(code.Keys()) == 0 {
		return
	}
	b.WriteString("\nFingerprints\n\n")
	for _, name := range code.Keys() {
		text, _ := code.At(name).Text()
		fmt.Fprintf(b, "  %-10s %s\n", name, text)
	}
}

// writeEntry says what the store holds and who computed it.
func (e Instance) writeEntry(b *strings.Builder) {
	p := e.Provenance
	if p == nil {
		return
	}
	b.WriteString("\nArtifacts\n\n")
	for _, a := range e.Artifacts {
		fmt.Fprintf(b, "  %-12s %12s  %s\n", a.Name, Size(a.Size), a.Digest)
	}
	fmt.Fprintf(b, "\nComputed in %.1f s on %s, %s\n", p.Seconds, p.Host.Name, p.Finished.Format("2006-01-02 15:04:05 MST"))
	if p.Class != "" {
		fmt.Fprintf(b, "Numerics class: %s\n", p.Class)
	}
	if e.Repeats != "" {
		fmt.Fprintf(b, "Noise floor: %s\n", e.Repeats)
	}
	if e.Metrics == nil {
		return
	}
	b.WriteString("\nLast metrics\n\n")
	for _, name := range slices.Sorted(maps.Keys(e.Metrics)) {
		fmt.Fprintf(b, "  %-12s %g\n", name, e.Metrics[name])
	}
}

// Analysis reports the result of an analysis.
type Analysis struct {
	Address string          `json:"address" doc:"the analysis"`
	Result  json.RawMessage `json:"result,omitempty" doc:"its result document"`
	Text    string          `json:"text,omitempty" doc:"the text of a report, which has no numbers of its own"`

	Heading  string           `json:"-"` // above the rendering
	Findings []answer.Finding `json:"-"` // in sentences, above the tables
	Brief    bool             `json:"-"` // leaves out what only details the result
	Body     string           `json:"-"` // in the form that the user asked for
	Tables   string           `json:"-"` // as Markdown, to be laid out for a terminal; "" where the form is another
}

func (Analysis) kind() string { return "analysis" }

// Number reports a named number and its origin.
type Number struct {
	Name    string       `json:"name" doc:"the name that export numbers gives it"`
	Value   float64      `json:"value" doc:"the number"`
	What    string       `json:"what" doc:"what it estimates"`
	Address string       `json:"address" doc:"the analysis"`
	Key     cache.Key    `json:"key" doc:"the analysis's key"`
	Result  cache.Digest `json:"result" doc:"digest of the result document"`
	RestsOn []KeyOf      `json:"rests_on" doc:"the instances that it depends on; empty in export numbers"`

	Recompute string `json:"-"` // the command that computes it again
}

// KeyOf is an instance with its key.
type KeyOf struct {
	Address string    `json:"address" doc:"the instance"`
	Key     cache.Key `json:"key" doc:"its key"`
}

// line names the instance after the beginning of its key.
func (k KeyOf) line() string { return ShortKey(k.Key) + "  " + k.Address + "\n" }

func (Number) kind() string { return "number" }

func (e Number) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s = %s\n  %s\n\n  analysis   %s\n  key        %s\n  result     %s\n  recompute  %s\n",
		e.Name, strconv.FormatFloat(e.Value, 'g', -1, 64), e.What, e.Address, e.Key, e.Result, e.Recompute)
	b.WriteString("\nIt depends on\n\n")
	for _, d := range e.RestsOn {
		b.WriteString("  " + d.line())
	}
	return b.String()
}

// Difference reports what differs between two instances, or two selections of trials.
type Difference struct {
	A       string              `json:"a" doc:"the first"`
	B       string              `json:"b" doc:"the second"`
	Trials  *[2]int             `json:"trials,omitempty" doc:"of selections: the number of trials with a result"`
	Changes []planner.Change    `json:"changes,omitempty" doc:"of instances: the ingredients that differ"`
	Numbers []answer.Difference `json:"numbers" doc:"numbers that both have"`

	Unknown bool       `json:"-"` // one key is not known yet
	Curves  [2]Curve   `json:"-"` // of trials: the loss by step
	Same    *cache.Key `json:"-"` // the key that both have
}

func (Difference) kind() string { return "difference" }

func (e Difference) text() string { return e.fitted(0) }

func (e Difference) fitted(width int) string {
	var b strings.Builder
	if e.Trials != nil {
		fmt.Fprintf(&b, "A  %s (%s)\nB  %s (%s)\n", e.A, Count(e.Trials[0], "trial"), e.B, Count(e.Trials[1], "trial"))
		e.writeNumbers(&b, width)
		b.WriteString("\nMeans of the trials' last values. An analysis \"factorial\" gives intervals.\n")
		return fit(b.String(), width)
	}
	fmt.Fprintf(&b, "A  %s\nB  %s\n\nIngredients\n\n", e.A, e.B)
	switch {
	case e.Unknown:
		b.WriteString("  unknown: one of the two is pending\n")
	case e.Same != nil:
		b.WriteString("  equal: both have the key " + e.Same.String() + "\n")
	}
	for _, c := range e.Changes {
		b.WriteString(changeLine(c))
	}
	e.writeNumbers(&b, width)
	if len(e.Curves[0].Steps) > 1 && len(e.Curves[1].Steps) > 1 {
		fmt.Fprintf(&b, "\n%s by step: %s A, %s B, %s both\n\n%s", e.Curves[0].Name, plotMarks[0], plotMarks[1], bothMarks, plot(e.Curves[:], width))
	}
	return fit(b.String(), width)
}

// writeNumbers tabulates the numbers of both sides.
func (e Difference) writeNumbers(b *strings.Builder, width int) {
	if len(e.Numbers) == 0 {
		b.WriteString("\nThey have no numbers in common yet.\n")
		return
	}
	b.WriteString("\n" + e.numbers().text(width))
}

func (e Difference) numbers() table {
	t := table{head: []string{"number", "A", "B", "B − A"}, right: []bool{false, true, true, true}}
	for _, n := range e.Numbers {
		t.rows = append(t.rows, []string{n.Name, number(n.A), number(n.B), number(n.Difference)})
	}
	return t
}
