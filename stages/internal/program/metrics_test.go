package program

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ablate/stages/record"
)

func readText(t *testing.T, text string) ([]record.Row, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "metrics")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return readRows(path)
}

func TestRows(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		name, text string
		want, kept []record.Row
	}{
		{"plain", `{"step":1,"name":"a","value":2.5}` + "\n\n" + `{"name":"a","value":-1e-3,"step":2,"more":1}` + "\n",
			[]record.Row{{Step: 1, Name: "a", Value: 2.5}, {Step: 2, Name: "a", Value: -1e-3}}, []record.Row{{Step: 1, Name: "a", Value: 2.5}, {Step: 2, Name: "a", Value: -1e-3}}},
		{"written again after a checkpoint", "{\"step\":2,\"name\":\"a\",\"value\":1}\n{\"step\":1,\"name\":\"a\",\"value\":3}\n{\"step\":2,\"name\":\"a\",\"value\":4}",
			[]record.Row{{Step: 1, Name: "a", Value: 3}, {Step: 2, Name: "a", Value: 4}}, []record.Row{{Step: 1, Name: "a", Value: 3}, {Step: 2, Name: "a", Value: 4}}},
		{"no number on the way", "{\"step\":1,\"name\":\"a\",\"value\": NaN}\n{\"step\":2,\"name\":\"a\",\"value\":1}",
			[]record.Row{{Step: 1, Name: "a", Value: nan}, {Step: 2, Name: "a", Value: 1}}, []record.Row{{Step: 2, Name: "a", Value: 1}}},
		{"no number at the end", "{\"step\":1,\"name\":\"a\",\"value\":1}\n{\"step\":2,\"value\":-Infinity,\"name\":\"a\"}\n{\"step\":2,\"name\":\"b\",\"value\":inf}",
			[]record.Row{{Step: 1, Name: "a", Value: 1}, {Step: 2, Name: "a", Value: -inf}, {Step: 2, Name: "b", Value: inf}}, []record.Row{{Step: 1, Name: "a", Value: 1}, {Step: 2, Name: "diverged", Value: 1}}},
	} {
		got, err := readText(t, c.text)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(c.want, got, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if diff := cmp.Diff(c.kept, settle(got)); diff != "" {
			t.Errorf("%s, settled (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestUnreadableRowsAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"{\"step\":1,\"name\":\"a\",\"value\":1}\nhello": "Line 2",
		`{"step":1,"name":"a"}`:                          "lacks one of",
		`{"step":-1,"name":"a","value":1}`:               "its step is -1",
		`{"step":1,"name":"","value":1}`:                 "its name is empty",
		"\x00\x01\xff":                                   "···",
	} {
		if _, err := readText(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, want %q", text, err, want)
		}
	}
}

func FuzzRows(f *testing.F) {
	f.Add([]byte(`{"step":1,"name":"a","value":2.5}`))
	f.Add([]byte(`{"step":1,"name":"a","value": -inf }`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if r, err := parseRow(line); err == nil && (r.Step < 0 || r.Name == "") {
			t.Errorf("%q is read as %v", line, r)
		}
	})
}
