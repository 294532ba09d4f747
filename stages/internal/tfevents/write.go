package tfevents

import (
	"encoding/binary"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// FileName is the name of the event files that ablate writes. It is always the same,
// so that a run that is written again replaces itself.
const FileName = "events.out.tfevents.0.ablate"

// Writer writes an event file. All events have the same time.
type Writer struct {
	out  io.Writer
	time time.Time
}

// NewWriter begins an event file.
func NewWriter(out io.Writer, at time.Time) (*Writer, error) {
	w := &Writer{out, at}
	version := protowire.AppendTag(nil, eventVersion, protowire.BytesType)
	return w, w.event(0, protowire.AppendString(version, "brain.Event:2"))
}

// Scalar writes a value of a metric, rounded to float32: most readers take no other
// numbers.
func (w *Writer) Scalar(step int64, tag string, value float64) error {
	v := protowire.AppendTag(nil, valueTag, protowire.BytesType)
	v = protowire.AppendString(v, tag)
	v = protowire.AppendTag(v, valueSimple, protowire.Fixed32Type)
	v = protowire.AppendFixed32(v, math.Float32bits(float32(value)))
	return w.summary(step, v)
}

// Numbers of the fields of messages of the plugin HParams.
const (
	metadataPlugin protowire.Number = 1
	pluginName     protowire.Number = 1
	pluginContent  protowire.Number = 2
	hparamsStart   protowire.Number = 3
	startHparams   protowire.Number = 1
	startSeconds   protowire.Number = 5
	structNumber   protowire.Number = 2
	structText     protowire.Number = 3
)

// Parameters writes the parameters of a run for the plugin HParams. Those that are
// numbers are written as such where no digit is lost.
func (w *Writer) Parameters(parameters map[string]string) error {
	var start []byte
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		entry := protowire.AppendTag(nil, 1, protowire.BytesType)
		entry = protowire.AppendString(entry, name)
		entry = appendMessage(entry, 2, structValue(parameters[name]))
		start = appendMessage(start, startHparams, entry)
	}
	start = protowire.AppendTag(start, startSeconds, protowire.Fixed64Type)
	start = protowire.AppendFixed64(start, math.Float64bits(seconds(w.time)))

	plugin := protowire.AppendTag(nil, pluginName, protowire.BytesType)
	plugin = protowire.AppendString(plugin, "hparams")
	plugin = appendMessage(plugin, pluginContent, appendMessage(nil, hparamsStart, start))

	v := protowire.AppendTag(nil, valueTag, protowire.BytesType)
	v = protowire.AppendString(v, "_hparams_/session_start_info")
	v = appendMessage(v, valueMetadata, appendMessage(nil, metadataPlugin, plugin))
	return w.summary(0, v)
}

// structValue is a google.protobuf.Value.
func structValue(text string) []byte {
	if f, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) && strconv.FormatFloat(f, 'f', -1, 64) == text {
		return protowire.AppendFixed64(protowire.AppendTag(nil, structNumber, protowire.Fixed64Type), math.Float64bits(f))
	}
	return protowire.AppendString(protowire.AppendTag(nil, structText, protowire.BytesType), text)
}

func (w *Writer) summary(step int64, value []byte) error {
	return w.event(step, appendMessage(nil, eventSummary, appendMessage(nil, summaryValue, value)))
}

// event writes a record with the time, the step and one more field.
func (w *Writer) event(step int64, field []byte) error {
	e := protowire.AppendTag(nil, eventTime, protowire.Fixed64Type)
	e = protowire.AppendFixed64(e, math.Float64bits(seconds(w.time)))
	e = protowire.AppendTag(e, eventStep, protowire.VarintType)
	e = protowire.AppendVarint(e, uint64(step))
	return w.record(append(e, field...))
}

// record writes a record: its length, its bytes, and a checksum of each.
func (w *Writer) record(data []byte) error {
	r := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	r = binary.LittleEndian.AppendUint32(r, checksum(r))
	r = append(r, data...)
	r = binary.LittleEndian.AppendUint32(r, checksum(data))
	_, err := w.out.Write(r)
	return err
}

func appendMessage(b []byte, field protowire.Number, message []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), message)
}

func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }
