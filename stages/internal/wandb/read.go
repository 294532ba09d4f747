// Package wandb reads the files that W&B writes while it is offline: a log of
// records in blocks, as LevelDB has it, each a message of protocol buffers.
package wandb

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"ablate/stages/internal/tfevents"
)

// IsName reports whether a file is such a log by its name.
func IsName(rel string) bool { return strings.HasSuffix(rel, ".wandb") }

// Item is a value with its name. A nested name is joined by dots.
type Item struct {
	Name string
	JSON string // the value
}

// Log has a function for each kind of record, which Read calls in the order of the file.
// A function may be nil.
type Log struct {
	Run     func(id, name, group, project string)
	Config  func(Item) error
	History func(step int64, items []Item) error
	Summary func(Item) error
	Exit    func(code int64)
}

// Layout of the file.
const (
	blockSize  = 32 << 10
	headerSize = 7
	maxRecord  = 64 << 20 // larger ones hold no numbers
)

// fileMagic begins a file; the last byte is the version.
const fileMagic = ":W&B\xe1\xbe\x00"

// Read reads a log. A writer that was killed leaves an unfinished record at the end,
// which is passed over: truncated says so.
func Read(in io.Reader, log Log) (truncated bool, err error) {
	r := &recordReader{in: bufio.NewReaderSize(in, blockSize), last: -1}
	head := make([]byte, len(fileMagic))
	switch _, err := io.ReadFull(r.in, head); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return true, nil
	case err != nil:
		return false, err
	case string(head) != fileMagic:
		return false, errors.New("it is not a log of W&B, or of a version that is not known")
	}
	r.at = len(fileMagic)
	for {
		record, err := r.next()
		switch {
		case errors.Is(err, io.EOF):
			return false, nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return true, nil
		case err == nil:
			err = log.record(record, r)
		}
		if err != nil {
			return false, fmt.Errorf("record %d: %w", r.count, err)
		}
	}
}

// recordReader reads the records of a log.
type recordReader struct {
	in    *bufio.Reader
	at    int // of the next byte, in its block
	count int
	data  []byte
	last  int64 // the step of the last row
}

// Kinds of chunks. A record is a full one, or a first, any number of middle ones and
// a last.
const (
	fullChunk = 1 + iota
	firstChunk
	middleChunk
	lastChunk
)

// next returns the next record, which is valid until the following call.
func (r *recordReader) next() ([]byte, error) {
	r.data = r.data[:0]
	r.count++
	for begun := false; ; begun = true {
		kind, err := r.chunk(begun)
		if err != nil {
			return nil, err
		}
		switch {
		case kind == fullChunk && !begun, kind == lastChunk && begun:
			return r.data, nil
		case kind == firstChunk && !begun, kind == middleChunk && begun:
		default:
			return nil, fmt.Errorf("it is damaged: a chunk of kind %d is out of order", kind)
		}
		if len(r.data) > maxRecord {
			return nil, fmt.Errorf("it is longer than %d bytes", maxRecord)
		}
	}
}

// chunk appends the next chunk to the record, and returns its kind.
func (r *recordReader) chunk(begun bool) (kind byte, err error) {
	if room := blockSize - r.at; room < headerSize {
		if _, err := r.in.Discard(room); err != nil {
			return 0, ended(err, begun)
		}
		r.at = 0
	}
	var head [headerSize]byte
	if n, err := io.ReadFull(r.in, head[:]); err != nil {
		return 0, ended(err, begun || n > 0)
	}
	n := int(binary.LittleEndian.Uint16(head[4:]))
	kind = head[6]
	if head == [headerSize]byte{} {
		return 0, io.ErrUnexpectedEOF // space that a writer reserved
	}
	if r.at += headerSize; n > blockSize-r.at {
		return 0, errors.New("it is damaged: a chunk is longer than its block")
	}
	from := len(r.data)
	r.data = append(r.data, make([]byte, n)...)
	if _, err := io.ReadFull(r.in, r.data[from:]); err != nil {
		return 0, ended(err, true)
	}
	r.at += n
	sum := crc32.Update(crc32.ChecksumIEEE(head[6:]), crc32.IEEETable, r.data[from:])
	if sum != binary.LittleEndian.Uint32(head[:]) {
		return 0, errors.New("it is damaged: its checksum is wrong")
	}
	return kind, nil
}

// ended is the error at the end of the file: within a record it is unexpected.
func ended(err error, within bool) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF) && within:
		return io.ErrUnexpectedEOF
	}
	return err
}

// Numbers of the fields of records.
const (
	recordHistory protowire.Number = 2
	recordSummary protowire.Number = 3
	recordConfig  protowire.Number = 5
	recordRun     protowire.Number = 17
	recordExit    protowire.Number = 18

	runID      protowire.Number = 1
	runProject protowire.Number = 3
	runConfig  protowire.Number = 4
	runSummary protowire.Number = 5
	runGroup   protowire.Number = 6
	runName    protowire.Number = 8

	itemKey     protowire.Number = 1
	itemNested  protowire.Number = 2
	itemNone    protowire.Number = 3
	itemBoolean protowire.Number = 4
	itemInteger protowire.Number = 5
	itemNumber  protowire.Number = 6
	itemText    protowire.Number = 7
	itemJSON    protowire.Number = 8
	itemValue   protowire.Number = 16
)

// record reads one record. Those of no interest, such as output, are passed over.
func (l Log) record(message []byte, r *recordReader) error {
	return tfevents.Fields(message, func(field protowire.Number, _ uint64, data []byte) error {
		switch field {
		case recordHistory:
			return l.history(data, r)
		case recordSummary:
			return items(data, l.Summary)
		case recordConfig:
			return items(data, l.Config)
		case recordRun:
			return l.run(data)
		case recordExit:
			code := uint64(0)
			err := tfevents.Fields(data, func(field protowire.Number, bits uint64, _ []byte) error {
				if field == 1 {
					code = bits
				}
				return nil
			})
			if l.Exit != nil {
				l.Exit(int64(int32(code)))
			}
			return err
		}
		return nil
	})
}

// run reads what is known at the start.
func (l Log) run(message []byte) error {
	text := make(map[protowire.Number]string)
	err := tfevents.Fields(message, func(field protowire.Number, _ uint64, data []byte) error {
		switch field {
		case runConfig:
			return items(data, l.Config)
		case runSummary:
			return items(data, l.Summary)
		case runID, runProject, runGroup, runName:
			text[field] = string(data)
		}
		return nil
	})
	if err == nil && l.Run != nil {
		l.Run(text[runID], text[runName], text[runGroup], text[runProject])
	}
	return err
}

// history reads a row. Its step is in a field of its own, or the value _step; without
// either it follows the row before.
func (l Log) history(message []byte, r *recordReader) error {
	step := r.last + 1
	var row []Item
	err := tfevents.Fields(message, func(field protowire.Number, _ uint64, data []byte) error {
		switch field {
		case 1:
			i, err := readItem(data)
			row = append(row, i)
			if n, e := strconv.ParseInt(i.JSON, 10, 64); e == nil && i.Name == "_step" {
				step = n
			}
			return err
		case 2:
			return tfevents.Fields(data, func(field protowire.Number, bits uint64, _ []byte) error {
				if field == 1 {
					step = int64(bits)
				}
				return nil
			})
		}
		return nil
	})
	r.last = step
	if err != nil || l.History == nil {
		return err
	}
	return l.History(step, row)
}

// items calls do for each item of a configuration or summary.
func items(message []byte, do func(Item) error) error {
	if do == nil {
		return nil
	}
	return tfevents.Fields(message, func(field protowire.Number, _ uint64, data []byte) error {
		if field != 1 {
			return nil
		}
		i, err := readItem(data)
		if err != nil {
			return err
		}
		return do(i)
	})
}

// readItem reads a name and its value, as JSON or in newer files as a number or text.
func readItem(message []byte) (i Item, err error) {
	var nested []string
	err = tfevents.Fields(message, func(field protowire.Number, bits uint64, data []byte) error {
		switch field {
		case itemKey:
			i.Name = string(data)
		case itemNested:
			nested = append(nested, string(data))
		case itemNone:
			i.JSON = "null"
		case itemBoolean:
			i.JSON = strconv.FormatBool(bits != 0)
		case itemInteger:
			i.JSON = strconv.FormatInt(protowire.DecodeZigZag(bits), 10)
		case itemNumber:
			i.JSON = strconv.FormatFloat(math.Float64frombits(bits), 'g', -1, 64)
		case itemText:
			quoted, err := json.Marshal(string(data))
			i.JSON = string(quoted)
			return err
		case itemJSON, itemValue:
			i.JSON = string(data)
		}
		return nil
	})
	if i.Name == "" {
		i.Name = strings.Join(nested, ".")
	}
	return i, err
}
