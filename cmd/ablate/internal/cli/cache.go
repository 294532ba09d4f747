package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/cmd/ablate/internal/view"
)

func cacheCommand(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:   "cache",
		Short: "Inspect, clean up and share the cache",
		Long: "The store keeps results by content. It is the folder that ABLATE_CACHE_DIR or a configuration file\n" +
			"names, by default ablate in the user's cache folder. ABLATE_REMOTE or a configuration file may\n" +
			"name a remote behind it: a folder (file://), a bucket (s3://; gs:// and azblob:// in programs\n" +
			"built with them) or a server of Bazel's HTTP cache protocol (http://)." + exitCodes("4 damage found"),
		Example: "  ablate cache du\n  ablate cache gc --budget 50GiB",
		RunE:    needSubcommand,
	}
	c.AddCommand(cacheLsCommand(s), cacheDuCommand(s), cacheVerifyCommand(s), cacheGCCommand(s), cachePinCommand(s), cacheUnpinCommand(s),
		cacheDisownCommand(s), cachePushCommand(s), cachePullCommand(s), cacheServeCommand(s), cacheKeygenCommand(s))
	return c
}

func cacheLsCommand(s *session) *cobra.Command {
	var r cacheLsRequest
	c := &cobra.Command{
		Use:   "ls",
		Short: "List the entries, newest first",
		Long: "ls lists the entries of the store, of all studies. With --study it lists what the last run of a\n" +
			"study planned. Training states belong to no study, because any study may resume from them." + exitCodes(""),
		Example: "  ablate cache ls\n  ablate cache ls --study coupling\n  ablate cache ls --study .",
		Args:    noArgs,
		RunE:    does(s, &r),
	}
	c.Flags().StringVar(&r.Study, "study", "", "list the entries of one study: its `name` or folder")
	return c
}

// cacheLsRequest asks for the entries of the store, or of one study.
type cacheLsRequest struct {
	Study string // name or folder; "" means all
}

func (r cacheLsRequest) do(ctx context.Context, s *session) error {
	store, err := s.openStore()
	if err != nil {
		return err
	}
	var planned map[cache.Key]bool
	if r.Study != "" {
		if planned, err = plannedBy(store, r.Study); err != nil {
			return err
		}
	}
	for e, err := range store.Entries(ctx, "", "") {
		if err != nil {
			return err
		}
		if planned == nil || planned[e.Key] {
			s.show(view.CacheEntry{Entry: e})
		}
	}
	return nil
}

// plannedBy is the keys that the last run of a study planned. Studies of one name
// may have been run in several folders.
func plannedBy(store *cache.Local, study string) (map[cache.Key]bool, error) {
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
	var runs strings.Builder
	for _, root := range roots {
		fmt.Fprintf(&runs, "\n    %s  in %s, %s", root.Study, root.Dir, root.Time.Local().Format("2006-01-02 15:04:05"))
		if root.Study != study && root.Dir != dir {
			continue
		}
		known = true
		for _, k := range root.Keys {
			keys[k] = true
		}
	}
	switch {
	case known:
		return keys, nil
	case len(roots) == 0:
		return nil, fmt.Errorf("--study: the store has no run of %q, nor of any other study", study)
	}
	return nil, fmt.Errorf("--study: the store has no run of %q. It has runs of\n%s", study, runs.String())
}

func cacheDuCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use:     "du",
		Short:   "Show how much space each kind of entry takes",
		Long:    "du sums up the store by kind of entry. A blob that several entries share is counted once." + exitCodes(""),
		Example: "  ablate cache du",
		Args:    noArgs,
		RunE:    does(s, cacheDuRequest{}),
	}
}

// cacheDuRequest asks for the space that each kind of entry takes.
type cacheDuRequest struct{}

func (cacheDuRequest) do(ctx context.Context, s *session) error {
	store, err := s.openStore()
	if err != nil {
		return err
	}
	usage, err := store.Usage(ctx)
	if err != nil {
		return err
	}
	var list []view.Usage
	for _, u := range usage {
		e := view.Usage{Kind: u.Block + "." + u.Type, Entries: u.Entries, Blobs: u.Artifacts, Bytes: u.Bytes, Stored: u.Stored}
		list = append(list, e)
		s.show(e)
	}
	s.view().Fitted(func(width int) string { return view.UsageTable(list, width) })
	s.view().Text("  " + store.Dir() + "\n")
	return nil
}
