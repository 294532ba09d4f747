package analysis

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/stages/analysis/internal/estimate"
	"ablate/stages/answer"
	"ablate/stages/internal/behaviour"
)

// Statistics build no graph. Their scenes are the answers of every analysis about
// canonical tables of trials. Figures are left out: they stay under the version of
// the kind, since their pixels cannot be rounded.

// The parts of an analysis: what every stage of the kind runs, and one for each
// option that chooses other code, so that a change of the bootstrap redoes only
// what uses it.
const (
	corePart     = "core"
	declaredPart = "declared"
	onlyPart     = "only"
	resultsPart  = "results" // of a table of finished runs
	bootstrapOf  = "bootstrap-"
	referredPart = "reference"
	frozenPart   = "frozen"
	errorOf      = "error-"
	squaresOf    = "squares-"
	marginOf     = "margin-"
	simplePart   = "simple"
	baselinePart = "baseline"
	stepsPart    = "steps"
	tunedPart    = "tuned"
	flipPart     = "sign-flip"
	scaleOf      = "scale-"
	severalPart  = "responses"
	jointPart    = "joint-families"
	targetPart   = "target"
	constantPart = "constant"
)

// code is what the key of an analysis holds of its statistics.
func code(in pipeline.Inputs, s behaviour.Subject, parts ...string) (cache.Value, error) {
	if _, ok := asResults(in.Refs["trials"]); ok {
		parts = append(parts, resultsPart)
	}
	host, err := behaviour.Fingerprint(in, s, append(parts, corePart)...)
	if err != nil || len(host.Keys()) == 0 {
		return cache.Value{}, err
	}
	return cache.Map(map[string]cache.Value{"behaviour": host}), nil
}

// parts lists the options that the stage uses.
func (f *Factorial) parts() (out []string) {
	if f.Bootstrap != nil {
		out = append(out, bootstrapOf+f.Bootstrap.Resample)
	}
	if len(f.Contrasts) > 0 {
		out = append(out, declaredPart)
	}
	if slices.ContainsFunc(f.Contrasts, func(c Declared) bool { return c.Constant != nil }) {
		out = append(out, constantPart)
	}
	if len(f.Responses) > 0 {
		out = append(out, severalPart)
	}
	if f.Families == jointFamilies {
		out = append(out, jointPart)
	}
	if f.Target != nil {
		out = append(out, targetPart)
	}
	if len(f.Only) > 0 {
		out = append(out, onlyPart)
	}
	if f.SignFlip {
		out = append(out, flipPart)
	}
	if f.Scale != "" {
		out = append(out, scaleOf+f.Scale)
	}
	if len(f.Tune) > 0 {
		out = append(out, tunedPart)
	}
	if f.Freeze {
		out = append(out, frozenPart)
	}
	if f.Error != string(estimate.OwnError) {
		out = append(out, errorOf+f.Error)
	}
	if f.Squares != string(estimate.TypeIII) {
		out = append(out, squaresOf+f.Squares)
	}
	if f.SimpleEffects {
		out = append(out, simplePart)
	}
	if f.Margin != nil {
		out = append(out, marginPart(f.Direction))
	}
	return out
}

func marginPart(direction string) string { return marginOf + strings.ReplaceAll(direction, " ", "-") }

func (a *Dose) parts() (out []string) {
	if a.Reference != nil {
		out = append(out, referredPart)
	}
	if a.Baseline.Kind != "" {
		out = append(out, baselinePart)
	}
	return out
}

func (a *Trajectory) parts() []string {
	if len(a.At) > 0 {
		return []string{stepsPart}
	}
	return nil
}

// scene answers about one table, in one part.
func scene(part, name string, table canonicalTable, stage pipeline.Stage) behaviour.Scene {
	return behaviour.Scene{Name: name, Play: func(w *behaviour.Witness) error {
		lab := behaviour.NewLab(nil)
		in := table.inputs(lab)
		done, err := lab.Run(in, stage.Run)
		if err != nil {
			w.Note(part, "refused: %v", rounded(err.Error())) // that, too, is an answer
		}
		for _, output := range slices.Sorted(maps.Keys(done.Outputs)) {
			w.Note(part, "%s\n%s", output, rounded(string(done.Outputs[output])))
		}
		return nil
	}}
}

// subject is an analysis with scenes about every table.
func subject(kind string, stage pipeline.Stage, more ...behaviour.Scene) behaviour.Subject {
	s := behaviour.Subject{Name: "analysis." + kind, Parts: []string{corePart, resultsPart}, Scenes: more}
	for _, name := range slices.Sorted(maps.Keys(canonicalTables)) {
		s.Scenes = append(s.Scenes, scene(corePart, name, canonicalTables[name], stage))
	}
	if kind != "mechanism" && kind != "trajectory" { // which need more than a table of results has
		s.Scenes = append(s.Scenes, scene(resultsPart, "results", canonicalTable{results: true}, stage))
	}
	return s
}

func number(text string) addr.Level { return addr.Level{Kind: "number", Text: text} }
func word(text string) addr.Level   { return addr.Level{Kind: "string", Text: text} }

// Behaviours lists the subjects of this package.
func Behaviours() []behaviour.Subject {
	return []behaviour.Subject{
		factorialSubject(), recoverySubject(), doseSubject(), trajectorySubject(), mechanismSubject(), tableSubject(), reportSubject(),
	}
}

func factorialSubject() behaviour.Subject {
	plain := *factorialStage()
	best, frozen, replicates, cells, declared, only := plain, plain, plain, plain, plain, plain
	best.At = word("best")
	replicates.Bootstrap = &Bootstrap{Resamples: 200, Resample: "replicates"}
	cells.Bootstrap = &Bootstrap{Resamples: 200, Resample: "within_cells"}
	declared.Contrasts = []Declared{
		{Name: "a", Of: map[string]addr.Level{"norm": number("2")}, Against: map[string]addr.Level{"norm": number("0.5")}},
		{Name: "b", Of: map[string]addr.Level{"norm": number("0.125"), "optimizer": word("adamw")}, Against: map[string]addr.Level{"optimizer": word("adamw")},
			Minus: &Difference{Of: map[string]addr.Level{"norm": number("2")}, Against: map[string]addr.Level{"optimizer": word("muon")}}},
	}
	only.Only = []Only{{Factor: "norm", Levels: []string{"0.5", "2"}}}
	frozen.Contrasts, frozen.Freeze = declared.Contrasts, true
	pooled, separate, second, simple, same, notWorst := plain, plain, plain, plain, plain, plain
	pooled.Error, separate.Error, second.Squares, simple.SimpleEffects = string(estimate.PooledError), string(estimate.SeparateError), string(estimate.TypeII), true
	second.Error = string(estimate.PooledError)
	tuned, flipped, logs := plain, plain, plain
	flipped.SignFlip, logs.Scale = true, logScale
	tuned.Tune, tuned.Baseline = []string{"norm"}, nil
	margin := 0.5
	same.Margin, notWorst.Margin, notWorst.Direction = &margin, &margin, notWorse
	several, joint, target, constant := plain, plain, plain, plain
	several.Response, several.Responses = "", []string{"val_loss", "train_loss"}
	joint.Response, joint.Responses, joint.Families = "", several.Responses, jointFamilies
	reach, mean := 2.4, 2.5
	target.Target = &reach
	constant.Contrasts = []Declared{{Name: "c", Of: map[string]addr.Level{"norm": number("2")}, Constant: &mean}}
	ragged, deep := canonicalTable{seeds: 4, ragged: true}, canonicalTable{seeds: 3, depth: true}
	s := subject("factorial", &plain,
		scene(corePart, "three-factors", deep, factorialStage()),
		scene(corePart, "incomplete", canonicalTable{seeds: 4, hole: true}, factorialStage()),
		scene(severalPart, "responses", canonicalTables["paired"], &several),
		scene(jointPart, "joint", canonicalTables["uneven"], &joint),
		scene(targetPart, "target", canonicalTables["paired"], &target),
		scene(constantPart, "constant", canonicalTables["paired"], &constant),
		scene(corePart, "best", canonicalTables["paired"], &best),
		scene(bootstrapOf+"replicates", "bootstrap-replicates", canonicalTables["paired"], &replicates),
		scene(bootstrapOf+"within_cells", "bootstrap-within-cells", canonicalTables["paired"], &cells),
		scene(errorOf+pooled.Error, "pooled-paired", canonicalTables["paired"], &pooled),
		scene(errorOf+pooled.Error, "pooled-uneven", canonicalTables["uneven"], &pooled),
		scene(errorOf+pooled.Error, "pooled-ragged", ragged, &pooled),
		scene(errorOf+pooled.Error, "pooled-apart", canonicalTable{seeds: 7, apart: true}, &pooled),
		scene(errorOf+separate.Error, "separate", canonicalTables["paired"], &separate),
		scene(squaresOf+second.Squares, "type-II", ragged, &second),
		scene(simplePart, "simple", deep, &simple),
		scene(marginPart(equivalent), "equivalent", canonicalTables["paired"], &same),
		scene(marginPart(notWorse), "not-worse", canonicalTables["paired"], &notWorst),
		scene(declaredPart, "declared-paired", canonicalTables["paired"], &declared),
		scene(declaredPart, "declared-uneven", canonicalTables["uneven"], &declared),
		scene(onlyPart, "only", canonicalTables["paired"], &only),
		scene(flipPart, "sign-flip", canonicalTables["paired"], &flipped),
		scene(scaleOf+logScale, "log", canonicalTables["paired"], &logs),
		scene(tunedPart, "tuned", canonicalTables["paired"], &tuned),
		scene(tunedPart, "tuned-uneven", canonicalTables["uneven"], &tuned),
		scene(frozenPart, "frozen", canonicalTables["paired"], &frozen))
	s.Parts = append(s.Parts, bootstrapOf+"replicates", bootstrapOf+"within_cells", declaredPart, onlyPart, frozenPart, tunedPart, flipPart, scaleOf+logScale,
		severalPart, jointPart, targetPart, constantPart,
		errorOf+pooled.Error, errorOf+separate.Error, squaresOf+second.Squares, simplePart, marginPart(equivalent), marginPart(notWorse))
	return s
}

func recoverySubject() behaviour.Subject {
	return subject("recovery", &Recovery{Response: "val_loss", At: finalStep, Factor: "norm", Lost: number("2"), Baseline: number("0.125"),
		Where: map[string]addr.Level{"optimizer": word("adamw")}, Replicate: "seed", Confidence: 0.9})
}

func doseSubject() behaviour.Subject {
	at := func(step addr.Level, reference *float64) *Dose {
		return &Dose{Response: "val_loss", At: step, Factor: "norm", Where: map[string]addr.Level{"optimizer": word("adamw")},
			Reference: reference, Replicate: "seed", Confidence: 0.9}
	}
	reference := 2.5
	based := at(finalStep, nil)
	based.Baseline = number("0.5")
	s := subject("dose", at(number("8"), nil), scene(referredPart, "reference", canonicalTables["paired"], at(finalStep, &reference)),
		scene(baselinePart, "baseline", canonicalTables["paired"], based))
	s.Parts = append(s.Parts, referredPart, baselinePart)
	return s
}

func trajectorySubject() behaviour.Subject {
	whole := Trajectory{Response: "val_loss", Factor: "norm", Baseline: number("0.5"),
		Where: map[string]addr.Level{"optimizer": word("adamw")}, Replicate: "seed", Confidence: 0.9}
	steps := whole
	steps.At = []int{8}
	s := subject("trajectory", &whole, scene(stepsPart, "steps", canonicalTables["paired"], &steps),
		scene(resultsPart, "curves", canonicalTable{results: true, curves: true}, &whole))
	s.Parts = append(s.Parts, stepsPart)
	return s
}

func mechanismSubject() behaviour.Subject {
	return subject("mechanism", &Mechanism{Quantity: "saturated", Site: "ffn", Replicate: "seed"},
		scene(corePart, "weights", canonicalTables["paired"], &Mechanism{Quantity: "spectral", Site: "ffn.down", Replicate: "seed"}))
}

func tableSubject() behaviour.Subject {
	return subject("table", &Table{Response: "val_loss", At: finalStep})
}

func reportSubject() behaviour.Subject {
	return behaviour.Subject{Name: "analysis.report", Parts: []string{corePart}, Scenes: []behaviour.Scene{{Name: "page", Play: func(w *behaviour.Witness) error {
		lab := behaviour.NewLab(nil)
		in := canonicalTables["paired"].inputs(lab)
		done, err := lab.Run(in, factorialStage().Run)
		if err != nil {
			return err
		}
		var analysed pipeline.Input
		analysed.Address = addr.Instance{Stage: addr.Stage{Block: "analysis", Type: "factorial", Name: "effects"}}
		analysed.Label = "Effects & <others>"
		for _, name := range slices.Sorted(maps.Keys(done.Outputs)) {
			analysed.Artifacts = append(analysed.Artifacts, lab.Artifact(name, []byte(rounded(string(done.Outputs[name])))))
		}
		oneFactor, err := json.Marshal(gapsToSay())
		if err != nil {
			return err
		}
		gaps := pipeline.Input{Label: "One factor", Artifacts: []cache.Artifact{lab.Artifact("result", oneFactor)}}
		gaps.Address = analysed.Address
		gaps.Address.Stage.Name = "gaps"
		page, err := lab.Run(pipeline.Inputs{Refs: map[string][]pipeline.Input{"analyses": {analysed, gaps}}}, (&Report{Title: "A & B", Text: "Why."}).Run)
		for _, name := range slices.Sorted(maps.Keys(page.Outputs)) {
			w.Note(corePart, "%s\n%s", name, rounded(string(page.Outputs[name])))
		}
		return err
	}}}}
}

// gapsToSay is the result of a design of one factor, with a gap for each sentence that there
// is about gaps.
func gapsToSay() answer.Result {
	gap := func(level string, estimate float64, interval ...float64) answer.Contrast {
		c := answer.Contrast{Kind: "gap", Name: level, Estimate: &estimate, Terms: []answer.Term{{Factor: "norm", Level: level, Baseline: "rms"}}}
		if len(interval) > 0 {
			c.Low, c.High, c.LowAdjusted, c.HighAdjusted, c.DetectAdjusted = &interval[0], &interval[1], &interval[2], &interval[3], &interval[4]
		}
		return c
	}
	equal := gap("equal", 0)
	equal.Constant = true
	return answer.Result{
		Response: "val_loss", At: "final", Factors: []answer.Factor{{Name: "norm"}},
		Contrasts: []answer.Contrast{equal, gap("alone", 0.25), gap("shown", 0.5, 0.25, 0.75, 0.125, 0.875, 0.25), gap("open", 0.125, -0.25, 0.5, -0.5, 0.75, 0.5)},
	}
}

func factorialStage() *Factorial {
	f := newFactorial()
	f.Response, f.Confidence = "val_loss", 0.9
	f.Baseline = map[string]addr.Level{"norm": number("0.5"), "optimizer": word("muon")}
	return f
}

// fraction finds numbers that may differ in their last bits between processors.
var fraction = regexp.MustCompile(`\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+`)

// digits is how many of a number's digits count: processors agree on nine, and
// disagree on fifteen.
const digits = 9

// rounded cuts every fraction in a text to the digits that count.
func rounded(text string) string {
	return fraction.ReplaceAllStringFunc(text, func(s string) string {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return s
		}
		return strings.TrimSuffix(strconv.FormatFloat(v, 'g', digits, 64), ".")
	})
}
