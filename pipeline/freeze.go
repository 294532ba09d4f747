package pipeline

import (
	"ablate/hcl/study"
)

// Frozen is what an analysis had declared before its trials were run.
type Frozen = study.Frozen

// Freezer is a stage whose declarations can be frozen.
type Freezer interface {
	// Declared returns the digest of each declaration by name; none where the
	// study does not ask to freeze them.
	Declared() map[string]string
}
