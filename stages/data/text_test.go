package data

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

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

// warningsName holds what a stage warned of.
const warningsName = "warnings"

func (m memoryOutputs) warn(text string) {
	if m[warningsName] == nil {
		m[warningsName] = new(bytes.Buffer)
	}
	m[warningsName].WriteString(text + "\n")
}

func (m memoryOutputs) warned() string {
	if m[warningsName] == nil {
		return ""
	}
	return m[warningsName].String()
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
		Inputs: inputs(dir), Create: out.create, Progress: func(pipeline.Progress) {}, Warn: out.warn,
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
		{"no source", Text{Tokenizer: "bytes", Split: &Split{Validation: 0.1}}, "source is empty"},
		{"unknown tokenizer", Text{Source: []string{"x"}, Tokenizer: "bpe", Split: &Split{Validation: 0.1}}, `not "bpe"`},
		{"all for validation", Text{Source: []string{"x"}, Tokenizer: "bytes", Split: &Split{Validation: 1}}, "less than 1, not 1"},
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
	if got := uint16s(out[trainTokens].Bytes()); !slices.Equal(got, []uint16{'h', 'e', 'l', 'l'}) {
		t.Errorf("tokens %v", got)
	}
}

// The text in a file is the same however it is encoded: the name of a file does
// not enter the key, so it does not decide.
func TestEncodingsOfText(t *testing.T) {
	gzipped := func(text string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		w.Write([]byte(text))
		w.Close()
		return b.String()
	}
	const text = "hé 东\nx"
	wide := func(order binary.AppendByteOrder) string {
		raw := order.AppendUint16(nil, 0xfeff)
		for _, u := range utf16.Encode([]rune(text)) {
			raw = order.AppendUint16(raw, u)
		}
		return string(raw)
	}
	for name, raw := range map[string]string{
		"plain": text, "UTF-8 with a mark": "\ufeff" + text, "gzip": gzipped(text), "gzip with a mark": gzipped("\ufeff" + text),
		"UTF-16LE": wide(binary.LittleEndian), "UTF-16BE": wide(binary.BigEndian),
	} {
		dir := folder(t, map[string]string{"a": raw, "b": "!"})
		out, err := runText(t, dir, &Text{Source: []string{"a", "b"}, Tokenizer: "bytes", Split: &Split{Validation: 0.01}})
		if err != nil || out["train"].String() != text+"\n!" || out.warned() != "" {
			t.Errorf("%s: %q, %v, warnings %q", name, out["train"], err, out.warned())
		}
	}
	for name, c := range map[string][2]string{
		"UTF-32":          {"\xff\xfe\x00\x00a\x00\x00\x00", "it is encoded in UTF-32"},
		"a damaged gzip":  {gzipped(text)[:12], "unexpected EOF"},
		"no mark, UTF-16": {"", "seems to be encoded in UTF-16"}, "xz": {"\xfd7zXZ\x00 and more", "seems to be compressed with xz"},
	} {
		raw := c[0]
		if raw == "" {
			raw = strings.Repeat("a\x00", 100)
		}
		dir := folder(t, map[string]string{"a": raw})
		out, err := runText(t, dir, &Text{Source: []string{"a"}, Tokenizer: "bytes", Split: &Split{Validation: 0.01}})
		if text := fmt.Sprint(err) + out.warned(); !strings.Contains(text, c[1]) {
			t.Errorf("%s: %s, want %q", name, text, c[1])
		}
	}
}

// A separator that no file has is most likely a mistake; one that some lack is not.
func TestMissingSeparator(t *testing.T) {
	for text, want := range map[string]bool{"one|two": false, "one two": true} {
		dir := folder(t, map[string]string{"a": text, "b": "three four"})
		out, err := runText(t, dir, &Text{Source: []string{"a", "b"}, Tokenizer: "bytes", Separator: "|", Split: &Split{Validation: 0.2}})
		if err != nil || strings.Contains(out.warned(), `the separator "|" does not occur`) != want {
			t.Errorf("%q: %v, warnings %q", text, err, out.warned())
		}
	}
}

// A vocabulary that is the tokenizer's own changes nothing.
func TestOwnVocabulary(t *testing.T) {
	a, b := &Text{Tokenizer: "bytes", Size: 256}, &Text{Tokenizer: "gpt2", Size: 50304}
	a.Resolve()
	b.Resolve()
	if a.Size != 0 || a.Vocabulary() != 256 || b.Size != 50304 {
		t.Errorf("vocabularies %d and %d", a.Size, b.Size)
	}
}
