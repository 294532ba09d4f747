package pipeline

// Requirer is a stage that needs something of the machine that computes it, such as a
// program or a library.
type Requirer interface {
	// Lacks says what this machine lacks for the stage, as the end of a sentence; "" for
	// nothing.
	Lacks() string
}
