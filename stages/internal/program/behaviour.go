package program

import (
	_ "embed"
	"regexp"
	"strings"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/stages/internal/behaviour"
)

// metricsPart is what decides the rows of a program's metrics.
const metricsPart = "metrics"

// MetricsSubject is the code that reads what a program logs, prints or writes in the
// format of another tool.
func MetricsSubject() behaviour.Subject {
	scenes := make([]behaviour.Scene, 0, len(canonicalMetrics))
	for name, text := range canonicalMetrics {
		scenes = append(scenes, behaviour.Scene{Name: name, Play: func(w *behaviour.Witness) error {
			m, err := parseMetrics(strings.NewReader(text))
			if err != nil {
				w.Note(metricsPart, "refused")
				return nil
			}
			for row := range m.settled() {
				w.Note(metricsPart, "%d %q %v", row.Step, row.Name, row.Value)
			}
			return nil
		}})
	}
	return behaviour.Subject{Name: "train.command", Parts: []string{metricsPart, foreignPart}, Scenes: append(scenes, foreignScenes()...)}
}

// foreignPart is what decides the rows that are made of a program's output.
const foreignPart = "foreign"

// foreignScenes rehearse the code that makes rows of what a program prints and of files
// in formats of other tools.
func foreignScenes() []behaviour.Scene {
	note := func(w *behaviour.Witness, rows []foreignRow, err error) {
		if err != nil {
			w.Note(foreignPart, "refused")
		}
		for _, r := range rows {
			w.Note(foreignPart, "%q %q %q", r.step, r.name, r.value)
		}
	}
	var scenes []behaviour.Scene
	for name, text := range canonicalFiles {
		for scene, m := range map[string]Metrics{name: {}, name + "-by-epoch": {Step: "epoch"}} {
			scenes = append(scenes, behaviour.Scene{Name: scene, Play: func(w *behaviour.Witness) error {
				rows, _, err := m.readFrom(strings.NewReader(text), name)
				note(w, rows, err)
				return nil
			}})
		}
	}
	scenes = append(scenes, behaviour.Scene{Name: "merged", Play: func(w *behaviour.Witness) error {
		resumed := int64(2)
		kept, _ := merge([]fileRows{
			{name: "a/events.out.tfevents.1", rows: []foreignRow{{"1", "x", "3"}, {"2", "x", "4"}, {"2", "z", "5"}}},
			{name: "a/events.out.tfevents.2", rows: []foreignRow{{"2", "x", "6"}}, resumed: &resumed},
			{name: "b/events.out.tfevents.1", rows: []foreignRow{{"3", "x", "7"}, {"1", "y", "1"}, {"2", "z", "8"}}},
			{name: "b/old.csv", rows: []foreignRow{{"1", "y", "9"}}, old: true},
			{name: "b/x.csv", rows: []foreignRow{{"1", "y", "2"}, {"1", "x", "3"}}},
			{name: "b/y.csv", rows: []foreignRow{{"1", "y", "4"}, {"1", "x", "3"}}},
		})
		for _, f := range kept {
			note(w, f.rows, nil)
		}
		return nil
	}})
	return append(scenes, behaviour.Scene{Name: "printed", Play: func(w *behaviour.Witness) error {
		printed := printedMetrics{pattern: regexp.MustCompile(`(?:at (?P<step>\d+): )?loss (?P<loss>\S+)(?: accuracy (?P<accuracy>\S+))?`)}
		for line := range strings.SplitSeq("hello\nloss 3.5\nat 4: loss 2.5 accuracy 0.5\nloss nan\nat 5: no", "\n") {
			note(w, printed.rows([]byte(line)), nil)
		}
		return nil
	}})
}

//go:embed scene.tfevents
var canonicalEvents string

// canonicalFiles are files as other tools write them: with and without a column for the
// step, with empty fields, words, and what is no number.
var canonicalFiles = map[string]string{
	"events.out.tfevents.1": canonicalEvents,
	"wide.csv":              "step,epoch,loss,note\n1,0,3.5,fine\n2,0,,\n3,1,NaN,\n4,1,-1e-3,5\n",
	"no-step.csv":           "loss,accuracy\n3,0.125\n2,0.25\n",
	"tabs.tsv":              "epoch\tloss\n0\t3\n1\t\"2\"\n",
	"ragged.csv":            "step,loss\n1,3,4\n",
	"lines.jsonl":           "{\"step\": 1, \"epoch\": 0, \"loss\": 3.5, \"who\": \"me\"}\n\n{\"epoch\": 1, \"_step\": 2, \"loss\": null, \"deep\": {\"a\": 1}}\n{\"step\": 3, \"loss\": Infinity}\n",
	"half.jsonl":            "{\"step\": 1, \"loss\": 3.5}\n{\"step\": 2, \"lo",
}

// Code is what the key of a program's trial holds of the code that reads its
// metrics.
func (s Spec) Code(in pipeline.Inputs) (cache.Value, error) {
	parts := []string{metricsPart}
	if s.Metrics != nil {
		parts = append(parts, foreignPart)
	}
	host, err := behaviour.Fingerprint(in, MetricsSubject(), parts...)
	if err != nil || len(host.Keys()) == 0 {
		return cache.Value{}, err
	}
	return cache.Map(map[string]cache.Value{"behaviour": host}), nil
}

// canonicalMetrics are rows as programs log them: out of order, twice, with what is
// no number in the ways of several languages, before and after what is one.
var canonicalMetrics = map[string]string{
	"order": `{"step": 2, "name": "loss", "value": 2.5}
{"step": 1, "name": "loss", "value": 3e0, "more": 1}
{"step": 2, "name": "accuracy", "value": 0.125}
{"step": 2, "name": "loss", "value": 2.25}

{"step": 0, "name": "loss", "value": -0}
{"step": 1, "name": "accuracy", "value": 1E-3}
`,
	"ends-without-a-number": `{"step": 1, "name": "loss", "value": 2}
{"step": 3, "name": "loss", "value": NaN}
{"step": 2, "name": "other", "value": Infinity}
{"step": 4, "name": "third", "value": "-inf"}
{"step": 5, "name": "fine", "value": 1}
`,
	"recovers": `{"step": 1, "name": "loss", "value": null}
{"step": 2, "name": "loss", "value": 2}
`,
	"one-at-last": `{"step": 7, "name": "a", "value": 1}
{"step": 9, "name": "b", "value": NaN}
{"step": 8, "name": "a", "value": NaN}
`,
	"says-so":        "{\"step\": 3, \"name\": \"diverged\", \"value\": 1}\n{\"step\": 4, \"name\": \"loss\", \"value\": NaN}\n",
	"says-it-is-not": "{\"step\": 3, \"name\": \"diverged\", \"value\": 0}\n{\"step\": 4, \"name\": \"loss\", \"value\": 1}\n",
	"nothing":        "",
	"negative":       "{\"step\": -1, \"name\": \"loss\", \"value\": 1}\n",
	"no-name":        "{\"step\": 1, \"value\": 1}\n",
	"half-a-line":    "{\"step\": 1, \"name\": \"loss\", \"value\": 1}\n{\"step\": 2, \"na",
	"long-numbers":   "{\"step\": 1, \"name\": \"loss\", \"value\": 0.1000000000000000055511151231257827}\n{\"step\": 2147483648, \"name\": \"loss\", \"value\": 1e-320}\n",
}
