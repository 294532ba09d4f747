package ui

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"

	"ablate/cache"
)

// ProbeMap is what a trial's probes recorded of one quantity at one site, by layer and
// step.
type ProbeMap struct {
	Site     string       `json:"site"`
	Quantity string       `json:"quantity"`
	Steps    []int        `json:"steps"`
	Layers   [][]*float64 `json:"layers"` // values by step; nil where there is none
}

// mostSteps is how many steps of probes are sent: those at equal distances.
const mostSteps = 60

// mostLayers bounds what a file can make the page draw.
const mostLayers = 512

// layerPath finds the number of a layer and the site in the path of a probe.
var layerPath = regexp.MustCompile(`^layers\.(\d+)\.(?:norm\.)?(.+)$`)

// readProbes reads the probes of a trial that belong to layers.
func (s *Server) readProbes(ctx context.Context, d cache.Digest) ([]ProbeMap, error) {
	f, err := s.store.Open(ctx, d)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	found := make(probeMaps)
	rows := csv.NewReader(f)
	rows.ReuseRecord = true
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return found.sorted(), nil
		}
		if err != nil {
			return nil, err
		}
		const columns = 4 // step, path, quantity, value
		if len(row) < columns {
			return nil, fmt.Errorf("a row of %d columns, not %d", len(row), columns)
		}
		found.add(row)
	}
}

// probeMaps are values by site and quantity, then layer and step.
type probeMaps map[[2]string]map[[2]int]float64

// add takes a row over. The head and probes outside of layers are left out.
func (p probeMaps) add(row []string) {
	m := layerPath.FindStringSubmatch(row[1])
	if m == nil {
		return
	}
	step, err1 := strconv.Atoi(row[0])
	layer, err2 := strconv.Atoi(m[1])
	value, err3 := strconv.ParseFloat(row[3], 64)
	if layer > mostLayers || errors.Join(err1, err2, err3) != nil || math.IsNaN(value) || math.IsInf(value, 0) {
		return
	}
	key := [2]string{m[2], row[2]}
	if p[key] == nil {
		p[key] = make(map[[2]int]float64)
	}
	p[key][[2]int{layer, step}] = value
}

func (p probeMaps) sorted() []ProbeMap {
	keys := slices.SortedFunc(maps.Keys(p), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	var out []ProbeMap
	for _, k := range keys {
		values := p[k]
		steps := make(map[int]bool)
		layers := 0
		for at := range values {
			layers = max(layers, at[0]+1)
			steps[at[1]] = true
		}
		m := ProbeMap{Site: k[0], Quantity: k[1]}
		all := slices.Sorted(maps.Keys(steps))
		for i := 0; i < len(all); i += (len(all)-1)/mostSteps + 1 {
			m.Steps = append(m.Steps, all[i])
		}
		for layer := range layers {
			row := make([]*float64, len(m.Steps))
			for i, step := range m.Steps {
				if v, ok := values[[2]int{layer, step}]; ok {
					row[i] = &v
				}
			}
			m.Layers = append(m.Layers, row)
		}
		out = append(out, m)
	}
	return out
}
