package hook

import (
	"reflect"
	"unsafe"

	"github.com/gomlx/compute"
)

// Function is the main function of a builder of the backend.
type Function struct{ value reflect.Value }

// Main returns the main function of a builder.
func Main(b compute.Builder) Function {
	return Function{reflect.ValueOf(b).Elem().FieldByName("MainFn").Elem()}
}

// Nodes returns the function's list of nodes, to be read and changed.
func (f Function) Nodes() *[]*Node {
	return (*[]*Node)(f.value.FieldByName("Nodes").Addr().UnsafePointer())
}

// Outputs returns the function's list of results, to be read and changed.
func (f Function) Outputs() *[]*Node {
	return (*[]*Node)(f.value.FieldByName("Outputs").Addr().UnsafePointer())
}

// Backend returns the backend of the function.
func (f Function) Backend() Backend {
	return *(*unsafe.Pointer)(f.backend().Addr().UnsafePointer())
}

func (f Function) backend() reflect.Value {
	return f.value.FieldByName("RawBuilder").Elem().FieldByName("Backend")
}

// Sort puts the nodes into an order of execution.
func (f Function) Sort() {
	f.value.Addr().MethodByName("DAGSort").Call(nil)
}

// SetConstant turns a node into a constant.
func (f Function) SetConstant(n *Node, b *Buffer) {
	get, _ := f.backend().Type().MethodByName("GetBuffer")
	n.OpType, n.Inputs = compute.OpTypeConstant, nil
	n.Data = reflect.NewAt(get.Type.Out(0).Elem(), unsafe.Pointer(b)).Interface()
}

// Constant returns the value of a constant node.
func (n *Node) Constant() (*Buffer, bool) {
	if n.OpType != compute.OpTypeConstant {
		return nil, false
	}
	v := reflect.ValueOf(n.Data)
	if v.Kind() != reflect.Pointer {
		return nil, false
	}
	return (*Buffer)(v.UnsafePointer()), true
}
