package ui

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"runtime"
	"slices"
	"sync"

	"ablate/cache"
	"ablate/stages/record"

	"golang.org/x/sync/errgroup"
)

// maxShown is how many points of a curve are sent. A screen is not much wider, and a
// thousand trials of ten thousand rows stay fluid.
const maxShown = 400

// leastShown is how many points are sent where a study has very many trials.
const leastShown = 100

// pointsOf is how many points are sent of each curve of so many trials: drawing takes time
// in proportion to all of them.
func pointsOf(trials int) int {
	const all = 100_000
	return min(maxShown, max(leastShown, all/max(1, trials)))
}

// Curve is one metric of one trial.
type Curve struct {
	Address  string    `json:"address"`
	Steps    []int     `json:"steps"`
	Values   []float64 `json:"values"`
	Last     *float64  `json:"last,omitempty"`     // the final value, which is not averaged
	Averaged bool      `json:"averaged,omitempty"` // each point is the mean of several rows
	Diverged *int      `json:"diverged,omitempty"` // the step at which the trial diverged
}

// Curves answers a request for curves.
type Curves struct {
	Metric  string   `json:"metric"`
	Metrics []string `json:"metrics"` // that trials have
	Curves  []Curve  `json:"curves"`
}

// subject is a trial as the reader of curves sees it.
type subject struct {
	address  string
	key      cache.Key
	cached   bool
	points   []livePoint
	imported importedRun
}

// curveReader reads the rows of finished trials, and remembers what it sent of them.
// Rows never change under a digest.
type curveReader struct {
	store *cache.Local

	mu   sync.Mutex
	seen map[curveOf]curveRead

	scan   sync.Mutex // guards what follows, also while a table is read
	tables map[tableOf]map[int]curveRead
}

type curveOf struct {
	digest cache.Digest
	run    int // of a table of imported runs; 0 for the rows of a trial
	metric string
	part   part
}

// part is the steps of curves that a request wants, and how many points of each.
type part struct {
	from, to int // 0 is no bound
	points   int
}

// in is the part of a curve's identity that a request chooses.
func (r rowsOf) in(metric string, p part) curveOf {
	return curveOf{r.digest, r.run, metric, p}
}

// rowsOf is where the rows of a trial are.
type rowsOf struct {
	digest cache.Digest
	run    int
}

type curveRead struct {
	curve Curve
	names []string
	end   int // of an imported run: the step of its last finite value, in any metric
}

// maxSeen bounds the curves that are remembered, to about 20 MB.
const maxSeen = 4096

// preferred are the metrics to show first in a study without analyses.
var preferred = []string{"train_loss", "loss", "val_loss"}

// read reads a metric of trials between two steps; "" is the response, else the first of
// the preferred metrics that a trial has.
func (c *curveReader) read(ctx context.Context, of []subject, metric, response string, p part) (Curves, error) {
	names := make(map[string]bool)
	entries, err := c.entries(ctx, of)
	if err != nil {
		return Curves{}, err
	}
	for i, s := range of {
		for _, at := range s.points {
			for name := range at.metrics {
				names[name] = true
			}
		}
		if len(names) == 0 && entries[i] != (rowsOf{}) {
			r, err := c.stored(ctx, entries[i].in("", p))
			if err != nil {
				return Curves{}, fmt.Errorf("reading the metrics of %s: %w", s.address, err)
			}
			for _, name := range r.names {
				names[name] = true
			}
		}
	}
	out := Curves{Metric: choose(metric, response, names), Curves: []Curve{}}
	stored, err := c.all(ctx, of, entries, out.Metric, p)
	if err != nil {
		return Curves{}, err
	}
	for i, s := range of {
		curve := live(s.points, out.Metric, p)
		if entries[i] != (rowsOf{}) {
			for _, name := range stored[i].names {
				names[name] = true
			}
			curve = stored[i].curve
		}
		if s.imported.diverged && curve.Diverged == nil {
			curve.Diverged = &stored[i].end
		}
		if curve.Last != nil || curve.Diverged != nil {
			curve.Address = s.address
			out.Curves = append(out.Curves, curve)
		}
	}
	out.Metrics = slices.Sorted(maps.Keys(names))
	return out, nil
}

func choose(metric, response string, names map[string]bool) string {
	if metric != "" {
		return metric
	}
	for _, name := range append([]string{response}, preferred...) {
		if names[name] {
			return name
		}
	}
	if len(names) == 0 {
		return preferred[0]
	}
	return slices.Min(slices.Collect(maps.Keys(names)))
}

// entries finds the rows of trials that are cached; zero for others.
func (c *curveReader) entries(ctx context.Context, of []subject) ([]rowsOf, error) {
	keys := make([]cache.Key, len(of))
	for i, s := range of {
		keys[i] = s.key
	}
	found, err := c.store.Lookup(ctx, keys...)
	if err != nil {
		return nil, err
	}
	out := make([]rowsOf, len(of))
	for i, f := range found {
		if run := of[i].imported; run.number > 0 {
			out[i] = rowsOf{run.curves, run.number}
			continue
		}
		if !f.OK || !of[i].cached {
			continue
		}
		if a, ok := f.Entry.Artifact(record.Metrics); ok && !slices.Contains(f.Absent, a.Name) {
			out[i].digest = a.Digest
		}
	}
	return out, nil
}

// all reads the curves of the trials that are cached, on all cores: reading is what takes
// the time.
func (c *curveReader) all(ctx context.Context, of []subject, entries []rowsOf, metric string, p part) ([]curveRead, error) {
	out := make([]curveRead, len(of))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, s := range of {
		if entries[i] == (rowsOf{}) {
			continue
		}
		g.Go(func() (err error) {
			if out[i], err = c.stored(ctx, entries[i].in(metric, p)); err != nil {
				return fmt.Errorf("reading the metrics of %s: %w", s.address, err)
			}
			return nil
		})
	}
	return out, g.Wait()
}

// stored reads a curve from the store. A blob that is missing or damaged has none: the
// page shows the other curves.
func (c *curveReader) stored(ctx context.Context, of curveOf) (curveRead, error) {
	read := c.rows
	if of.run > 0 {
		read = c.imported
	}
	r, err := read(ctx, of)
	if cache.IsLost(err) {
		return curveRead{}, nil
	}
	return r, err
}

// verified reads a blob to its end, and returns its damage where that explains an error:
// a large blob is parsed before its digest is known.
func verified(blob io.Reader, err error) error {
	if _, damage := io.Copy(io.Discard, blob); damage != nil {
		return damage
	}
	return err
}

// rows reads a curve from the rows of a trial.
func (c *curveReader) rows(ctx context.Context, of curveOf) (curveRead, error) {
	c.mu.Lock()
	r, ok := c.seen[of]
	c.mu.Unlock()
	if ok {
		return r, nil
	}
	blob, err := c.store.Open(ctx, of.digest)
	if err != nil {
		return r, err
	}
	defer blob.Close()
	var rows []record.Row
	seen := make(map[string]bool)
	for row, err := range record.Read(blob, func(name []byte) bool {
		skip := string(name) != of.metric && string(name) != record.Diverged
		if skip && !seen[string(name)] {
			seen[string(name)] = true
		}
		return skip
	}) {
		if err != nil {
			return r, verified(blob, err)
		}
		seen[row.Name] = true
		switch {
		case row.Name == record.Diverged && row.Value != 0:
			r.curve.Diverged = &row.Step
		case row.Name == of.metric && row.Finite():
			rows = append(rows, row)
		}
	}
	delete(seen, record.Diverged)
	r.names = slices.Sorted(maps.Keys(seen))
	diverged := r.curve.Diverged
	r.curve = of.part.curve(rows)
	r.curve.Diverged = diverged
	c.remember(of, r)
	return r, nil
}

func (c *curveReader) remember(of curveOf, r curveRead) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == nil || len(c.seen) >= maxSeen {
		c.seen = make(map[curveOf]curveRead)
	}
	c.seen[of] = r
}

// live is the curve that a running trial reported so far.
func live(points []livePoint, metric string, p part) Curve {
	var rows []record.Row
	for _, at := range points {
		if v, ok := at.metrics[metric]; ok {
			rows = append(rows, record.Row{Step: at.step, Name: metric, Value: v})
		}
	}
	return p.curve(rows)
}

// curve reduces the rows of a trial to the points of a part that are sent: means over equal
// ranges of steps, so that trials of the same length have points at the same steps. The
// final value is that of all rows.
func (p part) curve(rows []record.Row) Curve {
	var c Curve
	if len(rows) == 0 {
		return c
	}
	c.Last = new(rows[len(rows)-1].Value)
	rows = slices.DeleteFunc(rows, func(r record.Row) bool { return r.Step < p.from || p.to > 0 && r.Step > p.to })
	if len(rows) <= p.points {
		for _, r := range rows {
			c.Steps, c.Values = append(c.Steps, r.Step), append(c.Values, r.Value)
		}
		return c
	}
	c.Averaged = true
	first, last := rows[0].Step, rows[len(rows)-1].Step
	width := int(math.Ceil(float64(last-first+1) / float64(p.points)))
	for len(rows) > 0 {
		end := first + ((rows[0].Step-first)/width+1)*width
		n, sum := 0, 0.0
		for n < len(rows) && rows[n].Step < end {
			sum += rows[n].Value
			n++
		}
		c.Steps, c.Values = append(c.Steps, rows[n-1].Step), append(c.Values, sum/float64(n))
		rows = rows[n:]
	}
	return c
}
