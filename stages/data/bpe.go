package data

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// merger is a byte-pair encoder: of all adjacent parts that form a pair, the one of
// the lowest rank is merged, the leftmost first, until no pair is left. A word of n
// bytes takes n log n steps and about 30 n bytes of memory. Words can be long: text
// without a break, such as base64 or a run of spaces, is one.
type merger struct {
	vocab map[string]uint32 // by a token's bytes
	rank  func(pair string, cut int) (uint32, bool)
	whole bool // a word that is a token is taken as it is

	parts []part    // of the current word, by where they begin
	queue pairQueue // of its pairs; some are outdated
}

// part is a part of a word that may become a token. Its pair is with the next part.
type part struct {
	before, after int32
	rank          uint32
}

// noPair is the rank of parts that do not merge.
const noPair = math.MaxUint32

func (m *merger) encode(word string) ([]uint32, error) {
	if len(word) >= math.MaxInt32 {
		return nil, errors.New("words of 2 GiB or more cannot be encoded: break the text with spaces or line breaks")
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

// split makes each byte a part.
func (m *merger) split(word string) {
	m.parts, m.queue = slices.Grow(m.parts[:0], len(word)), slices.Grow(m.queue[:0], len(word))
	for i := range int32(len(word)) {
		m.parts = append(m.parts, part{i - 1, i + 1, noPair})
	}
	for i := range int32(len(word)) {
		m.updateRank(word, i)
	}
}

// merge joins a part and the next one.
func (m *merger) merge(word string, at int32) {
	gone := m.parts[at].after
	after := m.parts[gone].after
	m.parts[gone].rank = noPair
	m.parts[at].after = after
	if int(after) < len(word) {
		m.parts[after].before = at
	}
	m.updateRank(word, at)
	if before := m.parts[at].before; before >= 0 {
		m.updateRank(word, before)
	}
}

// updateRank finds the rank of a part's pair, which has changed.
func (m *merger) updateRank(word string, at int32) {
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

// pairQueue is a heap of ranks (upper 32 bits) and positions (lower 32 bits).
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
