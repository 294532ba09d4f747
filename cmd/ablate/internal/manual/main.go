// Command manual writes the manual pages and shell completions of ablate into a
// folder, as packages install them.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"ablate/cmd/ablate/internal/cli"
	"ablate/stages"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: manual FOLDER")
	}
	if err := write(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func write(dir string) error {
	root := cli.App{Kinds: stages.All()}.Command()
	root.DisableAutoGenTag = true // no date: the pages of a version are always the same
	if err := writeManual(root, filepath.Join(dir, "man")); err != nil {
		return err
	}
	return writeCompletions(filepath.Join(dir, "completions"))
}

func writeManual(root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	date := time.Unix(0, 0)
	if epoch, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64); err == nil {
		date = time.Unix(epoch, 0)
	}
	date = date.UTC()
	return doc.GenManTree(root, &doc.GenManHeader{Title: "ABLATE", Section: "1", Source: "ablate", Date: &date}, dir)
}

func writeCompletions(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for shell, file := range map[string]string{"bash": "ablate.bash", "fish": "ablate.fish", "powershell": "ablate.ps1", "zsh": "_ablate"} {
		f, err := os.Create(filepath.Join(dir, file))
		if err != nil {
			return err
		}
		code := cli.App{Kinds: stages.All(), Stdout: f, Stderr: os.Stderr}.Run(context.Background(), []string{"completion", shell})
		if err := f.Close(); err != nil {
			return err
		}
		if code != cli.ExitDone {
			return fmt.Errorf("ablate completion %s exits with %d", shell, code)
		}
	}
	return nil
}
