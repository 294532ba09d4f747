package answer

import (
	"encoding/json"
	"math"

	"ablate/cache"
)

// Result is the document of a factorial analysis, in full precision. Numbers
// that could not be computed are nil. The fields that other analyses share
// (cells, contrasts) can be read from their documents too.
type Result struct {
	Version    int        `json:"version"`
	Response   string     `json:"response"`
	At         string     `json:"at"` // "final", "best" or a step
	Replicate  string     `json:"replicate"`
	Confidence float64    `json:"confidence"`
	Trials     int        `json:"trials"`
	Tokens     int        `json:"evaluation_tokens,omitempty"`
	Factors    []Factor   `json:"factors"`
	Cells      []Cell     `json:"cells"`
	Contrasts  []Contrast `json:"contrasts"`
	Anova      []Anova    `json:"anova,omitempty"`
	AnovaBy    string     `json:"anova_method,omitempty"`
	Bootstrap  string     `json:"bootstrap,omitempty"` // what is resampled
	Standing   *Standing  `json:"standing,omitempty"`  // of declared contrasts, where they are frozen
	Warnings   []string   `json:"warnings"`

	Digest cache.Digest `json:"-"` // of the document
}

// Factor is one factor of the design and the labels of its levels.
type Factor struct {
	Name     string   `json:"name"`
	Levels   []string `json:"levels"`
	Baseline string   `json:"baseline"`
}

// Cell summarizes the trials of one cell.
type Cell struct {
	Levels     []string  `json:"levels"`
	N          int       `json:"n"`
	Mean       *float64  `json:"mean"` // nil if a trial diverged
	SD         *float64  `json:"sd"`
	Replicates []string  `json:"replicates"`
	Values     []float64 `json:"values"`
	Diverged   int       `json:"diverged,omitempty"`
}

// Contrast is one estimated difference.
type Contrast struct {
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
	Missing  []string `json:"missing,omitempty"` // cells without which it cannot be estimated

	Half     *float64          `json:"half_width"`
	Detect   *float64          `json:"detectable"`
	BootLow  *float64          `json:"bootstrap_low,omitempty"`
	BootHigh *float64          `json:"bootstrap_high,omitempty"`
	Terms    []Term            `json:"terms"`
	At       map[string]string `json:"at,omitempty"`
	Simple   bool              `json:"simple,omitempty"`  // a gap at the baseline of all other factors
	Planned  bool              `json:"planned,omitempty"` // declared, and unchanged since the freeze
}

// Term is one level of a factor compared with another.
type Term struct {
	Factor   string `json:"factor"`
	Level    string `json:"level"`
	Baseline string `json:"baseline"`
}

// Anova is one line of the analysis of variance.
type Anova struct {
	Name       string   `json:"name"` // factors joined by a colon; the replicate for blocks; "residual"
	SS         float64  `json:"ss"`   // sum of squares
	DF         float64  `json:"df"`
	F          *float64 `json:"f"`
	P          *float64 `json:"p"`
	Eta2       *float64 `json:"eta2"`         // share of the total sum of squares
	PartialEta *float64 `json:"partial_eta2"` // share of the sum of the term and the residual
	Omega2     *float64 `json:"omega2"`       // estimate of the share in the population; can be negative
}

// Standing compares the declared contrasts with those that the lock holds.
type Standing struct {
	Time    string   `json:"time,omitempty"` // of the freeze
	Known   int      `json:"known"`          // trials that had a result at that time
	Trials  int      `json:"trials"`
	Changed []string `json:"changed,omitempty"` // declared differently than frozen
	Gone    []string `json:"gone,omitempty"`    // frozen, no longer declared
}

// Parse reads the document that an analysis stored as its result. Of analyses
// other than a factorial it reads what they have in common with one.
func Parse(raw []byte, digest cache.Digest) (Result, error) {
	var doc struct {
		Result
		Factors json.RawMessage `json:"factors"` // names alone in the table of trials,
		Trials  json.RawMessage `json:"trials"`  // which is a list there
	}
	err := json.Unmarshal(raw, &doc)
	if json.Unmarshal(doc.Factors, &doc.Result.Factors) != nil || json.Unmarshal(doc.Trials, &doc.Result.Trials) != nil {
		doc.Result.Factors, doc.Result.Trials = nil, 0
	}
	doc.Digest = digest
	return doc.Result, err
}

// Finite is nil for NaN and infinities, which JSON cannot hold.
func Finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
