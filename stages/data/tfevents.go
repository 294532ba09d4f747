package data

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

	"golang.org/x/text/unicode/norm"
	"google.golang.org/protobuf/encoding/protowire"
)

// isEvents reports whether a file holds events of TensorBoard, by its name.
func isEvents(rel string) bool { return strings.HasPrefix(path.Base(rel), "events.out.tfevents.") }

// readTensorBoard reads a folder of event files. Hyperparameters of the plugin
// HParams are parameters.
func readTensorBoard(r *folderRun) error {
	for _, rel := range sortedKeys(r.files) {
		if err := r.readEvents(rel); err != nil {
			return err
		}
	}
	return nil
}

// readEvents reads one event file. A writer that was killed leaves an unfinished
// record at the end, which is passed over, as TensorBoard does.
func (r *folderRun) readEvents(rel string) error {
	in, err := r.open(rel)
	if err != nil {
		return err
	}
	defer in.Close()
	r.series.files++
	records := &recordReader{in: bufio.NewReaderSize(in, 1<<16)}
	for {
		record, err := records.next()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return drain(in, r.files[rel])
		}
		if err == nil {
			err = r.event(record)
		}
		if err != nil {
			return fmt.Errorf("%s: record %d: %w", rel, records.count, err)
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

// checked compares data with its masked checksum.
func checked(data, sum []byte) bool {
	const delta = 0xa282ead8
	c := crc32.Checksum(data, castagnoli)
	return (c>>15|c<<17)+delta == binary.LittleEndian.Uint32(sum)
}

// fields calls do for each field of a message. Of a number it passes the bits, of
// everything else the bytes.
func fields(message []byte, do func(field protowire.Number, bits uint64, data []byte) error) error {
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

// Fields of the messages that hold scalars.
const (
	eventStep    protowire.Number = 2
	eventSummary protowire.Number = 5

	summaryValue protowire.Number = 1

	valueTag      protowire.Number = 1
	valueSimple   protowire.Number = 2
	valueTensor   protowire.Number = 8
	valueMetadata protowire.Number = 9
)

// event reads the scalars and the hyperparameters of an event.
func (r *folderRun) event(message []byte) error {
	step := int64(0)
	var summaries [][]byte
	err := fields(message, func(field protowire.Number, bits uint64, data []byte) error {
		switch field {
		case eventStep:
			step = int64(bits)
		case eventSummary:
			summaries = append(summaries, data)
		}
		return nil
	})
	for _, s := range summaries {
		if err == nil {
			err = fields(s, func(field protowire.Number, _ uint64, data []byte) error {
				if field != summaryValue {
					return nil
				}
				return r.summary(step, data)
			})
		}
	}
	return err
}

// summary reads one value of a summary.
func (r *folderRun) summary(step int64, message []byte) error {
	var tag string
	var metadata []byte
	value, scalar := cell{}, false
	err := fields(message, func(field protowire.Number, bits uint64, data []byte) (err error) {
		switch field {
		case valueTag:
			tag = string(data)
		case valueSimple:
			value, scalar = float32Cell(uint32(bits)), true
		case valueTensor:
			value, scalar, err = scalarOf(data)
		case valueMetadata:
			metadata = data
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case strings.HasPrefix(tag, "_hparams_/"):
		return r.hyperparameters(metadata)
	case !scalar:
		return nil
	}
	return r.series.add("event files", norm.NFC.String(tag), point{float64(step), value})
}

// float32Cell is a number with the fewest digits that identify it among those of
// its precision.
func float32Cell(bits uint32) cell {
	return cell{numeric, strconv.FormatFloat(float64(math.Float32frombits(bits)), 'g', -1, 32)}
}

func float64Cell(bits uint64) cell {
	return cell{numeric, strconv.FormatFloat(math.Float64frombits(bits), 'g', -1, 64)}
}

// Types of tensors that hold scalars.
const (
	tensorFloat  = 1
	tensorDouble = 2
)

// scalarOf reads a tensor of one number. Others are images, histograms and texts.
func scalarOf(tensor []byte) (value cell, ok bool, err error) {
	kind := uint64(0)
	values := make(map[protowire.Number][]byte)
	err = fields(tensor, func(field protowire.Number, bits uint64, data []byte) error {
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
		return cell{}, false, err
	case kind == tensorFloat && len(content) == 0:
		content = values[5]
	case kind == tensorDouble && len(content) == 0:
		content = values[6]
	}
	switch {
	case kind == tensorFloat && len(content) == 4:
		return float32Cell(binary.LittleEndian.Uint32(content)), true, nil
	case kind == tensorDouble && len(content) == 8:
		return float64Cell(binary.LittleEndian.Uint64(content)), true, nil
	}
	return cell{}, false, nil
}

// hyperparameters reads what the plugin HParams stores at the start of a session:
// metadata, plugin data, content, start of the session, a map.
func (r *folderRun) hyperparameters(metadata []byte) error {
	parameters := make(map[string]cell)
	err := within(metadata, []protowire.Number{1, 2, 3, 1}, func(entry []byte) error {
		var name string
		var value cell
		err := fields(entry, func(field protowire.Number, _ uint64, data []byte) (err error) {
			switch field {
			case 1:
				name = string(data)
			case 2:
				value, err = hyperparameter(data)
			}
			return err
		})
		if err != nil {
			return err
		}
		return put(parameters, name, value)
	})
	r.add(parameters)
	return err
}

// within calls do for every message at a path of fields.
func within(message []byte, path []protowire.Number, do func([]byte) error) error {
	if len(path) == 0 {
		return do(message)
	}
	return fields(message, func(field protowire.Number, _ uint64, data []byte) error {
		if field != path[0] {
			return nil
		}
		return within(data, path[1:], do)
	})
}

// hyperparameter reads a google.protobuf.Value.
func hyperparameter(message []byte) (value cell, err error) {
	value = cell{kind: null, text: "null"}
	err = fields(message, func(field protowire.Number, bits uint64, data []byte) error {
		switch field {
		case 2:
			value = float64Cell(bits)
		case 3:
			value = cell{textual, string(data)}
		case 4:
			value = cell{textual, strconv.FormatBool(bits != 0)}
		case 5, 6:
			value = cell{kind: composed}
		}
		return nil
	})
	return value, err
}
