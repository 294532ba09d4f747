package stages

import "ablate/stages/internal/backend"

// Backend is where trials can run, and what was found of it here.
type Backend = backend.Status

// Backends looks at all backends that a study may ask for.
func Backends() []Backend { return backend.Survey() }
