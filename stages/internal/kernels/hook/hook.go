// Package hook reaches into GoMLX's pure-Go backend. It declares again the structs
// that the backend's executors see, links to its tables of executors, and reads
// the attributes of its nodes. All that the kernels know about GoMLX beyond its
// exported API is here.
//
// Check compares these declarations with the backend at start, and TestHook
// compares them with its source: a new version of GoMLX can make training slower,
// never wrong.
package hook

import (
	"unsafe"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
)

// Backend is a pointer to the backend, which executors receive and hand on.
type Backend = unsafe.Pointer

// Buffer mirrors the backend's Buffer.
type Buffer struct {
	RawBackend unsafe.Pointer
	RawShape   shapes.Shape
	InUse      bool
	isUserFed  bool //lint:ignore U1000 part of the layout
	RawBytes   []byte
	Flat       any
}

// Float32s returns the elements of a float32 buffer.
func (b *Buffer) Float32s() ([]float32, bool) {
	if b == nil || b.RawShape.DType != dtypes.Float32 {
		return nil, false
	}
	x, ok := b.Flat.([]float32)
	return x, ok
}

// Node mirrors the backend's Node.
type Node struct {
	Index              int
	Inputs             []*Node
	CapturedInputs     [][]*Node
	OpType             compute.OpType
	Shape              shapes.Shape
	Builder            unsafe.Pointer
	Function           unsafe.Pointer
	MultiOutputsShapes []shapes.Shape
	MultiOutputsNodes  []*Node
	IsNodeSelectOutput bool
	SelectOutputIdx    int
	Data               any
}

// Executor computes the output of a node. It may reuse the memory of an input that
// is owned for the output, and then sets that input to nil.
type Executor func(b Backend, n *Node, inputs []*Buffer, owned []bool) (*Buffer, error)

// MultiExecutor computes the outputs of a node that has several.
type MultiExecutor func(b Backend, n *Node, inputs []*Buffer, owned []bool) ([]*Buffer, error)

// Executors is the backend's table of executors.
//
//go:linkname Executors github.com/gomlx/compute/internal/gobackend.nodeExecutors
var Executors [compute.OpTypeLast]Executor

// MultiExecutors is the backend's table of executors of nodes with several
// outputs.
//
//go:linkname MultiExecutors github.com/gomlx/compute/internal/gobackend.MultiOutputsNodeExecutors
var MultiExecutors [compute.OpTypeLast]MultiExecutor

// NewBuffer allocates a buffer from the backend's pool.
//
//go:linkname NewBuffer github.com/gomlx/compute/internal/gobackend.(*Backend).GetBuffer
func NewBuffer(b Backend, shape shapes.Shape) (*Buffer, error)

// The kernels' own operations. The enumeration of operations is closed, so they
// borrow codes for which the backend has no executor.
const (
	OpProduct = compute.OpTypeBlockForDotGeneral  // a matrix product with strided factors and result
	OpConcat  = compute.OpTypeAllGather           // a concatenation along the last axis, written in place
	OpFusion  = compute.OpTypeCollectiveBroadcast // a fusion group; it has several outputs
	OpRound   = compute.OpTypeAllReduce           // float32 elements rounded to bfloat16, kept as float32
)
