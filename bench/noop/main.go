//go:build unix

// Command noop measures the plan of a study in which no trial was run and of one in
// which everything is cached, and other build tools on a graph of the same size. It
// builds the program, publishes entries under the planner's real keys, and times whole
// processes. The first line is what the program takes before it does anything: its peak
// memory counts the pages of its file that the kernel has mapped, which differ by tens
// of MiB with how the file came into the page cache.
//
// The last line is the time of the first plan after ablate was rebuilt, when no
// fingerprint is cached.
//
//	go run ./bench/noop [-nodes 1001,10001,100001] [-runs 5] [-peers=false]
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"ablate/cache"
	"ablate/cache/cachetest"
	"ablate/hcl"
	"ablate/pipeline/graph"
	"ablate/pipeline/planner"
	"ablate/pipeline/source"
	"ablate/stages"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) > 2 && os.Args[1] == "measure" {
		measureOnce(os.Args[2:])
		return
	}
	nodes := flag.String("nodes", "1001,10001", "sizes, comma between")
	runs := flag.Int("runs", 5, "timed runs of each; the median counts")
	beside := flag.Bool("peers", true, "time the other tools, too")
	flag.Parse()
	dir, err := os.MkdirTemp("", "ablate-noop")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "ablate")
	must(run("", nil, "go", "build", "-o", binary, "./cmd/ablate"))
	start := median(*runs, func() *exec.Cmd { return command(dir, os.Environ(), binary, "version") })
	fmt.Printf("version seconds=%.3f cpu=%.3f rss_mib=%.0f\n", start.seconds, start.cpu, start.rss)
	for _, n := range strings.Split(*nodes, ",") {
		size, err := strconv.Atoi(n)
		must(err)
		s := newSubject(filepath.Join(dir, "ours"+n), binary, study(size-1, 1, 10))
		fresh := s.measure(*runs, false)
		fmt.Printf("never-run nodes=%d seconds=%.3f cpu=%.3f rss_mib=%.0f\n", size, fresh.seconds, fresh.cpu, fresh.rss)
		s.publishAll()
		ours := s.measure(*runs, false)
		fmt.Printf("noop nodes=%d seconds=%.3f cpu=%.3f rss_mib=%.0f\n", size, ours.seconds, ours.cpu, ours.rss)
		for _, p := range peers {
			if *beside {
				measurePeer(filepath.Join(dir, p.name+n), p, size, *runs, ours)
			}
		}
	}
	const trials, layers, optimizers = 10200, 4, 150
	s := newSubject(filepath.Join(dir, "rebuilt"), binary, study(trials, layers, optimizers))
	s.publishAll()
	first := s.measure(*runs, true)
	fmt.Printf("rebuilt trials=%d steps=%d seconds=%.3f cpu=%.3f rss_mib=%.0f\n", trials, norms*optimizers, first.seconds, first.cpu, first.rss)
}

// measurement is the median of a process's wall and processor time, and its
// peak memory.
type measurement struct{ seconds, cpu, rss float64 }

// norms is the number of norms in a study.
const norms = 2

// study is a train stage with its inputs and an analysis. The nodes are the
// trials, the analysis, five definitions and the data.
func study(trials, layers, optimizers int) string {
	return fmt.Sprintf(`
data "text" "corpus" {
  source = ["text.txt"]
}

model "llama" "tiny" {
  layers = %d
  width  = 8
  heads  = 2
}

norm "rmsnorm" "base" {}

norm "dyt" "tanh" {}

optimizer "adamw" "base" {
  for_each      = [for i in range(%d) : 0.001 * (i + 1)]
  learning_rate = each.value
}

locals {
  seeds = flatten([for k in range(%d) : [for i in range(1000) : 1000 * k + i]])
}

train "lm" "main" {
  matrix {
    norm      = [norm.rmsnorm.base, norm.dyt.tanh]
    optimizer = optimizer.adamw.base
    seed      = [for s in local.seeds : s if s < %d]
  }
  data  = data.text.corpus
  model = model.llama.tiny
  steps = 3
  batch {
    sequences = 2
    length    = 8
  }
}

analysis "factorial" "effects" {
  trials = train.lm.main
}
`, layers, optimizers, trials/(1000*norms*optimizers)+1, trials/(norms*optimizers))
}

// subject is a study with a store of its own.
type subject struct {
	dir, store, binary string
	env                []string
}

// newSubject writes a study and runs everything but its trials and analyses.
func newSubject(dir, binary, study string) subject {
	s := subject{dir: dir, store: filepath.Join(dir, "store"), binary: binary}
	s.env = append(os.Environ(), "ABLATE_CACHE_DIR="+s.store)
	must(os.MkdirAll(dir, 0o755))
	must(os.WriteFile(filepath.Join(dir, "study.hcl"), []byte(study), 0o600))
	must(os.WriteFile(filepath.Join(dir, "text.txt"), []byte(strings.Repeat("the quick brown fox\n", 500)), 0o600))
	must(run(dir, s.env, binary, "run", "--progress", "none", "--target", "data.*", "--target", "norm.*", "--target", "model.*", "--target", "optimizer.*"))
	return s
}

// measure times plans, which find no memoized fingerprints if they are to be forgotten.
func (s subject) measure(runs int, forget bool) measurement {
	return median(runs, func() *exec.Cmd {
		if forget {
			must(os.RemoveAll(filepath.Join(s.store, "memo")))
			must(os.Mkdir(filepath.Join(s.store, "memo"), 0o755))
		}
		return command(s.dir, s.env, s.binary, "plan")
	})
}

// publishAll publishes an entry for everything that the planner would run.
func (s subject) publishAll() {
	ctx := context.Background()
	store, err := cache.Open(cachetest.Hasty{}, s.store)
	must(err)
	kinds := stages.All()
	loaded, diags := hcl.Load(hcl.Options{Dir: s.dir, Kinds: graph.LanguageKinds(kinds)})
	must(diags.Err())
	graph, more := graph.Build(loaded, kinds)
	must(more.Err())
	p := &planner.Planner{Graph: graph, Store: store, Sources: source.Folder{Dir: s.dir}, Memo: store.Memo(cache.Digest{})}
	for {
		plan, err := p.Plan(ctx)
		must(err)
		if plan.Clean() {
			break
		}
		for _, t := range plan.Tasks {
			if t.Status == planner.Run {
				publish(ctx, store, t)
			}
		}
	}
	out, err := command(s.dir, s.env, s.binary, "plan", "--detailed-exitcode").CombinedOutput()
	if err != nil {
		log.Fatalf("the plan is not clean: %v\n%s", err, out)
	}
}

func publish(ctx context.Context, store *cache.Local, t *planner.Task) {
	ingredients, _, err := t.Describe()
	must(err)
	doc, err := cache.WriteJSON(ctx, store, map[string]any{"ingredients": ingredients})
	must(err)
	e := cache.Entry{Key: t.Key, Block: t.Block, Type: t.Address.Stage.Type, Ingredients: doc, Provenance: doc, Created: time.Now()}
	for _, o := range t.Outputs() {
		d, err := cache.WriteJSON(ctx, store, t.Address.String()+o.Name)
		must(err)
		e.Artifacts = append(e.Artifacts, cache.Artifact{Name: o.Name, MediaType: o.MediaType, Digest: d, Size: 1})
	}
	_, err = store.Publish(ctx, e)
	must(err)
}

// peer is a tool on a graph of chains: a train step and an evaluation each,
// and one step over all.
type peer struct {
	name  string
	most  int // nodes; making more of them for the first time takes too long
	write func(dir string, cells int)
	build []string // makes everything once
	check []string // finds nothing to do
}

var peers = []peer{
	{"make", 20000, writeMakefile, []string{"make", "-s"}, []string{"make", "-s"}},
	{"ninja", 20000, writeNinja, []string{"ninja", "--quiet"}, []string{"ninja", "--quiet"}},
	{"doit", 20000, writeDodo, []string{"doit", "-v0", "--backend", "dbm"}, []string{"doit", "-v0", "--backend", "dbm"}},
	{"snakemake", 2000, writeSnakefile, []string{"snakemake", "-c2", "-q"}, []string{"snakemake", "-c1", "-n", "-q"}},
}

func measurePeer(dir string, p peer, nodes, runs int, ours measurement) {
	if _, err := exec.LookPath(p.name); err != nil {
		fmt.Printf("%s nodes=%d skipped: not installed\n", p.name, nodes)
		return
	}
	if nodes > p.most {
		fmt.Printf("%s nodes=%d skipped: its first run takes more than ten minutes\n", p.name, nodes)
		return
	}
	must(os.MkdirAll(dir, 0o755))
	p.write(dir, (nodes-1)/2)
	if err := run(dir, os.Environ(), p.build[0], p.build[1:]...); err != nil {
		fmt.Printf("%s nodes=%d skipped: it cannot build its graph: %v\n", p.name, nodes, err)
		return
	}
	m := median(runs, func() *exec.Cmd { return command(dir, os.Environ(), p.check[0], p.check[1:]...) })
	fmt.Printf("%s nodes=%d seconds=%.3f rss_mib=%.0f ours/%s=%.2f\n", p.name, nodes, m.seconds, m.rss, p.name, ours.seconds/m.seconds)
}

func writeMakefile(dir string, cells int) {
	var b, all strings.Builder
	for i := range cells {
		fmt.Fprintf(&b, "t%d: src\n\t@cp src t%d\ne%d: t%d\n\t@cp t%d e%d\n", i, i, i, i, i, i)
		fmt.Fprintf(&all, " e%d", i)
	}
	content := "all: sum\nsum:" + all.String() + "\n\t@touch sum\n" + b.String()
	must(os.WriteFile(filepath.Join(dir, "Makefile"), []byte(content), 0o600))
	must(os.WriteFile(filepath.Join(dir, "src"), []byte("x"), 0o600))
}

func writeNinja(dir string, cells int) {
	var b, all strings.Builder
	b.WriteString("rule cp\n  command = cp $in $out\nrule touch\n  command = touch $out\n")
	for i := range cells {
		fmt.Fprintf(&b, "build t%d: cp src\nbuild e%d: cp t%d\n", i, i, i)
		fmt.Fprintf(&all, " e%d", i)
	}
	content := b.String() + "build sum: touch" + all.String() + "\n"
	must(os.WriteFile(filepath.Join(dir, "build.ninja"), []byte(content), 0o600))
	must(os.WriteFile(filepath.Join(dir, "src"), []byte("x"), 0o600))
}

func writeDodo(dir string, cells int) {
	content := fmt.Sprintf(`def task_t():
    for i in range(%d):
        yield {"name": i, "file_dep": ["src"], "targets": [f"t{i}"], "actions": [f"cp src t{i}"]}
def task_e():
    for i in range(%d):
        yield {"name": i, "file_dep": [f"t{i}"], "targets": [f"e{i}"], "actions": [f"cp t{i} e{i}"]}
def task_sum():
    return {"file_dep": [f"e{i}" for i in range(%d)], "targets": ["sum"], "actions": ["touch sum"]}
`, cells, cells, cells)
	must(os.WriteFile(filepath.Join(dir, "dodo.py"), []byte(content), 0o600))
	must(os.WriteFile(filepath.Join(dir, "src"), []byte("x"), 0o600))
}

func writeSnakefile(dir string, cells int) {
	content := fmt.Sprintf(`rule sum:
    input: expand("e{i}", i=range(%d))
    output: "sum"
    shell: "touch {output}"
rule t:
    input: "src"
    output: "t{i,[0-9]+}"
    shell: "cp {input} {output}"
rule e:
    input: "t{i}"
    output: "e{i,[0-9]+}"
    shell: "cp {input} {output}"
`, cells)
	must(os.WriteFile(filepath.Join(dir, "Snakefile"), []byte(content), 0o600))
	must(os.WriteFile(filepath.Join(dir, "src"), []byte("x"), 0o600))
}

// measureOnce runs a command and prints its wall time and peak memory. It is a
// process of its own, since a child's peak counts what its parent was when it
// forked, and this one is small.
func measureOnce(args []string) {
	cmd := exec.Command(args[0], args[1:]...)
	started := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		log.Fatalf("%v: %v\n%s", args, err, out)
	}
	wall, cpu := time.Since(started), cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()
	fmt.Println(wall.Seconds(), cpu.Seconds(), float64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)/1024)
}

func median(runs int, make func() *exec.Cmd) measurement {
	self, err := os.Executable()
	must(err)
	var seconds, cpus []float64
	rss := 0.0
	for i := range runs + 1 { // the first warms the page cache
		inner := make()
		cmd := command(inner.Dir, inner.Env, self, append([]string{"measure"}, inner.Args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			log.Fatalf("%v: %v\n%s", inner.Args, err, out)
		}
		var s, c, r float64
		_, err = fmt.Sscan(string(out), &s, &c, &r)
		must(err)
		if i > 0 {
			seconds, cpus, rss = append(seconds, s), append(cpus, c), max(rss, r)
		}
	}
	slices.Sort(seconds)
	slices.Sort(cpus)
	return measurement{seconds[len(seconds)/2], cpus[len(cpus)/2], rss}
}

func command(dir string, env []string, name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Dir, c.Env = dir, env
	return c
}

func run(dir string, env []string, name string, args ...string) error {
	out, err := command(dir, env, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
