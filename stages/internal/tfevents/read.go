// Package tfevents reads and writes the event files of TensorBoard: records with
// checksums, each a message of protocol buffers.
package tfevents

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"path"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// IsName reports whether a file is an event file by its name.
func IsName(rel string) bool { return strings.HasPrefix(path.Base(rel), "events.out.tfevents.") }

// Value is a value of a summary, or the mark that a program left when it resumed.
type Value struct {
	Step     int64
	Tag      string
	Number   string // of a scalar, with the fewest digits that identify it in its precision; else ""
	Metadata []byte // of the plugin
	Resumed  bool   // values that were written before, of this step and later ones, do not count
}

// Read calls do for each value of an event file. A writer that was killed leaves an
// unfinished record at the end, which is passed over, as TensorBoard does: truncated
// says so.
func Read(in io.Reader, do func(Value) error) (truncated bool, err error) {
	records := &recordReader{in: bufio.NewReaderSize(in, 1<<16)}
	for {
		record, err := records.next()
		switch {
		case errors.Is(err, io.EOF):
			return false, nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return true, nil
		case err == nil:
			err = ReadEvent(record, do)
		}
		if err != nil {
			return false, fmt.Errorf("record %d: %w", records.count, err)
		}
	}
}

// maxEvent bounds a record. Larger ones hold images or graphs, never a number.
const maxEvent = 256 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// recordReader reads the records of a TFRecord file.
type recordReader struct {
	in    *bufio.Reader
	count int
	data  []byte
}

// next returns the next record, which is valid until the following call.
func (r *recordReader) next() ([]byte, error) {
	var head [12]byte
	if _, err := io.ReadFull(r.in, head[:]); err != nil {
		return nil, err
	}
	r.count++
	if !checked(head[:8], head[8:]) {
		return nil, errors.New("it is damaged: the checksum of its length is wrong")
	}
	n := binary.LittleEndian.Uint64(head[:8])
	if n > maxEvent {
		return nil, fmt.Errorf("it is longer than %d bytes", maxEvent)
	}
	var err error
	if r.data, err = readAtMost(r.in, r.data[:0], int(n)+4); err != nil {
		return nil, err
	}
	if !checked(r.data[:n], r.data[n:]) {
		return nil, errors.New("it is damaged: its checksum is wrong")
	}
	return r.data[:n], nil
}

// readAtMost reads n bytes. It takes memory as they come, so that a false length
// takes none.
func readAtMost(in io.Reader, into []byte, n int) ([]byte, error) {
	const piece = 1 << 20
	for len(into) < n {
		from := len(into)
		into = append(into, make([]byte, min(piece, n-from))...)
		if _, err := io.ReadFull(in, into[from:]); err != nil {
			return nil, io.ErrUnexpectedEOF
		}
	}
	return into, nil
}

// checked compares data with its checksum.
func checked(data, sum []byte) bool { return checksum(data) == binary.LittleEndian.Uint32(sum) }

// checksum is the masked checksum of TFRecord files.
func checksum(data []byte) uint32 {
	const delta = 0xa282ead8
	c := crc32.Checksum(data, castagnoli)
	return (c>>15 | c<<17) + delta
}

// Numbers of the fields of messages that hold scalars.
const (
	eventTime    protowire.Number = 1
	eventStep    protowire.Number = 2
	eventVersion protowire.Number = 3
	eventSummary protowire.Number = 5
	eventSession protowire.Number = 7

	sessionStatus protowire.Number = 1

	summaryValue protowire.Number = 1

	valueTag      protowire.Number = 1
	valueSimple   protowire.Number = 2
	valueTensor   protowire.Number = 8
	valueMetadata protowire.Number = 9
)

// sessionStart is the status of a session with which TensorBoard's writers resume.
const sessionStart = 1

// ReadEvent reads the values of an event.
func ReadEvent(message []byte, do func(Value) error) error {
	step := int64(0)
	resumed := false
	var summaries [][]byte
	err := Fields(message, func(field protowire.Number, bits uint64, data []byte) error {
		switch field {
		case eventStep:
			step = int64(bits)
		case eventSummary:
			summaries = append(summaries, data)
		case eventSession:
			return Fields(data, func(field protowire.Number, bits uint64, _ []byte) error {
				resumed = resumed || field == sessionStatus && bits == sessionStart
				return nil
			})
		}
		return nil
	})
	if err == nil && resumed {
		err = do(Value{Step: step, Resumed: true})
	}
	for _, s := range summaries {
		if err == nil {
			err = Fields(s, func(field protowire.Number, _ uint64, data []byte) error {
				if field != summaryValue {
					return nil
				}
				return readValue(step, data, do)
			})
		}
	}
	return err
}

func readValue(step int64, message []byte, do func(Value) error) error {
	v := Value{Step: step}
	err := Fields(message, func(field protowire.Number, bits uint64, data []byte) (err error) {
		switch field {
		case valueTag:
			v.Tag = string(data)
		case valueSimple:
			v.Number = float32Text(uint32(bits))
		case valueTensor:
			v.Number, err = scalarOf(data)
		case valueMetadata:
			v.Metadata = data
		}
		return err
	})
	if err != nil {
		return err
	}
	return do(v)
}

func float32Text(bits uint32) string {
	return strconv.FormatFloat(float64(math.Float32frombits(bits)), 'g', -1, 32)
}

func float64Text(bits uint64) string {
	return strconv.FormatFloat(math.Float64frombits(bits), 'g', -1, 64)
}

// Types of tensors that hold scalars.
const (
	tensorFloat  = 1
	tensorDouble = 2
)

// scalarOf reads a tensor of one number. Others are images, histograms and texts.
func scalarOf(tensor []byte) (number string, err error) {
	kind := uint64(0)
	values := make(map[protowire.Number][]byte)
	err = Fields(tensor, func(field protowire.Number, bits uint64, data []byte) error {
		switch {
		case field == 1:
			kind = bits
		case data == nil && field == 5:
			data = binary.LittleEndian.AppendUint32(nil, uint32(bits))
		case data == nil && field == 6:
			data = binary.LittleEndian.AppendUint64(nil, bits)
		}
		values[field] = data
		return nil
	})
	content := values[4]
	switch {
	case err != nil:
		return "", err
	case kind == tensorFloat && len(content) == 0:
		content = values[5]
	case kind == tensorDouble && len(content) == 0:
		content = values[6]
	}
	switch {
	case kind == tensorFloat && len(content) == 4:
		return float32Text(binary.LittleEndian.Uint32(content)), nil
	case kind == tensorDouble && len(content) == 8:
		return float64Text(binary.LittleEndian.Uint64(content)), nil
	}
	return "", nil
}

// Fields calls do for each field of a message. Of a number it passes the bits, of
// everything else the bytes.
func Fields(message []byte, do func(field protowire.Number, bits uint64, data []byte) error) error {
	for len(message) > 0 {
		field, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		var bits uint64
		var data []byte
		switch kind {
		case protowire.VarintType:
			bits, n = protowire.ConsumeVarint(message)
		case protowire.Fixed32Type:
			var b uint32
			b, n = protowire.ConsumeFixed32(message)
			bits = uint64(b)
		case protowire.Fixed64Type:
			bits, n = protowire.ConsumeFixed64(message)
		case protowire.BytesType:
			data, n = protowire.ConsumeBytes(message)
		default:
			n = protowire.ConsumeFieldValue(field, kind, message)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		if err := do(field, bits, data); err != nil {
			return err
		}
	}
	return nil
}

// Within calls do for every message at a path of fields.
func Within(message []byte, path []protowire.Number, do func([]byte) error) error {
	if len(path) == 0 {
		return do(message)
	}
	return Fields(message, func(field protowire.Number, _ uint64, data []byte) error {
		if field != path[0] {
			return nil
		}
		return Within(data, path[1:], do)
	})
}
