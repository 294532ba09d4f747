package cli

import (
	"context"

	"github.com/spf13/cobra"

	"ablate/cmd/ablate/internal/view"
)

func validateCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "validate",
		Short: "Check the study without reading data or the store",
		Long: "validate loads the study, expands it and checks every stage. It reads no data and needs no\n" +
			"store." + exitCodes(""),
		Example: "  ablate validate --chdir examples/coupling --var corpus=text.txt",
		Args:    noArgs,
		RunE:    does(s, validateRequest{}),
	}
}

// validateRequest asks whether the study has mistakes.
type validateRequest struct{}

func (validateRequest) do(_ context.Context, s *session) error {
	linked, err := s.loadStudy()
	if err != nil {
		return err
	}
	s.warnUnknownExecutors(linked.Study)
	s.show(view.Valid{Study: linked.Study.Name, Instances: len(linked.Addresses())})
	return nil
}
