package report_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"ablate/hcl/formula"
	"ablate/stages/answer/report"
)

// build makes formulas for tests: operations of names and numbers.
type build struct {
	t *testing.T
	formula.Builder
}

func (b *build) call(op string, args ...*formula.Part) *formula.Part {
	b.t.Helper()
	p, mistake := b.Call(op, args, nil)
	if mistake != nil {
		b.t.Fatal(mistake.Detail)
	}
	return p
}

func TestMathML(t *testing.T) {
	b := &build{t: t}
	x, gamma, half := b.Name("x", nil), b.Name("gamma", nil), b.Number(0.5, nil)
	for _, tt := range []struct {
		of   *formula.Part
		want string // its elements, without the tags of rows and names
	}{
		{b.call("div", x, b.call("sqrt", gamma)), "<mfrac><x><msqrt><γ></msqrt></mfrac>"},
		{b.call("sub", x, b.call("sub", gamma, x)), "<x><−><(><γ><−><x><)>"},
		{b.call("square", b.call("neg", x)), "<msup><(><−><x><)><2></msup>"},
		{b.call("exp", b.call("abs", x)), "<msup><e><|><x><|></msup>"},
		{b.call("pow", b.call("norm_all", x), half), "<msup><‖><x><‖><0.5></msup>"},
		{b.call("min", x, b.Number(1e-5, nil)), "<min><(><x><,><msup><10><−5></msup><)>"},
		{b.call("max", b.Name("next.m_a", nil), b.Number(-2.5e20, nil)), "<max><(><msup><m a><′></msup><,><−><2.5><·><msup><10><20></msup><)>"},
		{b.call("where", b.call("lt", x, gamma), x, gamma), "<{><mtable><mtr><mtd><x></mtd><mtd><if\u00a0><x><<><γ></mtd></mtr><mtr><mtd><γ></mtd><mtd><otherwise></mtd></mtr></mtable>"},
		{b.call("log", b.call("transpose", b.call("sub", x, gamma))), "<ln><(><msup><(><x><−><γ><)><T></msup><)>"},
		{b.call("mul", b.Number(2, nil), b.call("pow", b.Number(3, nil), x)), "<2><·><msup><3><x></msup>"},
		{b.call("mul", b.Number(2, nil), b.call("square", x)), "<2><\u2062><msup><x><2></msup>"},
		{b.call("square", b.Number(1e-5, nil)), "<msup><(><msup><10><−5></msup><)><2></msup>"},
		{b.call("matmul", b.call("mul", x, gamma), x), "<(><x><⊙><γ><)><x>"},
		{b.call("mul", b.call("matmul", x, gamma), b.call("sub", b.Number(1, nil), b.Name("learning_rate", nil))), "<(><1><−><learning rate><)><\u2062><(><x><γ><)>"},
		{b.call("mul", b.call("norm_all", x), b.call("matmul", x, gamma)), "<‖><x><‖><\u2062><(><x><γ><)>"},
		{b.call("mul", b.Number(2, nil), b.call("div", b.Number(3, nil), x)), "<2><·><mfrac><3><x></mfrac>"},
		{b.call("mul", b.Number(2, nil), b.call("div", b.call("mul", b.Number(3, nil), gamma), x)), "<2><·><mfrac><3><\u2062><γ><x></mfrac>"},
		{b.call("mul", b.Number(2, nil), b.call("div", gamma, x)), "<2><\u2062><mfrac><γ><x></mfrac>"},
		{b.call("matmul", b.call("matmul", x, gamma), b.call("mul", half, x)), "<x><γ><(><x><·><0.5><)>"},
	} {
		f, _ := tt.of.Formula()
		got := elements(t, string(report.MathML(f)))
		if got != tt.want {
			t.Errorf("%s is %s, want %s", f, got, tt.want)
		}
	}
	if report.MathML(formula.Formula{}) != "" {
		t.Error("no formula is typeset")
	}
}

// elements checks that MathML is well-formed, and lists its tags and texts without rows.
func elements(t *testing.T, s string) string {
	t.Helper()
	var out strings.Builder
	d := xml.NewDecoder(strings.NewReader(s))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out.String()
		}
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		plain := map[string]bool{"math": true, "mrow": true, "mi": true, "mo": true, "mn": true, "mtext": true}
		switch x := token.(type) {
		case xml.StartElement:
			if !plain[x.Name.Local] {
				out.WriteString("<" + x.Name.Local + ">")
			}
		case xml.EndElement:
			if !plain[x.Name.Local] {
				out.WriteString("</" + x.Name.Local + ">")
			}
		case xml.CharData:
			out.WriteString("<" + string(x) + ">")
		}
	}
}
