package data

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ablate/cache"
	"ablate/pipeline"
	files "ablate/pipeline/source"
)

// memoryOutputs collects what a stage creates.
type memoryOutputs map[string]*bytes.Buffer

type closer struct{ *bytes.Buffer }

// Close implements io.Closer.
func (closer) Close() error { return nil }

func (m memoryOutputs) create(name string) (io.WriteCloser, error) {
	m[name] = new(bytes.Buffer)
	return closer{m[name]}, nil
}

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func inputs(dir string) pipeline.Inputs {
	return pipeline.Inputs{Sources: files.Folder{Dir: dir}}
}

func TestRunSplitsTheWhole(t *testing.T) {
	dir := folder(t, map[string]string{"b.txt": "world", "a/x.txt": "hello", "a/.hidden": "no"})
	stage := &Text{Source: []string{"a", "*.txt"}, Tokenizer: "bytes", Split: &Split{Validation: 0.3}}
	out := make(memoryOutputs)
	err := stage.Run(context.Background(), &pipeline.Env{
		Inputs: inputs(dir), Create: out.create, Progress: func(pipeline.Progress) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for name, b := range out {
		got[name] = b.String()
	}
	want := map[string]string{
		"train": "hello\nwo", "validation": "rld",
		"meta": `{"vocabulary":256,"dtype":"uint8","train_tokens":8,"validation_tokens":3,"sources":2}` + "\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
}

func TestKeysHangOnContentAlone(t *testing.T) {
	describe := func(files map[string]string, source ...string) cache.Value {
		t.Helper()
		r, err := (&Text{Source: source, Tokenizer: "bytes", Split: &Split{Validation: 0.1}}).Describe(inputs(folder(t, files)))
		if err != nil {
			t.Fatal(err)
		}
		return r.Inputs
	}
	base := describe(map[string]string{"a.txt": "one", "b.txt": "two"}, "*.txt")
	same := []cache.Value{
		describe(map[string]string{"x/1": "one", "x/2": "two"}, "x"),
		describe(map[string]string{"z.txt": "one", "a.txt": "two"}, "z.txt", "a.txt"),
	}
	for i, v := range same {
		if !v.Equal(base) {
			t.Errorf("case %d: the same contents in the same order give another key", i)
		}
	}
	other := []cache.Value{
		describe(map[string]string{"a.txt": "two", "b.txt": "one"}, "*.txt"),
		describe(map[string]string{"a.txt": "onetwo"}, "*.txt"),
		describe(map[string]string{"a.txt": "one", "b.txt": "two", "c.txt": ""}, "*.txt"),
	}
	for i, v := range other {
		if v.Equal(base) {
			t.Errorf("case %d: other contents give the same key", i)
		}
	}
}

func TestMissingSources(t *testing.T) {
	dir := folder(t, map[string]string{"empty.txt": ""})
	for source, want := range map[string]string{
		"nothing*.txt": "Missing source", "gone.txt": "Missing source", "empty.txt": "Empty source", "[": "Unreadable source",
	} {
		_, err := (&Text{Source: []string{source}, Tokenizer: "bytes", Split: &Split{Validation: 0.1}}).Describe(inputs(dir))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Describe with source %q = %v, want %q", source, err, want)
		}
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name string
		text Text
		want string
	}{
		{"no source", Text{Tokenizer: "bytes", Split: &Split{Validation: 0.1}}, "source names no file"},
		{"unknown tokenizer", Text{Source: []string{"x"}, Tokenizer: "bpe", Split: &Split{Validation: 0.1}}, `There is no tokenizer "bpe"`},
		{"all for validation", Text{Source: []string{"x"}, Tokenizer: "bytes", Split: &Split{Validation: 1}}, "both excluded, not 1"},
	}
	for _, tt := range tests {
		if err := tt.text.Validate().Err(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Validate() = %v, want %q", tt.name, err, tt.want)
		}
	}
}

// Bytes in a vocabulary that is larger than theirs are as wide as it asks for.
func TestBytesOfALargerVocabulary(t *testing.T) {
	dir := folder(t, map[string]string{"a.txt": "hello"})
	out, err := runText(t, dir, &Text{Source: []string{"a.txt"}, Tokenizer: "bytes", Size: 300, Split: &Split{Validation: 0.2}})
	if err != nil {
		t.Fatal(err)
	}
	if got := uint16s(out[TrainTokens].Bytes()); !slices.Equal(got, []uint16{'h', 'e', 'l', 'l'}) {
		t.Errorf("tokens %v", got)
	}
}
