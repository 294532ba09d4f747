// Package render turns the documents of package answer into what people read:
// text, Markdown, HTML and CSV. It computes no statistics.
//
// The same document always gives the same bytes, since they are cached and
// compared: no time, no host, no order of a map.
package render

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ablate/hcl/diag"
	"ablate/pipeline"
)

// Document is a result laid out for people.
type Document struct {
	Sections []Section
	Rows     [][]string // of the CSV file, which has all numbers in full precision
}

// Section is one part of a document: a title, then a table or lines or both.
type Section struct {
	Title string
	Grid  *Grid
	Lines []string
}

// warned adds a section of warnings if there are any.
func warned(sections []Section, warnings []string) []Section {
	if len(warnings) == 0 {
		return sections
	}
	return append(sections, Section{Title: "Warnings", Lines: warnings})
}

// Write creates the outputs of an analysis: the result as JSON and its document
// in every form.
func Write(env *pipeline.Env, result any, d Document) error {
	raw, err := json.MarshalIndent(result, "", " ")
	if large := new(json.UnsupportedValueError); errors.As(err, &large) {
		return diag.Errorf(diag.Path{"response"}, "Numbers out of range",
			"The responses are so large or so small that their squares are not numbers any more (from about 1e150, or below 1e-150). Express them in another unit.").Err()
	}
	if err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	table, err := CSV(d.Rows)
	if err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	sections := d.Sections
	stamp := partialText(env)
	if stamp != "" {
		sections = slices.Insert(slices.Clone(sections), 0, Section{Title: "Partial", Lines: []string{"Answered " + stamp + "."}})
		said, _ := json.Marshal(stamp) // a string marshals
		raw = slices.Concat([]byte("{\n \"partial\": "), said, []byte(","), raw[1:])
	}
	for _, o := range []struct{ name, content string }{
		{"result", string(raw) + "\n"}, {"table", Text(sections)}, {"markdown", Markdown(sections)}, {"csv", table},
		{"html", html(sections)},
	} {
		if err := WriteFile(env, o.name, []byte(o.content)); err != nil {
			return err
		}
	}
	return nil
}

// WriteFile creates one output with the given content.
func WriteFile(env *pipeline.Env, name string, content []byte) error {
	w, err := env.Create(name)
	if err != nil {
		return err
	}
	_, err = w.Write(content)
	return errors.Join(err, w.Close())
}

// partialText says how many trials an answer is based on; "" if none is missing.
func partialText(env *pipeline.Env) string {
	absent, present := len(env.Inputs.Absent), len(env.Inputs.Refs["trials"])
	if absent == 0 {
		return ""
	}
	return fmt.Sprintf("from %d of %d trials; the others have no result yet", present, present+absent)
}

func join(words []string) string { return strings.Join(words, ", ") }
