package data

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// tokenizerFile is what we read of Hugging Face's tokenizer.json: byte-level
// byte-pair encoders, split as GPT-2 or as Llama 3 has it.
type tokenizerFile struct {
	Normalizer   json.RawMessage `json:"normalizer"`
	PreTokenizer preTokenizer    `json:"pre_tokenizer"`
	Model        struct {
		Type         string            `json:"type"`
		Vocab        json.RawMessage   `json:"vocab"`
		Merges       []json.RawMessage `json:"merges"`
		IgnoreMerges bool              `json:"ignore_merges"`
		ByteFallback bool              `json:"byte_fallback"`
	} `json:"model"`
	AddedTokens []struct {
		ID      uint32 `json:"id"`
		Content string `json:"content"`
	} `json:"added_tokens"`
}

type preTokenizer struct {
	Type           string         `json:"type"`
	AddPrefixSpace bool           `json:"add_prefix_space"`
	UseRegex       *bool          `json:"use_regex"`
	PreTokenizers  []preTokenizer `json:"pretokenizers"`
	Pattern        struct {
		Regex string `json:"Regex"`
	} `json:"pattern"`
}

// The expressions that a Split may name.
var splitters = map[string]splitter{
	`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`:                                          splitGPT2,
	`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`: splitCL100K,
}

// endNames are what models call the token that ends a document.
var endNames = []string{"<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>"}

// openTokenizerFile reads a tokenizer.json. highest is its largest token.
func openTokenizerFile(raw []byte) (e encoder, highest uint32, err error) {
	var f tokenizerFile
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, 0, fmt.Errorf("it is no tokenizer.json: %w", err)
	}
	if f.Model.Type != "BPE" {
		return nil, 0, fmt.Errorf("its model is %q, and only byte-level BPE can be read", f.Model.Type)
	}
	var vocab map[string]uint32
	if err := json.Unmarshal(f.Model.Vocab, &vocab); err != nil || len(vocab) == 0 {
		return nil, 0, errors.New("its vocabulary is no table of tokens and their numbers")
	}
	if n := string(f.Normalizer); n != "" && n != "null" {
		return nil, 0, errors.New("it normalizes its text, which is not supported")
	}
	split, err := f.PreTokenizer.splitter()
	if err != nil {
		return nil, 0, err
	}
	m, err := f.merger(vocab)
	if err != nil {
		return nil, 0, err
	}
	w := &wordEncoder{split: split, slow: m.encode, memo: make(map[string][]uint32)}
	for _, id := range vocab {
		highest = max(highest, id)
	}
	for _, t := range f.AddedTokens {
		highest = max(highest, t.ID)
	}
	for _, name := range endNames {
		for _, t := range f.AddedTokens {
			if t.Content == name && w.end == nil {
				w.end = &t.ID
			}
		}
	}
	return w, highest, nil
}

func (p preTokenizer) splitter() (splitter, error) {
	unsupported := fmt.Errorf("its pre-tokenizer %q is not one that can be read: byte-level, split as GPT-2 or Llama 3 has it", p.Type)
	switch p.Type {
	case "ByteLevel":
		if p.AddPrefixSpace || p.UseRegex != nil && !*p.UseRegex {
			return nil, unsupported
		}
		return splitGPT2, nil
	case "Sequence":
		if len(p.PreTokenizers) != 2 || p.PreTokenizers[0].Type != "Split" || p.PreTokenizers[1].Type != "ByteLevel" {
			return nil, unsupported
		}
		if s := splitters[p.PreTokenizers[0].Pattern.Regex]; s != nil {
			return s, nil
		}
	}
	return nil, unsupported
}

// merger takes the tokens and merges for the bytes that they stand for. Those
// with a character that stands for none cannot come about, and are left out.
func (f *tokenizerFile) merger(vocab map[string]uint32) (*merger, error) {
	m := &merger{vocab: make(map[string]uint32, len(vocab)), whole: f.Model.IgnoreMerges}
	letters := byteLetters()
	of := bytesOf(letters)
	for token, id := range vocab {
		if raw, ok := of(token); ok {
			m.vocab[raw] = id
		}
	}
	ranks := make(map[[2]string]uint32, len(f.Model.Merges))
	for i, raw := range f.Model.Merges {
		a, b, ok := mergeOf(raw)
		if !ok {
			return nil, fmt.Errorf("its merge %d is no pair", i)
		}
		left, ok1 := of(a)
		right, ok2 := of(b)
		if ok1 && ok2 {
			ranks[[2]string{left, right}] = uint32(i)
		}
	}
	m.rank = func(pair string, cut int) (uint32, bool) {
		rank, ok := ranks[[2]string{pair[:cut], pair[cut:]}]
		return rank, ok
	}
	for b := range letters {
		if _, ok := m.vocab[string([]byte{byte(b)})]; !ok {
			return nil, fmt.Errorf("it has no token for the byte %#02x, so it is not byte-level", b)
		}
	}
	return m, nil
}

// mergeOf reads a merge: ["a", "b"], or "a b" in older files.
func mergeOf(raw json.RawMessage) (a, b string, ok bool) {
	var pair [2]string
	if json.Unmarshal(raw, &pair) == nil {
		return pair[0], pair[1], true
	}
	var line string
	if json.Unmarshal(raw, &line) != nil {
		return "", "", false
	}
	return strings.Cut(line, " ")
}

// bytesOf turns the letters of a token back into the bytes that they stand for.
func bytesOf(letters [256]string) func(token string) (string, bool) {
	bytes := make(map[rune]byte, len(letters))
	for b, s := range letters {
		r, _ := utf8.DecodeRuneInString(s)
		bytes[r] = byte(b)
	}
	return func(token string) (string, bool) {
		raw := make([]byte, 0, len(token))
		for _, r := range token {
			b, ok := bytes[r]
			if !ok {
				return "", false
			}
			raw = append(raw, b)
		}
		return string(raw), true
	}
}

// byteLetters is GPT-2's table of printable characters that stand for bytes.
func byteLetters() (out [256]string) {
	next := rune(256)
	for b := range out {
		r := rune(b)
		if !(r >= '!' && r <= '~' || r >= '¡' && r <= '¬' || r >= '®' && r <= 'ÿ') {
			r = next
			next++
		}
		out[b] = string(r)
	}
	return out
}
