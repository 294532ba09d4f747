package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var seeds = flag.Uint64("seeds", 3, "how many random sequences TestWarmStore tries")

// TestWarmStore edits a study at random and runs it in one store, which also loses
// states and runs that are killed. After each move the results must have the bytes
// that an empty store gives, and the run must do what the plan said. The same seed
// makes the same moves:
//
//	go test ./cmd/ablate -run 'TestWarmStore/seed=7$' -seeds 7
func TestWarmStore(t *testing.T) {
	cold := &coldStores{answers: make(map[string]answers)}
	for seed := uint64(1); seed <= *seeds; seed++ {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			w := newWarmStore(t, seed, cold)
			const moves = 7
			for range moves {
				move := w.move()
				if err := w.check(); err != nil {
					t.Fatalf("seed %d, after these moves:\n%s\n%v", seed, strings.Join(w.moves, "\n"), err)
				}
				t.Log(move)
			}
			if _, err := w.do("", "cache", "verify"); err != nil {
				t.Error(err)
			}
		})
	}
}

// warmStore is a study that changes and the store in which it runs.
type warmStore struct {
	machine
	t     *testing.T
	rand  *rand.Rand
	study variants
	past  []map[int]int // choices of earlier studies
	moves []string
	cold  *coldStores
}

func newWarmStore(t *testing.T, seed uint64, cold *coldStores) *warmStore {
	dir := t.TempDir()
	w := &warmStore{machine: machine{filepath.Join(dir, "study"), filepath.Join(dir, "store")}, t: t, cold: cold,
		rand: rand.New(rand.NewPCG(seed, 0)), study: readVariants(t)}
	w.write()
	if err := w.check(); err != nil {
		t.Fatalf("seed %d, before any move: %v", seed, err)
	}
	return w
}

// move changes the study or the store.
func (w *warmStore) move() string {
	var did string
	switch n := w.rand.IntN(10); {
	case n < 4:
		did = w.edit(w.rand.IntN(len(w.study.choices)))
	case n < 6:
		did = w.edit(w.study.find("steps"))
	case n < 7 && len(w.past) > 1:
		w.study.chosen = maps.Clone(w.past[w.rand.IntN(len(w.past)-1)])
		did = "undo edits"
	case n < 8:
		did = w.evict()
	default:
		did = w.edit(w.rand.IntN(len(w.study.choices))) + ", and kill the run at operation " + w.kill()
	}
	w.moves = append(w.moves, did)
	w.write()
	return did
}

// edit makes another choice at one place of the study.
func (w *warmStore) edit(place int) string {
	n := len(w.study.choices[place])
	was := w.study.chosen[place]
	w.study.chosen[place] = (was + 1 + w.rand.IntN(n-1)) % n
	return fmt.Sprintf("edit %s: %q → %q", w.study.names[place], w.study.choices[place][was], w.study.choices[place][w.study.chosen[place]])
}

// evict removes every artifact that can be computed again.
func (w *warmStore) evict() string {
	if _, err := w.do("", "cache", "gc", "--grace", "0s", "--budget", "0B", "--apply"); err != nil {
		w.t.Fatal(err)
	}
	return "evict states and checkpoints"
}

// kill runs the study until an operation on the store kills the process that does it.
func (w *warmStore) kill() string {
	w.write()
	const operations = 250 // about as many as a run has
	at := strconv.Itoa(1 + w.rand.IntN(operations))
	if err := os.WriteFile(w.store+".at", []byte(at), 0o600); err != nil {
		w.t.Fatal(err)
	}
	os.Remove(w.store + ".points")
	w.do("ablate-crashing", "run") // fails, unless it ended before
	w.awaitOrphans()
	return at
}

// awaitOrphans waits for the children of a killed run, which end by themselves: what
// they still save is not in a plan that is made before. Without /proc it cannot see
// them.
func (w *warmStore) awaitOrphans() {
	alive := func() bool {
		all, _ := filepath.Glob("/proc/[0-9]*/environ")
		return slices.ContainsFunc(all, func(name string) bool {
			raw, err := os.ReadFile(name)
			return err == nil && strings.Contains(string(raw), "ABLATE_CACHE_DIR="+w.store)
		})
	}
	const patience = 30 * time.Second
	for started := time.Now(); alive(); time.Sleep(20 * time.Millisecond) {
		if time.Since(started) > patience {
			w.t.Fatal("a child of a killed run does not end")
		}
	}
}

// write makes the study's files those of the present choices.
func (w *warmStore) write() {
	w.past = append(w.past, maps.Clone(w.study.chosen))
	if err := writeFiles(w.machine.study, w.study.text()); err != nil {
		w.t.Fatal(err)
	}
}

// check plans and runs the study, and compares what happened with the plan and the
// results with those of an empty store.
func (w *warmStore) check() error {
	plan, err := w.do("", "plan")
	if err != nil {
		return err
	}
	ran, err := w.do("", "run")
	if err != nil {
		return err
	}
	if err := w.asPlanned(plan, ran); err != nil {
		return err
	}
	got, err := w.answers()
	if err != nil {
		return err
	}
	want, err := w.cold.of(w.t, w.study.text())
	if err != nil {
		return fmt.Errorf("in an empty store: %w", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("the results are not those of an empty store (-empty +warm):\n%s", diff)
	}
	return nil
}

// asPlanned compares a run with its plan: cached instances do not start, the others
// start once, and each trial computes the steps that the plan names.
func (w *warmStore) asPlanned(plan, ran []line) error {
	started := make(map[string]int)
	for _, l := range ran {
		if l.Type == "stage_start" {
			started[l.Address]++
		}
	}
	for _, l := range plan {
		if l.Type != "plan_step" || l.Action == "pending" {
			continue
		}
		want := 1
		if l.Action == "hit" {
			want = 0
		}
		if started[l.Address] != want {
			return fmt.Errorf("%s: the plan says %s (%s), but it started %d times", l.Address, l.Action, l.Reason, started[l.Address])
		}
		if err := w.stepsAsPlanned(l); err != nil {
			return err
		}
	}
	return nil
}

var (
	plannedSpan   = regexp.MustCompile(`(\d+)-(\d+)`)
	computedSteps = regexp.MustCompile(`msg=trained steps=(\d+) computed=(\d+)`)
)

// stepsAsPlanned compares the steps that a trial computed, as its log says, with
// those of the plan. A trial that diverges stops earlier than the plan can know.
func (w *warmStore) stepsAsPlanned(planned line) error {
	if planned.Action != "resume" && planned.Action != "run" || !strings.HasPrefix(planned.Address, "train.lm.") {
		return nil
	}
	raw, err := os.ReadFile(filepath.Join(w.store, "logs", planned.Key[:2], planned.Key+".log"))
	if err != nil {
		return err
	}
	log := string(raw[strings.LastIndex(string(raw), "msg=start "):])
	trained := computedSteps.FindStringSubmatch(log)
	if trained == nil {
		return fmt.Errorf("%s: its log does not say how many steps it computed:\n%s", planned.Address, log)
	}
	want := trained[1]
	if planned.Action == "resume" {
		_, todo, _ := strings.Cut(planned.Reason, " are cached: ")
		total := 0
		for _, span := range plannedSpan.FindAllStringSubmatch(todo, -1) {
			from, _ := strconv.Atoi(span[1])
			to, _ := strconv.Atoi(span[2])
			total += to - from + 1
		}
		want = strconv.Itoa(total)
	}
	if trained[2] != want && !strings.Contains(log, "msg=diverged") {
		return fmt.Errorf("%s: the plan says %q, but it computed %s steps; its log:\n%s", planned.Address, planned.Reason, trained[2], raw)
	}
	return nil
}

// answers are the digests of artifacts by instance and name, and the key of the
// instance as its artifact "key".
type answers map[string]map[string]string

// answers lists the results of the study, which must all be cached.
func (m machine) answers() (answers, error) {
	plan, err := m.do("", "plan")
	if err != nil {
		return nil, err
	}
	entries, err := m.do("", "cache", "ls")
	if err != nil {
		return nil, err
	}
	stored := make(map[string]map[string]string)
	for _, l := range entries {
		digests := map[string]string{"key": l.Entry.Key}
		for _, a := range l.Entry.Artifacts {
			digests[a.Name] = a.Digest
		}
		stored[l.Entry.Key] = digests
	}
	out := make(answers)
	for _, l := range plan {
		if l.Type != "plan_step" {
			continue
		}
		if l.Action != "hit" {
			return nil, fmt.Errorf("%s is not cached after the run: %s (%s)", l.Address, l.Action, l.Reason)
		}
		out[l.Address] = stored[l.Key]
	}
	return out, nil
}

// coldStores runs studies in empty stores, each once.
type coldStores struct{ answers map[string]answers }

func (c *coldStores) of(t *testing.T, study string) (answers, error) {
	if known, ok := c.answers[study]; ok {
		return known, nil
	}
	dir := t.TempDir()
	m := machine{filepath.Join(dir, "study"), filepath.Join(dir, "store")}
	if err := writeFiles(m.study, study); err != nil {
		return nil, err
	}
	if _, err := m.do("", "run"); err != nil {
		return nil, err
	}
	got, err := m.answers()
	c.answers[study] = got
	return got, err
}

// writeFiles writes a study and its files, in the format of txtar. It does not touch
// a file that has the content.
func writeFiles(dir, study string) error {
	archive := txtar.Parse([]byte(study))
	files := append(archive.Files, txtar.File{Name: "study.hcl", Data: archive.Comment})
	for _, f := range files {
		path := filepath.Join(dir, f.Name)
		if old, err := os.ReadFile(path); err == nil && string(old) == string(f.Data) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.Data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// variants is a study with several choices at some places, written «a|b|c». The first
// is the one to start with.
type variants struct {
	fixed   []string // the text around the places
	choices [][]string
	names   []string // the line in which a place is, up to it
	chosen  map[int]int
}

func readVariants(t *testing.T) variants {
	t.Helper()
	raw, err := os.ReadFile("testdata/warm/study.txt")
	if err != nil {
		t.Fatal(err)
	}
	v := variants{chosen: make(map[int]int)}
	for rest := string(raw); ; {
		before, after, found := strings.Cut(rest, "«")
		v.fixed = append(v.fixed, before)
		if !found {
			return v
		}
		inside, behind, closed := strings.Cut(after, "»")
		if !closed {
			t.Fatalf("no end of «%s", after)
		}
		v.choices = append(v.choices, strings.Split(inside, "|"))
		name := strings.Fields(before[strings.LastIndex(before, "\n")+1:] + " " + strings.ReplaceAll(inside, "|", " "))
		v.names = append(v.names, name[0])
		rest = behind
	}
}

// find returns the place of an attribute.
func (v variants) find(name string) int { return slices.Index(v.names, name) }

// text is the study with the present choices.
func (v variants) text() string {
	var b strings.Builder
	for i, text := range v.fixed {
		b.WriteString(text)
		if i < len(v.choices) {
			b.WriteString(v.choices[i][v.chosen[i]])
		}
	}
	return b.String()
}

// TestWarmStoreChoosesEverywhere finds attributes of the kinds in the study of
// TestWarmStore that no place of it changes.
func TestWarmStoreChoosesEverywhere(t *testing.T) {
	// References lead to the only stage that there is, and presets are another way to
	// write the rest. The other tokenizers are slow, and bytes have no special tokens.
	// Files that exclude leaves out are files that source does not name.
	fixed := []string{"data", "model", "norm", "optimizer", "backend", "preset", "tokenizer", "special_tokens", "exclude"}
	raw, err := os.ReadFile("testdata/warm/study.txt")
	if err != nil {
		t.Fatal(err)
	}
	places := make(map[string]string) // what is within «», by block and kind
	block := regexp.MustCompile(`(?ms)^(data|model|norm|optimizer|train) "(\w+)" .*?^}`)
	place := regexp.MustCompile(`(?s)\w*\s*=?\s*«.*?»`)
	for _, m := range block.FindAllStringSubmatch(string(raw), -1) {
		places[m[1]+"."+m[2]] += strings.Join(place.FindAllString(m[0], -1), "\n")
	}
	lines, err := machine{study: t.TempDir(), store: t.TempDir()}.raw("", "metadata")
	if err != nil {
		t.Fatal(err)
	}
	for dec := json.NewDecoder(strings.NewReader(lines)); dec.More(); {
		var kind struct {
			Block, Kind string
			Fields      []metadataField
		}
		if err := dec.Decode(&kind); err != nil {
			t.Fatal(err)
		}
		text, used := places[kind.Block+"."+kind.Kind]
		for _, name := range attributes(kind.Fields) {
			if used && !slices.Contains(fixed, name) && !regexp.MustCompile(`\b`+name+`\b`).MatchString(text) {
				t.Errorf("no place of testdata/warm/study.txt changes %s of %s %q", name, kind.Block, kind.Kind)
			}
		}
	}
}

// metadataField is a field in the output of metadata.
type metadataField struct {
	Name   string
	Fields []metadataField
}

// attributes lists the names of attributes, also those of nested blocks.
func attributes(fields []metadataField) []string {
	var out []string
	for _, f := range fields {
		if len(f.Fields) == 0 {
			out = append(out, f.Name)
		}
		out = append(out, attributes(f.Fields)...)
	}
	return out
}
