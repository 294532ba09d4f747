package cli

import (
	"io"

	"github.com/spf13/cobra"
)

// bashLevels replaces a function of cobra's script. Bash completes what follows the last : or =
// of a word, unless COMP_WORDBREAKS leaves them out, so the script takes what precedes it off each
// completion. Its own function does so for one of the two signs, and only where bash escapes
// nothing: not in norm=derf.alpha:0.1,seed=.
const bashLevels = `
__ablate_handle_special_char() {
    local breaks=${COMP_WORDBREAKS//[!:=]/} plain i
    [[ -n $breaks ]] || return 0
    local typed=${1%"${1##*[$breaks]}"}
    [[ -n $typed ]] && eval "plain=$typed" 2>/dev/null || return 0
    printf -v typed "%q" "$plain"
    for i in "${!COMPREPLY[@]}"; do
        COMPREPLY[i]=${COMPREPLY[i]#"$typed"} # of several, none is escaped
        COMPREPLY[i]=${COMPREPLY[i]#"$plain"}
    done
}
`

// completionCommand adds the command that prints scripts for shells, which is cobra's.
func completionCommand(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	bash, _, err := root.Find([]string{"completion", "bash"})
	if err != nil {
		panic("cli: " + err.Error())
	}
	script := bash.RunE
	bash.RunE = func(c *cobra.Command, args []string) error {
		if err := script(c, args); err != nil {
			return err
		}
		_, err := io.WriteString(root.OutOrStdout(), bashLevels)
		return err
	}
}

// completeNoFiles keeps the shell from offering files to commands that refuse arguments.
func completeNoFiles(c *cobra.Command) {
	for _, sub := range c.Commands() {
		completeNoFiles(sub)
	}
	if c.Args != nil && c.Args(c, []string{"file"}) != nil && c.ValidArgsFunction == nil {
		c.ValidArgsFunction = cobra.NoFileCompletions
	}
}
