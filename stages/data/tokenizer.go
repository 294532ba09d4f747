package data

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/tiktoken-go/tokenizer"
)

// encoder turns text into tokens.
type encoder interface {
	// encode appends the tokens of a document. Text that is no UTF-8 is encoded
	// with U+FFFD in place of what is none.
	encode(to []uint32, text string) ([]uint32, error)
	// between is the token that stands between two documents; ok is false for
	// none.
	between() (token uint32, ok bool)
}

// published are the vocabularies that come with the program: their size, with
// special tokens, and the token that ends a document.
var published = map[string]struct {
	vocabulary int
	end        uint32
	encoding   tokenizer.Encoding
	split      splitter
}{
	"gpt2":   {50257, 50256, tokenizer.R50kBase, splitGPT2},
	"cl100k": {100277, 100257, tokenizer.Cl100kBase, splitCL100K},
}

// isTokenizerFile reports whether a tokenizer is named by its file.
func isTokenizerFile(name string) bool { return filepath.Ext(name) == ".json" }

// publishedEncoder opens one of the vocabularies that come with the program.
func publishedEncoder(name string) (encoder, error) {
	p := published[name]
	codec, err := tokenizer.Get(p.encoding)
	if err != nil {
		return nil, fmt.Errorf("opening the tokenizer %s: %w", name, err)
	}
	slow := func(word string) ([]uint32, error) {
		ids, _, err := codec.Encode(word)
		out := make([]uint32, len(ids))
		for i, id := range ids {
			out[i] = uint32(id)
		}
		return out, err
	}
	end := p.end
	return &wordEncoder{split: p.split, slow: slow, end: &end, memo: make(map[string][]uint32)}, nil
}

// rememberedWords bounds the memory of a wordEncoder. Few words make up most
// of any text.
const rememberedWords = 1 << 19

// wordEncoder encodes word by word and remembers what it has seen.
type wordEncoder struct {
	split splitter
	slow  func(word string) ([]uint32, error)
	end   *uint32
	memo  map[string][]uint32
}

func (e *wordEncoder) between() (uint32, bool) {
	if e.end == nil {
		return 0, false
	}
	return *e.end, true
}

func (e *wordEncoder) encode(to []uint32, text string) ([]uint32, error) {
	text = strings.ToValidUTF8(text, "\uFFFD")
	for len(text) > 0 {
		n := e.split(text)
		ids, ok := e.memo[text[:n]]
		if !ok {
			var err error
			if ids, err = e.slow(text[:n]); err != nil {
				return nil, fmt.Errorf("encoding %q: %w", text[:n], err)
			}
			if len(e.memo) < rememberedWords {
				e.memo[strings.Clone(text[:n])] = ids
			}
		}
		to = append(to, ids...)
		text = text[n:]
	}
	return to, nil
}

// byteEncoder makes each byte a token.
type byteEncoder struct{}

func (byteEncoder) encode(to []uint32, text string) ([]uint32, error) {
	for i := range len(text) {
		to = append(to, uint32(text[i]))
	}
	return to, nil
}

func (byteEncoder) between() (uint32, bool) { return separator, true }
