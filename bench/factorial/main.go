//go:build unix

// Command factorial measures the 18 trials of examples/coupling from an empty store
// to the answer, with two trials at a time on one core each and with one at a time
// on all cores, in turn. It prints the medians of wall and processor time, the share
// of the cores that is busy, and apart from them what a run needs beside training:
// planning, the start of a child process, and a durable write.
//
//	go run ./bench/factorial [-rounds 5] [-steps 160] [-jobs 2,1]
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

const trials = 18

func main() {
	log.SetFlags(0)
	rounds := flag.Int("rounds", 5, "rounds of each")
	steps := flag.Int("steps", 160, "training steps of a trial")
	jobs := flag.String("jobs", "2,1", "trials at a time, with commas")
	flag.Parse()
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	must(err)
	dir, err := os.MkdirTemp("", "ablate-factorial")
	must(err)
	defer os.RemoveAll(dir)
	b := bench{dir: dir, binary: filepath.Join(dir, "ablate"), corpus: filepath.Join(strings.TrimSpace(string(goroot)), "src", "net"), steps: *steps}
	build := exec.Command("go", "build", "-o", b.binary, "./cmd/ablate")
	build.Stderr = os.Stderr
	must(build.Run())
	must(os.CopyFS(filepath.Join(dir, "study"), os.DirFS("examples/coupling")))
	b.beside()
	modes := strings.Split(*jobs, ",")
	runs := make([][]measurement, len(modes))
	for range *rounds {
		for i, n := range modes {
			runs[i] = append(runs[i], b.run("--jobs", n))
		}
	}
	for i, n := range modes {
		report(n, runs[i])
	}
}

// measurement is the wall and processor time of a process and its children.
type measurement struct{ seconds, cpu float64 }

// bench is the program and the study that it runs.
type bench struct {
	dir, binary, corpus string
	steps               int
}

// run computes everything in an empty store.
func (b bench) run(flags ...string) measurement {
	return b.time(append([]string{"run", "--progress", "none", "--chdir", filepath.Join(b.dir, "study"),
		"--var", "corpus=" + b.corpus, "--var", fmt.Sprint("steps=", b.steps)}, flags...)...)
}

// time runs the program with an empty store.
func (b bench) time(args ...string) measurement {
	store, err := os.MkdirTemp(b.dir, "store")
	must(err)
	defer os.RemoveAll(store)
	c := exec.Command(b.binary, args...)
	c.Env = append(os.Environ(), "ABLATE_CACHE_DIR="+store)
	begin := time.Now()
	if out, err := c.CombinedOutput(); err != nil {
		log.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return measurement{time.Since(begin).Seconds(), (c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds()}
}

// beside prints what a run needs beside training, each measured alone.
func (b bench) beside() {
	of := func(measure func() float64) float64 {
		var all []float64
		for range 5 {
			all = append(all, measure())
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	planning := of(func() float64 {
		return b.time("plan", "--chdir", filepath.Join(b.dir, "study"), "--var", "corpus="+b.corpus, "--var", fmt.Sprint("steps=", b.steps)).seconds
	})
	start := of(func() float64 { return b.time("version").seconds })
	write := of(func() float64 {
		begin := time.Now()
		f, err := os.CreateTemp(b.dir, "write")
		must(err)
		_, err = f.Write(make([]byte, 4096))
		must(err)
		must(f.Sync())
		must(f.Close())
		must(os.Rename(f.Name(), filepath.Join(b.dir, "written")))
		return time.Since(begin).Seconds()
	})
	fmt.Printf("factorial planning ms=%.0f process_start ms=%.1f durable_write ms=%.2f\n", 1e3*planning, 1e3*start, 1e3*write)
}

// report prints the medians of the runs with so many trials at a time.
func report(jobs string, runs []measurement) {
	slices.SortFunc(runs, func(x, y measurement) int {
		if x.seconds < y.seconds {
			return -1
		}
		return 1
	})
	m := runs[len(runs)/2]
	fmt.Printf("factorial trials=%d jobs=%s seconds=%.1f from=%.1f to=%.1f cpu=%.1f busy=%.2f trials_per_hour=%.0f\n", trials, jobs,
		m.seconds, runs[0].seconds, runs[len(runs)-1].seconds, m.cpu, m.cpu/m.seconds/float64(runtime.NumCPU()), trials*3600/m.seconds)
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
