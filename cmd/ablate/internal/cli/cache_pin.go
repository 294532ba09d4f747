package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/cmd/ablate/internal/view"
	"ablate/pipeline/planner"
)

func cachePinCommand(s *session) *cobra.Command {
	var r cachePinRequest
	return &cobra.Command{
		Use: "pin INSTANCE", Short: "Protect an instance's result from gc",
		Long:              "pin protects a cached result, and everything that it depends on, from gc." + exitCodes(""),
		Example:           "  ablate cache pin analysis.factorial.coupling",
		Args:              argsBetween(1, 1),
		ValidArgsFunction: complete(s, anyInstance, 1),
		RunE:              does(s, &r, &r.Instance),
	}
}

// cachePinRequest asks to protect a result from collection.
type cachePinRequest struct{ Instance string }

func (r cachePinRequest) do(ctx context.Context, s *session) error {
	w, plan, t, err := s.plannedTask(ctx, anyInstance, r.Instance)
	if err != nil {
		return err
	}
	needed := append(plan.Needs(t), t)
	for _, x := range needed {
		if err := x.Cached(); err != nil {
			return err
		}
	}
	for _, x := range needed {
		if err := w.store.AddPin(cache.Pin{Key: x.Key, For: t.Key, Study: w.graph.Study.Name, Address: x.Address.String(), Time: time.Now().UTC()}); err != nil {
			return err
		}
		s.show(view.Pinned{KeyOf: keyOf(x)})
	}
	return nil
}

func keyOf(t *planner.Task) view.KeyOf { return view.KeyOf{Address: t.Address.String(), Key: t.Key} }

func cacheUnpinCommand(s *session) *cobra.Command {
	var r cacheUnpinRequest
	return &cobra.Command{
		Use: "unpin INSTANCE", Short: "Remove a pin",
		Long: "unpin lets gc collect a result, and what it depends on, again, except what another pinned result\n" +
			"depends on. It also finds pins of earlier results of the instance." + exitCodes(""),
		Example:           "  ablate cache unpin analysis.factorial.coupling",
		Args:              argsBetween(1, 1),
		ValidArgsFunction: complete(s, anyInstance, 1),
		RunE:              does(s, &r, &r.Instance),
	}
}

// cacheUnpinRequest asks to remove a pin.
type cacheUnpinRequest struct{ Instance string }

func (r cacheUnpinRequest) do(ctx context.Context, s *session) error {
	w, plan, err := s.planned(ctx)
	if err != nil {
		return err
	}
	pins, err := w.store.Pins()
	if err != nil {
		return err
	}
	of := unpinning{study: w.graph.Study.Name, address: r.Instance, pins: pins}
	t, unknown := w.find(plan, anyInstance, r.Instance)
	if unknown == nil {
		of.address, of.key = t.Address.String(), t.Key
		for _, x := range append(plan.Needs(t), t) {
			of.keys = append(of.keys, x.Key)
		}
	}
	which := of.which()
	switch {
	case which == nil && unknown != nil:
		return unknown
	case which == nil:
		return of.notPinned()
	}
	free, err := w.store.Unpin(which)
	if err != nil {
		return err
	}
	if len(free) == 0 {
		s.view().Text(fmt.Sprintf("Other pins still protect %s and what it depends on.\n", of.address))
	}
	for _, p := range free {
		s.show(view.Unpinned{KeyOf: view.KeyOf{Address: p.Address, Key: p.Key}})
	}
	return nil
}

// unpinning finds the pins of an instance. Its result may be another one by now, and the
// study may have lost the instance: then its address finds them.
type unpinning struct {
	study, address string
	key            cache.Key   // zero where it is not known
	keys           []cache.Key // this one, and those of what the instance depends on
	pins           []cache.Pin
}

// which tells the pins to remove from others; it is nil if there are none.
func (u unpinning) which() func(cache.Pin) bool {
	pinned := make(map[cache.Key]bool)
	for _, p := range u.pins {
		if p.For == u.key || p.Key == p.For && u.names(p) {
			pinned[p.For] = !p.For.IsZero()
		}
	}
	which := func(p cache.Pin) bool { return pinned[p.For] || p.For.IsZero() && slices.Contains(u.keys, p.Key) }
	if slices.ContainsFunc(u.pins, which) {
		return which
	}
	// Pins of earlier versions do not name their study: another one may have the same address.
	which = func(p cache.Pin) bool { return p.For.IsZero() && u.names(p) }
	if slices.ContainsFunc(u.pins, which) {
		return which
	}
	return nil
}

func (u unpinning) names(p cache.Pin) bool {
	return p.Address == u.address && (p.Study == u.study || p.Study == "")
}

// notPinned says that an instance is not pinned, or which pins protect it all the same.
func (u unpinning) notPinned() error {
	pinned := make(map[cache.Key]bool)
	for _, p := range u.pins {
		if p.Key == u.key || u.names(p) {
			pinned[p.For] = true
		}
	}
	var by []string
	for _, p := range u.pins {
		if p.Key == p.For && pinned[p.Key] {
			by = append(by, p.Address)
		}
	}
	switch len(by) {
	case 0:
		return fmt.Errorf("%s is not pinned", u.address)
	case 1:
		return fmt.Errorf("%s is not pinned itself; the pin of %s protects it", u.address, by[0])
	}
	return fmt.Errorf("%s is not pinned itself; the pins of %s protect it", u.address, strings.Join(by, ", "))
}
