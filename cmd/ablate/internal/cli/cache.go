package cli

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cache"
)

func (g *globals) cacheCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "cache",
		Short: "Look after the store, and share it",
		Long: "The store keeps what was computed, by content. It is the folder that ABLATE_CACHE_DIR\n" +
			"or a configuration file names, or ablate in the user's cache folder. A remote stands behind\n" +
			"it where ABLATE_REMOTE or a configuration file names one: a folder (file://), a bucket (s3://,\n" +
			"gs:// and azblob:// in programs built with them) or a server of Bazel's HTTP cache protocol (http://)." + codes(""),
		RunE: commandOf,
	}
	c.AddCommand(g.cacheLsCommand(), g.cacheDuCommand(), g.cacheVerifyCommand(), g.cacheGCCommand(), g.cachePinCommand(), g.cacheUnpinCommand(),
		g.cacheDisownCommand(), g.cachePushCommand(), g.cachePullCommand(), g.cacheServeCommand(), g.cacheKeygenCommand())
	return c
}

func (g *globals) cacheLsCommand() *cobra.Command {
	var study string
	c := &cobra.Command{
		Use:   "ls",
		Short: "List the entries, newest first",
		Long: "ls lists what the store holds, whichever study it came from. With --study it lists what the\n" +
			"last run of a study planned; states, which whoever comes next may use, belong to none." + codes(""),
		Example: "  ablate cache ls\n  ablate cache ls --study coupling\n  ablate cache ls --study .",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			store, err := g.openStore()
			if err != nil {
				return err
			}
			ours := func(cache.Key) bool { return true }
			if c.Flags().Changed("study") {
				if ours, err = plannedBy(store, study); err != nil {
					return err
				}
			}
			for e, err := range store.Entries(c.Context(), "", "") {
				if err != nil {
					return err
				}
				if ours(e.Key) {
					g.listEntry(e)
				}
			}
			return nil
		},
	}
	c.Flags().StringVar(&study, "study", "", "list one study's entries: its `name`, or its folder")
	return c
}

func (g *globals) listEntry(e cache.Entry) {
	g.view().Object(struct {
		Kind  string      `json:"type"`
		Entry cache.Entry `json:"entry"`
	}{"entry", e})
	var names []string
	for _, a := range e.Artifacts {
		names = append(names, a.Name)
	}
	g.view().Text(fmt.Sprintf("%s  %s  %-22s %s\n", e.Key.String()[:12],
		e.Created.Local().Format("2006-01-02 15:04:05"), e.Block+"."+e.Type, strings.Join(names, ", ")))
}

// plannedBy reports of keys whether the last run of a study planned them. Runs
// in several folders may go by one name.
func plannedBy(store *cache.Local, study string) (func(cache.Key) bool, error) {
	roots, err := store.Roots()
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(study)
	if err != nil {
		return nil, err
	}
	keys := make(map[cache.Key]bool)
	known := false
	var names strings.Builder
	for _, r := range roots {
		fmt.Fprintf(&names, "\n    %s  in %s, %s", r.Study, r.Dir, r.Time.Local().Format("2006-01-02 15:04:05"))
		if r.Study != study && r.Dir != dir {
			continue
		}
		known = true
		for _, k := range r.Keys {
			keys[k] = true
		}
	}
	switch {
	case known:
		return func(k cache.Key) bool { return keys[k] }, nil
	case len(roots) == 0:
		return nil, fmt.Errorf("--study: the store knows of no run of %q, nor of any other", study)
	}
	return nil, fmt.Errorf("--study: the store knows of no run of %q. It knows of\n%s", study, names.String())
}

func (g *globals) cacheDuCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "du",
		Short:   "Say what takes how much room",
		Long:    "du sums the store up by kind. A blob that several entries share counts once." + codes(""),
		Example: "  ablate cache du",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			store, err := g.openStore()
			if err != nil {
				return err
			}
			usage, err := store.Usage(c.Context())
			if err != nil {
				return err
			}
			var stored, plain int64
			for _, u := range usage {
				stored, plain = stored+u.Stored, plain+u.Bytes
				g.view().Object(map[string]any{
					"type": "usage", "kind": u.Block + "." + u.Type, "entries": u.Entries, "blobs": u.Artifacts,
					"bytes": u.Bytes, "stored": u.Stored,
				})
				g.view().Text(fmt.Sprintf("%-22s %6d entries %10s at rest %10s plain\n", u.Block+"."+u.Type, u.Entries, size(u.Stored), size(u.Bytes)))
			}
			g.view().Text(fmt.Sprintf("%-22s %14s %10s at rest %10s plain\n%s\n", "all", "", size(stored), size(plain), store.Dir()))
			return nil
		},
	}
}

// size renders bytes for people.
func size(n int64) string {
	const step = 1024
	v, unit := float64(n), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if v < step {
			break
		}
		v, unit = v/step, next
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, unit)
}
