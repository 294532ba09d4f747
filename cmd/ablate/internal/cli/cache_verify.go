package cli

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/cache/remote"
	"ablate/cmd/ablate/internal/view"
)

func cacheVerifyCommand(s *session) *cobra.Command {
	var r cacheVerifyRequest
	c := &cobra.Command{
		Use:   "verify",
		Short: "Read the whole store and check its digests",
		Long: "verify reads every entry and every blob that an entry names. It moves damaged files aside, so that\n" +
			"they are treated as missing and computed again; with --repair it fetches them from the remote.\n" +
			"Artifacts that were collected are not damage." + exitCodes("4 damage found"),
		Example: "  ablate cache verify --sample 100",
		Args:    noArgs,
		RunE:    does(s, &r),
	}
	c.Flags().BoolVar(&r.Repair, "repair", false, "fetch damaged blobs from the remote")
	c.Flags().IntVar(&r.Sample, "sample", 0, "check this many entries, chosen at random; 0 means all")
	return c
}

// cacheVerifyRequest asks to check the store.
type cacheVerifyRequest struct {
	Repair bool
	Sample int
}

func (r cacheVerifyRequest) do(ctx context.Context, s *session) error {
	if r.Sample < 0 {
		return fmt.Errorf("--sample: must be 0 or more, not %d", r.Sample)
	}
	store, err := s.openStore()
	if err != nil {
		return err
	}
	lost, err := store.Reindex(ctx)
	if err != nil {
		return err
	}
	entries, err := r.entries(ctx, store)
	if err != nil {
		return err
	}
	sealed := remote.VerifySealed(store, entries)
	damaged := len(lost) + len(sealed)
	for _, err := range append(lost, sealed...) {
		s.view().Text(err.Error() + "\n")
	}
	var broken []cache.Fault
	gone := 0
	checked, err := store.Verify(ctx, entries, func(f cache.Fault) {
		if f.Evicted {
			gone++
			return
		}
		broken = append(broken, f)
		s.show(view.Damage{Key: f.Entry.Key, Artifact: f.Artifact, Digest: f.Digest, Error: f.Err.Error(), Kind: f.Entry.Block + "." + f.Entry.Type})
	})
	if err != nil {
		return err
	}
	repaired, err := r.repair(ctx, s, store, broken, lost)
	if err != nil {
		return err
	}
	s.show(view.Verified{Entries: len(entries), Blobs: checked, Damaged: len(broken) + damaged, Repaired: repaired, Gone: gone})
	if len(broken)+damaged > 0 {
		return exitError{ExitDamage}
	}
	return nil
}

// entries lists the entries to check.
func (r cacheVerifyRequest) entries(ctx context.Context, store *cache.Local) ([]cache.Entry, error) {
	var out []cache.Entry
	for e, err := range store.Entries(ctx, "", "") {
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	if r.Sample > 0 && r.Sample < len(out) {
		rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
		out = out[:r.Sample]
	}
	return out, nil
}

// repair fetches damaged blobs and entries from the remote, and counts those that it
// got.
func (r cacheVerifyRequest) repair(ctx context.Context, s *session, store *cache.Local, broken []cache.Fault, lost []error) (repaired int, err error) {
	if !r.Repair || len(broken)+len(lost) == 0 {
		return 0, nil
	}
	from, err := s.openRemote(ctx, nil)
	if err != nil {
		return 0, err
	}
	if from == nil {
		return 0, errors.New("--repair needs a remote: name one with ABLATE_REMOTE")
	}
	done := func(err error) {
		if err != nil {
			s.view().Text(fmt.Sprintf("not repaired: %v\n", err))
			return
		}
		repaired++
	}
	for _, f := range broken {
		if !cache.IsLost(f.Err) { // the file is still in place
			done(f.Err)
			continue
		}
		done(from.Fetch(ctx, store, f.Entry, f.Artifact))
	}
	for _, err := range lost {
		var entry *cache.LostEntryError
		if errors.As(err, &entry) {
			done(pullKey(ctx, from, store, entry.Key))
		}
	}
	return repaired, nil
}

// pullKey fetches the entry of a key. Artifacts that may be evicted can be missing.
func pullKey(ctx context.Context, from *remote.Remote, store *cache.Local, k cache.Key) error {
	found, err := from.Find(ctx, k)
	if err != nil {
		return err
	}
	if found[0] == nil {
		return fmt.Errorf("%s does not have %s", from, k)
	}
	_, err = from.Pull(ctx, store, *found[0], func(name string) bool {
		a, _ := found[0].Artifact(name)
		return store.Retention(*found[0], a) == cache.Evict
	})
	return err
}
