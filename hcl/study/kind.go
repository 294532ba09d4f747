package study

// Kind declares one type of stage to the language.
type Kind struct {
	Block, Type string
	Matrix      bool       // the block may contain a matrix
	New         func() any // returns a pointer to a spec (see package spec) with its defaults
}
