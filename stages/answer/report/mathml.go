package report

import (
	"html"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"

	"ablate/hcl/formula"
)

// MathML typesets a formula. It is "" for one that would be too long to read, which is
// better written with names for its parts.
func MathML(f formula.Formula) template.HTML {
	if f.IsZero() {
		return ""
	}
	lets, text := f.Text("part")
	if len(lets) > 0 {
		return ""
	}
	t := typesetter{f, slices.ContainsFunc(f.Nodes, func(n formula.Node) bool { return n.Op == "matmul" })}
	body, _ := t.part(len(f.Nodes) - 1)
	return template.HTML(`<math displaystyle="true" alttext="` + html.EscapeString(text) + `">` + body + `</math>`) // all names are escaped
}

// typesetter writes the nodes of a formula.
type typesetter struct {
	f        formula.Formula
	matrices bool // it multiplies matrices, which has no sign
}

// How strongly parts bind, from the loosest.
const (
	loose = iota
	comparing
	adding
	multiplying
	tight
)

// infix are the operators between two operands.
var infix = map[string]struct {
	sign  string
	binds int
}{
	"or": {"∨", loose}, "and": {"∧", loose},
	"lt": {"&lt;", comparing}, "le": {"≤", comparing}, "gt": {"&gt;", comparing}, "ge": {"≥", comparing}, "eq": {"=", comparing}, "ne": {"≠", comparing},
	"add": {"+", adding}, "sub": {"−", adding}, "mul": {"&#x2062;", multiplying},
}

// part writes a node, and says how strongly it binds.
func (t typesetter) part(i int) (string, int) {
	n := t.f.Nodes[i]
	if o, ok := infix[n.Op]; ok {
		right := o.binds + 1
		switch {
		case n.Op != "mul":
		case t.startsWithDigit(n.Args[1]):
			o.sign = "·"
		case t.matrices && t.isTensor(n.Args[0]) && t.isTensor(n.Args[1]):
			o.sign = "⊙"
		}
		return row(t.within(n.Args[0], o.binds), operator(o.sign), t.within(n.Args[1], right)), o.binds
	}
	switch n.Op {
	case "number":
		return number(n.Number)
	case "truth":
		return identifier(strconv.FormatBool(n.Number == 1)), tight
	case "name":
		return name(n.Name), tight
	case "neg":
		return row(operator("−"), t.within(n.Args[0], tight)), adding
	case "not":
		return row(operator("¬"), t.within(n.Args[0], tight)), tight
	case "div":
		return "<mfrac>" + t.whole(n.Args[0]) + t.whole(n.Args[1]) + "</mfrac>", tight
	case "sqrt":
		return "<msqrt>" + t.whole(n.Args[0]) + "</msqrt>", tight
	case "abs":
		return row(operator("|"), t.whole(n.Args[0]), operator("|")), tight
	case "norm_all":
		return row(operator("‖"), t.whole(n.Args[0]), operator("‖")), tight
	case "exp":
		return power(identifier("e"), t.whole(n.Args[0])), tight
	case "square":
		return power(t.base(n.Args[0]), "<mn>2</mn>"), tight
	case "pow":
		return power(t.base(n.Args[0]), t.whole(n.Args[1])), tight
	case "transpose":
		return power(t.base(n.Args[0]), identifier("T")), tight
	case "matmul":
		return row(t.factor(n.Args[0]), t.within(n.Args[1], tight)), multiplying
	case "where":
		return t.cases(n.Args), tight
	}
	return t.call(n), tight
}

// cases writes a condition.
func (t typesetter) cases(args []int) string {
	line := func(value int, condition string) string {
		return "<mtr><mtd>" + t.whole(value) + "</mtd><mtd>" + condition + "</mtd></mtr>"
	}
	return row(operator("{"), "<mtable>"+line(args[1], row("<mtext>if&#xa0;</mtext>", t.whole(args[0])))+line(args[2], "<mtext>otherwise</mtext>")+"</mtable>")
}

// functionNames are the names that mathematics has for functions.
var functionNames = map[string]string{"log": "ln", "log1p": "ln1p", "sigmoid": "σ", "sign": "sgn", "largest": "max"}

func (t typesetter) call(n formula.Node) string {
	shown, ok := functionNames[n.Op]
	if !ok {
		shown = strings.ReplaceAll(n.Op, "_", " ")
	}
	parts := []string{identifier(shown), operator("("), t.whole(n.Args[0])}
	for _, a := range n.Args[1:] {
		parts = append(parts, operator(","), t.whole(a))
	}
	return row(append(parts, operator(")"))...)
}

// whole writes a node where no parentheses are needed.
func (t typesetter) whole(i int) string {
	s, _ := t.part(i)
	return s
}

// within writes a node in parentheses where it binds more loosely than what is around.
func (t typesetter) within(i, binds int) string {
	s, own := t.part(i)
	if own < binds {
		return row(operator("("), s, operator(")"))
	}
	return s
}

// factor writes the left factor of a product of matrices. Of several factors, the order
// in which they are multiplied makes no difference.
func (t typesetter) factor(i int) string {
	if t.f.Nodes[i].Op == "matmul" {
		return t.whole(i)
	}
	return t.within(i, tight)
}

// base writes what a power is of: a name, or an expression in parentheses.
func (t typesetter) base(i int) string {
	switch n := t.f.Nodes[i]; {
	case n.Op == "name", t.isDigits(i), n.Op == "abs", n.Op == "norm_all":
		return t.whole(i)
	}
	return row(operator("("), t.whole(i), operator(")"))
}

func (t typesetter) isNumber(i int) bool { return t.f.Nodes[i].Op == "number" }

// isDigits reports whether a node is written as a number without a sign and a power of ten.
func (t typesetter) isDigits(i int) bool {
	s, _ := t.part(i)
	return t.isNumber(i) && strings.HasPrefix(s, "<mn>")
}

// startsWithDigit reports whether what is written for a node would make another number of
// one before it.
func (t typesetter) startsWithDigit(i int) bool {
	switch n := t.f.Nodes[i]; n.Op {
	case "number":
		return true
	case "square", "pow":
		return t.isDigits(n.Args[0])
	case "div": // beside a number it would be the fraction of a mixed number
		first := n.Args[0]
		for isInfix(t.f.Nodes[first]) {
			first = t.f.Nodes[first].Args[0]
		}
		return t.startsWithDigit(first)
	}
	return false
}

func isInfix(n formula.Node) bool { _, ok := infix[n.Op]; return ok }

// scalars are the names that are numbers in update rules, which alone multiply matrices. All
// their other names are tensors.
var scalars = []string{"learning_rate", "step", "rows", "columns"}

// isTensor reports whether a node of a formula that multiplies matrices is no number.
func (t typesetter) isTensor(i int) bool {
	switch n := t.f.Nodes[i]; n.Op {
	case "name":
		return !slices.Contains(scalars, n.Name)
	case "norm_all":
		return false
	default:
		return slices.ContainsFunc(n.Args, t.isTensor)
	}
}

func row(parts ...string) string   { return "<mrow>" + strings.Join(parts, "") + "</mrow>" }
func operator(s string) string     { return "<mo>" + s + "</mo>" }
func identifier(s string) string   { return "<mi>" + html.EscapeString(s) + "</mi>" }
func power(base, to string) string { return "<msup>" + base + to + "</msup>" }

// number writes a number, very large and small ones with a power of ten.
func number(v float64) (string, int) {
	text, binds := strconv.FormatFloat(math.Abs(v), 'g', -1, 64), tight
	mantissa, exponent, scientific := strings.Cut(text, "e")
	s := "<mn>" + mantissa + "</mn>"
	if scientific {
		n, _ := strconv.Atoi(exponent)
		ten := power("<mn>10</mn>", "<mn>"+strings.Replace(strconv.Itoa(n), "-", "−", 1)+"</mn>")
		if s, binds = row(s, operator("·"), ten), multiplying; mantissa == "1" {
			s, binds = ten, tight
		}
	}
	if v < 0 {
		return row(operator("−"), s), adding
	}
	return s, binds
}

var greek = map[string]string{
	"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eps": "ε", "zeta": "ζ", "eta": "η", "theta": "θ", "kappa": "κ",
	"lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
}

// name writes a name: greek letters as such, the new value of a state with a prime.
func name(s string) string {
	old, isNext := strings.CutPrefix(s, "next.")
	shown, ok := greek[old]
	if !ok {
		shown = strings.ReplaceAll(old, "_", " ")
	}
	if isNext {
		return power(identifier(shown), operator("′"))
	}
	return identifier(shown)
}
