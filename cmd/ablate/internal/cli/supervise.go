package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"ablate/pipeline/process"
)

// superviseCommand is the parent of a child process that runs user programs. It is
// hidden, because only run and its executors start it.
func superviseCommand() *cobra.Command {
	return &cobra.Command{
		Use: "supervise COMMAND...", Hidden: true, DisableFlagParsing: true,
		Short: "Run a command of ablate and kill what it leaves running (started by run)",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("no command to supervise")
			}
			path, err := program()
			if err != nil {
				return err
			}
			code, err := process.Supervise(append([]string{path}, args...))
			if err != nil {
				return err
			}
			return exitError{code}
		},
	}
}
