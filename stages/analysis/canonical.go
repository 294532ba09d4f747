package analysis

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/stages/internal/behaviour"
	"ablate/stages/record"
)

// canonicalTable is a table of trials of the factors norm, whose levels are
// numbers, and optimizer. Responses are sums of few binary fractions, so that no
// answer cancels and no printed digit sits on a tie.
type canonicalTable struct {
	seeds   int
	uneven  bool // a cell is missing, replicates differ, a trial diverged, evaluations differ in size
	ragged  bool // replicates differ, and nothing else is missing
	hole    bool // a cell is missing, and nothing else
	apart   bool // each optimizer has seeds of its own
	clear   bool // little noise
	flat    bool // the same noise in every cell, and one response at two steps
	results bool // a table of finished runs instead of trials
	curves  bool // with the responses at all steps
	depth   bool // a third factor, which interacts with the others
}

var canonicalTables = map[string]canonicalTable{
	"paired":      {seeds: 7},
	"uneven":      {seeds: 4, uneven: true},
	"single":      {seeds: 1},
	"uneven-firm": {seeds: 5, uneven: true, clear: true},
	"flat":        {seeds: 4, clear: true, flat: true},
}

var canonicalNorms = []string{"0.125", "0.5", "2"}

// inputs puts the table's trials into a lab.
func (c canonicalTable) inputs(lab *behaviour.Lab) pipeline.Inputs {
	in := pipeline.Inputs{Frozen: &pipeline.Frozen{Time: "2026-01-02T03:04:05Z", Known: 3, Trials: 42, Contrasts: map[string]string{"a": "sha256:00"}}}
	trials := c.trials(lab)
	if c.results {
		trials = []pipeline.Input{c.finished(lab)}
	}
	in.Refs = map[string][]pipeline.Input{"trials": trials}
	return in
}

func (c canonicalTable) trials(lab *behaviour.Lab) []pipeline.Input {
	r := rand.New(rand.NewPCG(7, uint64(c.seeds)))
	var out []pipeline.Input
	for norm := range canonicalNorms {
		for rule := range 2 {
			for seed := range c.seeds {
				if (c.uneven || c.hole) && norm == 2 && rule == 1 || (c.uneven || c.ragged) && norm == 1 && seed == rule {
					continue
				}
				out = append(out, c.trial(lab, r, cell{norm, rule, 0}, seed, len(out)))
				if c.depth {
					out = append(out, c.trial(lab, r, cell{norm, rule, 1}, seed, len(out)))
				}
			}
		}
	}
	return out
}

// cell is the levels of a canonical trial.
type cell struct{ norm, rule, depth int }

func (c canonicalTable) trial(lab *behaviour.Lab, r *rand.Rand, at cell, seed, place int) pipeline.Input {
	norm, rule := at.norm, at.rule
	var metrics, probes strings.Builder
	row := func(step int, name string, value float64) {
		raw, err := json.Marshal(record.Row{Step: step, Name: name, Value: value})
		if err != nil {
			panic(err) // finite numbers marshal
		}
		fmt.Fprintf(&metrics, "%s\n", raw)
	}
	probes.WriteString("step,path,quantity,value\n")
	noise := float64(r.IntN(1<<12)) / (1 << 14)
	for step := 4; step <= 12; step += 4 {
		more, on := float64(r.IntN(1<<12))/(1<<15), step
		if c.clear {
			noise, more = noise/16, more/16
		}
		if c.flat {
			noise, more, on = float64(seed*seed%5)/64, 0, min(step, 8)
		}
		loss := 3 - float64(on)/16 + float64(norm*norm)/64 + float64(rule)/32 - float64(norm*rule)/128 + float64(norm*rule*at.depth) + noise + more
		row(step, "train_loss", loss+0.125)
		row(step, "val_loss", loss)
		for layer := range 2 {
			fmt.Fprintf(&probes, "%d,layers.%d.norm.ffn,saturated,%v\n", step, layer, float64(r.IntN(1<<10))/(1<<10))
			fmt.Fprintf(&probes, "%d,layers.%d.ffn.down,spectral,%v\n", step, layer, 1+float64(r.IntN(1<<10))/(1<<8))
		}
	}
	tokens := 4096.
	if c.uneven && seed == 3 {
		tokens = 2048
	}
	row(12, record.EvaluationTokens, tokens)
	if c.uneven && norm == 0 && rule == 1 && seed == 2 {
		row(12, record.Diverged, 1)
	}
	factor := func(name string, level addr.Level) *addr.Factor {
		return &addr.Factor{Name: name, Level: level, Label: level.Text}
	}
	if c.apart {
		seed += rule * c.seeds
	}
	factors := []*addr.Factor{factor("norm", number(canonicalNorms[norm])), factor("optimizer", word([]string{"adamw", "muon"}[rule]))}
	if c.depth {
		factors = append(factors, factor("depth", number(strconv.Itoa(at.depth))))
	}
	return pipeline.Input{
		Address:   addr.Instance{Stage: addr.Stage{Block: "train", Type: "lm", Name: "canonical"}, Key: strconv.Itoa(place)},
		Factors:   append(factors, factor("seed", number(strconv.Itoa(seed)))),
		Artifacts: []cache.Artifact{lab.Artifact(record.Metrics, []byte(metrics.String())), lab.Artifact(record.Probes, []byte(probes.String()))},
	}
}

// finished is a table of runs, one of which diverged.
func (c canonicalTable) finished(lab *behaviour.Lab) pipeline.Input {
	var b, curves bytes.Buffer
	n := 0
	table := record.Table{Factors: []string{"norm", "optimizer"}, Replicate: "seed", Numbered: true, Responses: []string{"val_loss"}}
	write, err := record.WriteTable(&b, table)
	if err != nil {
		panic(err) // a buffer takes all bytes
	}
	for norm, name := range canonicalNorms {
		for rule, optimizer := range []string{"adamw", "muon"} {
			for seed := range 3 {
				run := record.Run{Levels: []string{name, optimizer}, Replicate: strconv.Itoa(seed), Outcome: record.OutcomeFinished,
					Values: map[string]float64{"val_loss": 2 + float64(norm*norm)/64 + float64(rule)/32 + float64((norm+2*rule+seed*seed)%5)/128}}
				n++
				curve := record.Curve{Run: n, Name: "val_loss", Steps: []int{4, 8, 12}}
				for step := range 3 {
					curve.Values = append(curve.Values, run.Values["val_loss"]+float64((2-step)*(3+norm))/16)
				}
				if norm == 1 && rule == 1 && seed == 2 {
					run.Values, run.Outcome = nil, record.OutcomeDiverged
					diverged := curve.Steps[2]
					curve.Steps, curve.Values, curve.Diverged = curve.Steps[:2], curve.Values[:2], &diverged
				}
				if err := errors.Join(write(run), record.WriteCurve(&curves, curve)); err != nil {
					panic(err)
				}
			}
		}
	}
	in := pipeline.Input{
		Address: addr.Instance{Stage: addr.Stage{Block: "data", Type: "results", Name: "canonical"}},
		Stage:   canonicalResults{curves: c.curves}, Artifacts: []cache.Artifact{lab.Artifact(record.Trials, b.Bytes())},
	}
	if c.curves {
		in.Artifacts = append(in.Artifacts, lab.Artifact(record.Curves, curves.Bytes()))
	}
	return in
}

// canonicalResults stands for a data stage of finished runs.
type canonicalResults struct {
	pipeline.Stage
	curves bool
}

// HasCurves implements curved.
func (c canonicalResults) HasCurves() bool { return c.curves }

// FactorNames implements results.
func (canonicalResults) FactorNames() []string { return []string{"norm", "optimizer", "seed"} }

// ReplicateName implements results.
func (canonicalResults) ReplicateName() string { return "seed" }
