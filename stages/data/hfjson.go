package data

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// tokenizerFile is the part of Hugging Face's tokenizer.json that we read:
// byte-level byte-pair encoders that split text as GPT-2 or Llama 3 do.
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
		ID         uint32 `json:"id"`
		Content    string `json:"content"`
		SingleWord bool   `json:"single_word"`
		LStrip     bool   `json:"lstrip"`
		RStrip     bool   `json:"rstrip"`
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

// splitters are the expressions that a Split may name.
var splitters = map[string]splitter{
	`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`:                                          splitGPT2,
	`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`: splitCL100K,
}

// endNames are the texts of the token that ends a document in various models.
var endNames = []string{"<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>"}

// openedTokenizer is a tokenizer.json that can be used.
type openedTokenizer struct {
	encoder     *wordEncoder
	highest     uint32            // its largest token
	special     map[string]uint32 // tokens that are found in text before it is split into words
	unsupported string            // one of those whose matching is more than its text
}

// openTokenizerFile reads a tokenizer.json.
func openTokenizerFile(raw []byte) (*openedTokenizer, error) {
	var f tokenizerFile
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, fmt.Errorf("it is not a tokenizer.json: %w", err)
	}
	if f.Model.Type != "BPE" {
		return nil, fmt.Errorf("its model is %q; only byte-level BPE is supported", f.Model.Type)
	}
	var vocab map[string]uint32
	if err := json.Unmarshal(f.Model.Vocab, &vocab); err != nil || len(vocab) == 0 {
		return nil, errors.New("its vocabulary is not a table from tokens to numbers")
	}
	if n := string(f.Normalizer); n != "" && n != "null" {
		return nil, errors.New("it normalizes text, which is not supported")
	}
	split, err := f.PreTokenizer.splitter()
	if err != nil {
		return nil, err
	}
	m, err := f.merger(vocab)
	if err != nil {
		return nil, err
	}
	t := &openedTokenizer{
		encoder: &wordEncoder{split: split, slow: m.encode, memo: make(map[string][]uint32)},
		special: make(map[string]uint32, len(f.AddedTokens)),
	}
	for _, id := range vocab {
		t.highest = max(t.highest, id)
	}
	for _, added := range f.AddedTokens {
		t.highest = max(t.highest, added.ID)
		t.special[added.Content] = added.ID
		if added.SingleWord || added.LStrip || added.RStrip {
			t.unsupported = added.Content
		}
	}
	for _, name := range endNames {
		if id, ok := t.special[name]; ok {
			t.encoder.end = &id
			break
		}
	}
	return t, nil
}

func (p preTokenizer) splitter() (splitter, error) {
	unsupported := fmt.Errorf("its pre-tokenizer %q is not supported; it must be byte-level and split text as GPT-2 or Llama 3 do", p.Type)
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

// merger translates tokens and merges to the bytes that they stand for. Those with
// a character that stands for no byte cannot occur and are left out.
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
			return nil, fmt.Errorf("its merge %d is not a pair", i)
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

// bytesOf returns a function that translates the letters of a token to bytes.
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

// byteLetters is GPT-2's table of printable characters for bytes.
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
