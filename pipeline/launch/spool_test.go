package launch

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ablate/cache"
	"ablate/pipeline"
)

// TestAttempts follows the attempts at an action. What was read once is not read again:
// here it is overwritten.
func TestAttempts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lab [gpu]")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	key := cache.Key{1}
	write := func(n int, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, attemptFile(key, n)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var a attempt
	read := func() attempt {
		a.read(newestAttempts(dir)[key])
		return a
	}
	if got := read(); got.path != "" {
		t.Errorf("before the first attempt: %+v", got)
	}
	const first = `{"progress":{"step":7,"steps":9}}` + "\n"
	write(0, first+`{"failed":{"te`)
	if got := read(); got.best != 7 || got.failed != nil {
		t.Errorf("with a line that is half written: %+v, want step 7", got)
	}
	write(0, strings.Repeat(" ", len(first)-1)+"\n"+`{"failed":{"text":"it broke"}}`+"\n")
	if got := read(); got.best != 7 || got.failed == nil || got.failed.Text != "it broke" {
		t.Errorf("with a whole line: %+v, want step 7 and the failure", got)
	}
	write(1, "damaged\n"+`{"progress":{"step":2,"steps":9}}`+"\n"+`{"stopped":{}}`+"\n")
	if got := read(); got.best != 2 || got.failed != nil || !got.stopped {
		t.Errorf("of the second attempt: %+v, want that it stopped at step 2", got)
	}
}

// TestReportsOfALongAction reports every second for two days.
func TestReportsOfALongAction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, err := os.OpenFile(filepath.Join(t.TempDir(), "attempt"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r := reporter{file: f, answer: &answerer{enc: json.NewEncoder(f)}}
		const reports = 2 * 24 * 3600
		for i := range reports {
			time.Sleep(time.Second)
			r.report(pipeline.Progress{Step: i, Steps: reports, Metrics: map[string]float64{"loss": 2, "tokens_per_second": 1e5}})
		}
		if info, err := f.Stat(); err != nil || info.Size() > 4<<20 {
			t.Errorf("the file has %d bytes, %v", info.Size(), err)
		}
		r.flush()
		var last attempt
		if last.read(f.Name()); last.progress.Step != reports-1 {
			t.Errorf("the last report is of step %d, want %d", last.progress.Step, reports-1)
		}
	})
}
