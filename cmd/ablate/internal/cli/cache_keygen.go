package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"ablate/cache/remote"
	"ablate/cmd/ablate/internal/view"
)

func cacheKeygenCommand(s *session) *cobra.Command {
	var r cacheKeygenRequest
	return &cobra.Command{
		Use: "keygen NAME", Short: "Create a pair of keys for signing results",
		Long: "keygen writes the private key to NAME.key, for remote { sign = \"NAME.key\" }, and prints the public\n" +
			"key, for trust { keys = [...] } on other machines. A machine that trusts certain keys refuses\n" +
			"results from the remote that none of them signed." + exitCodes(""),
		Example: "  ablate cache keygen alice@lab",
		Args:    argsBetween(1, 1),
		RunE:    does(s, &r, &r.Name),
	}
}

// cacheKeygenRequest asks for a new pair of keys.
type cacheKeygenRequest struct{ Name string }

func (r cacheKeygenRequest) do(_ context.Context, s *session) error {
	private, public, err := remote.Keygen(r.Name)
	if err != nil {
		return fmt.Errorf("creating keys for %q: %w", r.Name, err)
	}
	file := r.Name + ".key"
	if err := createFile(file, []byte(private+"\n"), 0o600); err != nil {
		return err
	}
	s.show(view.Keys{Private: file, Public: public})
	return nil
}
