package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ablate/hcl"
	"ablate/hcl/diag"
)

func (g *globals) fmtCommand() *cobra.Command {
	var check bool
	c := &cobra.Command{
		Use:   "fmt [FILE …]",
		Short: "Rewrite the study's files in the canonical layout",
		Long: "fmt rewrites .hcl and .hclvars files in the canonical layout and lists those that\n" +
			"changed. A file that does not parse is left alone. JSON files are not touched." +
			codes("3 with --check when files would change"),
		Example: "  ablate fmt --check",
		RunE: func(_ *cobra.Command, files []string) error {
			if len(files) == 0 {
				var err error
				if files, err = g.studyFiles(); err != nil {
					return err
				}
			}
			return g.format(files, check)
		},
	}
	c.Flags().BoolVar(&check, "check", false, "change nothing; say which files would change")
	return c
}

func (g *globals) studyFiles() ([]string, error) {
	var out []string
	for _, pattern := range []string{"*.hcl", "*.hclvars"} {
		found, err := filepath.Glob(filepath.Join(g.dir, pattern))
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	slices.Sort(out)
	if len(out) == 0 {
		return nil, fmt.Errorf("the folder %s holds no .hcl file", g.dir)
	}
	return out, nil
}

func (g *globals) format(files []string, check bool) error {
	var found diag.List
	changed := 0
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(file, "./")
		g.view().Sources(map[string][]byte{name: src})
		out, diags := hcl.Format(name, src)
		found = append(found, diags...)
		if diags.HasErrors() || bytes.Equal(src, out) {
			continue
		}
		changed++
		if !check {
			if err := replaceFile(file, out); err != nil {
				return fmt.Errorf("rewriting %s: %w: make its folder writable", name, err)
			}
		}
		g.view().Object(map[string]string{"type": "formatted", "file": name})
		g.view().Text(name + "\n")
	}
	if err := found.Err(); err != nil {
		return err
	}
	if check && changed > 0 {
		return exitError{ExitPartial}
	}
	return nil
}

// replaceFile swaps a file's content in one step, keeping its mode.
func replaceFile(name string, content []byte) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	tmp := name + ".tmp"
	err = os.WriteFile(tmp, content, info.Mode().Perm())
	if err == nil {
		err = os.Rename(tmp, name)
	}
	if err != nil {
		os.Remove(tmp)
	}
	return err
}
