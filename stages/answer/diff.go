package answer

import (
	"maps"
	"slices"
)

// Sample holds the values of each named number, one per trial.
type Sample map[string][]float64

// Add appends one trial's numbers.
func (s Sample) Add(numbers map[string]float64) {
	for name, v := range numbers {
		s[name] = append(s[name], v)
	}
}

// Difference is a number that two samples have, as the mean of each.
type Difference struct {
	Name       string  `json:"name"`
	A          float64 `json:"a"`
	B          float64 `json:"b"`
	Difference float64 `json:"difference"` // B − A
}

// Diff compares the means of the numbers that both samples have, sorted by name.
func Diff(a, b Sample) []Difference {
	var out []Difference
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if len(a[name]) == 0 || len(b[name]) == 0 {
			continue
		}
		x, y := mean(a[name]), mean(b[name])
		out = append(out, Difference{name, x, y, y - x})
	}
	return out
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}
