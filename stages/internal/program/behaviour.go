package program

import (
	"strings"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/stages/internal/behaviour"
)

// metricsPart is what decides the rows of a program's metrics.
const metricsPart = "metrics"

// MetricsSubject is the code that reads what a program logs.
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
	return behaviour.Subject{Name: "train.command", Parts: []string{metricsPart}, Scenes: scenes}
}

// Code is what the key of a program's trial holds of the code that reads its
// metrics.
func Code(in pipeline.Inputs) (cache.Value, error) {
	host, err := behaviour.Fingerprint(in, MetricsSubject(), metricsPart)
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
