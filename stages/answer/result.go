package answer

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"ablate/cache"
)

// Result is the document of a factorial analysis, in full precision. Numbers
// that could not be computed are nil. The fields that other analyses share
// (cells, contrasts) can be read from their documents too.
type Result struct {
	Version    int        `json:"version"`
	Response   string     `json:"response"`
	At         string     `json:"at"` // "final", "best" (the lowest value), "highest" or a step; "" for finished runs
	Replicate  string     `json:"replicate"`
	Confidence float64    `json:"confidence"`
	Error      string     `json:"error"`           // the model of the errors: "contrast", "pooled" or "separate"
	Scale      string     `json:"scale,omitempty"` // "log" where logarithms of the response are compared
	Trials     int        `json:"trials"`
	Tokens     int        `json:"evaluation_tokens,omitempty"`
	Factors    []Factor   `json:"factors"`
	Cells      []Cell     `json:"cells"`
	Families   []Family   `json:"families"`
	Contrasts  []Contrast `json:"contrasts"`
	Anova      []Anova    `json:"anova,omitempty"`
	AnovaBy    string     `json:"anova_method,omitempty"`
	Squares    string     `json:"anova_type,omitempty"` // of sums of squares: "II" or "III"
	Margin     *Margin    `json:"equivalence,omitempty"`
	Bootstrap  string     `json:"bootstrap,omitempty"` // what is resampled
	Standing   *Standing  `json:"standing,omitempty"`  // of declarations, where they are frozen
	Tuned      []Tuned    `json:"tuned,omitempty"`     // what each cell chose, where factors are tuned
	Notes      []string   `json:"notes,omitempty"`     // assumptions and error rates
	Warnings   []string   `json:"warnings"`

	Sensitivity *Sensitivity `json:"sensitivity,omitempty"`
	Metric      string       `json:"metric,omitempty"`          // whose first step at a target is the response
	Others      []Result     `json:"other_responses,omitempty"` // the same analysis of further responses
	Joint       bool         `json:"joint_families,omitempty"`  // families hold over all responses

	Digest cache.Digest `json:"-"` // of the document
}

// All lists the results of all responses.
func (r Result) All() []Result { return append([]Result{r}, r.Others...) }

// Family is the contrasts whose tests and intervals are adjusted together.
type Family struct {
	Name string `json:"name"`
	Size int    `json:"size"` // different hypotheses that are tested
}

// Margin is what an equivalence analysis declares.
type Margin struct {
	Margin    float64 `json:"margin"`
	Alpha     float64 `json:"alpha"`
	Direction string  `json:"direction"` // "equivalent" or "not worse"
	Better    string  `json:"better"`    // "lower" or "higher"
}

// Tuned is the levels of the tuned factors that a cell chose.
type Tuned struct {
	Levels  []string `json:"levels"`          // of the cell
	Setting []Term   `json:"setting"`         // the tuned factors with the levels of the best mean; none if a trial of each setting diverged
	Mean    *float64 `json:"mean"`            // over all trials of the setting, which flatters: its own trials chose it
	Tried   int      `json:"tried"`           // settings
	Chosen  int      `json:"chosen"`          // replicates whose others chose the same setting
	Of      int      `json:"of"`              // replicates whose others chose any
	Fewest  int      `json:"fewest"`          // trials of a setting
	Edges   []string `json:"edges,omitempty"` // tuned factors at the smallest or the largest number that was tried
}

// Factor is one factor of the design and the labels of its levels.
type Factor struct {
	Name     string   `json:"name"`
	Levels   []string `json:"levels"`
	Baseline string   `json:"baseline"`
	Assumed  bool     `json:"baseline_assumed,omitempty"` // the study does not declare the baseline: it is the first level
}

// varies reports whether cells differ in the factor.
func (f Factor) varies() bool { return len(f.Levels) != 1 }

// NameLevel names a level of a factor where its factor is not beside it: a number, true, false or
// null says of which factor it is.
func NameLevel(factor, level string) string {
	if _, err := strconv.ParseFloat(level, 64); err == nil || level == "true" || level == "false" || level == "null" {
		return factor + " = " + level
	}
	return level
}

// NameCell names a cell by its levels.
func (r Result) NameCell(c Cell, separator string) string {
	names := make([]string, len(c.Levels))
	for i, level := range c.Levels {
		names[i] = NameLevel(r.Factors[i].Name, level)
	}
	return strings.Join(names, separator)
}

// Varying leaves out the factors of one level, which all cells share, and says where they are
// held: " at clip = true".
func (r Result) Varying() (out Result, at string) {
	var kept []int
	var fixed []string
	for i, x := range r.Factors {
		if x.varies() {
			kept = append(kept, i)
		} else {
			fixed = append(fixed, NameLevel(x.Name, x.Levels[0]))
		}
	}
	if fixed == nil {
		return r, ""
	}
	out = r
	out.Factors, out.Cells = nil, slices.Clone(r.Cells)
	for _, i := range kept {
		out.Factors = append(out.Factors, r.Factors[i])
	}
	for k, c := range r.Cells {
		out.Cells[k].Levels = nil
		for _, i := range kept {
			out.Cells[k].Levels = append(out.Cells[k].Levels, c.Levels[i])
		}
	}
	return out, " at " + strings.Join(fixed, ", ")
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
	Censored   int       `json:"not_reached,omitempty"` // trials that did not reach the target
	Last       int       `json:"last_step,omitempty"`   // of these
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
	Method   string   `json:"method"`

	Family       string   `json:"family,omitempty"`
	PHolm        *float64 `json:"p_holm"`       // by Holm's rule in the family
	PAdjusted    *float64 `json:"p_adjusted"`   // by Bonferroni's rule in the family, as the interval
	LowAdjusted  *float64 `json:"low_adjusted"` // of an interval that holds for the whole family
	HighAdjusted *float64 `json:"high_adjusted"`

	Pairs    int            `json:"pairs,omitempty"`    // complete replicates, where they are paired
	N        map[string]int `json:"n,omitempty"`        // by cell, the trials that it is based on
	Dropped  bool           `json:"dropped,omitempty"`  // some trials of its cells are in no complete replicate
	Wide     bool           `json:"widened,omitempty"`  // for tuned settings that are uncertain
	Constant bool           `json:"constant,omitempty"` // replicates do not differ by more than rounding
	Missing  []string       `json:"missing,omitempty"`  // cells without which it cannot be estimated

	PFlip      *float64 `json:"p_sign_flip,omitempty"`
	PFlipLeast *float64 `json:"p_sign_flip_smallest,omitempty"` // the smallest that so many replicates can give
	Half       *float64 `json:"half_width"`
	Detect     *float64 `json:"detectable"` // the effect that four of five studies of this size find
	DetectLow  *float64 `json:"detectable_low,omitempty"`
	DetectHigh *float64 `json:"detectable_high,omitempty"`

	DetectAdjusted *float64 `json:"detectable_adjusted,omitempty"` // the effect that the adjusted interval finds in four of five studies
	BootLow        *float64 `json:"bootstrap_low,omitempty"`
	BootHigh       *float64 `json:"bootstrap_high,omitempty"`
	OwnLow         *float64 `json:"low_contrast,omitempty"` // with the contrast's own error, beside a pooled one
	OwnHigh        *float64 `json:"high_contrast,omitempty"`
	LeftOut        *LeftOut `json:"left_out,omitempty"`
	Margin         *float64 `json:"margin,omitempty"`
	Verdict        string   `json:"verdict,omitempty"` // of kind "equivalence"

	Terms   []Term              `json:"terms"`
	At      map[string]string   `json:"at,omitempty"`
	Over    map[string][]string `json:"over,omitempty"`    // by factor of which levels are left out of an average, those that remain
	Simple  bool                `json:"simple,omitempty"`  // a gap at the baseline of all other factors
	Planned bool                `json:"planned,omitempty"` // declared, and unchanged since the freeze
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

	Error   string   `json:"stratum,omitempty"` // the line that F is tested against
	ErrorSS *float64 `json:"error_ss,omitempty"`
	ErrorDF *float64 `json:"error_df,omitempty"`
}

// Standing compares the declared contrasts with those that the lock holds.
type Standing struct {
	Time    string   `json:"time,omitempty"` // of the freeze
	Known   int      `json:"known"`          // trials that had a result at that time
	Trials  int      `json:"trials"`
	Changed []string `json:"changed,omitempty"` // declared differently than frozen
	Gone    []string `json:"gone,omitempty"`    // frozen, no longer declared
	Margin  string   `json:"margin,omitempty"`  // of equivalence: "planned" or "exploratory: changed after the freeze"
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

// Measure names a response by where it was read. Finished runs have no steps.
func Measure(response, at string) string {
	switch at {
	case "":
		return response
	case "final":
		return response + " at the last step"
	case "best":
		return "the lowest " + response
	case "highest":
		return "the highest " + response
	}
	return response + " at step " + at
}

// Exponential is e to the power of a number; nil for nil.
func Exponential(v *float64) *float64 {
	if v == nil {
		return nil
	}
	return Finite(math.Exp(*v))
}
