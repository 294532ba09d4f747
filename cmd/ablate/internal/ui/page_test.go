package ui_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"ablate/cache"
	"ablate/cmd/ablate/internal/ui"
	"ablate/hcl/addr"
	"ablate/pipeline/planner"
	"ablate/pipeline/run"
)

const (
	tiles   = `document.querySelectorAll(".tile")`
	legend  = `document.querySelectorAll("#legend button")`
	summary = `document.getElementById("summary").textContent`
)

func TestLivePage(t *testing.T) {
	b := newBrowser(t)
	l := newLab(t)
	l.begin()
	before := trial("rms", 0)
	l.finish(before, 5, 4, 3)
	s, _ := l.serve(ui.Options{Plan: l.plan})
	host := strings.TrimPrefix(newClient(t, s).base, "http://")
	b.size(1280, "light")
	b.open(s.URL())
	if at := b.js("location.href"); strings.Contains(at, "token") {
		t.Errorf("the token stays in the address %s", at)
	}
	b.wait(tiles + `.length === 4 && ` + summary + `.includes("1 of 4 trials done")`)
	b.wait(`document.querySelector(".tile.cached b").textContent === "3"`)
	if got := b.js(`document.querySelector("#grid b b") === null && document.querySelector("#grid").textContent.includes("<b>derf</b> 🦊")`); got != "true" {
		t.Error("a name is taken for markup")
	}

	// A trial starts, reports, fails; another one finishes.
	next, failing := trial("rms", 1), trial(rudeNorm, 0)
	l.begin()
	l.tell("stage_start", next, nil)
	l.progress(next, 1, 10, 6)
	l.progress(next, 5, 10, 4.5)
	b.wait(`document.querySelector(".tile.running small").textContent.includes("5/10 · 5 s left")`)
	b.wait(`document.querySelector(".tile.running b").textContent === "4.5"`)
	b.wait(`/about .* left/.test(` + summary + `)`)
	l.tell("stage_start", failing, nil)
	l.progress(failing, 0, 10, 7)
	b.wait(`[...document.querySelectorAll(".tile.running small")].some(x => x.textContent.includes("0/10")) && [...view.curves.values()].some(c => c.steps.join() === "0")`)
	l.fail(failing, "it broke <script>alert(1)</script>")
	l.finish(next, 6, 5, 2)
	b.wait(`document.querySelectorAll(".tile.cached").length === 2 && document.querySelectorAll(".tile.failed").length === 1`)
	b.wait(`document.querySelector("#failures pre").textContent === "it broke <script>alert(1)</script>"`)
	b.wait(`document.querySelector(".mean").textContent === "mean 2.5"`)

	interact(t, b)
	b.js(`(document.getElementById("studies").append(new Option("a_long_name_".repeat(9))), 1)`)
	for _, width := range []int64{390, 768, 1280} {
		for _, scheme := range []string{"dark", "light"} {
			b.size(width, scheme)
			b.wait(fmt.Sprintf("document.documentElement.scrollWidth <= %d && document.querySelector('#chart canvas').clientWidth <= %d && document.querySelector('#chart').clientHeight - document.querySelector('.uplot').clientHeight < 20", width, width))
		}
	}
	b.clean(host)
}

// interact hovers, zooms, hides a cell, and opens a trial with the keyboard.
func interact(t *testing.T, b *browser) {
	t.Helper()
	b.js(`document.querySelector(".u-over").scrollIntoView()`)
	box := func(part float64) (x, y float64) {
		fmt.Sscan(b.js(fmt.Sprintf(`(r => (r.left + r.width * %g) + " " + (r.top + r.height / 2))(document.querySelector(".u-over").getBoundingClientRect())`, part)), &x, &y)
		return x, y
	}
	x, y := box(0.99)
	b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x, y))
	b.wait(`!document.getElementById("tip").hidden && document.getElementById("tip").textContent.includes("rms2.5")`)
	b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMousePressed, x, y, chromedp.ButtonLeft))
	x, y = box(0.4)
	b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x, y, chromedp.ButtonLeft), chromedp.MouseEvent(input.DispatchMouseEventTypeMouseReleased, x, y, chromedp.ButtonLeft))
	b.wait(`location.hash.includes("zoom=") && !document.getElementById("reset").hidden`)
	b.js(`document.getElementById("reset").click()`)
	b.wait(`!location.hash.includes("zoom=") && document.getElementById("from").value === "0" && document.getElementById("to").value === "3"`)

	// The same without a pointer.
	b.js(`(document.getElementById("to").focus(), document.getElementById("to").select(), 1)`)
	b.do(chromedp.KeyEvent("2\r"))
	b.wait(`plot.scales.x.max === 2 && location.hash.includes("zoom=0%3A2")`)
	b.js(`document.getElementById("reset").click()`)
	b.wait(`document.getElementById("to").value === "3"`)
	b.do(chromedp.KeyEvent("5\b"))
	b.js(`(document.getElementById("to").blur(), view.setZoom({min: 1, max: 2}), 1)`)
	b.wait(`document.getElementById("to").value === "2"`)
	b.js(`(view.setZoom(null), 1)`)

	b.js(`document.querySelector("#legend button").click()`)
	b.wait(`document.querySelector("#legend button").getAttribute("aria-pressed") === "false" && location.hash.includes("off=norm")`)
	b.js(`document.querySelector("#grid th[scope=row] button").click()`)
	b.wait(`document.querySelector("#legend button").getAttribute("aria-pressed") === "true" && !location.hash.includes("off=")`)
	b.js(`document.getElementById("log-y").click()`)
	b.wait(`location.hash.includes("logy")`)

	b.js(`document.querySelector(".tile.failed").focus()`)
	b.do(chromedp.KeyEvent("\r"))
	b.wait(`document.getElementById("detail").open && document.getElementById("detail").textContent.includes("it broke")`)
	b.js(`document.getElementById("detail").close()`)
	b.wait(`!location.hash.includes("open=")`)
}

func TestReconnect(t *testing.T) {
	b := newBrowser(t)
	l := newLab(t)
	s, stop := l.serve(ui.Options{Plan: l.plan})
	base := newClient(t, s).base
	host := strings.TrimPrefix(base, "http://")
	b.open(s.URL())
	stop()
	b.wait(`document.getElementById("connection").textContent.startsWith("Disconnected")`)
	again, _ := l.serve(ui.Options{Plan: l.plan, Listen: host})
	b.wait(`document.getElementById("connection").textContent.includes("restarted: open the address")`)
	b.open(again.URL())
	l.begin()
	l.finish(trial("rms", 0), 3, 2)
	b.wait(summary + `.includes("1 of 4 trials done")`)
}

// What a trial reports while the page is not connected is in its curve afterwards.
func TestReconnectFillsCurves(t *testing.T) {
	b := newBrowser(t)
	l := newLab(t)
	l.begin()
	of := trial("rms", 0)
	l.tell("stage_start", of, nil)
	l.progress(of, 1, 9, 5)
	s, _ := l.serve(ui.Options{Plan: l.plan})
	b.open(s.URL())
	b.wait(`view.curves.size === 1`)
	b.js(`(source.close(), 1)`)
	for step := 2; step < 6; step++ {
		l.progress(of, step, 9, 5)
	}
	time.Sleep(time.Second) // the server reads the journal
	b.js(`(connect(), 1)`)
	b.wait(`[...view.curves.values()][0].steps.join() === "1,2,3,4,5"`)
}

func TestPageWithoutAStudy(t *testing.T) {
	b := newBrowser(t)
	l := newLab(t)
	s, _ := l.serve(ui.Options{})
	b.do(chromedp.Navigate(s.URL()))
	b.wait(`document.getElementById("grid").textContent.includes("no runs yet")`)
	l.begin()
	l.finish(trial("rms", 0), 3, 2)
	const chosen = `document.getElementById("studies").selectedOptions[0]?.text`
	b.wait(tiles + `.length === 1 && ` + legend + `.length === 1 && ` + chosen + ` === "lab"`)

	// The page stays with this study when another one runs.
	other, err := run.NewJournal(l.store.RunDir(), "other", "/home/other", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	b.wait(`(drawStudies(), document.getElementById("studies").length === 2)`)
	l.finish(trial("rms", 1), 3, 2)
	b.wait(tiles + `.length === 2 && ` + chosen + ` === "lab"`)
}

// outline is the plan of a run as its journal records it: one norm, three seeds.
func (l *lab) outline() *run.Outline {
	o := &run.Outline{Replicate: "seed", Response: "val_loss"}
	for seed := range 3 {
		a := trial("rms", seed)
		o.Instances = append(o.Instances, run.Outlined{Address: a.String(), Block: "train", Trial: true, Key: keyOf(a), Status: planner.Run,
			Levels: []string{"RMSNorm", ""}})
	}
	return o
}

// Of a study that is not at hand, the page shows what its last run planned, and begins with
// the metric of its analysis.
func TestPageOfAStudyElsewhere(t *testing.T) {
	b := newBrowser(t)
	l := newLab(t)
	l.beginWith(l.outline())
	l.finish(trial("rms", 2), 3, 2)
	s, _ := l.serve(ui.Options{})
	b.open(s.URL())
	b.wait(summary + `.includes("1 of 3 trials done")`)
	b.wait(`document.querySelector("#grid tbody").textContent.includes("RMSNorm") && [...` + tiles + `].map(x => x.firstChild.textContent).join() === "seed 0,seed 1,seed 2"`)
	b.wait(`view.metric === "val_loss" && document.querySelector(".tile.cached b").textContent === "2.5"`)

	// What a running trial reports of the loss at its last report is not its result.
	l.tell("stage_start", trial("rms", 0), nil)
	l.progress(trial("rms", 0), 1, 3, 7)
	b.wait(`document.querySelectorAll(".tile.running").length === 1`)
	l.finish(trial("rms", 0), 7, 6, 5)
	b.wait(`document.querySelectorAll(".tile.cached").length === 2`)
	b.js(`document.querySelector(".tile.cached").click()`)
	b.wait(`document.getElementById("detail-body").textContent.includes("train_loss5val_loss5.5")`)
}

// The page says that it reads curves, and why it could not.
func TestPageReadsCurves(t *testing.T) {
	b := newBrowser(t)
	l := newLab(t)
	l.begin()
	l.finish(trial("rms", 0), 3, 2)
	s, _ := l.serve(ui.Options{})
	b.open(s.URL())
	const note = `document.getElementById("chart-note").textContent`
	b.wait(note + `.startsWith("Drag to zoom")`)
	b.js(`(window.fetch = () => new Promise((_, fail) => { window.fail = fail; }), view.curves.clear(), loadCurves(), changed(true), 1)`)
	b.wait(note + ` === "Reading the curves…"`)
	b.js(`(window.fail(new Error("no answer")), 1)`)
	b.wait(note + ` === "The curves cannot be read: no answer"`)
	b.js(`(changed(true), 1)`)
	time.Sleep(100 * time.Millisecond)
	b.wait(note + ` === "The curves cannot be read: no answer"`)
}

// The only trial of a study has its name, and no table of factors around it.
func TestPageOfOneTrial(t *testing.T) {
	b := newBrowser(t)
	l := newLab(t)
	l.begin()
	l.finish(addr.Instance{Stage: addr.Stage{Block: "train", Type: "lm", Name: "main"}}, 3, 2)
	s, _ := l.serve(ui.Options{})
	b.open(s.URL())
	b.wait(`[...` + tiles + `].map(x => x.textContent).join() === "train.lm.main2✓ done" && document.querySelector("#grid th") === null`)
}

// The curve of a trial that runs for days stays short in the browser.
func TestPageOfALongTrial(t *testing.T) {
	b := newBrowser(t)
	l := newLab(t)
	l.begin()
	of := trial("rms", 0)
	l.tell("stage_start", of, nil)
	l.progress(of, 1, 9000, 3)
	s, _ := l.serve(ui.Options{})
	b.open(s.URL())
	b.wait(`view.curves.size === 1 && view.metric === "train_loss"`)
	b.js(fmt.Sprintf(`(() => { for (let i = 2; i <= 2001; i++) addPoint({ address: %q, step: i, metrics: { train_loss: 1 / i } }); return 1; })()`, of.String()))
	b.wait(`[...view.curves.values()][0].steps.length === 1`) // what the journal has
}

// Under the pointer, a line has a value between its points, and none beyond its ends.
func TestPageValuesUnderThePointer(t *testing.T) {
	b := newBrowser(t)
	s, _ := newLab(t).serve(ui.Options{})
	b.do(chromedp.Navigate(s.URL()))
	b.wait(`typeof valueAt === "function"`)
	if got, want := b.js(`[0, 1, 2, 3].map(k => valueAt([100, 130, 160, 190], [5, null, 3, null], k)).join()`), "5,4,3,"; got != want {
		t.Errorf("the values are %q, want %q", got, want)
	}
}

// Without a plan on record, the page does not guess how many trials a study has.
func TestPageWithoutAPlan(t *testing.T) {
	b := newBrowser(t)
	l := newLab(t)
	l.begin()
	l.finish(trial("rms", 0), 3, 2)
	l.tell("stage_start", trial("rms", 1), nil)
	l.progress(trial("rms", 1), 1, 10, 6)
	l.progress(trial("rms", 1), 5, 10, 4.5)
	s, _ := l.serve(ui.Options{})
	b.open(s.URL())
	b.wait(summary + `.includes("1 trial done") && ! / of | left/.test(` + summary + `)`)
}

// Each stage has a grid of its own, and cells with a diverged trial have no mean.
func TestPageOfTwoStages(t *testing.T) {
	b := newBrowser(t)
	l := newLab(t)
	l.begin()
	other := func(seed int) addr.Instance {
		a := trial("rms", seed)
		a.Stage.Name = "hot"
		return a
	}
	l.finish(trial("rms", 0), 4, 3)
	l.finish(trial("rms", 1), 4, 2)
	l.finish(other(0), 9, 8)
	l.diverge(other(1), 9, 9)
	s, _ := l.serve(ui.Options{})
	b.open(s.URL())
	b.wait(`[...document.querySelectorAll("#grid .mean")].map(x => x.textContent).join() === "mean 2.5,1 of 2 diverged"`)
	b.wait(`document.querySelectorAll("#grid table").length === 2 && document.querySelector(".tile.diverged").textContent.includes("✕ diverged")`)
	b.js(`document.querySelector("#grid h3 button").click()`)
	b.wait(`[...document.querySelectorAll("#legend button")].map(x => x.getAttribute("aria-pressed")).join() === "false,true"`)
}

// Of a design with many factors, a grid has as many columns as a screen is wide. Numbers, true and
// false say of which factor they are, and the list of metrics has what a running trial reports.
func TestPageOfManyFactors(t *testing.T) {
	b := newBrowser(t)
	l := newLab(t)
	o := &run.Outline{Replicate: "seed"}
	var all []addr.Instance
	for _, flash := range []string{"true", "false"} {
		for _, lr := range []string{"0.1", "0.2"} {
			for _, norm := range []string{"dyt", "rms", "derf"} {
				for _, width := range []string{"64", "128"} {
					a := addr.Instance{Stage: trial("", 0).Stage, Key: fmt.Sprintf("batch=8,flash=%s,lr=%s,norm=%s,seed=1,width=%s", flash, lr, norm, width)}
					all = append(all, a)
					o.Instances = append(o.Instances, run.Outlined{Address: a.String(), Block: "train", Trial: true, Key: keyOf(a), Status: planner.Run,
						Levels: []string{"8", flash, lr, norm, "1", width}})
				}
			}
		}
	}
	l.beginWith(o)
	s, _ := l.serve(ui.Options{})
	b.open(s.URL())
	b.wait(tiles + `.length === 24`)
	if got, want := b.js(`[...document.querySelectorAll("#grid thead tr > *")].map(x => x.textContent.trim()).join("; ")`),
		"flash, norm × lr, width; lr 0.1 width 64; lr 0.1 width 128; lr 0.2 width 64; lr 0.2 width 128"; got != want {
		t.Errorf("the columns are %q, want %q", got, want)
	}
	if got, want := b.js(`[...document.querySelectorAll("#grid tbody tr")].map(x => x.firstChild.textContent.trim()).slice(0, 4).join("; ")`),
		"flash true dyt; flash true rms; flash true derf; flash false dyt"; got != want {
		t.Errorf("the rows are %q, want %q", got, want)
	}
	b.wait(legend + `[0].textContent === "flash true · lr 0.1 · dyt · width 64"`)
	l.tell("stage_start", all[0], nil)
	l.progress(all[0], 1, 3, 7)
	b.wait(`[...document.getElementById("metric").options].map(o => o.value).join() === "tokens_per_second,train_loss"`)
	b.wait(`[...document.querySelectorAll("#sections button")].map(x => x.textContent).join() === "Trials,Curves"`)
	b.js(`document.querySelectorAll("#sections button")[1].click()`)
	b.wait(`document.activeElement.id === "curves-title"`)

	// An address may name a study that this store does not have. A trial of another one closes.
	b.js(`(document.querySelector(".tile").click(), 1)`)
	b.wait(`location.hash.includes("open=")`)
	b.js(`(location.hash = "study=elsewhere", 1)`)
	b.wait(`document.getElementById("grid").textContent.includes("no study at this URL") && document.getElementById("curves").hidden && !document.getElementById("detail").open`)
	b.js(`(location.hash = "", 1)`)
	b.wait(tiles + `.length === 24 && !document.getElementById("curves").hidden`)
	b.clean(strings.TrimPrefix(strings.SplitN(s.URL(), "/?", 2)[0], "http://"))
}

func TestPageOfAStudyThatDoesNotLoad(t *testing.T) {
	b := newBrowser(t)
	l := newLab(t)
	l.begin()
	l.finish(trial("rms", 0), 3, 2)
	s, _ := l.serve(ui.Options{Plan: func(context.Context) (ui.Planned, error) {
		return ui.Planned{Name: "other", Dir: "/home/lab"}, errors.New("the variable corpus has no value")
	}})
	b.open(s.URL())
	b.wait(`document.getElementById("problem").textContent.includes("corpus has no value") && ` + tiles + `.length === 1`)
}

// Of ten thousand rows, what fits a screen is sent.
func TestManyTrials(t *testing.T) {
	b := newBrowser(t)
	l := newLab(t)
	l.begin()
	losses := make([]float64, 10_000)
	for i := range losses {
		losses[i] = 5 / float64(i+1)
	}
	for i := range 40 {
		l.finish(trial(fmt.Sprint(i/8), i%8), losses...)
	}
	s, _ := l.serve(ui.Options{})
	b.open(s.URL())
	b.wait(tiles + `.length === 40`)
	b.wait(`view.curves.size === 40 && [...view.curves.values()].every(c => c.steps.length <= 400 && c.averaged)`)
	started := time.Now()
	l.finish(trial("0", 11), losses...)
	b.wait(tiles + `.length === 41 && view.curves.size === 41`)
	t.Logf("an update took %s", time.Since(started))

	// Another run of the study starts without the curves of this one.
	l.diverge(trial("0", 12), 9, 9)
	b.wait(`view.curves.size === 42 && view.diverged.size === 1`)
	l.begin()
	again := []addr.Instance{trial("0", 11), trial("0", 12)}
	for i := range 40 {
		again = append(again, trial(fmt.Sprint(i/8), i%8))
	}
	for _, a := range again {
		l.tell(run.StageStart, a, func(e *run.Event) { e.Key = cache.String("another").Key("test") })
	}
	b.wait(tiles + `.length === 42 && view.curves.size === 0 && view.diverged.size === 0`)
}

// The vendored files are those that the page about them names.
func TestVendoredFiles(t *testing.T) {
	page, err := os.ReadFile("page/uPlot.README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"uPlot.iife.min.js", "uPlot.min.css"} {
		raw, err := os.ReadFile("page/" + name)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(raw)
		if want := "| " + name + " | " + hex.EncodeToString(sum[:]) + " |"; !strings.Contains(string(page), want) {
			t.Errorf("page/uPlot.README.md lacks the line %s", want)
		}
	}
}

// The numbers of the grid are those at the end of the trials, whatever the chart shows.
func TestPageZoomed(t *testing.T) {
	b := newBrowser(t)
	l := newLab(t)
	l.begin()
	l.finish(trial("rms", 0), 5, 4, 3)
	running := trial("rms", 1)
	l.tell("stage_start", running, nil)
	l.progress(running, 1, 10, 6)
	s, _ := l.serve(ui.Options{Plan: l.plan})
	b.do(chromedp.Navigate(s.URL() + "#metric=train_loss&zoom=1:2"))
	const values = `[...document.querySelectorAll(".tile b")].slice(0, 2).map(x => x.textContent).join()`
	b.wait(values + ` === "3,6"`)
	b.wait(`view.curves.get(study.trials[0].address).steps.join() === "1,2"`)
	l.progress(running, 2, 10, 5)
	b.wait(values + ` === "3,5"`)
	l.progress(running, 3, 10, 4)
	b.wait(values + ` === "3,4" && view.curves.get(study.trials[1].address).steps.join() === "1,2"`)
	l.finish(running, 6, 5, 2)
	b.wait(values + ` === "3.0,2.0" && document.querySelector(".mean").textContent === "mean 2.5"`)

	b.js(`(view.setZoom({min: 0, max: 2}), document.getElementById("log-x").click(), 1)`)
	b.wait(`view.logX && plot.scales.x.min === 1 && plot.scales.x.max === 2`) // there is no zero
}
