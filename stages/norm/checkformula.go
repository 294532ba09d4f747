package norm

import (
	"ablate/hcl/diag"
	"ablate/hcl/formula"
)

// Validate implements pipeline.Stage.
func (n *Formula) Validate() diag.List {
	list := n.validateParameters()
	names := map[string]formula.Type{"x": formula.Element}
	for _, p := range n.Parameters {
		names[p.Name] = p.kind()
	}
	for _, r := range n.Running {
		names[r.Name] = formula.Scalar
	}
	scope := formula.Scope{Place: "a norm", Names: names, Functions: formula.Elementwise | formula.Across, Computed: formula.Tensor}
	list = append(list, n.validateY(scope)...)
	if !n.Argument.IsZero() {
		_, wrong := checked(n.Argument, diag.Path{"argument"}, scope, "argument", formula.Element)
		list = append(list, wrong...)
	}
	if n.Saturated < 0 || n.Saturated > 0 && n.Argument.IsZero() {
		list = append(list, diag.Errorf(diag.Path{"saturated_above"}, "Out of range",
			"saturated_above is the size of the argument above which an element is saturated. It must be above 0 and needs an argument.")...)
	}
	for i := range n.Running {
		list = append(list, n.validateRunning(&n.Running[i], names)...)
	}
	if len(list) == 0 { // a wrong formula may mean to read what it does not
		list = n.validateUse()
	}
	if len(list) > 0 {
		return list
	}
	return n.validateStart()
}

func (n *Formula) validateParameters() diag.List {
	var list diag.List
	for _, p := range n.Parameters {
		path := diag.Path{"parameter", p.Name}
		if p.Shape != "scalar" && p.Shape != width {
			list = append(list, diag.Errorf(append(path, "shape"), "Out of range", "shape must be \"scalar\" or \"width\", not %q.", p.Shape)...)
		}
		if p.LearningRate < 0 {
			list = append(list, diag.Errorf(append(path, "learning_rate"), "Out of range",
				"learning_rate must be above 0, or 0 for the optimizer's, not %v.", p.LearningRate)...)
		}
		if p.Track && p.Shape == width {
			list = append(list, diag.Errorf(append(path, "track"), "Not a number", "Probes show numbers, and %s is a vector. Remove track.", p.Name)...)
		}
		if tapped[p.Name] {
			list = append(list, diag.Errorf(path, "Reserved name", "Probes use the name %s. Choose another name.", p.Name)...)
		}
	}
	for _, r := range n.Running {
		if tapped[r.Name] {
			list = append(list, diag.Errorf(diag.Path{"running", r.Name}, "Reserved name", "Probes use the name %s. Choose another name.", r.Name)...)
		}
	}
	return list
}

// tapped are the last elements of paths that norms tap.
var tapped = map[string]bool{Input[1:]: true, Argument[1:]: true, Output[1:]: true}

// checked types a formula that must have a given type, up to what it broadcasts to.
func checked(f formula.Formula, path diag.Path, scope formula.Scope, name string, want formula.Type) (formula.Type, diag.List) {
	t, list := f.Check(path, scope)
	if len(list) > 0 {
		return t, list
	}
	if t.IsTruth || t.Down != want.Down || t.Along != want.Along {
		of := ", as x is"
		if want != formula.Element {
			of = ""
		}
		return t, diag.Errorf(path, "Wrong shape", "%s must be %s%s, and this is %s.", name, want, of, t)
	}
	return t, nil
}

// validateY checks the result, and that a gradient passes to x and to every
// parameter.
func (n *Formula) validateY(scope formula.Scope) diag.List {
	_, list := checked(n.Y, diag.Path{"y"}, scope, "y", formula.Element)
	if len(list) > 0 {
		return list
	}
	slopes := n.Y.Slopes()
	if !slopes["x"] {
		return diag.Errorf(diag.Path{"y"}, "No gradient", "No gradient passes from y to x, so that nothing before this norm would learn. "+
			"Comparisons, sign and stop_gradient pass none.")
	}
	for _, p := range n.Parameters {
		if n.Y.Reads(p.Name) && !slopes[p.Name] {
			list = append(list, diag.Errorf(diag.Path{"parameter", p.Name}, "No gradient", "No gradient passes from y to %s, so that it would never change. "+
				"Comparisons, sign and stop_gradient pass none. Write its value into the formula, or use it where a gradient passes.", p.Name)...)
		}
	}
	return list
}

// validateRunning checks the formulas of a running value.
func (n *Formula) validateRunning(r *RunningValue, names map[string]formula.Type) diag.List {
	path := func(name string) diag.Path { return diag.Path{"running", r.Name, name} }
	var list diag.List
	scope := formula.Scope{Place: "a running value", Names: make(map[string]formula.Type), Computed: formula.Tensor,
		Functions: formula.Elementwise | formula.Across | formula.Whole | formula.Pooled}
	for name, t := range names {
		scope.Names[name] = t
	}
	if !r.Of.IsZero() {
		_, wrong := checked(r.Of, path("of"), scope, "of", formula.Scalar)
		if wrong.HasErrors() && wrong[0].Summary == "Wrong shape" {
			wrong[0].Detail += " mean_all, std_all, rms_all and pooled_std give one value of everything that a site sees."
		}
		list = append(list, wrong...)
		scope.Names["seen"] = formula.Scalar
	}
	delete(scope.Names, "x")
	scope.Functions = formula.Elementwise
	_, wrong := checked(r.Next, path("next"), scope, "next", formula.Scalar)
	list = append(list, wrong...)
	if len(wrong) == 0 && !r.Of.IsZero() && !r.Next.Reads("seen") {
		list = append(list, diag.Errorf(path("of"), "Unused formula", "next does not read seen, so that of has no effect. Read seen, or remove of.")...)
	}
	return list
}

// validateUse reports parameters and running values that nothing reads.
func (n *Formula) validateUse() diag.List {
	var list diag.List
	for _, p := range n.Parameters {
		if !n.Y.Reads(p.Name) {
			list = append(list, diag.Errorf(diag.Path{"parameter", p.Name}, "Unused parameter", "y does not read %s, so that it would never change. Use it, or remove it.", p.Name)...)
		}
	}
	for _, r := range n.Running {
		used := n.Y.Reads(r.Name)
		for _, other := range n.Running {
			used = used || other.Name != r.Name && other.Next.Reads(r.Name)
		}
		if !used {
			list = append(list, diag.Errorf(diag.Path{"running", r.Name}, "Unused running value", "Neither y nor another running value reads %s. Use it, or remove it.", r.Name)...)
		}
	}
	return list
}
