package cli

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"ablate/cache/fsys"
	"ablate/hcl"
	"ablate/hcl/diag"
	"ablate/hcl/study"
	"ablate/pipeline"
	"ablate/pipeline/graph"
	"ablate/pipeline/source"
)

//go:embed starter.hcl
var starter []byte

func (g *globals) initCommand() *cobra.Command {
	var upgrade bool
	c := &cobra.Command{
		Use:   "init [FOLDER]",
		Short: "Write a small study that runs, or pin a study's remote sources",
		Long: "init writes a study of two norms, two optimizers and two seeds, small enough to train\n" +
			"in a minute or two on two cores. It overwrites nothing.\n\n" +
			"init --upgrade fetches the remote sources of a study that is there, and writes what they\n" +
			"are now into " + study.LockFile + ". Nothing else moves a pin." + codes(""),
		Example: "  ablate init my-study\n  ablate run --chdir my-study --var corpus=$PWD/text.txt\n  ablate init --upgrade --chdir my-study",
		Args:    arguments(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if upgrade {
				return g.upgrade(c.Context())
			}
			dir := g.dir
			if len(args) == 1 {
				dir = args[0]
				if !filepath.IsAbs(dir) {
					dir = filepath.Join(g.dir, dir)
				}
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
			g.view().Text(fmt.Sprintf("Wrote %s. Train it on any text of 1 MB or more:\n\n    ablate run --chdir %s --var corpus=$PWD/FILE\n",
				filepath.Join(dir, "study.hcl"), dir))
			return nil
		},
	}
	c.Flags().BoolVar(&upgrade, "upgrade", false, "fetch and pin the study's remote sources")
	return c
}

// upgrade pins what the study's remote sources are now.
func (g *globals) upgrade(ctx context.Context) error {
	loaded, err := g.loadStudy()
	if err != nil {
		return err
	}
	store, err := g.openStore()
	if err != nil {
		return err
	}
	lock, list := g.readLock() // damaged pins are written anew
	if err := list.Err(); err != nil {
		return err
	}
	sources := remoteSources(g.dir, lock, nil, store)
	sources.Offline = g.offline
	wanted := make(map[string]*study.Instance) // one that names it
	for _, inst := range loaded.Study.Instances {
		if r, ok := inst.Spec.(pipeline.RemoteReader); ok {
			for _, s := range r.Remotes() {
				wanted[s] = inst
			}
		}
	}
	var pins []study.Pin
	for _, s := range slices.Sorted(maps.Keys(wanted)) {
		pin, err := sources.Fetch(ctx, s)
		var unfetched *source.FetchError
		if errors.As(err, &unfetched) {
			return graph.Place(wanted[s], unfetched.Diagnostics()).Err()
		}
		if err != nil {
			return err
		}
		verb := "pinned"
		if old, ok := sources.Pins[s]; ok && old == pin {
			verb = "unchanged"
		} else if ok {
			verb = "moved"
		}
		g.view().Object(map[string]any{"type": "pin", "source": s, "url": pin.URL, "sha256": pin.SHA256, "size": pin.Size, "change": verb})
		g.view().Text(fmt.Sprintf("%-9s %s  %d bytes  sha256:%s\n", verb, s, pin.Size, pin.SHA256))
		pins = append(pins, pin)
	}
	if len(pins) == 0 {
		g.view().Text("The study has no remote sources.\n")
	}
	if len(pins) == 0 && lock.Text == nil {
		return nil
	}
	lock.Pins = pins
	return g.writeLock(lock)
}

// readLock reads the study's lock, and lets diagnostics quote from it.
func (g *globals) readLock() (hcl.Lock, diag.List) {
	lock, list := hcl.ReadLock(g.dir)
	g.view().Sources(map[string][]byte{study.LockFile: lock.Text})
	return lock, list
}

func (g *globals) writeLock(lock hcl.Lock) error {
	name := filepath.Join(g.dir, study.LockFile)
	if err := fsys.WriteAtomic(fsys.NewOS(), name, hcl.FormatLock(lock)); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
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
