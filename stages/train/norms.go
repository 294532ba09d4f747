package train

import (
	"fmt"
	"slices"
	"strings"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
	"ablate/stages/model"
	"ablate/stages/norm"
)

// normAttribute is the attribute of a trial that refers to norms: to one for the whole
// model, or, below its path, to one for each site.
const normAttribute = "norm"

// normAt returns what the study refers to for a site of the model. A site without an
// entry of its own has the norm of the input of its sublayer.
func normAt(in pipeline.Inputs, site norm.Site) (pipeline.Input, bool) {
	if whole := in.Refs[normAttribute]; len(whole) > 0 {
		return whole[0], !site.Optional()
	}
	if one := in.Refs[normAttribute+"."+string(site)]; len(one) > 0 {
		return one[0], true
	}
	if input := site.Input(); input != "" {
		return normAt(in, input)
	}
	return pipeline.Input{}, false
}

// sitesOf lists the sites of the trial's model.
func sitesOf(in pipeline.Inputs) []norm.Site {
	return in.One("model").Stage.(model.Model).Traits().Sites
}

// normsOf returns the norms of the model's sites.
func normsOf(in pipeline.Inputs) norm.Norms {
	out := make(norm.Norms)
	for _, site := range sitesOf(in) {
		if one, ok := normAt(in, site); ok {
			out[site] = one.Stage.(norm.Norm)
		}
	}
	return out
}

// paramsOf lists the parameters of the trial's model. Those of the vocabulary have the
// size of some vocabulary: it is known once the data are.
func paramsOf(in pipeline.Inputs) []ml.Param {
	const anyVocabulary = 256
	return in.One("model").Stage.(model.Model).Params(normsOf(in), anyVocabulary)
}

// normStages are the norm that a trial refers to for the whole model, or those for each
// site, in order. They are comparable.
type normStages [1 + 7]pipeline.Stage

func normStagesOf(in pipeline.Inputs) (out normStages) {
	if whole := in.Refs[normAttribute]; len(whole) > 0 {
		out[0] = whole[0].Stage
		return out
	}
	for i, site := range norm.AllSites() {
		if one := in.Refs[normAttribute+"."+string(site)]; len(one) > 0 {
			out[1+i] = one[0].Stage
		}
	}
	return out
}

// normDigests identify the norms of all sites.
func normDigests(in pipeline.Inputs) cache.Value {
	out := make(map[string]cache.Value)
	for _, site := range sitesOf(in) {
		if one, ok := normAt(in, site); ok {
			out[string(site)] = one.Ref.Digest()
		}
	}
	return cache.Map(out)
}

// notedNorms names the norms for explanations: norm for one that stands at every site
// that must have one, else norm.attention and so on. whole lists the names that one
// norm would stand for.
func notedNorms(in pipeline.Inputs) (noted map[string]pipeline.Input, whole []string) {
	noted = make(map[string]pipeline.Input)
	var first pipeline.Input
	alike := true
	for _, site := range sitesOf(in) {
		one, ok := normAt(in, site)
		if !ok {
			continue
		}
		name := normAttribute + "." + string(site)
		noted[name] = one
		if site.Optional() {
			continue
		}
		whole = append(whole, name)
		alike = alike && (len(whole) == 1 || first.Ref.Digest().Equal(one.Ref.Digest()))
		first = one
	}
	if !alike || len(whole) == 0 {
		return noted, whole
	}
	for _, name := range whole {
		delete(noted, name)
	}
	noted[normAttribute] = first
	return noted, nil
}

// checkNorms compares the sites that the trial names with those of its model.
func checkNorms(in pipeline.Inputs, of addr.Instance, sites []norm.Site) diag.List {
	if len(in.Refs[normAttribute]) > 0 {
		return nil
	}
	var list diag.List
	for _, site := range norm.AllSites() {
		path := diag.Path{normAttribute, string(site)}
		_, named := in.Refs[path.String()]
		switch has := slices.Contains(sites, site); {
		case named && !has:
			list = append(list, diag.Errorf(path, "No such site", "%s has no site %s%s. Remove the entry, or set it to null where the model has none. Its sites are %s.",
				of, site, whyNone(site), listed(sites))...)
		case has && !named && !site.Optional() && site.Input() == "":
			list = append(list, diag.Errorf(diag.Path{normAttribute}, "Missing site", "norm names no norm for the site %s of %s. Add %s = …, with a norm \"none\" if there should be none. The sites are %s.",
				site, of, site, listed(sites))...)
		}
	}
	return list
}

// whyNone explains why a model lacks a site that others have.
func whyNone(site norm.Site) string {
	switch {
	case site == norm.Final:
		return `, since with placement = "post" the last layer ends with a norm`
	case site.Input() != "":
		return `, which needs placement = "peri"`
	}
	return ""
}

func listed(sites []norm.Site) string {
	var names []string
	for _, s := range sites {
		name := string(s)
		if s.Optional() || s.Input() != "" {
			name = fmt.Sprintf("%s (optional)", s)
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}
