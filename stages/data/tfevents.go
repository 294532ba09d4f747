package data

import (
	"io"
	"math"
	"path"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"
	"google.golang.org/protobuf/encoding/protowire"

	"ablate/stages/internal/tfevents"
)

// isEvents reports whether a file holds events of TensorBoard, by its name.
func isEvents(rel string) bool { return tfevents.IsName(rel) }

// readEventFiles reads the event files of a run. Hyperparameters of the plugin HParams are
// parameters.
func (r *folderRun) readEventFiles() error {
	for _, rel := range sortedKeys(r.files) {
		if isEvents(rel) {
			if err := r.readEvents(rel); err != nil {
				return err
			}
		}
	}
	return nil
}

// readEvents reads one event file.
func (r *folderRun) readEvents(rel string) error {
	r.series.files++
	if folder := path.Dir(rel); folder != r.events.folder {
		r.events = eventFolder{folder, r.series.counts()}
	}
	return r.scan(rel, func(in io.Reader) (truncated bool, err error) { return tfevents.Read(in, r.event) })
}

// eventFolder is the folder whose event files are read. A program that resumes writes
// another file beside the first.
type eventFolder struct {
	folder string
	before map[string]int // how many values the metrics had before its first file
}

// event takes a scalar or the hyperparameters, or drops the scalars from which a program
// that resumed did not go on.
func (r *folderRun) event(v tfevents.Value) error {
	switch {
	case v.Resumed:
		r.series.drop(r.events.before, float64(v.Step))
		return nil
	case strings.HasPrefix(v.Tag, "_hparams_/"):
		return r.hyperparameters(v.Metadata)
	case v.Number == "":
		return nil
	}
	return r.series.add(eventFiles, v.Tag, point{float64(v.Step), cell{numeric, v.Number}})
}

// hyperparameters reads what the plugin HParams stores at the start of a session:
// metadata, plugin data, content, start of the session, a map.
func (r *folderRun) hyperparameters(metadata []byte) error {
	parameters := make(map[string]cell)
	err := tfevents.Within(metadata, []protowire.Number{1, 2, 3, 1}, func(entry []byte) error {
		var name string
		var value cell
		err := tfevents.Fields(entry, func(field protowire.Number, _ uint64, data []byte) (err error) {
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
	if r.hyper == nil {
		r.hyper = make(map[string]cell)
	}
	for name, c := range parameters {
		name = norm.NFC.String(name)
		switch old, ok := r.hyper[name]; {
		case !ok:
			r.hyper[name] = c
		case old != c && old.kind != composed: // two sessions, of which either may count
			r.hyper[name] = cell{composed, old.text + " and " + c.text}
			if r.columns[name] == old {
				r.columns[name] = r.hyper[name]
			}
		}
	}
	r.add(parameters)
	return err
}

// hyperparameter reads a google.protobuf.Value.
func hyperparameter(message []byte) (value cell, err error) {
	value = cell{kind: null, text: "null"}
	err = tfevents.Fields(message, func(field protowire.Number, bits uint64, data []byte) error {
		switch field {
		case 2:
			value = cell{numeric, strconv.FormatFloat(math.Float64frombits(bits), 'g', -1, 64)}
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
