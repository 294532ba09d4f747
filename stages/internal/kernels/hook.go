package kernels

import (
	"errors"
	"fmt"
	"reflect"
	"unsafe"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
)

// This file is all that the kernels know of GoMLX beyond what it exports: three
// symbols, two structs, and the payload of some operations (see ints, and the type
// assertions on node.Data). hook_test.go holds the library to it.

// buffer is the backend's Buffer.
type buffer struct {
	RawBackend unsafe.Pointer
	RawShape   shapes.Shape
	InUse      bool
	isUserFed  bool //lint:ignore U1000 it keeps the layout
	RawBytes   []byte
	Flat       any
}

// node is the backend's Node.
type node struct {
	Index              int
	Inputs             []*node
	CapturedInputs     [][]*node
	OpType             compute.OpType
	Shape              shapes.Shape
	Builder            unsafe.Pointer
	Function           unsafe.Pointer
	MultiOutputsShapes []shapes.Shape
	MultiOutputsNodes  []*node
	IsNodeSelectOutput bool
	SelectOutputIdx    int
	Data               any
}

// executor computes a node's output. A slot of inputs that is owned may be
// taken over as the output, and is then set to nil.
type executor func(backend unsafe.Pointer, n *node, inputs []*buffer, owned []bool) (*buffer, error)

//go:linkname nodeExecutors github.com/gomlx/compute/internal/gobackend.nodeExecutors
var nodeExecutors [compute.OpTypeLast]executor

//go:linkname multiExecutors github.com/gomlx/compute/internal/gobackend.MultiOutputsNodeExecutors
var multiExecutors [compute.OpTypeLast]func(backend unsafe.Pointer, n *node, inputs []*buffer, owned []bool) ([]*buffer, error)

//go:linkname getBuffer github.com/gomlx/compute/internal/gobackend.(*Backend).GetBuffer
func getBuffer(backend unsafe.Pointer, shape shapes.Shape) (*buffer, error)

// fits says why the kernels cannot be put into a backend, nil where they can.
// borrowed are operations that must have no executor there. What
// reflection cannot see of it, TestHook compares with the library's source.
func fits(backend compute.Backend, borrowed ...compute.OpType) error {
	for _, op := range borrowed {
		if nodeExecutors[op] != nil || multiExecutors[op] != nil {
			return fmt.Errorf("GoMLX has an executor for %s now, which the kernels use for one of theirs", op)
		}
	}
	if !sameLayout(backend) {
		return errors.New("GoMLX's buffers and nodes are not laid out as the kernels declare them")
	}
	return nil
}

// sameLayout compares the declarations above with the backend's types, and looks
// for what rewriting needs of them.
func sameLayout(backend compute.Backend) bool {
	get, ok := reflect.TypeOf(backend).MethodByName("GetBuffer")
	if !ok || get.Type.NumOut() != 2 || !sameFields(get.Type.Out(0).Elem(), reflect.TypeFor[buffer]()) {
		return false
	}
	builder := reflect.TypeOf(backend.Builder("layout"))
	if builder.Kind() != reflect.Pointer {
		return false
	}
	main, ok := builder.Elem().FieldByName("MainFn")
	if !ok || main.Type.Kind() != reflect.Pointer {
		return false
	}
	for _, name := range []string{"Nodes", "Outputs"} {
		nodes, ok := main.Type.Elem().FieldByName(name)
		if !ok || nodes.Type.Kind() != reflect.Slice || nodes.Type.Elem().Kind() != reflect.Pointer || !sameFields(nodes.Type.Elem().Elem(), reflect.TypeFor[node]()) {
			return false
		}
	}
	raw, ok := main.Type.Elem().FieldByName("RawBuilder")
	if !ok || raw.Type != builder {
		return false
	}
	owner, ok := builder.Elem().FieldByName("Backend")
	sort, sorts := main.Type.MethodByName("DAGSort")
	return ok && owner.Type == reflect.TypeOf(backend) && sorts && sort.Type.NumIn() == 1
}

func sameFields(theirs, ours reflect.Type) bool {
	if theirs.Kind() != reflect.Struct || theirs.NumField() != ours.NumField() || theirs.Size() != ours.Size() {
		return false
	}
	for i := range ours.NumField() {
		a, b := theirs.Field(i), ours.Field(i)
		if a.Name != b.Name || a.Offset != b.Offset || a.Type.Size() != b.Type.Size() {
			return false
		}
	}
	return true
}
