package data

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// merger is a byte-pair encoder: of all neighbours that are a pair, the one of
// the lowest rank becomes a token, the leftmost first, until no pair is left. A
// word of n bytes takes n log n steps, and some 30 n bytes: text without a break,
// as of base64 or of spaces only, is one word.
type merger struct {
	vocab map[string]uint32 // by a token's bytes
	rank  func(pair string, cut int) (uint32, bool)
	whole bool // a word that is a token is taken as it is

	parts []part    // of the word at hand, by where they begin
	queue pairQueue // of its pairs, with some that are none any more
}

// part is what becomes a token. Its pair is with the part after it.
type part struct {
	before, after int32
	rank          uint32
}

// noPair is the rank of what does not merge.
const noPair = math.MaxUint32

func (m *merger) encode(word string) ([]uint32, error) {
	if len(word) >= math.MaxInt32 {
		return nil, errors.New("a word of 2 GiB or more cannot be encoded: break the text with spaces or line breaks")
	}
	if id, ok := m.vocab[word]; ok && m.whole {
		return []uint32{id}, nil
	}
	m.split(word)
	for len(m.queue) > 0 {
		rank, at := m.queue.pop()
		if m.parts[at].rank == rank {
			m.merge(word, at)
		}
	}
	var ids []uint32
	for at := int32(0); int(at) < len(word); at = m.parts[at].after {
		token := word[at:m.parts[at].after]
		id, ok := m.vocab[token]
		if !ok {
			return nil, fmt.Errorf("the vocabulary has no token %q", token)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// split makes a part of each byte.
func (m *merger) split(word string) {
	m.parts, m.queue = slices.Grow(m.parts[:0], len(word)), slices.Grow(m.queue[:0], len(word))
	for i := range int32(len(word)) {
		m.parts = append(m.parts, part{i - 1, i + 1, noPair})
	}
	for i := range int32(len(word)) {
		m.look(word, i)
	}
}

// merge makes a part and the one after it one.
func (m *merger) merge(word string, at int32) {
	gone := m.parts[at].after
	after := m.parts[gone].after
	m.parts[gone].rank = noPair
	m.parts[at].after = after
	if int(after) < len(word) {
		m.parts[after].before = at
	}
	m.look(word, at)
	if before := m.parts[at].before; before >= 0 {
		m.look(word, before)
	}
}

// look finds the rank of a part's pair, which has changed.
func (m *merger) look(word string, at int32) {
	p := &m.parts[at]
	p.rank = noPair
	if int(p.after) == len(word) {
		return
	}
	if rank, ok := m.rank(word[at:m.parts[p.after].after], int(p.after-at)); ok {
		p.rank = rank
		m.queue.push(rank, at)
	}
}

// pairQueue is a heap of ranks and, below them, positions.
type pairQueue []uint64

func (q *pairQueue) push(rank uint32, at int32) {
	h := append(*q, uint64(rank)<<32|uint64(at))
	*q = h
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if h[parent] < h[i] {
			return
		}
		h[parent], h[i] = h[i], h[parent]
		i = parent
	}
}

func (q *pairQueue) pop() (rank uint32, at int32) {
	h := *q
	top, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	*q = h
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			break
		}
		if child+1 < last && h[child+1] < h[child] {
			child++
		}
		if h[i] <= h[child] {
			break
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
	return uint32(top >> 32), int32(uint32(top))
}
