package analysis_test

import (
	stdcmp "cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ablate/stages/answer"
)

// oddNames are names of levels that look like numbers, special values or parts of
// other names.
var oddNames = []string{
	"2.1", "2.10", "2.100", "1e5", "100000", "12e5", "9007199254740993", "9007199254740992", "inf", "-inf", "nan", "NaN", "null",
	"None", "true", "", " x", "x", "a-b", "a", "b", "a,b", "a × b", `q"t"`, "é", "row", "seed", "loss", "0", "-0", "007", "7",
}

// renaming is a study's names, and the order of its rows.
type renaming struct {
	factors [2]string
	levels  [2][]string
	seeds   []string
	order   []int
}

func plainNames(rows int) renaming {
	return renaming{
		factors: [2]string{"norm", "optimizer"},
		levels:  [2][]string{{"rms", "dyt", "derf"}, {"adam", "muon"}},
		seeds:   []string{"1", "2", "3", "4"}, order: rand.New(rand.NewPCG(1, 1)).Perm(rows),
	}
}

func randomNames(r *rand.Rand, rows int) renaming {
	pick := func(n int, from []string) []string {
		var out []string
		for _, i := range r.Perm(len(from))[:n] {
			out = append(out, from[i])
		}
		return out
	}
	factors := pick(2, []string{"norm", "row", "trial", "class", "step", "value", "name", "x"})
	return renaming{
		factors: [2]string(factors), levels: [2][]string{pick(3, oddNames), pick(2, oddNames)},
		seeds: pick(4, []string{"1", "2", "10", "9007199254740993", "9007199254740992", "18446744073709551615", "s"}),
		order: r.Perm(rows),
	}
}

// study declares the analysis of a table with these names.
func (n renaming) study() string {
	quoted := func(s string) string { return strings.ReplaceAll(strconv.Quote(s), "${", "$${") }
	return fmt.Sprintf(`
data "results" "runs" {
  source    = ["runs.csv"]
  factors   = [%[1]q, %[2]q]
  replicate = "seed"
  responses = ["loss"]
}

analysis "factorial" "effects" {
  trials   = data.results.runs
  response = "loss"
  baseline = { %[1]s = %[3]s, %[2]s = %[4]s }
}
`, n.factors[0], n.factors[1], quoted(n.levels[0][0]), quoted(n.levels[1][0]))
}

// file writes the losses, a replicate after the other, as CSV or lines of JSON. An
// empty level of CSV is quoted: an empty field has no level.
func (n renaming) file(losses []string, lines bool) string {
	var b strings.Builder
	head := []string{n.factors[0], n.factors[1], "seed", "loss"}
	if !lines {
		b.WriteString(strings.Join(head, ",") + "\n")
	}
	for _, i := range n.order {
		row := []string{n.levels[0][i%3], n.levels[1][i/3%2], n.seeds[i/6], losses[i]}
		if lines {
			raw, _ := json.Marshal(map[string]string{head[0]: row[0], head[1]: row[1], head[2]: row[2], head[3]: row[3]})
			b.Write(append(raw, '\n'))
			continue
		}
		for j, field := range row {
			row[j] = `"` + strings.ReplaceAll(field, `"`, `""`) + `"`
		}
		b.WriteString(strings.Join(row, ",") + "\n")
	}
	return b.String()
}

// place is the index of the level of a factor that tables show as label.
func (n renaming) place(factor int, label string) int {
	return slices.IndexFunc(n.levels[factor], func(l string) bool { return stdcmp.Or(l, "(empty)") == label })
}

// numbersOf lists the numbers of a result, without names. The order of rows decides
// the order of sums, and so the last digits.
func numbersOf(n renaming, r answer.Result) []string {
	show := func(x *float64) string {
		if x == nil {
			return "none"
		}
		return fmt.Sprintf("%.9g", *x)
	}
	var out []string
	for _, c := range r.Cells {
		at := fmt.Sprint(n.place(0, c.Levels[0]), n.place(1, c.Levels[1]))
		out = append(out, fmt.Sprint("cell ", at, " ", c.N, show(c.Mean), show(c.SD), c.Diverged))
	}
	for _, c := range r.Contrasts {
		out = append(out, fmt.Sprintf("%s %s [%s, %s] t %s df %s p %s %s, %d pairs", c.Kind, show(c.Estimate), show(c.Low), show(c.High),
			show(c.T), show(c.DF), show(c.P), show(c.PHolm), c.Pairs))
	}
	slices.Sort(out)
	return out
}

// TestNamesAreNotNumbers renames the factors, levels and replicates of a table and
// permutes its rows. No number changes.
func TestNamesAreNotNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 1))
	for _, missing := range []bool{false, true} {
		losses := make([]string, 3*2*4)
		for i := range losses {
			losses[i] = strconv.FormatFloat(2+r.Float64(), 'g', -1, 64)
		}
		if missing {
			losses[7] = "nan"
		}
		plain := plainNames(len(losses))
		want, err := analyse(plain.study(), plain.file(losses, false))
		if err != nil {
			t.Fatal(err)
		}
		for range 12 {
			n := randomNames(r, len(losses))
			file := n.file(losses, r.IntN(2) == 0)
			got, err := analyse(n.study(), file)
			if err != nil {
				t.Fatalf("%v\n%s\n%s", err, n.study(), file)
			}
			if diff := cmp.Diff(numbersOf(plain, want), numbersOf(n, got)); diff != "" {
				t.Fatalf("the numbers differ (-plain names, +these names)\n%s\n%s\n%s", n.study(), file, diff)
			}
		}
	}
}
