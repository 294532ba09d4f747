package ml

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sampleTensors() []Tensor {
	return []Tensor{
		{Name: "b", Shape: []int{2, 2}, F32: []float32{1, -2, 0.5, 3e-8}},
		{Name: "a", Shape: []int{3}, I32: []int32{1, -1, 7}},
		{Name: "scalar", Shape: []int{}, F32: []float32{42}},
	}
}

func written(t testing.TB, tensors []Tensor) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteSafetensors(&b, nil, tensors); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSafetensorsRoundTrip(t *testing.T) {
	raw := written(t, sampleTensors())
	got, err := ReadSafetensors(raw)
	if err != nil {
		t.Fatal(err)
	}
	s := sampleTensors()
	if diff := cmp.Diff([]Tensor{s[1], s[0], s[2]}, got); diff != "" {
		t.Errorf("tensors (-want +got):\n%s", diff)
	}
	var told bytes.Buffer
	if err := WriteSafetensors(&told, map[string]string{"format": "pt"}, s); err != nil {
		t.Fatal(err)
	}
	if again, err := ReadSafetensors(told.Bytes()); err != nil || !cmp.Equal(got, again) {
		t.Errorf("with metadata: %v, %v", again, err)
	}
	s[0], s[1] = s[1], s[0]
	if !bytes.Equal(raw, written(t, s)) {
		t.Error("the order of the tensors changes the bytes")
	}
}

// largest remembers the largest write.
type largest struct {
	bytes.Buffer
	size int
}

func (l *largest) Write(p []byte) (int, error) {
	l.size = max(l.size, len(p))
	return l.Buffer.Write(p)
}

// A tensor that does not divide into pieces is whole when read, and was never
// encoded all at once, whatever the processor's order of bytes.
func TestLargeTensorsAreWrittenInPieces(t *testing.T) {
	const n = 2*piece + 5
	want := []Tensor{{Name: "f", Shape: []int{n}, F32: make([]float32, n)}, {Name: "i", Shape: []int{n}, I32: make([]int32, n)}}
	for i := range n {
		want[0].F32[i], want[1].I32[i] = float32(i), int32(-i)
	}
	defer func(was bool) { sameInMemory = was }(sameInMemory)
	var first []byte
	for _, same := range []bool{sameInMemory, false} {
		sameInMemory = same
		var w largest
		if err := WriteSafetensors(&w, nil, want); err != nil {
			t.Fatal(err)
		}
		if w.size > 4*piece {
			t.Errorf("%d bytes are written at a time, more than %d", w.size, 4*piece)
		}
		got, err := ReadSafetensors(w.Bytes())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("other numbers are read: %v", err)
		}
		if first == nil {
			first = w.Bytes()
		}
		if !bytes.Equal(first, w.Bytes()) {
			t.Errorf("other bytes are written with sameInMemory = %v", same)
		}
	}
}

// TestSafetensorsInPython has an independent reader open what we write.
func TestSafetensorsInPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("python3 is needed for this test; Debian has it in the package python3-minimal")
	}
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := os.WriteFile(path, written(t, sampleTensors()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, "testdata/read_safetensors.py", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := "a [3] [1, -1, 7]\nb [2, 2] [1.0, -2.0, 0.5, 2.9999999e-08]\nscalar [] [42.0]\n"
	if string(out) != want {
		t.Errorf("python reads\n%swant\n%s", out, want)
	}
}

func TestMalformedSafetensors(t *testing.T) {
	file := func(header, data string) []byte {
		raw := []byte{byte(len(header)), byte(len(header) >> 8), 0, 0, 0, 0, 0, 0}
		return append(append(raw, header...), data...)
	}
	for _, tt := range []struct {
		name string
		raw  []byte
		want string
	}{
		{"empty", nil, "shorter than its length field"},
		{"foreign", []byte("PK\x03\x04 this is no tensor file"), "or a truncated one"},
		{"no JSON", file("hello", ""), "no JSON object"},
		{"outside", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, ""), "lie outside"},
		{"turned", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}`, "xxxx"), "lie outside"},
		{"wrong size", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, "xxxx"), "needs 8 bytes, and it has 4"},
		{"negative", file(`{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`, "xxxx"), "impossible"},
		{"too few", file(`{"a":{"dtype":"F32","shape":[],"data_offsets":[0,8]}}`, "xxxxxxxx"), "needs 4 bytes, and it has 8"},
		{"dtype", file(`{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,4]}}`, "xxxx"), "not one of F32, I32"},
		{"holes", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, "xxxxxxxx"), "overlap, or leave holes"},
	} {
		if _, err := ReadSafetensors(tt.raw); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func FuzzReadSafetensors(f *testing.F) {
	f.Add(written(f, sampleTensors()))
	f.Fuzz(func(t *testing.T, raw []byte) {
		tensors, err := ReadSafetensors(raw)
		if err != nil {
			return
		}
		if _, err := ReadSafetensors(written(t, tensors)); err != nil {
			t.Errorf("what was read cannot be written and read again: %v", err)
		}
	})
}
