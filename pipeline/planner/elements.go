package planner

import (
	"fmt"
	"slices"
	"strconv"

	"ablate/cache"
)

// elementChanges names the elements by which two lists of different lengths differ. Of
// elements with fields it says how many there are.
func elementChanges(d difference) []Change {
	var out []Change
	add := func(i int, was, now string) {
		path := append(slices.Clone(d.Path), strconv.Itoa(i))
		out = append(out, Change{Path: difference{Difference: cache.Difference{Path: path}}.name(), Was: was, Now: now, Code: d.code, Part: d.part})
	}
	was, now := d.A.Elements(), d.B.Elements()
	if hasFields(was) || hasFields(now) {
		return []Change{{Path: d.name(), Was: elements(len(was)), Now: elements(len(now)), Code: d.code, Part: d.part}}
	}
	kept := common(hashes(was), hashes(now))
	i, j := 0, 0
	for _, k := range append(kept, [2]int{len(was), len(now)}) {
		for ; i < k[0] && j < k[1]; i, j = i+1, j+1 {
			a, b := texts(was[i], now[j])
			add(j, a, b)
		}
		for ; i < k[0]; i++ {
			add(i, text(was[i]), absent)
		}
		for ; j < k[1]; j++ {
			add(j, absent, text(now[j]))
		}
		i, j = k[0]+1, k[1]+1
	}
	return out
}

func hasFields(list []cache.Value) bool {
	return slices.ContainsFunc(list, func(v cache.Value) bool { return len(v.Keys()) > 0 })
}

func elements(n int) string {
	if n == 1 {
		return "1 element"
	}
	return fmt.Sprintf("%d elements", n)
}

// hashes make elements comparable.
func hashes(list []cache.Value) []cache.Key {
	out := make([]cache.Key, len(list))
	for i, v := range list {
		out[i] = v.Key("element")
	}
	return out
}

// common pairs the places of equal elements of two lists, in order: the longest such
// series, or for long lists what they have in common at their beginning and end.
func common(a, b []cache.Key) (pairs [][2]int) {
	head := 0
	for head < min(len(a), len(b)) && a[head] == b[head] {
		pairs = append(pairs, [2]int{head, head})
		head++
	}
	tail := 0
	for tail < min(len(a), len(b))-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	for _, p := range longest(a[head:len(a)-tail], b[head:len(b)-tail]) {
		pairs = append(pairs, [2]int{head + p[0], head + p[1]})
	}
	for k := tail; k > 0; k-- {
		pairs = append(pairs, [2]int{len(a) - k, len(b) - k})
	}
	return pairs
}

// longest is the longest common subsequence of two short lists, as pairs of places.
func longest(a, b []cache.Key) (pairs [][2]int) {
	const most = 1 << 20 // cells of the table
	if len(a) == 0 || len(b) == 0 || len(a) > most/len(b) {
		return nil
	}
	length := make([][]int, len(a)+1)
	for i := range length {
		length[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			pairs = append(pairs, [2]int{i, j})
			i, j = i+1, j+1
		case length[i+1][j] >= length[i][j+1]:
			i++
		default:
			j++
		}
	}
	return pairs
}
