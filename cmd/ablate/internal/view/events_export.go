package view

import (
	"fmt"

	"ablate/stages/answer"
)

// Exported reports a file that was written.
type Exported struct {
	File string `json:"file" doc:"the file"`
	Rows *int   `json:"rows,omitempty" doc:"rows of a table, or numbers of a file of names"`
	Noun string `json:"-"` // what the rows are
}

func (Exported) kind() string { return "exported" }

func (e Exported) text() string {
	if e.Rows != nil {
		return ""
	}
	return e.File + "\n"
}

func (e Exported) remark() string {
	if e.Rows == nil {
		return ""
	}
	return fmt.Sprintf("%s: %s.", e.File, Count(*e.Rows, e.Noun))
}

// Contrast reports a number of an analysis. Without --json its text is an object,
// too, since that is what export contrasts writes.
type Contrast struct{ answer.Line }

func (Contrast) kind() string { return "contrast" }

// text repeats ss_type as type, which is that of the event with --json.
func (e Contrast) text() string {
	raw, err := plainJSON(struct {
		answer.Line
		Type string `json:"type,omitempty"`
	}{e.Line, e.Type})
	if err != nil {
		panic("view: a contrast does not marshal: " + err.Error())
	}
	return raw + "\n"
}

func (e Contrast) fitted(int) string { return e.text() } // for programs

// Mismatch reports a number in a paper that does not match the study.
type Mismatch struct {
	File    string `json:"file" doc:"the paper's file"`
	Line    int    `json:"line" doc:"the line"`
	Name    string `json:"name" doc:"the number's name"`
	Printed string `json:"printed" doc:"the number as printed"`
	Now     string `json:"now" doc:"the study's number, rounded likewise"`
	Known   bool   `json:"known" doc:"the study has a number of that name"`
}

func (Mismatch) kind() string { return "mismatch" }

func (e Mismatch) text() string {
	if e.Known {
		return fmt.Sprintf("%s:%d: %s is printed as %s, but is now %s\n", e.File, e.Line, e.Name, e.Printed, e.Now)
	}
	return fmt.Sprintf("%s:%d: the study has no number %s\n", e.File, e.Line, e.Name)
}

// Checked reports that every number of a paper matches.
type Checked struct {
	Numbers int `json:"numbers" doc:"how many numbers were compared"`
}

func (Checked) kind() string { return "checked" }

func (e Checked) text() string {
	if e.Numbers == 1 {
		return "1 number matches the study.\n"
	}
	return fmt.Sprintf("All %d numbers match the study.\n", e.Numbers)
}
