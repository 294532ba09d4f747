package formula

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
)

// Part is an expression while a formula is built. Parts that are equal are one.
type Part struct {
	op     string
	name   string
	number float64
	args   []*Part
	digest Digest
	size   int // operations and operands of the expression as a tree, up to largestSize
	at     any
}

// largestSize bounds the size of a tree, which grows exponentially with the number
// of intermediates.
const largestSize = 1 << 30

// Builder makes the parts of one formula. Each is put in canonical form when it is
// made. Places are kept for messages: that of a part is where it was written first.
type Builder struct {
	parts map[Digest]*Part
}

// Digest is the hash of an operation with all its operands.
type Digest [sha256.Size]byte

// Mistake is what is wrong with a part, for a diagnostic at its place.
type Mistake struct{ Summary, Detail string }

// Number is a constant.
func (b *Builder) Number(v float64, at any) *Part {
	return b.intern(&Part{op: opNumber, number: v + 0, at: at}) // -0 becomes 0
}

// Truth is the constant true or false.
func (b *Builder) Truth(v bool, at any) *Part {
	p := &Part{op: opTruth, at: at}
	if v {
		p.number = 1
	}
	return b.intern(p)
}

// Name is a name that has its value when the formula is computed.
func (b *Builder) Name(name string, at any) *Part {
	return b.intern(&Part{op: opName, name: name, at: at})
}

// Call applies an operation or a function. The smallest or largest of several is
// taken two by two.
func (b *Builder) Call(op string, args []*Part, at any) (*Part, *Mistake) {
	if last := len(args) - 1; last > 1 && (op == "min" || op == "max") {
		first, mistake := b.Call(op, args[:last], at)
		if mistake != nil {
			return nil, mistake
		}
		args = []*Part{first, args[last]}
	}
	args = slices.Clone(args)
	if p, mistake := b.fold(op, args, at); p != nil || mistake != nil {
		return p, mistake
	}
	if functions[op].commutative {
		slices.SortFunc(args, func(x, y *Part) int {
			return cmp.Or(cmp.Compare(x.size, y.size), slices.Compare(x.digest[:], y.digest[:]))
		})
	}
	p := b.intern(&Part{op: op, args: args, at: at})
	if len(b.parts) > maxNodes {
		return nil, &Mistake{"Formula too large", "A formula must not have more than " + count(maxNodes, "operation") +
			" and operands, with those of the intermediates that it uses."}
	}
	return p, nil
}

// intern returns the part that equals p, which is p itself the first time.
func (b *Builder) intern(p *Part) *Part {
	p.size = 1
	for _, a := range p.args {
		p.size = min(p.size+a.size, largestSize)
	}
	operands := make([]Digest, len(p.args))
	for i, a := range p.args {
		operands[i] = a.digest
	}
	p.digest = digestOf(p.op, p.name, p.number, operands)
	if known, ok := b.parts[p.digest]; ok {
		return known
	}
	if b.parts == nil {
		b.parts = make(map[Digest]*Part)
	}
	b.parts[p.digest] = p
	return p
}

func digestOf(op, name string, number float64, operands []Digest) Digest {
	h := sha256.New()
	text := func(s string) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(s))))
		h.Write([]byte(s))
	}
	text(op)
	text(name)
	h.Write(binary.BigEndian.AppendUint64(nil, math.Float64bits(number)))
	for _, d := range operands {
		h.Write(d[:])
	}
	return Digest(h.Sum(nil))
}

// Digests returns the digest of each node.
func (f Formula) Digests() []Digest {
	out := make([]Digest, len(f.Nodes))
	for i, n := range f.Nodes {
		operands := make([]Digest, len(n.Args))
		for j, a := range n.Args {
			operands[j] = out[a]
		}
		out[i] = digestOf(n.Op, n.Name, n.Number, operands)
	}
	return out
}

// Formula is the formula whose value is p, and the place of each of its nodes. Nodes
// are in the order in which they are computed: operands before operations, the first
// operand first.
func (p *Part) Formula() (f Formula, places []any) {
	index := make(map[*Part]int)
	var visit func(p *Part) int
	visit = func(p *Part) int {
		if i, ok := index[p]; ok {
			return i
		}
		n := Node{Op: p.op, Name: p.name, Number: p.number}
		for _, a := range p.args {
			n.Args = append(n.Args, visit(a))
		}
		f.Nodes, places = append(f.Nodes, n), append(places, p.at)
		index[p] = len(f.Nodes) - 1
		return index[p]
	}
	visit(p)
	return f, places
}

// fold computes an operation on constants, where every machine gives the same bits,
// and takes the branch of a constant condition. It returns nothing where there is
// nothing to fold.
func (b *Builder) fold(op string, args []*Part, at any) (*Part, *Mistake) {
	switch {
	case op == "neg" && len(args) == 1 && args[0].op == "neg":
		return args[0].args[0], nil
	case op == "where" && len(args) == 3 && args[0].op == opTruth:
		return args[int(2-args[0].number)], nil
	case (op == "and" || op == "or") && len(args) == 2:
		for i, a := range args {
			if a.op == opTruth {
				if (op == "and") == (a.number == 1) { // true && c, false || c
					return args[1-i], nil
				}
				return a, nil
			}
		}
	case op == "not" && len(args) == 1 && args[0].op == opTruth:
		return b.Truth(args[0].number == 0, at), nil
	}
	x := make([]float64, len(args))
	for i, a := range args {
		if a.op != opNumber {
			return nil, nil
		}
		x[i] = a.number
	}
	fn := functions[op]
	if len(x) != fn.args {
		return nil, nil
	}
	if fn.compare != nil {
		return b.Truth(fn.compare(x[0], x[1]), at), nil
	}
	if fn.exact == nil {
		return nil, nil
	}
	v := fn.exact(x)
	if mistake := unusable(op, x, v); mistake != nil {
		return nil, mistake
	}
	return b.Number(v, at), nil
}

// unusable says why the result of a constant operation is no number of float32.
func unusable(op string, x []float64, v float64) *Mistake {
	switch single := float64(float32(v)); {
	case op == "div" && x[1] == 0:
		return &Mistake{"Division by zero", "The divisor of these constants is 0."}
	case math.IsNaN(v):
		return &Mistake{"Not a number", "The result of these constants is not a number."}
	case math.IsInf(single, 0):
		return &Mistake{"Number out of range", "The result of these constants is too large for float32, in which formulas are computed."}
	case single == 0 && v != 0:
		return &Mistake{"Number out of range", "The result of these constants is too close to 0 for float32, in which formulas are computed."}
	}
	return nil
}
