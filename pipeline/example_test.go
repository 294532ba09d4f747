package pipeline_test

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"ablate/cache"
	"ablate/cache/fsys"
	"ablate/hcl"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/pipeline/graph"
	"ablate/pipeline/planner"
	"ablate/pipeline/run"
	"ablate/pipeline/source"
)

// shout is a kind of stage: it repeats a text in capitals.
type shout struct {
	Text  string `hcl:"text" doc:"The text."`
	Times int    `hcl:"times,optional" doc:"How often it is repeated."`
}

// Validate checks the spec alone and reports the paths of attributes.
func (s *shout) Validate() diag.List {
	if s.Times < 1 {
		return diag.Errorf(diag.Path{"times"}, "Out of range", "times must be at least 1, not %d.", s.Times)
	}
	return nil
}

// Describe says what the result depends on besides the spec, and what Run creates.
func (s *shout) Describe(pipeline.Inputs) (pipeline.Recipe, error) {
	return pipeline.Recipe{Outputs: []pipeline.Output{{Name: "out", MediaType: "text/plain"}}}, nil
}

// Run creates every output that Describe promised.
func (s *shout) Run(_ context.Context, env *pipeline.Env) error {
	w, err := env.Create("out")
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(w)
	for range s.Times {
		fmt.Fprintln(buffered, strings.ToUpper(s.Text))
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	return w.Close()
}

var kinds = []pipeline.Kind{{
	Block: "data", Type: "shout", Version: 1, Role: pipeline.Data,
	New: func() pipeline.Stage { return &shout{Times: 1} },
}}

// A new kind of stage is a struct with three methods. The language decodes its
// blocks, the planner decides whether its result is cached, and the runner
// computes it if not.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	store, err := cache.Open(fsys.NewMemory(), "/store")
	if err != nil {
		log.Fatal(err)
	}
	study := `data "shout" "greeting" {
  text  = "hello"
  times = 2
}
`
	plan := planOf(dir, store, study)
	fmt.Println(plan.Tasks[0].Address, plan.Tasks[0].Status)
	runner := run.Runner{Store: store, Sources: source.Folder{Dir: dir}, Jobs: 1, Log: slog.New(slog.DiscardHandler)}
	if _, err := runner.Run(context.Background(), plan); err != nil {
		log.Fatal(err)
	}

	// A comment is not part of the key, and neither is a default.
	again := planOf(dir, store, "# a comment\n"+study)
	fmt.Println(again.Tasks[0].Address, again.Tasks[0].Status)
	fmt.Println(planOf(dir, store, strings.Replace(study, "2", "3", 1)).Tasks[0].Status)

	content, err := cache.ReadAll(context.Background(), store, again.Tasks[0].Entry().Artifacts[0].Digest)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(string(content))
	// Output:
	// data.shout.greeting run
	// data.shout.greeting hit
	// run
	// HELLO
	// HELLO
}

// planOf loads a study and plans it.
func planOf(dir string, store *cache.Local, text string) *planner.Plan {
	if err := os.WriteFile(filepath.Join(dir, "study.hcl"), []byte(text), 0o600); err != nil {
		log.Fatal(err)
	}
	study, diags := hcl.Load(hcl.Options{Dir: dir, Kinds: graph.LanguageKinds(kinds)})
	if err := diags.Err(); err != nil {
		log.Fatal(err)
	}
	g, diags := graph.Build(study, kinds)
	if err := diags.Err(); err != nil {
		log.Fatal(err)
	}
	p := planner.Planner{Graph: g, Store: store, Sources: source.Folder{Dir: dir}, Memo: store.Memo(cache.Digest{})}
	plan, err := p.Plan(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	return plan
}
