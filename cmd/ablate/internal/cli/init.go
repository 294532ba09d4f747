package cli

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cache/fsys"
	"ablate/cmd/ablate/internal/view"
	"ablate/hcl"
	"ablate/hcl/study"
	"ablate/pipeline"
	"ablate/pipeline/graph"
	"ablate/pipeline/process"
	"ablate/pipeline/source"
)

//go:embed starter.hcl
var starter []byte

func initCommand(s *session) *cobra.Command {
	var upgrade bool
	var script string
	c := &cobra.Command{
		Use:   "init [FOLDER]",
		Short: "Create a small study, or pin a study's remote sources",
		Long: "init writes a study of two norms, two optimizers and two seeds that trains in a minute or two\n" +
			"on two cores. It overwrites nothing.\n\n" +
			"init --command SCRIPT writes a study of a Python script in the current folder, with the flags that\n" +
			"python3 SCRIPT --help lists. It runs the script for that.\n\n" +
			"init --upgrade fetches the remote sources of an existing study and records their current\n" +
			"revisions in " + study.LockFile + ". No other command changes a pin." + exitCodes(""),
		Example: "  ablate init my-study\n  ablate run --chdir my-study --var corpus=$PWD/text.txt\n  ablate init --command train.py\n  ablate init --upgrade --chdir my-study",
		Args:    argsBetween(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case upgrade && script != "":
				return errors.New("--command cannot be combined with --upgrade, which needs a study")
			case (upgrade || script != "") && len(args) > 0:
				return fmt.Errorf("--upgrade and --command take no folder: name it with --chdir %s", process.ShellQuote(args[0]))
			case upgrade:
				return upgradeRequest{}.do(c.Context(), s)
			case script != "":
				return scriptRequest{Script: script}.do(c.Context(), s)
			}
			r := initRequest{Folder: s.dir}
			if len(args) == 1 && filepath.IsAbs(args[0]) {
				r.Folder = args[0]
			} else if len(args) == 1 {
				r.Folder = filepath.Join(s.dir, args[0])
			}
			return r.do(c.Context(), s)
		},
	}
	c.Flags().StringVar(&script, "command", "", "write a study of a Python `script` from its --help")
	c.Flags().BoolVar(&upgrade, "upgrade", false, "fetch and pin the study's remote sources")
	return c
}

// initRequest asks for a new study.
type initRequest struct{ Folder string }

func (r initRequest) do(_ context.Context, s *session) error {
	if err := os.MkdirAll(r.Folder, 0o755); err != nil {
		return fmt.Errorf("creating the folder: %w", err)
	}
	if err := refuseStudy(r.Folder); err != nil {
		return err
	}
	if err := createFile(filepath.Join(r.Folder, "study.hcl"), starter, 0o644); err != nil {
		return err
	}
	ignore := filepath.Join(r.Folder, ".gitignore")
	if _, err := os.Lstat(ignore); err != nil {
		if err := createFile(ignore, []byte(".ablate/\n"), 0o644); err != nil {
			return err
		}
	} else if raw, err := fsys.ReadRegular(ignore, maxFile); err != nil || !strings.Contains(string(raw), ".ablate") {
		s.view().Note("%s is left as it is. Add the line .ablate/ to it, where ablate keeps the records of runs.", ignore)
	}
	s.show(view.Created{Folder: r.Folder})
	return nil
}

// refuseStudy refuses a folder with files of a study, which another file would become
// a part of.
func refuseStudy(dir string) error {
	names, err := hcl.Files(dir)
	if err != nil || len(names) == 0 {
		return err
	}
	return fmt.Errorf("%s already exists, and init overwrites nothing: choose another folder", filepath.Join(dir, names[0]))
}

// createFile writes a file that must not exist.
func createFile(name string, content []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if os.IsExist(err) {
		return fmt.Errorf("%s already exists and is not overwritten: choose another name", name)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}

// upgradeRequest asks to pin the study's remote sources to their current content.
type upgradeRequest struct{}

func (upgradeRequest) do(ctx context.Context, s *session) error {
	linked, err := s.loadStudy()
	if err != nil {
		return err
	}
	store, err := s.openStore()
	if err != nil {
		return err
	}
	lock, list := s.readLock() // damaged pins are replaced
	if err := list.Err(); err != nil {
		return err
	}
	sources := remoteSources(s.dir, lock, nil, store)
	sources.Offline = s.offline
	users := remoteUsers(linked)
	var pins []study.Pin
	for _, name := range slices.Sorted(maps.Keys(users)) {
		pin, err := sources.Fetch(ctx, name)
		var failed *source.FetchError
		if errors.As(err, &failed) {
			return graph.Place(users[name], failed.Diagnostics()).Err()
		}
		if err != nil {
			return err
		}
		old, known := sources.Pins[name]
		s.show(view.Pin{Source: name, URL: pin.URL, SHA256: pin.SHA256, Size: pin.Size, Change: pinChange(old, pin, known)})
		pins = append(pins, pin)
	}
	if len(pins) == 0 {
		s.view().Text("The study has no remote sources.\n")
	}
	if len(pins) == 0 && lock.Text == nil {
		return nil
	}
	lock.Pins = pins
	return s.writeLock(lock)
}

func pinChange(old, now study.Pin, known bool) string {
	switch {
	case !known:
		return "pinned"
	case old == now:
		return "unchanged"
	}
	return "moved"
}

// remoteUsers finds the remote sources of a study, each with an instance that reads
// it.
func remoteUsers(linked *graph.Graph) map[string]*study.Instance {
	users := make(map[string]*study.Instance)
	for _, inst := range linked.Study.Instances {
		if r, ok := inst.Spec.(pipeline.RemoteReader); ok {
			for _, name := range r.Remotes() {
				users[name] = inst
			}
		}
	}
	return users
}
