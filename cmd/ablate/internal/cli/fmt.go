package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cache/fsys"
	"ablate/cmd/ablate/internal/view"
	"ablate/hcl"
	"ablate/hcl/diag"
)

func fmtCommand(s *session) *cobra.Command {
	var r fmtRequest
	c := &cobra.Command{
		Use:   "fmt [FILE...]",
		Short: "Rewrite the study's files in the canonical layout",
		Long: "fmt rewrites .hcl and .hclvars files in the canonical layout and lists those that changed. It\n" +
			"leaves JSON files, and files with syntax errors, as they are." +
			exitCodes("3 with --check when files would change"),
		Example: "  ablate fmt --check",
		RunE: func(c *cobra.Command, files []string) error {
			r.Files = files
			return r.do(c.Context(), s)
		},
	}
	c.Flags().BoolVar(&r.Check, "check", false, "list the files that would change; change nothing")
	return c
}

// fmtRequest asks for files in the canonical layout.
type fmtRequest struct {
	Files []string // none means all of the study
	Check bool
}

func (r fmtRequest) do(_ context.Context, s *session) error {
	files := r.Files
	if len(files) == 0 {
		var err error
		if files, err = studyFiles(s.dir); err != nil {
			return err
		}
	}
	var found diag.List
	changed := 0
	for _, file := range files {
		differs, list, err := r.format(s, file)
		if err != nil {
			return err
		}
		found = append(found, list...)
		if differs {
			changed++
		}
	}
	if err := found.Err(); err != nil {
		return err
	}
	if r.Check && changed > 0 {
		return exitError{ExitPartial}
	}
	return nil
}

// format rewrites one file if its layout differs.
func (r fmtRequest) format(s *session, file string) (differs bool, list diag.List, err error) {
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return false, nil, fmt.Errorf("%s is a folder: name files, or the study's folder with --chdir", file)
	}
	src, err := fsys.ReadRegular(file, maxFile)
	if err != nil {
		return false, nil, err
	}
	name := strings.TrimPrefix(file, "./")
	s.view().Sources(map[string][]byte{name: src})
	out, list := hcl.Format(name, src)
	if list.HasErrors() || bytes.Equal(src, out) {
		return false, list, nil
	}
	if !r.Check {
		if err := fsys.Rewrite(file, out); err != nil {
			return false, list, fmt.Errorf("rewriting %s: %w: make its folder writable", name, err)
		}
	}
	s.show(view.Formatted{File: name})
	return true, list, nil
}

// studyFiles lists the files of a study and its variables files.
func studyFiles(dir string) ([]string, error) {
	names, err := hcl.Files(dir)
	if err != nil {
		return nil, err
	}
	all, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		if n := e.Name(); strings.HasSuffix(n, ".hclvars") && !strings.HasPrefix(n, ".") && !e.IsDir() {
			names = append(names, n)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("the folder %s has no .hcl file", dir)
	}
	slices.Sort(names)
	for i, n := range names {
		names[i] = filepath.Join(dir, n)
	}
	return names, nil
}
