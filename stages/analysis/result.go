package analysis

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"ablate/pipeline"
)

// result is the answer of a factorial analysis, in full precision.
type result struct {
	Version    int              `json:"version"`
	Response   string           `json:"response"`
	At         string           `json:"at"`
	Replicate  string           `json:"replicate"`
	Confidence float64          `json:"confidence"`
	Trials     int              `json:"trials"`
	Tokens     int              `json:"evaluation_tokens,omitempty"`
	Factors    []resultFactor   `json:"factors"`
	Cells      []resultCell     `json:"cells"`
	Contrasts  []resultContrast `json:"contrasts"`
	Anova      []resultAnova    `json:"anova,omitempty"`
	AnovaBy    string           `json:"anova_method,omitempty"`
	Bootstrap  string           `json:"bootstrap,omitempty"` // what was drawn again
	Standing   *standing        `json:"standing,omitempty"`  // where declarations are frozen
	Warnings   []string         `json:"warnings"`
}

type resultFactor struct {
	Name     string   `json:"name"`
	Levels   []string `json:"levels"`
	Baseline string   `json:"baseline"`
}

type resultCell struct {
	Levels     []string  `json:"levels"`
	N          int       `json:"n"`
	Mean       *float64  `json:"mean"` // none when a trial diverged
	SD         *float64  `json:"sd"`
	Replicates []string  `json:"replicates"`
	Values     []float64 `json:"values"`
	Diverged   int       `json:"diverged,omitempty"`
}

// resultContrast is one line of the answer; absent numbers are null.
type resultContrast struct {
	Kind     string   `json:"kind"`
	Name     string   `json:"name"`
	Estimate *float64 `json:"estimate"`
	Low      *float64 `json:"low"`
	High     *float64 `json:"high"`
	T        *float64 `json:"t"`
	DF       *float64 `json:"df"`
	P        *float64 `json:"p"`
	PHolm    *float64 `json:"p_holm"`
	N        int      `json:"n"`
	Method   string   `json:"method"`
	Missing  []string `json:"missing,omitempty"`

	Half     *float64          `json:"half_width"`
	Detect   *float64          `json:"detectable"`
	BootLow  *float64          `json:"bootstrap_low,omitempty"`
	BootHigh *float64          `json:"bootstrap_high,omitempty"`
	Terms    []term            `json:"terms"`
	At       map[string]string `json:"at,omitempty"`
	Simple   bool              `json:"simple,omitempty"`  // a gap at the baseline of all others
	Planned  bool              `json:"planned,omitempty"` // declared as it was frozen
}

// newCell sums a cell up. It has no mean when a trial diverged.
func newCell(c *cellData, levels ...string) resultCell {
	r := resultCell{Levels: levels, N: len(c.order), Values: c.sample(), Replicates: c.order, Diverged: c.diverged}
	if c.complete() {
		n, mean, sd := c.summary()
		r.Mean = &mean
		if n > 1 {
			r.SD = &sd
		}
	}
	return r
}

func (c *resultContrast) fill(e estimate) {
	c.Estimate, c.Low, c.High, c.T, c.P = number(e.Value), number(e.Low), number(e.High), number(e.T), number(e.P)
	c.N, c.Method = e.N, e.Method
	c.Half, c.Detect = number(e.Half), number(e.Detect)
	if e.Method != "none" {
		c.DF = number(e.DF)
	}
}

// number is nil for what JSON cannot say.
func number(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// partialText says that trials are missing, "" when none is.
func partialText(env *pipeline.Env) string {
	absent, there := len(env.Inputs.Absent), len(env.Inputs.Refs["trials"])
	if absent == 0 {
		return ""
	}
	return fmt.Sprintf("from %d of %d trials; the others have no result yet", there, there+absent)
}

// rendered is a result that can be written in every form.
type rendered interface {
	sections() []section
	csv() (string, error)
}

// write makes the outputs of an analysis, and its figures.
func write(env *pipeline.Env, r rendered) error {
	raw, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	table, err := r.csv()
	if err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	sections := r.sections()
	stamp := partialText(env)
	if stamp != "" {
		sections = slices.Insert(sections, 0, section{title: "Partial", lines: []string{"Answered " + stamp + "."}})
		said, _ := json.Marshal(stamp) // a string marshals
		raw = slices.Concat([]byte("{\n \"partial\": "), said, []byte(","), raw[1:])
	}
	for _, o := range []struct{ name, content string }{
		{"result", string(raw) + "\n"}, {"table", renderText(sections)}, {"markdown", renderMarkdown(sections)}, {"csv", table},
		{"html", renderHTML(sections)},
	} {
		w, err := env.Create(o.name)
		if err != nil {
			return err
		}
		_, err = w.Write([]byte(o.content))
		if err := errors.Join(err, w.Close()); err != nil {
			return err
		}
	}
	if f, ok := r.(illustrated); ok {
		for _, x := range f.figures() {
			if err := writeFigure(env, x); err != nil {
				return err
			}
		}
	}
	return nil
}

func sortedKeys[K int | string, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

func join(words []string) string { return strings.Join(words, ", ") }
