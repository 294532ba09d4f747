// Command manual writes the manual pages and shell completions of ablate into a
// folder, as packages install them.
package main

import (
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
	return writeCompletions(root, filepath.Join(dir, "completions"))
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

func writeCompletions(root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := root.GenBashCompletionFileV2(filepath.Join(dir, "ablate.bash"), true); err != nil {
		return err
	}
	if err := root.GenFishCompletionFile(filepath.Join(dir, "ablate.fish"), true); err != nil {
		return err
	}
	if err := root.GenPowerShellCompletionFileWithDesc(filepath.Join(dir, "ablate.ps1")); err != nil {
		return err
	}
	return root.GenZshCompletionFile(filepath.Join(dir, "_ablate"))
}
