package analysis

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"path/filepath"
	"testing"

	"ablate/pipeline"
	"ablate/stages/analysis/internal/render"
	"ablate/stages/answer"
)

type memory struct{ *bytes.Buffer }

// Close implements io.Closer.
func (memory) Close() error { return nil }

// drawn renders a result's figures.
func drawn(t *testing.T, r answer.Result) map[string]*bytes.Buffer {
	t.Helper()
	out := make(map[string]*bytes.Buffer)
	env := &pipeline.Env{Create: func(name string) (io.WriteCloser, error) {
		out[name] = new(bytes.Buffer)
		return memory{out[name]}, nil
	}}
	if err := render.Write(env, r, render.Factorial(r)); err != nil {
		t.Fatal(err)
	}
	return out
}

// Figures are the same bytes every time, and what their names say.
func TestFigures(t *testing.T) {
	table := published(t, "rmsnorm", "derf", "dyt")
	first, second := drawn(t, analysed(t, table)), drawn(t, analysed(t, table))
	for _, name := range []string{"interaction.svg", "interaction.png", "contrasts.svg", "contrasts.png"} {
		a, b := first[name], second[name]
		if a == nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Fatalf("%s is not there, or differs from run to run", name)
		}
		if name[len(name)-3:] == "png" {
			if _, err := png.Decode(a); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		dec := xml.NewDecoder(a)
		for {
			if _, err := dec.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}

// Cells without a mean and contrasts without an estimate are left out; where
// nothing is left, nothing is drawn.
func TestFiguresOfWhatIsMissing(t *testing.T) {
	table := published(t, "rmsnorm", "derf")
	for i := range table.Trials {
		table.Trials[i].Diverged = true
	}
	for name := range drawn(t, analysed(t, table)) {
		if ext := filepath.Ext(name); ext == ".svg" || ext == ".png" {
			t.Errorf("%s shows nothing", name)
		}
	}
}
