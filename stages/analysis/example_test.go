package analysis_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"ablate/cache"
	"ablate/cache/fsys"
	"ablate/hcl"
	"ablate/pipeline/graph"
	"ablate/pipeline/planner"
	"ablate/pipeline/run"
	"ablate/pipeline/source"
	"ablate/stages/analysis"
	"ablate/stages/answer"
	"ablate/stages/data"
)

// An analysis reads trials, or a table of finished runs, and leaves a result
// document. Here b lowers the loss by 1 under x and by 2 under y, so that the
// interaction is -1.
func Example() {
	result, err := analyse(`
data "results" "runs" {
  source    = ["runs.csv"]
  factors   = ["norm", "optimizer"]
  replicate = "seed"
}

analysis "factorial" "effects" {
  trials   = data.results.runs
  response = "val_loss"
  baseline = { norm = "a", optimizer = "x" }
}
`, `norm,optimizer,seed,val_loss
a,x,1,4.0
a,x,2,4.2
b,x,1,3.0
b,x,2,3.2
a,y,1,5.0
a,y,2,5.4
b,y,1,3.0
b,y,2,3.4
`)
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range result.Cells {
		fmt.Printf("%v: %.1f\n", c.Levels, *c.Mean)
	}
	for _, c := range result.Contrasts {
		if c.Kind == "interaction" {
			fmt.Printf("interaction: %.1f\n", *c.Estimate)
		}
	}
	// Output:
	// [a x]: 4.1
	// [b x]: 3.1
	// [a y]: 5.2
	// [b y]: 3.2
	// interaction: -1.0
}

// analyse runs a study over a table of runs and reads the result of its only
// analysis.
func analyse(study, runs string) (answer.Result, error) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		return answer.Result{}, err
	}
	defer os.RemoveAll(dir)
	for name, text := range map[string]string{"study.hcl": study, "runs.csv": runs} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return answer.Result{}, err
		}
	}
	store, err := cache.Open(fsys.NewMemory(), "/store")
	if err != nil {
		return answer.Result{}, err
	}
	kinds := slices.Concat(data.Kinds(), analysis.Kinds())
	for i := range kinds {
		kinds[i].Child = false // everything runs in this process
	}
	loaded, diags := hcl.Load(hcl.Options{Dir: dir, Kinds: graph.LanguageKinds(kinds)})
	if err := diags.Err(); err != nil {
		return answer.Result{}, err
	}
	g, diags := graph.Build(loaded, kinds)
	if err := diags.Err(); err != nil {
		return answer.Result{}, err
	}
	ctx := context.Background()
	p := planner.Planner{Graph: g, Store: store, Sources: source.Folder{Dir: dir}, Memo: store.Memo(cache.Digest{})}
	plan, err := p.Plan(ctx)
	if err != nil {
		return answer.Result{}, err
	}
	var failed error
	runner := run.Runner{Store: store, Sources: p.Sources, Jobs: 1, Log: slog.New(slog.DiscardHandler)}
	runner.Observe = func(e run.Event) { failed = cmp.Or(failed, e.Err) }
	if _, err := runner.Run(ctx, plan); err != nil {
		return answer.Result{}, errors.Join(err, failed)
	}
	if plan, err = p.Plan(ctx); err != nil {
		return answer.Result{}, err
	}
	document, _ := plan.Tasks[len(plan.Tasks)-1].Entry().Artifact("result")
	raw, err := cache.ReadAll(ctx, store, document.Digest)
	if err != nil {
		return answer.Result{}, err
	}
	var result answer.Result
	return result, json.Unmarshal(raw, &result)
}
