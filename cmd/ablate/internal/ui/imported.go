package ui

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/pipeline/planner"
	"ablate/stages/record"
)

// importedRun is a run of another program, which data "results" read.
type importedRun struct {
	curves   cache.Digest // of the artifact with the curves of all runs of its table
	number   int          // in that artifact; 0 for trials of this program
	diverged bool
}

// maxImported bounds how many runs of a table the page shows.
const maxImported = 2000

// Imported lists the runs of data "results" with curves, as trials that are cached. Runs
// that failed have no result and are left out, as in analyses. Of a table with more than
// maxImported runs it lists the first. The notes say so, and that the curves are lost.
func Imported(ctx context.Context, store *cache.Local, of addr.Instance, trials, curves cache.Digest) (list []Instance, notes []string, err error) {
	f, err := store.Open(ctx, trials)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	table, runs, err := record.ReadTable(f)
	if err != nil {
		return nil, nil, err
	}
	if ok, err := store.Has(curves); err != nil {
		return nil, nil, err
	} else if !ok {
		notes = append(notes, fmt.Sprintf("The curves of the runs of %s are no longer in the store.", of))
	}
	defer func() { slices.SortStableFunc(list, byLevels) }()
	number := 0
	seen := make(map[string]bool)
	for run, err := range runs {
		if err != nil {
			return nil, nil, fmt.Errorf("reading the runs of %s: %w", of, err)
		}
		number++
		if run.Outcome == record.OutcomeFailed {
			continue
		}
		if len(list) == maxImported {
			notes = append(notes, fmt.Sprintf("Of the runs of %s, the first %d are shown.", of, maxImported))
			return list, notes, nil
		}
		i := importedInstance(of, table, run, number)
		if seen[i.Address] {
			i.Address += fmt.Sprintf(" (run %d)", number)
		}
		seen[i.Address] = true
		i.imported = importedRun{curves: curves, number: number, diverged: run.Outcome == record.OutcomeDiverged}
		list = append(list, i)
	}
	return list, notes, nil
}

// importedInstance is a run with its levels. Where the table does not number replicates,
// the number of the run tells those of a cell apart.
func importedInstance(of addr.Instance, table record.Table, run record.Run, number int) Instance {
	i := Instance{Block: of.Stage.Block, Factors: factorsOf(of.String()), Trial: true, Imported: true, Status: planner.Hit, Reason: "a run that " + of.String() + " imported"}
	var key []*addr.Factor
	add := func(name, level string) {
		i.Factors = append(i.Factors, Factor{Name: name, Level: level})
		key = append(key, &addr.Factor{Name: name, Level: addr.Level{Kind: "string", Text: level}})
	}
	for k, name := range table.Factors {
		add(name, run.Levels[k])
	}
	if table.Numbered {
		i.Replicate = table.Replicate
		add(table.Replicate, run.Replicate)
	} else {
		i.Replicate = "run"
		add("run", strconv.Itoa(number))
	}
	slices.SortFunc(key, func(a, b *addr.Factor) int { return strings.Compare(a.Name, b.Name) })
	of.Key = strings.TrimPrefix(of.Key+","+addr.Key(key), ",")
	i.Address = of.String()
	return i
}

// byLevels orders runs by their levels, numbers by value.
func byLevels(a, b Instance) int {
	for k := range min(len(a.Factors), len(b.Factors)) {
		x, y := a.Factors[k].Level, b.Factors[k].Level
		v, err1 := strconv.ParseFloat(x, 64)
		w, err2 := strconv.ParseFloat(y, 64)
		order := strings.Compare(x, y)
		if err1 == nil && err2 == nil {
			order = cmp.Compare(v, w)
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

// tableOf is what is read of the curves of a table at once.
type tableOf struct {
	digest cache.Digest
	metric string
	part   part
}

// maxTables bounds the tables that are remembered.
const maxTables = 8

// imported reads a curve of one run. The artifact holds the curves of all runs, so that
// these are read together and remembered.
func (c *curveReader) imported(ctx context.Context, of curveOf) (curveRead, error) {
	c.scan.Lock()
	defer c.scan.Unlock()
	key := tableOf{of.digest, of.metric, of.part}
	if c.tables[key] == nil {
		table, err := c.readTable(ctx, key)
		if err != nil {
			return curveRead{}, err
		}
		if c.tables == nil || len(c.tables) >= maxTables {
			c.tables = make(map[tableOf]map[int]curveRead)
		}
		c.tables[key] = table
	}
	return c.tables[key][of.run], nil
}

// readTable reads a metric of the runs of a table that the page shows.
func (c *curveReader) readTable(ctx context.Context, of tableOf) (map[int]curveRead, error) {
	blob, err := c.store.Open(ctx, of.digest)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	out := make(map[int]curveRead)
	for curve, err := range record.ReadCurves(blob) {
		if err != nil {
			return nil, verified(blob, err)
		}
		r, known := out[curve.Run]
		if !known && len(out) > maxImported {
			continue
		}
		r.names = append(r.names, curve.Name)
		if n := len(curve.Steps); n > 0 {
			r.end = max(r.end, curve.Steps[n-1])
		}
		if curve.Name == of.metric {
			r.curve = of.part.curve(curve.Rows())
			r.curve.Diverged = curve.Diverged
		}
		out[curve.Run] = r
	}
	return out, nil
}
