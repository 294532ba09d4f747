package cli

import "github.com/spf13/cobra"

// Command is the program's command tree, for programs that describe it.
func (a App) Command() *cobra.Command { return rootCommand(&session{app: a}) }
