package norm

import (
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/graph"

	"ablate/stages/internal/ml"
)

// Site is where in the model a norm stands.
type Site string

// The sites of transformers. A model has some of them.
const (
	Attention       Site = "attention"        // before attention; after the sum with it where the placement is post
	FFN             Site = "ffn"              // the same of the feed-forward layer
	AttentionOutput Site = "attention_output" // of what attention adds
	FFNOutput       Site = "ffn_output"       // of what the feed-forward layer adds
	Final           Site = "final"            // before the output projection
	QK              Site = "qk"               // of each head's queries and keys
	Embedding       Site = "embedding"        // of what enters the first layer
)

// AllSites lists the sites in the order of a forward pass.
func AllSites() []Site {
	return []Site{Embedding, Attention, QK, AttentionOutput, FFN, FFNOutput, Final}
}

// Optional reports whether a model works without a norm at the site. One norm for the
// whole model does not stand there: the study names it.
func (s Site) Optional() bool { return s == QK || s == Embedding }

// Input is the site whose norm stands here, too, where the study names none: the
// output of a sublayer has the norm of its input. It is "" for the other sites.
func (s Site) Input() Site {
	if input, ok := strings.CutSuffix(string(s), outputSuffix); ok {
		return Site(input)
	}
	return ""
}

const outputSuffix = "_output"

// Output is the site of what the sublayer at s adds.
func (s Site) Output() Site { return s + outputSuffix }

// Norms has the norm of each site of a model.
type Norms map[Site]Norm

// Everywhere is one norm at all sites that are not optional.
func Everywhere(n Norm) Norms {
	out := make(Norms)
	for _, s := range AllSites() {
		if !s.Optional() {
			out[s] = n
		}
	}
	return out
}

// Params declares the parameters of a site; none where there is no norm.
func (n Norms) Params(prefix string, site Site, width int) []ml.Param {
	if n[site] == nil {
		return nil
	}
	return n[site].Params(prefix, site, width)
}

// Apply normalizes x, [..., width], at a site. Where there is no norm it returns x.
func (n Norms) Apply(x *graph.Node, site Site, prefix string, vars ml.Vars) *graph.Node {
	if n[site] == nil {
		return x
	}
	return n[site].Apply(x, prefix, vars)
}

// Of returns the norm to which the path of a parameter or of a tapped value belongs;
// nil for paths outside of norms.
func (n Norms) Of(path string) Norm {
	words := strings.Split(path, ".")
	i := slices.Index(words, "norm") + 1
	if i == 0 || i == len(words) {
		return nil
	}
	switch site := words[i]; site {
	case "q", "k":
		return n[QK]
	default:
		return n[Site(site)]
	}
}
