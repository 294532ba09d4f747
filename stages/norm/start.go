package norm

import (
	"fmt"
	"strings"

	"ablate/hcl/diag"
	"ablate/hcl/formula"
)

// The sample of x at which a formula is computed before anything is trained.
const (
	sampleRows    = 3
	sampleColumns = 16
)

// startNames are the values of names at a site before the first step, for a given x.
func (n *Formula) startNames(site Site, x formula.Grid) map[string]formula.Grid {
	names := map[string]formula.Grid{"x": x}
	for _, p := range n.Parameters {
		names[p.Name] = formula.Single(p.Start.at(site))
		if p.Shape == width {
			names[p.Name] = formula.NewGrid(1, x.Columns, func(int, int) float64 { return p.Start.at(site) })
		}
	}
	for _, r := range n.Running {
		names[r.Name] = formula.Single(r.Start)
	}
	return names
}

// startSites has one site of each group with the same start values, and the name of the
// group in messages.
func (n *Formula) startSites() (sites []Site, names []string) {
	all := []Site{Attention, FFN, Final}
	groups := make(map[string][]string)
	var order []string
	for _, site := range all {
		starts := ""
		for _, p := range n.Parameters {
			starts += fmt.Sprintln(p.Start.at(site))
		}
		if groups[starts] == nil {
			order, sites = append(order, starts), append(sites, site)
		}
		groups[starts] = append(groups[starts], string(site))
	}
	for _, starts := range order {
		switch group := groups[starts]; len(group) {
		case len(all):
			names = append(names, "at every site")
		case 1:
			names = append(names, "at the site "+group[0])
		default:
			names = append(names, "at the sites "+strings.Join(group, " and "))
		}
	}
	return sites, names
}

// validateStart warns of values and gradients that are not finite at the start values.
// The formulas have been checked.
func (n *Formula) validateStart() diag.List {
	var list diag.List
	var fixed []string
	for _, r := range n.Running {
		fixed = append(fixed, r.Name)
	}
	sites, at := n.startSites()
	for i, site := range sites {
		basis := fmt.Sprintf("Computed with the start values %s, for x with a standard normal distribution.", at[i])
		names := n.startNames(site, formula.Sample(sampleRows, sampleColumns))
		list = append(list, n.Y.Evaluate(names, nil).Problems(diag.Path{"y"}, basis, fixed...)...)
		for _, r := range n.Running {
			list = append(list, r.startProblems(names, basis)...)
		}
		if len(list) > 0 {
			return list // other sites would repeat it
		}
	}
	return nil
}

// startProblems warns of a running value that is not finite after the first step.
func (r *RunningValue) startProblems(names map[string]formula.Grid, basis string) diag.List {
	own := make(map[string]formula.Grid, len(names)+1)
	for name, v := range names {
		own[name] = v
	}
	if !r.Of.IsZero() {
		of := r.Of.Evaluate(names, nil)
		if list := of.Infinite(diag.Path{"running", r.Name, "of"}, basis); len(list) > 0 {
			return list
		}
		own["seen"] = of.Result()
	}
	return r.Next.Evaluate(own, nil).Infinite(diag.Path{"running", r.Name, "next"}, basis)
}
