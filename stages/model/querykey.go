package model

import "strings"

// Attending is a model that says which rows of its parameters make queries and keys.
type Attending interface {
	// QueryKeyRows describes the rows of the parameter at a path. ok is false if none of
	// them makes queries or keys.
	QueryKeyRows(path string) (rows QueryKeyRows, ok bool)
}

// QueryKeyRows are the rows of a parameter that make queries or keys. The parameter has
// parts of equal size, one below the other. Each part that makes queries or keys has
// equal shares for the heads with keys of their own, in order.
type QueryKeyRows struct {
	Scores   string // the path under which the layer taps TopScores
	KeyHeads int    // heads with keys of their own
	Parts    int    // parts that make queries or keys
	Others   int    // parts below them that make neither
}

// QueryKeyRows implements Attending.
func (m *Llama) QueryKeyRows(path string) (QueryKeyRows, bool) {
	for _, name := range []string{".q", ".k"} {
		if at, ok := strings.CutSuffix(path, name); ok && strings.HasSuffix(at, ".attention") && !strings.Contains(at, ".norm.") {
			return QueryKeyRows{Scores: at + TopScores, KeyHeads: m.KVHeads, Parts: 1}, true
		}
	}
	return QueryKeyRows{}, false
}

// QueryKeyRows implements Attending.
func (m *GPT2) QueryKeyRows(path string) (QueryKeyRows, bool) {
	for _, name := range []string{".qkv", ".qkv_bias"} {
		if at, ok := strings.CutSuffix(path, name); ok && strings.HasSuffix(at, ".attention") && !strings.Contains(at, ".norm.") {
			return QueryKeyRows{Scores: at + TopScores, KeyHeads: m.Heads, Parts: 2, Others: 1}, true
		}
	}
	return QueryKeyRows{}, false
}
