package data

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/tiktoken-go/tokenizer"
)

// encoder turns text into tokens.
type encoder interface {
	// encode appends the tokens of the next piece of a document. Tokens that more
	// text could change are held back until a piece is the last one. Bytes that are
	// not UTF-8 are encoded as U+FFFD.
	encode(to []uint32, piece []byte, last bool) ([]uint32, error)
	// between is the token between two documents; ok is false if there is none.
	between() (token uint32, ok bool)
}

// published are the vocabularies that come with the program: their size with
// special tokens, the token that ends a document, and the special tokens.
var published = map[string]struct {
	vocabulary int
	end        uint32
	encoding   tokenizer.Encoding
	split      splitter
	special    map[string]uint32
}{
	"gpt2": {50257, 50256, tokenizer.R50kBase, splitGPT2, map[string]uint32{"<|endoftext|>": 50256}},
	"cl100k": {100277, 100257, tokenizer.Cl100kBase, splitCL100K, map[string]uint32{
		"<|endoftext|>": 100257, "<|fim_prefix|>": 100258, "<|fim_middle|>": 100259, "<|fim_suffix|>": 100260, "<|endofprompt|>": 100276,
	}},
}

// publishedEncoder opens one of the vocabularies that come with the program, in
// which a token's number is its rank. Only the vocabulary comes from the library:
// its compiled expressions drop the character 0x7f, and that of cl100k ends a run
// of whitespace at the first line break instead of the last, in quadratic time.
func publishedEncoder(name string) (encoder, error) {
	p := published[name]
	codec, err := tokenizer.Get(p.encoding)
	if err != nil {
		return nil, fmt.Errorf("opening the tokenizer %s: %w", name, err)
	}
	vocab := make(map[string]uint32, p.vocabulary)
	for id := range uint32(p.vocabulary) {
		if token, err := codec.Decode([]uint{uint(id)}); err == nil { // some numbers are not tokens
			vocab[token] = id
		}
	}
	m := &merger{vocab: vocab, whole: true, rank: func(pair string, _ int) (uint32, bool) {
		id, ok := vocab[pair]
		return id, ok
	}}
	end := p.end
	return &wordEncoder{split: p.split, slow: m.encode, end: &end, memo: make(map[string][]uint32)}, nil
}

// rememberedWords and rememberedBytes (of one word) bound the memory of a
// wordEncoder. Few words make up most of any text, and they are short.
const (
	rememberedWords = 1 << 19
	rememberedBytes = 64
)

// wordEncoder encodes word by word and remembers the tokens of words.
type wordEncoder struct {
	split splitter
	slow  func(word string) ([]uint32, error)
	end   *uint32
	memo  map[string][]uint32
	often [oftenWords]oftenWord

	text utf8Text // of the document, without the words encoded so far
	kept int      // bytes of it that were left after the last piece
}

func (e *wordEncoder) between() (uint32, bool) {
	if e.end == nil {
		return 0, false
	}
	return *e.end, true
}

func (e *wordEncoder) encode(to []uint32, piece []byte, last bool) ([]uint32, error) {
	e.text.add(piece, last)
	if !last && len(e.text.valid) < 2*e.kept { // so that a word of any length is split in linear time
		return to, nil
	}
	text := e.text.valid
	word, next := 0, 0
	for next < len(text) {
		end := next + e.split(text[next:])
		if end == len(text) && !last {
			break
		}
		var err error
		if to, err = e.encodeWord(to, text[word:next]); err != nil {
			return nil, err
		}
		word, next = next, end
	}
	if last {
		e.text.valid, e.kept = e.text.valid[:0], 0
		return e.encodeWord(to, text[word:])
	}
	e.text.valid = append(e.text.valid[:0], text[word:]...)
	e.kept = len(e.text.valid)
	return to, nil
}

func (e *wordEncoder) encodeWord(to []uint32, word []byte) ([]uint32, error) {
	if len(word) > 16 {
		ids, err := e.lookUp(word)
		return append(to, ids...), err
	}
	w := newShortWord(word)
	o := &e.often[w.slot()]
	if o.word == w {
		return append(to, o.ids[:o.n]...), nil
	}
	ids, err := e.lookUp(word)
	if err == nil && len(ids) <= len(o.ids) {
		o.word, o.n = w, uint8(copy(o.ids[:], ids))
	}
	return append(to, ids...), err
}

func (e *wordEncoder) lookUp(word []byte) ([]uint32, error) {
	ids, ok := e.memo[string(word)]
	if ok || len(word) == 0 {
		return ids, nil
	}
	ids, err := e.slow(string(word))
	if err != nil {
		return nil, fmt.Errorf("encoding %q: %w", word, err)
	}
	if len(e.memo) < rememberedWords && len(word) <= rememberedBytes {
		e.memo[string(word)] = ids
	}
	return ids, nil
}

// oftenWords is how many words fit the processor's cache. The map of all words
// does not, and a lookup in it takes longer than everything else.
const oftenWords = 1 << 16

// oftenWord is a recent word with its tokens. It fills half a cache line.
type oftenWord struct {
	word shortWord
	n    uint8
	ids  [3]uint32
}

// shortWord is a word of at most 16 bytes as numbers, which are compared without a
// loop. The zero value is the empty word, which has no tokens.
type shortWord struct {
	head, tail uint64
	size       uint8
}

func newShortWord(word []byte) shortWord {
	n := len(word)
	w := shortWord{size: uint8(n)}
	switch {
	case n >= 8:
		w.head, w.tail = binary.LittleEndian.Uint64(word), binary.LittleEndian.Uint64(word[n-8:])
	case n >= 4:
		w.head, w.tail = uint64(binary.LittleEndian.Uint32(word)), uint64(binary.LittleEndian.Uint32(word[n-4:]))
	case n > 0:
		w.head, w.tail = uint64(word[0]), uint64(word[n/2])<<8|uint64(word[n-1])
	}
	return w
}

// slot spreads words over oftenWords places.
func (w shortWord) slot() uint64 {
	high, low := bits.Mul64(w.head^0x9e3779b97f4a7c15, w.tail^0xd6e8feb86659fd93)
	return (high ^ low) % oftenWords
}

// byteEncoder makes each byte a token.
type byteEncoder struct{}

func (byteEncoder) encode(to []uint32, piece []byte, _ bool) ([]uint32, error) {
	for _, b := range piece {
		to = append(to, uint32(b))
	}
	return to, nil
}

func (byteEncoder) between() (uint32, bool) { return separator, true }
