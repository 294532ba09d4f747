package study

// Kind tells the language about one type of stage.
type Kind struct {
	Block, Type string
	Matrix      bool       // the block may hold a matrix
	New         func() any // a pointer to a spec struct (see package spec), pre-filled with defaults
}
