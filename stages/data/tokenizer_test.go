package data

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dlclark/regexp2/v2"
	"github.com/tiktoken-go/tokenizer"

	"ablate/pipeline"
)

// samples exercise what the two expressions tell apart.
var samples = []string{
	"Hello, world!", "it's 'Twas they'LL we'd I'M O'Reilly's", "  two  spaces   three\n\n\n  x", "tab\t\tend\t", "a\r\n\r\n b\r\n",
	"1234567 12 3.14159 ½ ²³", "naïve Straße 東京 привет  мир", "!!! ...\n\n--- ok", " \n \n x", "\u00a0nbsp\u2003em space", "🙂👍🏽 emoji", "x\n", " ", "\n",
	"    def f(x):\n        return x\n\n\nclass A:\n\tpass", "$%^&*() ''s 's", "‘curly’ “quotes”", "\u0085next line\u2028ls", "ﬁ ligature Ⅷ roman",
}

// expressions are those of the models' authors. In parentheses, so that the
// library's compiled form of them, in which one is wrong, is not taken.
var expressions = map[string]*regexp2.Regexp{
	"gpt2":   regexp2.MustCompile(`(?:'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)`, regexp2.None),
	"cl100k": regexp2.MustCompile(`(?:(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)`, regexp2.None),
}

// broken is where the library splits otherwise than OpenAI: whitespace with line
// breaks apart from each other, and a control character that it drops.
var broken = map[string]*regexp2.Regexp{
	"gpt2":   regexp2.MustCompile(`\x7f`, regexp2.None),
	"cl100k": regexp2.MustCompile(`[\r\n][^\S\r\n]+[\r\n]|\x7f`, regexp2.None),
}

// reference encodes as the definition says: word by word, and of all pairs the
// leftmost of the lowest rank each time.
type reference struct {
	name  string
	codec tokenizer.Codec
	rank  map[string]uint32
}

func newReference(t testing.TB, name string) *reference {
	codec, err := tokenizer.Get(published[name].encoding)
	if err != nil {
		t.Fatal(err)
	}
	rank := make(map[string]uint32)
	for id := range published[name].vocabulary {
		if token, err := codec.Decode([]uint{uint(id)}); err == nil {
			rank[token] = uint32(id)
		}
	}
	return &reference{name, codec, rank}
}

func (r *reference) encode(t testing.TB, text string) (ids []uint32) {
	t.Helper()
	match, err := expressions[r.name].FindStringMatch(text)
	for ; match != nil; match, err = expressions[r.name].FindNextMatch(match) {
		ids = append(ids, r.word(match.String())...)
	}
	if err != nil {
		t.Fatal(err)
	}
	if odd, err := broken[r.name].MatchString(text); err != nil || odd {
		return ids
	}
	library, _, err := r.codec.Encode(text)
	if err != nil || !slices.EqualFunc(ids, library, func(a uint32, b uint) bool { return a == uint32(b) }) {
		t.Fatalf("%s: the library has %v, %v of %q, the definition %v", r.name, library, err, text, ids)
	}
	return ids
}

func (r *reference) word(word string) (ids []uint32) {
	if id, ok := r.rank[word]; ok {
		return []uint32{id}
	}
	var parts []string
	for i := range len(word) {
		parts = append(parts, word[i:i+1])
	}
	for {
		best, at := uint32(math.MaxUint32), -1
		for i := range len(parts) - 1 {
			if rank, ok := r.rank[parts[i]+parts[i+1]]; ok && rank < best {
				best, at = rank, i
			}
		}
		if at < 0 {
			break
		}
		parts = slices.Replace(parts, at, at+2, parts[at]+parts[at+1])
	}
	for _, p := range parts {
		ids = append(ids, r.rank[p])
	}
	return ids
}

// units make text without a break, or with odd ones, when they are repeated.
var units = []string{" ", "a", "\n", " \n", "\r\n", "\t\n ", "=", "-=", "ab", "aA", "1", "\u00a0", "东京", "🙂", "e\u0301", "' ", "'s", "'ſ", "x'LL", " a", "\x7f"}

// The words, the merges and the memory give what the definition does, and the
// library wherever it keeps to it.
func TestPublishedEncoders(t *testing.T) {
	alphabet := []rune("ab Zé\n\r\t1½'sſLLve.!-東🙂\u00a0 ")
	texts := slices.Clone(samples)
	r := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		var b strings.Builder
		for range r.IntN(30) {
			b.WriteRune(alphabet[r.IntN(len(alphabet))])
		}
		texts = append(texts, b.String())
	}
	for _, unit := range units {
		texts = append(texts, strings.Repeat(unit, 2+r.IntN(200)), strings.Repeat(unit, 2+r.IntN(200))+"x")
	}
	for range 20 {
		raw := make([]byte, 300)
		for i := range raw {
			raw[i] = byte(r.Uint32())
		}
		texts = append(texts, base64.StdEncoding.EncodeToString(raw), strings.ToLower(base64.RawURLEncoding.EncodeToString(raw)))
	}
	for name := range published {
		e, err := publishedEncoder(name)
		if err != nil {
			t.Fatal(err)
		}
		ref := newReference(t, name)
		for _, text := range texts {
			got, err := e.encode(nil, []byte(text), true)
			if want := ref.encode(t, text); err != nil || !slices.Equal(got, want) {
				t.Fatalf("%s of %q = %v, %v, want %v", name, text, got, err, want)
			}
		}
	}
}

// Text without a break, of any length, takes a time that hardly grows faster
// than it: at the square of it, this test would take hours.
func TestWordsWithoutEnd(t *testing.T) {
	encoders := make(map[string]encoder)
	for name := range published {
		e, err := publishedEncoder(name)
		if err != nil {
			t.Fatal(err)
		}
		encoders[name] = e
	}
	toy, err := openTokenizerFile([]byte(toyTokenizer(t, nil)))
	if err != nil {
		t.Fatal(err)
	}
	encoders["tokenizer.json"] = toy.encoder
	const size = 1 << 19
	for name, e := range encoders {
		for _, unit := range []string{" ", "a", " \n", "hello"} {
			ids, err := e.encode(nil, []byte(strings.Repeat(unit, size/len(unit))), true)
			if err != nil || len(ids) == 0 {
				t.Errorf("%s of %q: %d tokens, %v", name, unit, len(ids), err)
			}
		}
	}
}

// Known encodings, from the models' own documentation.
func TestKnownTokens(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []uint32
	}{
		{"gpt2", "Hello, world!", []uint32{15496, 11, 995, 0}},
		{"cl100k", "Hello, world!", []uint32{9906, 11, 1917, 0}},
		{"cl100k", " \n \n", []uint32{33006}}, // a token of OpenAI's, which only a whole word can become
		{"gpt2", "\x7f", []uint32{221}},
		{"cl100k", "\x7f", []uint32{221}},
		{"cl100k", "x\n    \ny", []uint32{87, 7361, 88}},
	} {
		e, err := publishedEncoder(test.name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.encode(nil, []byte(test.text), true); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s of %q = %v, %v, want %v", test.name, test.text, got, err, test.want)
		}
	}
}

func FuzzEncoders(f *testing.F) {
	for _, s := range samples {
		f.Add(s)
	}
	for _, unit := range units {
		f.Add(strings.Repeat(unit, 150))
	}
	encoders, references := make(map[string]encoder), make(map[string]*reference)
	for name := range published {
		e, err := publishedEncoder(name)
		if err != nil {
			f.Fatal(err)
		}
		encoders[name], references[name] = e, newReference(f, name)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for name, e := range encoders {
			got, err := e.encode(nil, []byte(text), true)
			if err != nil {
				t.Fatalf("%s of %q: %v", name, text, err)
			}
			valid := strings.ToValidUTF8(text, "\uFFFD")
			if want := references[name].encode(t, valid); !slices.Equal(got, want) {
				t.Fatalf("%s of %q = %v, want %v", name, text, got, want)
			}
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
	return out, stage.Run(context.Background(), &pipeline.Env{
		Inputs: inputs(dir), Create: out.create, Progress: func(pipeline.Progress) {},
		Warn: func(text string) { out.warn(text) },
	})
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
		"it is not a tokenizer.json":       "not json at all",
		`its model is "Unigram"`:           toyTokenizer(t, set("model", "type", "Unigram")),
		"its vocabulary is not a table":    toyTokenizer(t, set("model", "vocab", map[string]any{"a": -1})),
		"it normalizes text":               toyTokenizer(t, set("normalizer", map[string]any{"type": "NFC"})),
		`its pre-tokenizer "Whitespace"`:   toyTokenizer(t, set("pre_tokenizer", map[string]any{"type": "Whitespace"})),
		"its merge 0 is not a pair":        toyTokenizer(t, set("model", "merges", []any{"ab"})),
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
		"is not a whole number of uint16":                       func(b *Binary) { b.Source = []string{"odd.bin"} },
		"vocabulary must be at most 256":                        func(b *Binary) { b.DType = "uint8" },
		"vocabulary must be at most 2147483648, not 4294967296": func(b *Binary) { b.DType, b.Size = "uint32", 1<<32 },
		"dtype must be \"uint8\", \"uint16\"":                   func(b *Binary) { b.DType = "float" },
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
	got := slices.Concat(out[trainTokens].Bytes(), out[validationTokens].Bytes())
	if !slices.Equal(got, append([]byte{7}, want...)) || out[validationTokens].Len() != 25_000 {
		t.Errorf("%d and %d tokens, not those of the files", out[trainTokens].Len(), out[validationTokens].Len())
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
	for _, width := range []int{1, 2, 4} {
		numbers := make([]byte, 1000*width)
		numbers[700*width] = 200
		r := &recoder{to: io.Discard, from: width, width: width, vocabulary: 201}
		if _, err := r.Write(numbers); err != nil {
			t.Errorf("the largest number of %d bytes: %v", width, err)
		}
		r.vocabulary = 200
		if _, err := r.Write(numbers); err == nil || !strings.Contains(err.Error(), "Number 1700 of") {
			t.Errorf("a number of %d bytes beyond the vocabulary: %v", width, err)
		}
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

// Special tokens are one token each where that is asked for, and else ordinary
// text, which is said.
func TestSpecialTokens(t *testing.T) {
	dir := folder(t, map[string]string{"a.txt": "hello<|endoftext|>hello", "tokenizer.json": toyTokenizer(t, nil)})
	for _, c := range []struct {
		tokenizer string
		size      int
		end       uint16
	}{{"gpt2", 0, 50256}, {"tokenizer.json", 262, 261}} {
		stage := &Text{Source: []string{"a.txt"}, Tokenizer: c.tokenizer, Size: c.size, Split: &Split{Validation: 0.01}}
		out, err := runText(t, dir, stage)
		if err != nil {
			t.Fatal(err)
		}
		if got := uint16s(out["train"].Bytes()); slices.Contains(got, c.end) || !strings.Contains(out.warned(), `"<|endoftext|>" (1 times)`) {
			t.Errorf("%s: ordinary text gives %v, warning %q", c.tokenizer, got, out.warned())
		}
		stage.Special = true
		if out, err = runText(t, dir, stage); err != nil {
			t.Fatal(err)
		}
		got := uint16s(out["train"].Bytes())
		if n := len(got); n%2 == 0 || got[n/2] != c.end || !slices.Equal(got[:n/2], got[n/2+1:]) || out.warned() != "" {
			t.Errorf("%s: special tokens give %v, warning %q", c.tokenizer, got, out.warned())
		}
	}
	if err := (&Text{Source: []string{"a"}, Tokenizer: "bytes", Special: true, Split: &Split{Validation: 0.1}}).Validate().Err(); err == nil {
		t.Error("bytes have special tokens")
	}
}
