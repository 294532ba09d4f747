package ml

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// Tensor is a named array of 32-bit numbers: exactly one of F32 and I32 is
// set.
type Tensor struct {
	Name  string
	Shape []int
	F32   []float32
	I32   []int32
}

// maxHeader bounds the header of files from outside, as the format's own
// library does.
const maxHeader = 100 << 20

// metadata is the name in a header that is no tensor's.
const metadata = "__metadata__"

type tensorHeader struct {
	DType   string    `json:"dtype"`
	Shape   []int     `json:"shape"`
	Offsets [2]uint64 `json:"data_offsets"`
}

// WriteSafetensors writes tensors in the safetensors format, sorted by name,
// with deterministic bytes. about is what the header says beside them, nil for
// nothing.
func WriteSafetensors(w io.Writer, about map[string]string, tensors []Tensor) error {
	tensors = slices.Clone(tensors)
	slices.SortFunc(tensors, func(a, b Tensor) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	header := make(map[string]any, len(tensors)+1)
	if about != nil {
		header[metadata] = about
	}
	offset := uint64(0)
	for _, t := range tensors {
		h := tensorHeader{DType: "F32", Shape: t.Shape, Offsets: [2]uint64{offset, offset + 4*uint64(len(t.F32)+len(t.I32))}}
		if t.I32 != nil {
			h.DType = "I32"
		}
		if h.Shape == nil {
			h.Shape = []int{}
		}
		header[t.Name] = h
		offset = h.Offsets[1]
	}
	raw, err := json.Marshal(header) // sorts the names
	if err != nil {
		return fmt.Errorf("writing a safetensors header: %w", err)
	}
	raw = append(raw, bytes.Repeat([]byte(" "), (8-len(raw)%8)%8)...)
	if err := binary.Write(w, binary.LittleEndian, uint64(len(raw))); err != nil {
		return err
	}
	if _, err := w.Write(raw); err != nil {
		return err
	}
	for _, t := range tensors {
		if err := writeNumbers(w, t); err != nil {
			return fmt.Errorf("writing tensor %s: %w", t.Name, err)
		}
	}
	return nil
}

// piece is how many numbers are written at a time.
const piece = 1 << 18

func writeNumbers(w io.Writer, t Tensor) error {
	for part := range slices.Chunk(t.F32, piece) {
		if _, err := w.Write(encoded(part)); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(t.I32, piece) {
		if _, err := w.Write(encoded(part)); err != nil {
			return err
		}
	}
	return nil
}

// ReadSafetensors reads what is in the format, of the dtypes F32 and I32,
// sorted by name. Nothing that the bytes claim is believed unchecked.
func ReadSafetensors(b []byte) ([]Tensor, error) {
	if len(b) < 8 {
		return nil, errors.New("not a safetensors file: shorter than its length field")
	}
	n := binary.LittleEndian.Uint64(b)
	if n > maxHeader || n > uint64(len(b)-8) {
		return nil, fmt.Errorf("not a safetensors file, or a truncated one: its header would be %d bytes long", n)
	}
	header := make(map[string]json.RawMessage)
	if err := json.Unmarshal(b[8:8+n], &header); err != nil {
		return nil, fmt.Errorf("not a safetensors file: its header is no JSON object: %w", err)
	}
	data := b[8+n:]
	var out []Tensor
	used := uint64(0)
	for _, name := range slices.Sorted(maps.Keys(header)) {
		if name == metadata {
			continue
		}
		t, size, err := readTensor(name, header[name], data)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		used += size
		out = append(out, t)
	}
	if used != uint64(len(data)) {
		return nil, fmt.Errorf("the tensors take %d bytes, and the file holds %d: they overlap, or leave holes", used, len(data))
	}
	return out, nil
}

func readTensor(name string, raw json.RawMessage, data []byte) (Tensor, uint64, error) {
	var h tensorHeader
	if err := json.Unmarshal(raw, &h); err != nil {
		return Tensor{}, 0, err
	}
	begin, end := h.Offsets[0], h.Offsets[1]
	if begin > end || end > uint64(len(data)) {
		return Tensor{}, 0, fmt.Errorf("its bytes %d to %d lie outside of the %d that the file holds", begin, end, len(data))
	}
	count := uint64(1)
	for _, d := range h.Shape {
		if d < 0 || d > 0 && count > uint64(len(data))/uint64(d) {
			return Tensor{}, 0, fmt.Errorf("its shape %v is impossible", h.Shape)
		}
		count *= uint64(d)
	}
	if 4*count != end-begin {
		return Tensor{}, 0, fmt.Errorf("its shape %v needs %d bytes, and it has %d", h.Shape, 4*count, end-begin)
	}
	t := Tensor{Name: name, Shape: h.Shape}
	switch h.DType {
	case "F32":
		t.F32 = make([]float32, count)
		decode(t.F32, data[begin:end])
	case "I32":
		t.I32 = make([]int32, count)
		decode(t.I32, data[begin:end])
	default:
		return Tensor{}, 0, fmt.Errorf("its dtype %s is not one of F32, I32", h.DType)
	}
	return t, end - begin, nil
}
