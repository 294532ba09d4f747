package program

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/pipeline/source"
	"ablate/stages/record"

	"github.com/google/go-cmp/cmp"
)

// Event files that TensorBoard's writer made are read from the program's folder; one
// whose end is missing warns.
func TestEventsOfPrograms(t *testing.T) {
	const name = "events.out.tfevents.1700000000.host"
	whole, err := os.ReadFile("../../data/testdata/runs/tensorboard/rms-1/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for _, missing := range []int{0, 5} {
		dir := Scratch{Dir: t.TempDir(), metrics: metricsFile}
		if err := os.MkdirAll(dir.path("runs", "a"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir.path("runs", "a", name), whole[:len(whole)-missing], 0o600); err != nil {
			t.Fatal(err)
		}
		var warned []string
		p := &call{spec: Spec{Metrics: &Metrics{File: "runs"}}, dir: dir, env: &pipeline.Env{Warn: func(s string) { warned = append(warned, s) }}}
		if err := p.convert(false); err != nil {
			t.Fatal(err)
		}
		m, err := readMetrics(dir)
		if err != nil || len(m.names) == 0 || !strings.Contains(strings.Join(m.names, " "), "val/loss") {
			t.Errorf("without %d bytes: metrics %v, %v", missing, m, err)
		}
		if len(warned) != min(missing, 1) {
			t.Errorf("without %d bytes: warned %q", missing, warned)
		}
	}
}

// eventFiles copies the event files of a run into a folder of a program, a part of them.
func eventFiles(t *testing.T, run string, dir Scratch, folder string, part func(names []string) []string) {
	t.Helper()
	names, err := filepath.Glob("../../data/testdata/runs/" + run + "/events*")
	if err != nil || len(names) == 0 {
		t.Fatalf("%v, %v", names, err)
	}
	for _, name := range part(names) {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.MkdirAll(dir.path(folder), 0o700), os.WriteFile(dir.path(folder, filepath.Base(name)), raw, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// If a program resumes with purge_step, what it wrote before of that step and later ones
// does not count: in one call, in two of them, and in two of which the first is restored.
func TestEventsOfProgramsThatResume(t *testing.T) {
	all := func(names []string) []string { return names }
	first := func(names []string) []string { return names[:1] }
	rest := func(names []string) []string { return names[1:] }
	for name, calls := range map[string][]func([]string) []string{"once": {all}, "twice": {first, all}, "restored": {first, rest}} {
		dir := Scratch{Dir: t.TempDir(), metrics: metricsFile}
		copied := int64(0)
		for i, part := range calls {
			p := &call{spec: Spec{Metrics: &Metrics{File: "runs"}}, dir: dir, copied: copied, resumed: i > 0}
			p.before = p.sizesBefore()
			if err := os.RemoveAll(dir.path("runs")); err != nil {
				t.Fatal(err)
			}
			eventFiles(t, "restarted/rms-1", dir, "runs", part)
			for _, running := range []bool{true, false} {
				if err := p.convert(running); err != nil {
					t.Fatal(err)
				}
			}
			info, err := os.Stat(dir.path(copiedFile))
			if err != nil {
				t.Fatal(err)
			}
			copied = info.Size()
		}
		m, err := readMetrics(dir)
		if err != nil {
			t.Fatal(err)
		}
		rows := slices.Collect(m.settled())
		if last := rows[len(rows)-1]; len(rows) != 5 || last.Step != 40 || math.Abs(last.Value-3.6) > 1e-6 {
			t.Errorf("%s: %v", name, rows)
		}
	}
}

// Two writers of one metric do not replace each other's values: it is left out. Files
// that continue each other, and those of an earlier call, are no two writers.
func TestMetricsOfSeveralWriters(t *testing.T) {
	for name, c := range map[string]struct {
		before, files map[string]string
		want          string
	}{
		"two":         {nil, map[string]string{"log/train.csv": "step,loss,lr\n1,3,9\n", "log/val.csv": "step,loss,acc,lr\n1,4,0.5,9\n"}, "acc lr"},
		"two formats": {nil, map[string]string{"log/a.csv": "step,loss,acc\n1,3,nan\n2,4,1\n", "log/b.csv": "step,loss,acc\n1.0,3.0,NaN\n2.0,4.5,1.00\n"}, "acc"},
		"rotated":     {nil, map[string]string{"log/1.csv": "step,loss\n1,3\n", "log/2.csv": "step,loss\n2,4\n"}, "loss"},
		"resumed":     {map[string]string{"log/1.csv": "step,loss\n1,3\n2,5\n"}, map[string]string{"log/2.csv": "step,loss\n2,4\n"}, "loss"},
	} {
		dir := Scratch{Dir: t.TempDir(), metrics: metricsFile}
		var warned []string
		p := &call{spec: Spec{Metrics: &Metrics{File: "log"}}, dir: dir, resumed: c.before != nil, env: &pipeline.Env{Warn: func(s string) { warned = append(warned, s) }}}
		write := func(files map[string]string) {
			for name, text := range files {
				if err := CopyTo(dir.path(name), io.NopCloser(strings.NewReader(text))); err != nil {
					t.Fatal(err)
				}
			}
		}
		write(c.before)
		p.before = p.sizesBefore()
		write(c.files)
		if err := p.convert(false); err != nil {
			t.Fatal(err)
		}
		m, err := readMetrics(dir)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(m.names)
		if got := strings.Join(m.names, " "); got != c.want {
			t.Errorf("%s: metrics %s, want %s", name, got, c.want)
		}
		if (len(warned) > 0) != strings.HasPrefix(name, "two") {
			t.Errorf("%s: warned %q", name, warned)
		}
	}

	dir := Scratch{Dir: t.TempDir(), metrics: metricsFile}
	all := func(names []string) []string { return names }
	eventFiles(t, "tensorboard/rms-1", dir, "log/train", all)
	eventFiles(t, "tensorboard/dyt-2", dir, "log/validation", all)
	var warned string
	p := &call{spec: Spec{Metrics: &Metrics{File: "log"}}, dir: dir, env: &pipeline.Env{Warn: func(s string) { warned = s }}}
	if err := p.convert(false); err != nil || !strings.Contains(warned, "log/train and log/validation") || !strings.Contains(warned, "val/loss") {
		t.Errorf("%v, warned %q", err, warned)
	}
}

// A byte order mark is no part of the text.
func TestFilesWithAByteOrderMark(t *testing.T) {
	for name, text := range map[string]string{"log.jsonl": `{"step":1,"loss":2}`, "log.csv": "step,loss\n1,2\n", "log.tsv": "\"step\"\tloss\n1\t2\n"} {
		dir := Scratch{Dir: t.TempDir(), metrics: metricsFile}
		if err := os.WriteFile(dir.path(name), []byte("\ufeff"+text), 0o600); err != nil {
			t.Fatal(err)
		}
		p := &call{spec: Spec{Metrics: &Metrics{File: name}}, dir: dir}
		if err := p.convert(false); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		m, err := readMetrics(dir)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]record.Row{{Step: 1, Name: "loss", Value: 2}}, slices.Collect(m.settled())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// The texts are what hydra-core 1.3 reads back as the same text.
func TestHydraValue(t *testing.T) {
	for text, want := range map[string]string{
		"adam": "adam", "conf/db-1.yaml": "conf/db-1.yaml", "a b": "'a b'", "": "''", "TRUE": "'TRUE'", "1e-3": "'1e-3'",
		`it's`: `'it\'s'`, `a\`: `'a\\'`, `a\'`: `'a\\\''`, `a\b`: `'a\b'`, "${x}": "'${x}'",
	} {
		if got := hydraValue(addr.Level{Kind: "string", Text: text}); got != want {
			t.Errorf("hydraValue(%q) = %s, want %s", text, got, want)
		}
	}
}

// Lines without a step are counted, unless the program resumed; words are no values, and
// the last line needs no end.
func TestPrintedMetrics(t *testing.T) {
	dir := Scratch{Dir: t.TempDir(), metrics: "." + metricsFile}
	p := &call{spec: Spec{Metrics: &Metrics{Stdout: `loss[ =]+(?P<loss>\S+)`, File: "*.jsonl"}}, dir: dir}
	rows := p.printedMetrics()
	rows.Write([]byte("loss improved\nloss = 3\rloss = 2\nno loss\nloss 1"))
	if err := rows.end(true); err != nil {
		t.Fatal(err)
	}
	p.resumed = true
	rows = p.printedMetrics()
	rows.Write([]byte("loss 0.5\n"))
	if err := rows.end(true); err == nil || err.Error() != errPrintedUncounted.Error() {
		t.Errorf("in a program that resumed: %v, want that the row has no step", err)
	}
	m, err := readMetrics(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []record.Row{{Step: 1, Name: "loss", Value: 3}, {Step: 2, Name: "loss", Value: 2}, {Step: 3, Name: "loss", Value: 1}}
	if diff := cmp.Diff(want, slices.Collect(m.settled())); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if names, err := p.spec.Metrics.files(dir); err != nil || len(names) > 0 {
		t.Errorf("files of metrics = %v, %v, want none of ablate's own", names, err)
	}
}

// memory keeps the states of one program.
type memory struct {
	pipeline.States
	kept map[cache.Digest][]byte
}

func (m *memory) Keep(_ context.Context, key cache.Key, _ cache.Value, pieces ...pipeline.Piece) (cache.Entry, error) {
	var b bytes.Buffer
	if err := pieces[0].Write(&b); err != nil {
		return cache.Entry{}, err
	}
	digest := cache.Digest(sha256.Sum256(b.Bytes()))
	m.kept[digest] = b.Bytes()
	return cache.Entry{Key: key, Artifacts: []cache.Artifact{{Name: pieces[0].Name, Digest: digest}}}, nil
}

func (m *memory) Open(_ context.Context, d cache.Digest) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(m.kept[d])), nil
}

func (m *memory) Drop(_ context.Context, ds ...cache.Digest) error {
	for _, d := range ds {
		delete(m.kept, d)
	}
	return nil
}

// shell is a call of a shell script in a new folder, with the folders of scratch.fill.
func shell(t *testing.T, script string, m Metrics) (*call, *memory) {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no shell")
	}
	dir := Scratch{Dir: t.TempDir(), metrics: "." + metricsFile}
	for _, name := range []string{outputsFolder, resumeFolder, temporary} {
		if err := os.Mkdir(dir.path(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	states := &memory{kept: make(map[cache.Digest][]byte)}
	env := &pipeline.Env{Log: slog.New(slog.DiscardHandler), Warn: func(string) {}, Progress: func(pipeline.Progress) {}}
	spec := Spec{Argv: []string{"sh", "-c", script}, Metrics: &m}
	return &call{spec: spec, env: env, dir: dir, kept: &checkpoints{states: states, base: cache.Int(0)}}, states
}

func writeCommit(t *testing.T, dir Scratch, name string) {
	t.Helper()
	commit := dir.path(resumeFolder, commitFile)
	if err := errors.Join(os.WriteFile(commit+".tmp", []byte(name), 0o600), os.Rename(commit+".tmp", commit)); err != nil {
		t.Fatal(err)
	}
}

// A program that alternates between two names, as ablate_log.py does, may write both while
// the first is read.
func TestCheckpointOfTheSameName(t *testing.T) {
	p, states := shell(t, "", Metrics{})
	if err := os.WriteFile(p.dir.path(resumeFolder, "state-0"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	writeCommit(t, p.dir, "state-0")
	err := p.kept.keep(t.Context(), p.dir, func() error {
		time.Sleep(20 * time.Millisecond) // file systems of older kernels tell no shorter times apart
		writeCommit(t, p.dir, "state-1")
		writeCommit(t, p.dir, "state-0")
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "the program replaced state-0") || len(states.kept) > 0 {
		t.Errorf("%v, %d kept, want that the program replaced it", err, len(states.kept))
	}
}

// The user is warned once per trial that checkpoints cannot be kept, also where others
// between them are kept, and in every call of the program.
func TestWarnedOnceOfCheckpoints(t *testing.T) {
	p, states := shell(t, "", Metrics{})
	var warned []string
	p.env.Warn = func(text string) { warned = append(warned, text) }
	commit := func(name string) { t.Helper(); writeCommit(t, p.dir, name) }
	if err := errors.Join(os.Symlink("nowhere", p.dir.path(resumeFolder, "link")), os.WriteFile(p.dir.path(resumeFolder, "state"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		commit("link")
		p.keep(t.Context(), false)
		p.keep(t.Context(), false)
		commit("state")
		p.keep(t.Context(), false)
		p = &call{spec: p.spec, env: p.env, dir: p.dir, kept: p.kept}
	}
	if len(warned) != 1 || p.kept.last != 3 || len(states.kept) != 1 {
		t.Errorf("warned of %q and kept %d checkpoints of which %d are left, want one warning, three checkpoints and the last one", warned, p.kept.last, len(states.kept))
	}
}

// A printed row that cannot be written fails the trial, whatever the program's exit
// status, and no checkpoint is kept that lacks it.
func TestLostRows(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no device that is always full")
	}
	for _, status := range []string{"0", "1", "75"} {
		p, states := shell(t, "echo loss 2; echo x > resume/a; echo a > resume/COMMIT; exit "+status, Metrics{Stdout: `loss (?P<loss>\S+)`})
		if err := os.Symlink("/dev/full", p.dir.path(convertedFile)); err != nil {
			t.Fatal(err)
		}
		if err := p.run(t.Context()); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("with exit status %s: %v, want that no space is left", status, err)
		}
		if len(states.kept) > 0 {
			t.Errorf("with exit status %s, a checkpoint without the row was kept", status)
		}
	}
}

// A checkpoint has the rows of the program's files so far, but not half a line.
func TestCheckpointHasTheRowsOfFiles(t *testing.T) {
	p, states := shell(t, "", Metrics{File: "*.csv"})
	log := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(p.dir.path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	log("b.csv", "step,b\n1,0.5\n")
	for i, text := range []string{"step,a\n1,3\n2,2", "step,a\n1,3\n2,2.5\n3,1"} {
		log("a.csv", text)
		log(resumeFolder+"/state", "x")
		log(resumeFolder+"/"+commitFile, "state")
		p.seen = nil
		if p.keep(t.Context(), false); p.kept.last != i+1 || len(states.kept) != 1 {
			t.Fatalf("%d checkpoints are kept, the last is number %d", len(states.kept), p.kept.last)
		}
		if err := p.report(); err != nil {
			t.Fatal(err)
		}
	}
	next := Scratch{Dir: t.TempDir(), metrics: "." + metricsFile}
	if err := p.kept.restore(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	// The program resumes, and begins its files again.
	if err := os.WriteFile(next.path("a.csv"), []byte("step,a\n3,1.5"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.dir, p.spec.Argv = next, []string{"sh", "-c", ""}
	if err := p.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	m, err := readMetrics(next)
	if err != nil {
		t.Fatal(err)
	}
	want := []record.Row{{Step: 1, Name: "a", Value: 3}, {Step: 1, Name: "b", Value: 0.5}, {Step: 2, Name: "a", Value: 2.5}, {Step: 3, Name: "a", Value: 1.5}}
	if diff := cmp.Diff(want, slices.Collect(m.settled())); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// What a program printed before its end is read, however slow the reader of the log is.
func TestPrintedRowsAreReadToTheEnd(t *testing.T) {
	const rows = 12000 // more than the pipe of the log and one reading hold, less than both pipes do
	p, _ := shell(t, fmt.Sprintf("i=0; while [ $i -lt %d ]; do i=$((i+1)); echo loss $i; done; echo >tmp/end", rows), Metrics{Stdout: `loss (?P<loss>\S+)`})
	log, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func(stderr *os.File) { os.Stderr = stderr }(os.Stderr)
	os.Stderr = to
	read := make(chan struct{})
	go func() {
		defer close(read)
		for i := 0; i < 1000; i++ { // until the program has ended
			if _, err := os.Stat(p.dir.path(temporary, "end")); err == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(3 * afterEnd / 2)
		io.Copy(io.Discard, log)
	}()
	if err := p.run(t.Context()); err != nil {
		t.Error(err)
	}
	to.Close()
	<-read
	log.Close()
	if m, err := readMetrics(p.dir); err != nil || len(m.rows) != rows {
		t.Errorf("%d of %d rows are kept: %v", len(m.rows), rows, err)
	}
}

// A process that left the program's group and prints on does not keep the trial.
func TestPipeHeldByAnother(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	out := &output{pipe: r}
	out.end()
	if n, err := io.Copy(io.Discard, out); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("of a silent process %d bytes are read: %v", n, err)
	}
	go func() {
		for {
			if _, err := w.Write(make([]byte, 1<<12)); err != nil {
				return
			}
		}
	}()
	if n, err := io.Copy(io.Discard, out); n != mostInPipe || err != nil {
		t.Errorf("of one that prints %d bytes are read: %v", n, err)
	}
}

// What an earlier run by hand left in the study's folder is no part of a trial.
func TestReservedFiles(t *testing.T) {
	for name, leftOut := range map[string]bool{
		"parameters.json": true, "metrics.jsonl.gz": true, "outputs/model.pt": true, "resume/COMMIT": true, "resume/state-1": true,
		"train.py": false, "inputs/0/a.txt": false, "lib/parameters.json": false, "lib/outputs/model.pt": false,
	} {
		study := t.TempDir()
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(study, name)), 0o700), os.WriteFile(filepath.Join(study, name), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		in := pipeline.Inputs{Sources: source.Folder{Dir: study}, Study: pipeline.StudyInfo{Dir: study}}
		kept, left, err := Spec{Files: []string{"."}}.files(in)
		if err != nil || (len(left) == 1) != leftOut || len(kept)+len(left) != 1 {
			t.Errorf("with %s: %v are left out, %v, want that it is: %t", name, left, err, leftOut)
		}
		if got := (Spec{}).reserved().Check([]string{name}) != nil; got != leftOut {
			t.Errorf("named, %s is refused: %t, want %t", name, got, leftOut)
		}
	}
}

// A program that asks to be called again ended by itself: its last line counts, and what
// is wrong with its files is reported.
func TestMetricsBeforeAnotherCall(t *testing.T) {
	p, _ := shell(t, "printf 'loss 3'; exit 75", Metrics{Stdout: `loss (?P<loss>\S+)`})
	if err := p.run(t.Context()); !asksAgain(err) {
		t.Fatal(err)
	}
	if m, err := readMetrics(p.dir); err != nil || len(m.rows) != 1 {
		t.Errorf("rows %v, %v, want one", m, err)
	}
	p, _ = shell(t, "printf 'step,a\\nx,1\\n' >log.csv; echo x >resume/a; echo a >resume/COMMIT; exit 75", Metrics{File: "log.csv"})
	if err := p.run(t.Context()); err == nil || !strings.Contains(err.Error(), "Unreadable metrics") {
		t.Errorf("with an unreadable file: %v", err)
	}
}

// A trace that cannot be read to its end says so.
func TestPartOfATrace(t *testing.T) {
	p, _ := shell(t, "", Metrics{})
	var warned []string
	p.env.Warn = func(s string) { warned = append(warned, s) }
	tr := &trace{file: p.dir.path("trace")}
	if err := os.WriteFile(tr.file, bytes.Repeat([]byte("x"), 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if tr.report(p); len(warned) != 1 || !strings.Contains(warned[0], "only part") {
		t.Errorf("warned %q, want that the trace was read in part", warned)
	}
}

// A folder may have a name that globs take for a pattern.
func TestFolderNamedLikeAPattern(t *testing.T) {
	parent := filepath.Join(t.TempDir(), "a [b] {c,d}")
	if err := os.Mkdir(parent, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", parent)
	t.Setenv("TMP", parent) // on Windows
	env := &pipeline.Env{Warn: func(s string) { t.Error(s) }}
	left := abandon(t, env)
	dir, err := NewScratch(env)
	if err != nil {
		t.Fatal(err)
	}
	if exists(left.folder) {
		t.Errorf("the folder %s of a process that was killed was not removed", left.folder)
	}
	if err := os.WriteFile(dir.path("log.csv"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if names, err := (&Metrics{File: "./*.csv"}).files(dir); err != nil || !slices.Equal(names, []string{"log.csv"}) {
		t.Errorf("files of metrics = %v, %v, want log.csv", names, err)
	}
	dir.Remove()
}

// Rows without a step cannot be counted after a checkpoint.
func TestCountedRowsAfterACheckpoint(t *testing.T) {
	dir := Scratch{Dir: t.TempDir(), metrics: "." + metricsFile}
	if err := os.WriteFile(dir.path("log.csv"), []byte("loss\n3\n2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &call{spec: Spec{Metrics: &Metrics{File: "log.csv"}}, dir: dir, kept: &checkpoints{last: 1}}
	if err := errors.Join(p.convert(false), p.refuseUncounted()); err != nil {
		t.Errorf("convert() = %v in a call that began at the start", err)
	}
	p.resumed = true
	if err := p.refuseUncounted(); err == nil || !strings.Contains(err.Error(), "resumed from a checkpoint") {
		t.Errorf("while the program runs: %v, want that the rows have no step", err)
	}
	if err := p.convert(false); err == nil || !strings.Contains(err.Error(), "resumed from a checkpoint") {
		t.Errorf("convert() = %v, want that the rows have no step", err)
	}
}

// What is wrong with a file of metrics is named with its place.
func TestUnreadableFilesOfMetrics(t *testing.T) {
	for text, want := range map[string]string{
		"step,val_loss\nfirst,2\n":                           `line 2: the step is "first", not a whole number`,
		"step,val_loss\n1,2\n-1,2\n":                         `line 3: the step is "-1"`,
		"step,a,a\n1,2,3\n":                                  `two columns have the name "a"`,
		"step,a\n1,\"2\n":                                    "line 2",
		"{\"step\": 1, \"a\": 2}\n{\"step\": 0.5, \"a\": 2}": `line 2: the step is "0.5"`,
		"{\"step\": 1, \"a\": 2}\n{\"step\": 2, \"a":         "line 2",
		"s\x00t\x00e\x00p\x00":                               "neither text in UTF-8 nor an event file",
	} {
		dir := Scratch{Dir: t.TempDir(), metrics: metricsFile}
		if err := os.WriteFile(dir.path("log"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p := &call{spec: Spec{Metrics: &Metrics{File: "log"}}, dir: dir}
		if err := p.convert(false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	// A float without a fraction is a step.
	if err := checkStep("10.0"); err != nil {
		t.Error(err)
	}
}
