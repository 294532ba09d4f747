//go:build !unix

package program

const canDrain = false // there is no read that does not wait

func (o *output) next(b []byte) (int, error) { return o.pipe.Read(b) }
