package data

import (
	"maps"
	"slices"

	"golang.org/x/text/unicode/norm"
)

// documents encodes the documents of files, which are written to it one after the
// other.
type documents struct {
	encoder encoder
	matcher *matcher
	to      *spool

	held      []byte // of a file: what may be the beginning of a match
	any       bool   // there was a document
	within    bool   // one has begun
	separated bool   // the file had a separator
	divided   bool   // a file had one
	ids       []uint32
	ordinary  map[string]int // special tokens that were encoded as text
}

// newDocuments looks for a separator in both normal forms: the language composes
// what it reads (NFC), a text may be decomposed (NFD). Special tokens are encoded
// as such if asSpecial is set, and else counted.
func newDocuments(e encoder, to *spool, separator string, tokens map[string]uint32, asSpecial bool) *documents {
	patterns := []pattern{
		{text: []byte(separator), kind: separates},
		{text: norm.NFC.Bytes([]byte(separator)), kind: separates},
		{text: norm.NFD.Bytes([]byte(separator)), kind: separates},
	}
	kind := ordinary
	if asSpecial {
		kind = special
	}
	for _, text := range slices.Sorted(maps.Keys(tokens)) {
		patterns = append(patterns, pattern{[]byte(text), kind, tokens[text]})
	}
	return &documents{encoder: e, matcher: newMatcher(patterns), to: to, ordinary: make(map[string]int)}
}

// Write implements io.Writer.
func (d *documents) Write(p []byte) (int, error) {
	if err := d.scan(p, false); err != nil {
		return 0, err
	}
	return len(p), nil
}

// scan encodes the text that was held back and text. Unless it is the file's last,
// what may be the beginning of a match is held back.
func (d *documents) scan(text []byte, last bool) error {
	if len(d.held) > 0 {
		text = append(d.held, text...)
		d.held = nil
	}
	for {
		at, p := d.matcher.next(text, last)
		if p == nil {
			d.held = append([]byte(nil), text[at:]...)
			if at == 0 {
				return nil
			}
			return d.encode(text[:at], nil, false)
		}
		if err := d.match(text[:at+len(p.text)], at, p); err != nil {
			return err
		}
		text = text[at+len(p.text):]
	}
}

// match encodes a text that ends with a match.
func (d *documents) match(text []byte, at int, p *pattern) error {
	switch p.kind {
	case separates:
		d.separated, d.divided = true, true
		if err := d.encode(text[:at], nil, true); err != nil {
			return err
		}
		d.within = false
		return nil
	case special:
		return d.encode(text[:at], &p.token, true)
	}
	d.ordinary[string(p.text)]++
	return d.encode(text, nil, false)
}

// endFile ends the file's last document. The empty one after a final separator
// does not count.
func (d *documents) endFile() error {
	if err := d.scan(nil, true); err != nil {
		return err
	}
	ended := d.separated && !d.within
	d.separated = false
	if ended {
		return nil
	}
	err := d.encode(nil, nil, true)
	d.within = false
	return err
}

// encode appends the tokens of a piece of a document, and then a special token.
// last tells the encoder that what follows does not change the piece's tokens.
func (d *documents) encode(text []byte, token *uint32, last bool) (err error) {
	d.ids = d.ids[:0]
	if end, ok := d.encoder.between(); ok && d.any && !d.within {
		d.ids = append(d.ids, end)
	}
	d.any, d.within = true, true
	if d.ids, err = d.encoder.encode(d.ids, text, last); err != nil {
		return err
	}
	if token != nil {
		d.ids = append(d.ids, *token)
	}
	return d.to.write(d.ids)
}
