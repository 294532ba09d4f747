package view

import (
	"fmt"
	"strings"

	"ablate/pipeline/process"
)

// Version is the first line of --json.
type Version struct {
	UI string `json:"ui" doc:"version of this format"`
}

func (Version) kind() string { return "version" }

// Created reports a new study.
type Created struct {
	Folder string `json:"folder" doc:"the folder that holds it"`
}

func (Created) kind() string { return "created" }

func (e Created) text() string {
	return fmt.Sprintf("Created %s/study.hcl. Train it on any text of at least 1 MB:\n\n    ablate run --chdir %s --var corpus=$PWD/FILE\n",
		strings.TrimSuffix(e.Folder, "/"), process.ShellQuote(e.Folder))
}

// Pin reports what a remote source is pinned to.
type Pin struct {
	Source string `json:"source" doc:"the source as the study names it"`
	URL    string `json:"url" doc:"the resolved address"`
	SHA256 string `json:"sha256" doc:"SHA-256 of its content, in hexadecimal"`
	Size   int64  `json:"size" doc:"bytes"`
	Change string `json:"change" doc:"pinned, moved or unchanged"`
}

func (Pin) kind() string { return "pin" }

func (e Pin) text() string {
	return fmt.Sprintf("%-9s %s  %d bytes  sha256:%s\n", e.Change, e.Source, e.Size, e.SHA256)
}

// Valid reports that a study has no mistakes.
type Valid struct {
	Study     string `json:"study" doc:"name of the study"`
	Instances int    `json:"instances" doc:"number of instances"`
}

func (Valid) kind() string { return "valid" }

func (e Valid) text() string {
	return "The study " + e.Study + " is valid: " + Count(e.Instances, "instance") + ".\n"
}

// Formatted reports a file that is not in the canonical layout, or was not.
type Formatted struct {
	File string `json:"file" doc:"the file"`
}

func (Formatted) kind() string { return "formatted" }

func (e Formatted) text() string { return e.File + "\n" }

// Stage reports a stage with all its instances as one node of the graph.
type Stage struct {
	Address   string   `json:"address" doc:"block.type.name"`
	Instances int      `json:"instances" doc:"number of instances"`
	Needs     []string `json:"needs" doc:"the stages that it refers to"`
}

func (Stage) kind() string { return "stage" }

func (e Stage) label() string {
	if e.Instances > 1 {
		return fmt.Sprintf("%s ×%d", e.Address, e.Instances)
	}
	return e.Address
}

func (e Stage) text() string {
	if len(e.Needs) == 0 {
		return e.label() + "\n"
	}
	return fmt.Sprintf("%s\n  ← %s\n", e.label(), strings.Join(e.Needs, ", "))
}

// Dot draws stages in Graphviz's language.
func Dot(stages []Stage) string {
	var b strings.Builder
	b.WriteString("digraph study {\n  rankdir = LR\n  node [shape = box]\n")
	for _, s := range stages {
		for _, d := range s.Needs {
			fmt.Fprintf(&b, "  %q -> %q\n", d, s.Address)
		}
		fmt.Fprintf(&b, "  %q [label = %q]\n", s.Address, s.label())
	}
	b.WriteString("}\n")
	return b.String()
}

// Kind describes a kind of stage.
type Kind struct {
	Block   string  `json:"block" doc:"the block, such as norm"`
	Name    string  `json:"kind" doc:"the block's first label, such as derf"`
	Version int     `json:"version" doc:"raised when the same spec gives other bytes"`
	Doc     string  `json:"doc" doc:"what it does"`
	Fields  []Field `json:"fields" doc:"attributes and blocks"`
}

// Field describes an attribute or a nested block of a stage.
type Field struct {
	Name     string  `json:"name" doc:"name"`
	Form     string  `json:"form" doc:"attribute, block, union (blocks of which one is written) or arm (one of those)"`
	Type     string  `json:"type,omitempty" doc:"type of an attribute"`
	Required bool    `json:"required,omitempty" doc:"the field must be written"`
	Keyed    bool    `json:"keyed" doc:"the field enters the key"`
	Default  string  `json:"default,omitempty" doc:"default value, as HCL"`
	Doc      string  `json:"doc" doc:"meaning"`
	Fields   []Field `json:"fields,omitempty" doc:"fields of a block"`
}

func (Kind) kind() string { return "kind" }

func (e Kind) text() string { return e.Block + " " + e.Name + "\n" }
