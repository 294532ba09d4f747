package analysis

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"ablate/cache"
	"ablate/cache/fsys"
	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/stages/record"
)

// BenchmarkFactorial10000 reads 10,000 trials with 200 logged steps each from a
// store on disk, and answers: table and contrasts.
func BenchmarkFactorial10000(b *testing.B) {
	ctx := context.Background()
	store, err := cache.Open(fsys.NewOS(), b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	var inputs []pipeline.Input
	for i := range 10000 {
		norm, opt, seed := i%5, i/5%4, i/20
		var log strings.Builder
		for step := 1; step <= 200; step++ {
			fmt.Fprintf(&log, "{\"step\":%d,\"name\":\"train_loss\",\"value\":%v}\n", step, 5-float64(step*(norm+1))/1000)
		}
		fmt.Fprintf(&log, "{\"step\":200,\"name\":\"val_loss\",\"value\":%v}\n", 4-float64(norm*opt)/100+float64(seed%7)/1000)
		w, err := store.Create(ctx, "application/jsonl")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.WriteString(w, log.String()); err != nil {
			b.Fatal(err)
		}
		digest, size, err := w.Commit()
		if err != nil {
			b.Fatal(err)
		}
		in := pipeline.Input{
			Artifacts: []cache.Artifact{{Name: record.Metrics, Digest: digest, Size: size}},
		}
		for _, f := range []struct {
			name  string
			level int
		}{{"norm", norm}, {"optimizer", opt}, {"seed", seed}} {
			level := strconv.Itoa(f.level)
			in.Factors = append(in.Factors, &addr.Factor{Name: f.name, Level: addr.Level{Kind: "number", Text: level}, Label: level})
		}
		inputs = append(inputs, in)
	}
	b.ResetTimer()
	for b.Loop() {
		f := newFactorial()
		f.Response = "val_loss"
		env := &pipeline.Env{
			Inputs: pipeline.Inputs{Refs: map[string][]pipeline.Input{"trials": inputs}},
			Create: func(string) (io.WriteCloser, error) { return discard{}, nil },
			Open:   func(d cache.Digest) (io.ReadCloser, error) { return store.Open(ctx, d) },
		}

		if err := f.Run(ctx, env); err != nil {
			b.Fatal(err)
		}
	}
}

// discard is an output that is thrown away.
type discard struct{}

// Write implements io.Writer.
func (discard) Write(p []byte) (int, error) { return len(p), nil }

// Close implements io.Closer.
func (discard) Close() error { return nil }
