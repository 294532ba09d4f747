package program

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ablate/cache/fsys"
	"ablate/stages/record"
)

func TestMetrics(t *testing.T) {
	row := func(step int, name string, value float64) record.Row {
		return record.Row{Step: step, Name: name, Value: value}
	}
	line := func(step int, name, value string) string {
		return fmt.Sprintf("{\"step\":%d,\"name\":%q,\"value\":%s}\n", step, name, value)
	}
	for _, c := range []struct {
		name, text string
		want       []record.Row
	}{
		{"plain", "\uFEFF" + line(1, "a", "2.5") + "\r\n" + `{"name":"a","value":-1e-3,"step":2,"more":1}`,
			[]record.Row{row(1, "a", 2.5), row(2, "a", -1e-3)}},
		{"logged again after a checkpoint", line(2, "a", "1") + line(2, "b", "0") + line(1, "a", "3") + line(2, "a", "4"),
			[]record.Row{row(1, "a", 3), row(2, "a", 4), row(2, "b", 0)}},
		{"NaN in the middle", line(1, "a", " NaN") + line(2, "a", "1"),
			[]record.Row{row(2, "a", 1)}},
		{"infinity at the end", line(1, "a", "1") + line(3, "a", "-Infinity") + line(2, "b", `"inf"`) + line(4, "c", "1"),
			[]record.Row{row(1, "a", 1), row(4, "c", 1), row(2, "diverged", 1)}},
		{"null at the end", line(1, "a", "null"),
			[]record.Row{row(1, "diverged", 1)}},
		{"the program decides", line(1, "a", "NaN") + line(7, "diverged", "1"),
			[]record.Row{row(7, "diverged", 1)}},
		{"a flag that is 0", line(1, "a", "1") + line(1, "diverged", "0"),
			[]record.Row{row(1, "a", 1)}},
	} {
		m, err := parseMetrics(strings.NewReader(c.text))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(c.want, slices.Collect(m.settled())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestBadRowsAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"{\"step\":1,\"name\":\"a\",\"value\":1}\n\nhello": "Line 3",
		`{"step":1,"name":"a"}`:                            "lacks one of",
		"\x00\x01\x1b\u009b\xff":                           "·····",
		strings.Repeat("x", 2<<20):                         "line 1 is longer than",
	} {
		if _, err := parseMetrics(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q gives %v, want %q", text, err, want)
		}
	}
}

// The watcher reads each complete line once, wherever a write ends.
func TestWatcherFollowsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics")
	w := &watcher{}
	look := func(text string) (map[string]float64, error) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := fsys.OpenRegular(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		return w.read(f)
	}
	one, two := "{\"step\":1,\"name\":\"a\",\"value\":1}\n", "{\"step\":2,\"name\":\"b\",\"value\":2}\n"
	for i, c := range []struct {
		text string
		want map[string]float64
	}{
		{one + two[:9], map[string]float64{"a": 1}},
		{one + two, map[string]float64{"b": 2}},
		{one + two, nil},
		{one, map[string]float64{"a": 1}}, // begun anew
	} {
		if got, err := look(c.text); err != nil || !cmp.Equal(got, c.want) {
			t.Errorf("look %d: %v, %v, want %v", i, got, err, c.want)
		}
	}
	if _, err := look(one + "hello\n"); err == nil || !strings.Contains(err.Error(), "Line 2") {
		t.Errorf("a bad line gives %v", err)
	}
}

func TestLastLines(t *testing.T) {
	for in, want := range map[string]string{
		"": "", " \n\t": "",
		"a\r\nb\n":                        ". Its last output:\n\n    a\n    b",
		"epoch 1\r\x1b[Kepoch 2\repoch 3": ". Its last output:\n\n    epoch 3",
	} {
		if got := lastLines(in); got != want {
			t.Errorf("lastLines(%q) = %q, want %q", in, got, want)
		}
	}
}
