package cli

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

//go:embed starter.hcl
var starter []byte

func (g *globals) initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init [FOLDER]",
		Short: "Write a small study that runs",
		Long: "init writes a study of two norms, two optimizers and two seeds, small enough to train\n" +
			"in a minute or two on two cores. It overwrites nothing." + codes(""),
		Example: "  ablate init my-study\n  ablate run --chdir my-study --var corpus=$PWD/text.txt",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := g.dir
			if len(args) == 1 {
				dir = filepath.Join(g.dir, args[0])
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("making the folder: %w", err)
			}
			for _, f := range []struct {
				name    string
				content []byte
			}{{"study.hcl", starter}, {".gitignore", []byte(".ablate/\n")}} {
				if err := createFile(filepath.Join(dir, f.name), f.content); err != nil {
					return err
				}
			}
			g.view().Object(map[string]string{"type": "created", "folder": dir})
			g.view().Text(fmt.Sprintf("Wrote %s. Train it on any text of 1 MB or more:\n\n    ablate run --chdir %s --var corpus=FILE\n",
				filepath.Join(dir, "study.hcl"), dir))
			return nil
		},
	}
}

// createFile writes a file that must not exist.
func createFile(name string, content []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if os.IsExist(err) {
		return fmt.Errorf("%s exists already, and init overwrites nothing: choose another folder", name)
	}
	if err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
