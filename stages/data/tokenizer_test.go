package data

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tiktoken-go/tokenizer"

	"ablate/pipeline"
)

// samples exercise what the two expressions tell apart.
var samples = []string{
	"Hello, world!", "it's 'Twas they'LL we'd I'M O'Reilly's", "  two  spaces   three\n\n\n  x", "tab\t\tend\t", "a\r\n\r\n b\r\n",
	"1234567 12 3.14159 ½ ²³", "naïve Straße 東京 привет  мир", "!!! ...\n\n--- ok", " \n \n x", "\u00a0nbsp\u2003em space", "🙂👍🏽 emoji", "x\n", " ", "\n",
	"    def f(x):\n        return x\n\n\nclass A:\n\tpass", "$%^&*() ''s 's", "‘curly’ “quotes”", "\u0085next line\u2028ls", "ﬁ ligature Ⅷ roman",
}

// The words and the memory give the same tokens as the library alone.
func TestPublishedEncoders(t *testing.T) {
	alphabet := []rune("ab Zé\n\r\t1½'sLLve.!-東🙂\u00a0 ")
	texts := slices.Clone(samples)
	r := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		var b strings.Builder
		for range r.IntN(30) {
			b.WriteRune(alphabet[r.IntN(len(alphabet))])
		}
		texts = append(texts, b.String())
	}
	for name, p := range published {
		e, err := publishedEncoder(name)
		if err != nil {
			t.Fatal(err)
		}
		codec, err := tokenizer.Get(p.encoding)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			got, err := e.encode(nil, []byte(text), true)
			if err != nil {
				t.Fatal(err)
			}
			want, _, err := codec.Encode(text)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(got, want, func(a uint32, b uint) bool { return a == uint32(b) }) {
				t.Fatalf("%s of %q = %v, want %v", name, text, got, want)
			}
		}
	}
}

// Known encodings, from the models' own documentation.
func TestKnownTokens(t *testing.T) {
	for name, want := range map[string][]uint32{"gpt2": {15496, 11, 995, 0}, "cl100k": {9906, 11, 1917, 0}} {
		e, err := publishedEncoder(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.encode(nil, []byte("Hello, world!"), true); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s = %v, %v, want %v", name, got, err, want)
		}
	}
}

func FuzzSplitters(f *testing.F) {
	for _, s := range samples {
		f.Add(s)
	}
	gpt2, err := publishedEncoder("gpt2")
	if err != nil {
		f.Fatal(err)
	}
	codec, err := tokenizer.Get(tokenizer.R50kBase)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, split := range []splitter{splitGPT2, splitCL100K} {
			for rest := []byte(text); len(rest) > 0; {
				n := split(rest)
				if n <= 0 || n > len(rest) {
					t.Fatalf("the first word of %q has %d bytes", rest, n)
				}
				rest = rest[n:]
			}
		}
		if !utf8.ValidString(text) {
			return // the library has other ways with what is none
		}
		got, err := gpt2.encode(nil, []byte(text), true)
		want, _, err2 := codec.Encode(text)
		if err != nil || err2 != nil || !slices.EqualFunc(got, want, func(a uint32, b uint) bool { return a == uint32(b) }) {
			t.Fatalf("%q = %v, want %v (%v, %v)", text, got, want, err, err2)
		}
	})
}

// toyTokenizer is a byte-level tokenizer.json with a few merges.
func toyTokenizer(t *testing.T, change func(map[string]any)) string {
	t.Helper()
	vocab := make(map[string]int)
	for b, s := range byteLetters() {
		vocab[s] = b
	}
	for i, s := range []string{"he", "ll", "hell", "Ġw", "hello"} {
		vocab[s] = 256 + i
	}
	doc := map[string]any{
		"normalizer":    nil,
		"pre_tokenizer": map[string]any{"type": "ByteLevel", "add_prefix_space": false},
		"model":         map[string]any{"type": "BPE", "vocab": vocab, "merges": []any{"h e", "l l", []string{"he", "ll"}, "Ġ w", "hell o"}},
		"added_tokens":  []any{map[string]any{"id": 261, "content": "<|endoftext|>"}},
	}
	if change != nil {
		change(doc)
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func runText(t *testing.T, dir string, stage pipeline.Stage) (memoryOutputs, error) {
	t.Helper()
	if err := stage.Validate().Err(); err != nil {
		return nil, err
	}
	if _, err := stage.Describe(inputs(dir)); err != nil {
		return nil, err
	}
	out := make(memoryOutputs)
	return out, stage.Run(context.Background(), &pipeline.Env{Inputs: inputs(dir), Create: out.create, Progress: func(pipeline.Progress) {}})
}

func uint16s(b []byte) []uint16 {
	out := make([]uint16, len(b)/2)
	for i := range out {
		out[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return out
}

func TestTokenizerFile(t *testing.T) {
	dir := folder(t, map[string]string{
		"a.txt": "hello world<|sep|>hell", "b.txt": "é", "tokenizer.json": toyTokenizer(t, nil),
	})
	stage := &Text{Source: []string{"*.txt"}, Tokenizer: "tokenizer.json", Separator: "<|sep|>", Size: 262, Split: &Split{Validation: 0.01}}
	out, err := runText(t, dir, stage)
	if err != nil {
		t.Fatal(err)
	}
	want := []uint16{260, 259, 'o', 'r', 'l', 'd', 261, 258, 261, 0xc3, 0xa9}
	if got := uint16s(out["train"].Bytes()); !slices.Equal(got, want) {
		t.Errorf("tokens %v, want %v", got, want)
	}
	if got := out["meta"].String(); !strings.Contains(got, `"dtype":"uint16"`) {
		t.Errorf("meta %s", got)
	}
}

func TestBadTokenizers(t *testing.T) {
	set := func(keys ...any) func(map[string]any) {
		return func(m map[string]any) {
			for len(keys) > 2 {
				m = m[keys[0].(string)].(map[string]any)
				keys = keys[1:]
			}
			m[keys[0].(string)] = keys[1]
		}
	}
	for want, file := range map[string]string{
		"it is no tokenizer.json":          "not json at all",
		`its model is "Unigram"`:           toyTokenizer(t, set("model", "type", "Unigram")),
		"its vocabulary is no table":       toyTokenizer(t, set("model", "vocab", map[string]any{"a": -1})),
		"it normalizes its text":           toyTokenizer(t, set("normalizer", map[string]any{"type": "NFC"})),
		`its pre-tokenizer "Whitespace"`:   toyTokenizer(t, set("pre_tokenizer", map[string]any{"type": "Whitespace"})),
		"its merge 0 is no pair":           toyTokenizer(t, set("model", "merges", []any{"ab"})),
		"it has no token for the byte 0x0": toyTokenizer(t, set("model", "vocab", map[string]int{"a": 1})),
		"tokens up to 300, so vocabulary must be at least 301, not 262": toyTokenizer(t,
			set("added_tokens", []any{map[string]any{"id": 300, "content": "</s>"}})),
	} {
		dir := folder(t, map[string]string{"a.txt": "hello", "tokenizer.json": file})
		_, err := runText(t, dir, &Text{Source: []string{"*.txt"}, Tokenizer: "tokenizer.json", Size: 262, Split: &Split{Validation: 0.1}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestBinaryTokens(t *testing.T) {
	raw := []byte{1, 0, 2, 0, 0xff, 0x01, 4, 0}
	dir := folder(t, map[string]string{"t.bin": string(raw), "odd.bin": "abc"})
	good := &Binary{Source: []string{"t.bin"}, DType: "uint16", Size: 512, Split: &Split{Validation: 0.25}}
	out, err := runText(t, dir, good)
	if err != nil {
		t.Fatal(err)
	}
	if got := append(uint16s(out["train"].Bytes()), uint16s(out["validation"].Bytes())...); !slices.Equal(got, []uint16{1, 2, 511, 4}) {
		t.Errorf("tokens %v", got)
	}
	for want, change := range map[string]func(*Binary){
		"Number 2 of":                                           func(b *Binary) { b.Size = 511 },
		"is no whole number of uint16":                          func(b *Binary) { b.Source = []string{"odd.bin"} },
		"vocabulary must be at most 256":                        func(b *Binary) { b.DType = "uint8" },
		"vocabulary must be at most 2147483648, not 4294967296": func(b *Binary) { b.DType, b.Size = "uint32", 1<<32 },
		"dtype is \"uint8\", \"uint16\" or":                     func(b *Binary) { b.DType = "float" },
		"vocabulary must be at least 2":                         func(b *Binary) { b.Size = 0 },
	} {
		b := *good
		change(&b)
		if _, err := runText(t, dir, &b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// Numbers become as wide as the vocabulary asks for, wherever the reads of their
// files happen to end.
func TestBinaryTokensOfAnotherWidth(t *testing.T) {
	var long []byte
	var want []byte
	for i := range 100_001 {
		long = binary.LittleEndian.AppendUint32(long, uint32(i%251))
		want = append(want, byte(i%251))
	}
	dir := folder(t, map[string]string{"a.bin": "\x07\x00\x00\x00", "b.bin": string(long)})
	out, err := runText(t, dir, &Binary{Source: []string{"*.bin"}, DType: "uint32", Size: 256, Split: &Split{Validation: 0.25}})
	if err != nil {
		t.Fatal(err)
	}
	got := slices.Concat(out[TrainTokens].Bytes(), out[ValidationTokens].Bytes())
	if !slices.Equal(got, append([]byte{7}, want...)) || out[ValidationTokens].Len() != 25_000 {
		t.Errorf("%d and %d tokens, not those of the files", out[TrainTokens].Len(), out[ValidationTokens].Len())
	}
	r := &recoder{to: io.Discard, from: 4, width: 1, vocabulary: 5}
	for i, b := range []byte{4, 0, 0, 0, 9, 0, 0} {
		if _, err := r.Write([]byte{b}); err != nil {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
	if _, err := r.Write([]byte{0}); err == nil || !strings.Contains(err.Error(), "Number 1 of") {
		t.Errorf("a number in pieces: %v", err)
	}
}

// BenchmarkEncode takes the text of this module's own source, on one core.
func BenchmarkEncode(b *testing.B) {
	var text strings.Builder
	files, err := filepath.Glob("../../*/*.go")
	if err != nil {
		b.Fatal(err)
	}
	for text.Len() < 4<<20 {
		for _, f := range files {
			raw, err := os.ReadFile(f)
			if err != nil {
				b.Fatal(err)
			}
			text.Write(raw)
		}
	}
	for name := range published {
		b.Run(name, func(b *testing.B) {
			e, err := publishedEncoder(name)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(text.Len()))
			var ids []uint32
			for b.Loop() {
				for piece := range slices.Chunk([]byte(text.String()), 32<<10) {
					if ids, err = e.encode(ids[:0], piece, false); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
		b.Run(fmt.Sprintf("%s library", name), func(b *testing.B) {
			codec, err := tokenizer.Get(published[name].encoding)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(1 << 20)
			for b.Loop() {
				if _, _, err := codec.Encode(text.String()[:1<<20]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
