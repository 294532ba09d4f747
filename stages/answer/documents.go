package answer

import (
	"fmt"

	"ablate/stages/answer/numeral"
)

// Recovery is the document of a recovery analysis.
type Recovery struct {
	Version    int        `json:"version"`
	Response   string     `json:"response"`
	At         string     `json:"at"`
	Factor     string     `json:"factor"`
	Lost       string     `json:"lost"`
	Baseline   string     `json:"baseline"`
	Confidence float64    `json:"confidence"`
	Cells      []Cell     `json:"cells"`
	Contrasts  []Contrast `json:"contrasts"` // of kind "recovery": shares, not differences
	Warnings   []string   `json:"warnings,omitempty"`
}

// Dose is the document of a dose analysis.
type Dose struct {
	Version    int         `json:"version"`
	Response   string      `json:"response"`
	At         string      `json:"at"`
	Factor     string      `json:"factor"`
	Reference  *float64    `json:"reference"`          // a constant that gaps are measured from
	Baseline   string      `json:"baseline,omitempty"` // a level that gaps are measured from
	Confidence float64     `json:"confidence"`
	Error      string      `json:"error"`
	Doses      []DosePoint `json:"doses"` // in ascending order
	Slope      *float64    `json:"slope"` // of the least-squares line
	SlopeLow   *float64    `json:"slope_low"`
	SlopeHigh  *float64    `json:"slope_high"`
	SlopeBy    string      `json:"slope_method,omitempty"`
	Families   []Family    `json:"families"`
	Contrasts  []Contrast  `json:"contrasts"` // of kind "dose": the gaps and the slope
	Warnings   []string    `json:"warnings,omitempty"`
}

// DosePoint is the cell at one dose.
type DosePoint struct {
	Dose float64 `json:"dose"`
	Cell
	Gap  *float64 `json:"gap"` // to the reference
	Low  *float64 `json:"low"` // of the gap, or of the mean without a reference
	High *float64 `json:"high"`
}

// Trajectory is the document of a trajectory analysis.
type Trajectory struct {
	Version    int              `json:"version"`
	Response   string           `json:"response"`
	Factor     string           `json:"factor"`
	Baseline   string           `json:"baseline"`
	Confidence float64          `json:"confidence"`
	Levels     []TrajectoryLine `json:"levels"`          // all but the baseline
	Curves     []Curve          `json:"curves"`          // all levels, with the baseline
	Notes      []string         `json:"notes,omitempty"` // assumptions
	Warnings   []string         `json:"warnings,omitempty"`
}

// TrajectoryLine is the gap of one level to the baseline by step.
type TrajectoryLine struct {
	Level  string            `json:"level"`
	Points []TrajectoryPoint `json:"points"`
	Seen   *int              `json:"seen"` // the step from which on the band excludes zero, on one side
}

// TrajectoryPoint is the gap at one step.
type TrajectoryPoint struct {
	Step int      `json:"step"`
	Gap  float64  `json:"gap"`
	Low  *float64 `json:"low"` // of the simultaneous band
	High *float64 `json:"high"`

	Constant bool `json:"constant,omitempty"` // replicates do not differ by more than rounding: there is no band
}

// Curve is the response of one level by step.
type Curve struct {
	Level  string       `json:"level"`
	Points []CurvePoint `json:"points"`
}

// CurvePoint is the cell of one level at one step.
type CurvePoint struct {
	Step int `json:"step"`
	Cell
}

// Mechanism is the document of a mechanism analysis: probes averaged over
// replicates.
type Mechanism struct {
	Version  int             `json:"version"`
	Quantity string          `json:"quantity"`
	Site     string          `json:"site"`
	Layers   int             `json:"layers"`
	Cells    []MechanismCell `json:"cells"`
	Warnings []string        `json:"warnings,omitempty"`
}

// MechanismCell is the probes of one cell.
type MechanismCell struct {
	Name   string           `json:"cell"`
	Points []MechanismPoint `json:"points"` // by step, then layer
}

// MechanismPoint is the mean of one probe over replicates.
type MechanismPoint struct {
	Step  int     `json:"step"`
	Layer int     `json:"layer"`
	Value float64 `json:"value"`
	N     int     `json:"n"`
}

// Table is the document of a table analysis.
type Table struct {
	Version  int          `json:"version"`
	Response string       `json:"response"`
	At       string       `json:"at"`
	Factors  []string     `json:"factors"`
	Trials   []TableTrial `json:"trials"`
}

// TableTrial is one row of the table.
type TableTrial struct {
	Levels []string `json:"levels"`
	Step   int      `json:"step"`
	Value  *float64 `json:"value"` // nil if the trial diverged at that step
}

// Report is the document of a report: what it says beside the documents of its
// analyses.
type Report struct {
	Version  int             `json:"version"`
	Title    string          `json:"title"`
	Text     string          `json:"text,omitempty"`
	Methods  string          `json:"methods"`
	Chapters []ReportChapter `json:"chapters"`
}

// ReportChapter is one analysis of a report.
type ReportChapter struct {
	Label     string   `json:"label"`
	Address   string   `json:"address"`
	Result    string   `json:"result,omitempty"` // digest of its document
	Sentences []string `json:"sentences,omitempty"`
}

// Findings says which share of the gap each level wins back. Each claim rests on the
// interval of its own level, which is not adjusted for the others.
func (r Recovery) Findings() []Finding {
	var out []Finding
	for _, c := range r.Contrasts {
		if c.Estimate != nil && c.Low != nil && c.High != nil {
			out = append(out, Finding{r.shareSentence(c), *c.Low > 0 || *c.High < 0})
		}
	}
	return out
}

func (r Recovery) shareSentence(c Contrast) string {
	level := NameLevel(r.Factor, c.Name)
	gap := fmt.Sprintf("the gap of %s to %s in %s", NameLevel(r.Factor, r.Lost), NameLevel(r.Factor, r.Baseline), Measure(r.Response, r.At))
	interval := numeral.Percent(r.Confidence) + " interval"
	if *c.High < 0 {
		wider, low, high := -*c.Estimate, -*c.High, -*c.Low
		return fmt.Sprintf("%s widens %s by %s (%s %s).", level, gap, numeral.Share(&wider), interval, numeral.Shares(&low, &high))
	}
	share, within := numeral.Share(c.Estimate), fmt.Sprintf("(%s %s)", interval, numeral.Shares(c.Low, c.High))
	if *c.Low > 0 {
		return fmt.Sprintf("%s wins back %s of %s %s.", level, share, gap, within)
	}
	return fmt.Sprintf("The data do not show whether %s changes %s: the share that it wins back is %s %s.", level, gap, share, within)
}
