package cli

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"ablate/cache/fsys"
	"ablate/cmd/ablate/internal/view"
	"ablate/stages/answer"
)

// checkRequest asks whether the numbers that a paper prints match the study's.
type checkRequest struct{ Files []string }

func (r checkRequest) do(ctx context.Context, s *session) error {
	list, err := s.plannedNumbers(ctx)
	if err != nil {
		return err
	}
	byName := make(map[string]answer.Number, len(list))
	for _, n := range list {
		byName[n.Name] = n
	}
	checked, wrong := 0, 0
	for _, file := range r.Files {
		raw, err := fsys.ReadRegular(file, maxFile)
		if err != nil {
			return err
		}
		for _, m := range answer.Mentions(file, raw) {
			checked++
			if e, ok := checkMention(byName, m); !ok {
				wrong++
				e.File, e.Line = file, 1+bytes.Count(raw[:m.Offset], []byte("\n"))
				s.show(e)
			}
		}
	}
	switch {
	case wrong > 0:
		return fmt.Errorf("%d of %d numbers do not match the study", wrong, checked)
	case checked == 0:
		return fmt.Errorf("no number is named in %s; see ablate export numbers --help", strings.Join(r.Files, ", "))
	}
	s.show(view.Checked{Numbers: checked})
	return nil
}

// checkMention compares one number of a paper with the study.
func checkMention(byName map[string]answer.Number, m answer.Mention) (e view.Mismatch, ok bool) {
	n, known := byName[m.Name]
	e = view.Mismatch{Name: m.Name, Printed: m.Text, Known: known}
	if !known {
		return e, false
	}
	if m.Text == "" {
		return e, true
	}
	e.Now, ok = answer.Agrees(m.Text, n.Value)
	return e, ok
}
