package model

import (
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"ablate/stages/internal/ml"
	"ablate/stages/norm"
)

// placement is where the norms of a block stand, f being a sublayer:
//
//	pre   x + f(norm(x)), and one norm at the end (Xiong et al. 2020, arXiv 2002.04745)
//	post  norm(x + f(x)), and none at the end (Vaswani et al. 2017, arXiv 1706.03762)
//	peri  x + norm(f(norm(x))), and one at the end (Kim et al. 2025, arXiv 2502.02732)
type placement string

const (
	pre  placement = "pre"
	post placement = "post"
	peri placement = "peri"
)

// IsZero keeps the default out of the documents of models, which were written before
// there was a choice.
func (p placement) IsZero() bool { return p == pre || p == "" }

// sites lists where the model has norms.
func (p placement) sites() []norm.Site {
	return slices.DeleteFunc(norm.AllSites(), func(s norm.Site) bool {
		return s.Input() != "" && p != peri || s == norm.Final && p == post
	})
}

// The paths of norms outside of sublayers. Those of queries and keys are below a layer.
const (
	embeddingNorm = "norm.embedding"
	finalNorm     = "norm.final"
	queryNorm     = "norm.q"
	keyNorm       = "norm.k"
)

// params declares the norms of the sublayer at a site.
func (p placement) params(n norm.Norms, at string, site norm.Site, width int) []ml.Param {
	prefix := at + "norm." + string(site)
	out := n.Params(prefix, site, width)
	if p == peri {
		out = append(out, n.Params(at+"norm."+string(site.Output()), site.Output(), width)...)
	}
	return out
}

// endParams declares the norms in front of the first layer and behind the last one.
func (p placement) endParams(n norm.Norms, width int) []ml.Param {
	out := n.Params(embeddingNorm, norm.Embedding, width)
	if p != post {
		out = append(out, n.Params(finalNorm, norm.Final, width)...)
	}
	return out
}

// queryKeyParams declares the norms of a layer's queries and keys.
func queryKeyParams(n norm.Norms, at string, head int) []ml.Param {
	return append(n.Params(at+queryNorm, norm.QK, head), n.Params(at+keyNorm, norm.QK, head)...)
}

// queryKey normalizes each head of queries or keys, rows [N, heads·d], over its width
// d, before positions rotate them. The heads of a layer share the norm's parameters
// (Dehghani et al. 2023, arXiv 2302.05442, with LayerNorm; Qwen3, arXiv 2505.09388, with
// RMSNorm).
func queryKey(x_NE *Node, heads int, prefix string, n norm.Norms, vars ml.Vars) *Node {
	if n[norm.QK] == nil {
		return x_NE
	}
	d := x_NE.Shape().Dimensions
	return Reshape(n.Apply(Reshape(x_NE, d[0]*heads, d[1]/heads), norm.QK, prefix, vars), d...)
}

// stream is the residual stream.
type stream struct {
	placement placement
	norms     norm.Norms
	scaled    bool
	dropout   float64
	vars      ml.Vars
}

// through adds the sublayer f at a site of a layer.
func (s stream) through(x_ND *Node, at string, site norm.Site, f func(*Node) *Node) *Node {
	prefix := at + "norm." + string(site)
	if s.placement == post {
		return s.norms.Apply(s.add(x_ND, f(x_ND), at, site), site, prefix, s.vars)
	}
	y_ND := f(s.norms.Apply(x_ND, site, prefix, s.vars))
	if s.placement == peri {
		y_ND = s.norms.Apply(y_ND, site.Output(), at+"norm."+string(site.Output()), s.vars)
	}
	return s.add(x_ND, y_ND, at, site)
}

// end is what the output projection takes.
func (s stream) end(x_ND *Node) *Node {
	if s.placement == post {
		return x_ND
	}
	return s.norms.Apply(x_ND, norm.Final, finalNorm, s.vars)
}

func (s stream) add(x_ND, y_ND *Node, at string, site norm.Site) *Node {
	path := residualPath(at, site)
	y_ND = s.vars.Dropout(y_ND, s.dropout, path)
	if s.scaled {
		y_ND = Mul(y_ND, s.vars.At(path))
	}
	return Add(x_ND, y_ND)
}

func residualPath(at string, site norm.Site) string { return at + "residual." + string(site) }

// residualParams declares the multipliers of one block, if there are any.
func residualParams(at string, start *float64) []ml.Param {
	if start == nil {
		return nil
	}
	var out []ml.Param
	for _, site := range []norm.Site{norm.Attention, norm.FFN} {
		out = append(out, ml.Param{Path: residualPath(at, site), Role: ml.RoleScalar, Init: ml.Init{Value: *start}})
	}
	return out
}
