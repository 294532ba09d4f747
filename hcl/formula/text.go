package formula

import (
	"fmt"
	"strconv"
	"strings"
)

// longest is the largest tree that is written without naming its parts.
const longest = 500

// Named is a part of a formula that has a name of its own.
type Named struct{ Name, Text string }

// Text writes the formula as a study would. Where it would be long because parts
// occur many times, those have names with a prefix, and lets holds them in order. No
// name of the study is among them, so that two formulas never have one text.
func (f Formula) Text(prefix string) (lets []Named, text string) {
	w := writer{f: f, names: make(map[int]string)}
	if f.treeSize() > longest {
		uses, taken := make([]int, len(f.Nodes)), make(map[string]bool)
		for _, n := range f.Nodes {
			for _, a := range n.Args {
				uses[a]++
			}
			if n.Op == opName {
				taken[n.Name] = true
			}
		}
		number := 0
		for i, n := range f.Nodes {
			if uses[i] > 1 && len(n.Args) > 0 {
				t, _ := w.part(i)
				for number++; taken[prefix+strconv.Itoa(number)]; number++ {
				}
				w.names[i] = prefix + strconv.Itoa(number)
				lets = append(lets, Named{w.names[i], t})
			}
		}
	}
	text, _ = w.part(len(f.Nodes) - 1)
	return lets, text
}

// String writes the formula on one line.
func (f Formula) String() string {
	if f.IsZero() {
		return ""
	}
	lets, text := f.Text("part")
	var b strings.Builder
	for _, l := range lets {
		fmt.Fprintf(&b, "%s = %s; ", l.Name, l.Text)
	}
	return b.String() + text
}

func (f Formula) treeSize() int {
	sizes := make([]int, len(f.Nodes))
	for i, n := range f.Nodes {
		sizes[i] = 1
		for _, a := range n.Args {
			sizes[i] = min(sizes[i]+sizes[a], largestSize)
		}
	}
	return sizes[len(sizes)-1]
}

// quote writes a node for messages, cut where it is long.
func (f Formula) quote(node int) string {
	const most = 40
	_, text := Formula{f.Nodes[:node+1]}.Text("part")
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}

type writer struct {
	f     Formula
	names map[int]string
}

// Precedences of operators, from the loosest.
const (
	conditional = iota
	disjunction
	conjunction
	comparison
	sum
	product
	unary
	primary
)

var precedences = map[string]int{
	"or": disjunction, "and": conjunction, "add": sum, "sub": sum, "mul": product, "div": product,
	"lt": comparison, "le": comparison, "gt": comparison, "ge": comparison, "eq": comparison, "ne": comparison,
}

// part writes a node, and returns its precedence.
func (w writer) part(i int) (string, int) {
	n := w.f.Nodes[i]
	switch {
	case w.names[i] != "":
		return w.names[i], primary
	case n.Op == opNumber:
		if n.Number < 0 {
			return strconv.FormatFloat(n.Number, 'g', -1, 64), unary
		}
		return strconv.FormatFloat(n.Number, 'g', -1, 64), primary
	case n.Op == opTruth:
		return strconv.FormatBool(n.Number == 1), primary
	case n.Op == opName:
		return n.Name, primary
	case n.Op == "where":
		return w.operand(n.Args[0], disjunction) + " ? " + w.operand(n.Args[1], disjunction) + " : " + w.operand(n.Args[2], disjunction), conditional
	case len(n.Args) == 1 && functions[n.Op].symbol != "":
		return functions[n.Op].symbol + w.operand(n.Args[0], primary), unary
	case precedences[n.Op] == comparison:
		return w.operand(n.Args[0], sum) + " " + functions[n.Op].symbol + " " + w.operand(n.Args[1], sum), comparison
	case precedences[n.Op] > 0:
		level := precedences[n.Op]
		return w.operand(n.Args[0], level) + " " + functions[n.Op].symbol + " " + w.operand(n.Args[1], level+1), level
	}
	args := make([]string, len(n.Args))
	for j, a := range n.Args {
		args[j] = w.operand(a, conditional)
	}
	return n.Op + "(" + strings.Join(args, ", ") + ")", primary
}

// operand writes a node in parentheses where it binds more loosely than level.
func (w writer) operand(i, level int) string {
	text, own := w.part(i)
	if own < level {
		return "(" + text + ")"
	}
	return text
}
