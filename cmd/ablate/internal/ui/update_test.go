package ui_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"ablate/cmd/ablate/internal/ui"
	"ablate/pipeline/run"
)

// BenchmarkUpdate measures the page of a thousand trials with ten thousand rows each, of
// which one runs: milliseconds until the grid is painted, until all curves are, and from the
// append of a report to the paint of its point. The store is written first, in about a
// minute:
//
//	go test ./cmd/ablate/internal/ui -run '^$' -bench Update -benchtime 30x
func BenchmarkUpdate(b *testing.B) {
	const trials, rows = 1000, 10_000
	l := newLab(b)
	l.begin()
	losses := make([]float64, rows)
	for i := range trials - 1 {
		for k := range losses {
			losses[k] = 5/float64(k+1) + float64(i)/trials
		}
		l.finish(trial(fmt.Sprint(i/8), i%8), losses...)
	}
	running := trial("last", 0)
	l.tell(run.StageStart, running, nil)
	l.progress(running, 1, rows, 5)
	c := newBrowser(b)
	s, _ := l.serve(ui.Options{})
	c.size(1280, "light")

	opened := time.Now()
	c.do(chromedp.Navigate(s.URL()))
	first := c.painted(`document.querySelectorAll(".tile").length === 1000`).Sub(opened)
	all := c.painted(`view.curves.size === 1000 && plot && plot.series.length > 1000`).Sub(opened)
	var took []float64
	for i := 0; b.Loop(); i++ {
		value := 6 + float64(i)/1e6 // no other point has it
		time.Sleep(time.Second + time.Duration(i%10)*17*time.Millisecond)
		appended := time.Now()
		l.progress(running, i+2, rows, value)
		at := c.painted(fmt.Sprintf(`plot.data.some(d => d[d.indexOf(%[1]v)] === %[1]v)`, value))
		took = append(took, float64(at.Sub(appended).Microseconds())/1000)
	}
	slices.Sort(took)
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	b.ReportMetric(0, "ns/op") // holds the pauses
	b.ReportMetric(float64(first.Milliseconds()), "ms-to-grid")
	b.ReportMetric(float64(all.Milliseconds()), "ms-to-curves")
	b.ReportMetric(took[len(took)/2], "ms-median-update")
	b.ReportMetric(took[len(took)-1], "ms-slowest-update")
	b.ReportMetric(float64(memory.Sys)/1e6, "MB-server")
}

// painted waits until an expression is true of the page, and returns when the frame was
// painted in which it became true.
func (b *browser) painted(expression string) time.Time {
	b.t.Helper()
	b.eventually(fmt.Sprintf(`(window.paintedAt = 0, (function look() {
		let is = false;
		try { is = %s } catch {}
		requestAnimationFrame(is ? () => setTimeout(() => { window.paintedAt = Date.now() }) : look);
	})(), true)`, expression))
	b.eventually(`window.paintedAt > 0`)
	ms, err := strconv.ParseInt(b.js(`window.paintedAt`), 10, 64)
	if err != nil {
		b.t.Fatal(err)
	}
	return time.UnixMilli(ms)
}

// eventually is wait with more patience.
func (b *browser) eventually(expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 4*time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		if v, err := chromedp.Run(ctx, chromedp.Evaluate[string]("String("+expression+")")); err == nil && v == "true" {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	b.t.Fatalf("never true: %s", expression)
}
