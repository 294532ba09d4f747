package pipeline

import (
	"strings"
)

// RemoteReader is a stage that may read sources on other machines.
type RemoteReader interface {
	// Remotes lists the sources that are not local files, as the study names them.
	Remotes() []string
}

// IsRemote reports whether a source is an address rather than a path.
func IsRemote(source string) bool { return strings.Contains(source, "://") }
