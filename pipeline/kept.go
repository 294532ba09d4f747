package pipeline

// Kept holds what a process keeps from one action for the next, such as a connection
// to a device and the programs that were compiled for it. The process computes one
// action at a time. The zero value is ready to use.
type Kept struct{ values Shared }

// Keep returns the kept value for a key, making it the first time. Keys are
// comparable structs of a type that the caller defines. A nil Kept keeps nothing.
func Keep[T any](k *Kept, key any, make func() (T, error)) (T, error) {
	if k == nil {
		return make()
	}
	return share(&k.values, key, make)
}

// Affinity says which process should compute an action that has much to prepare.
type Affinity struct {
	// Process is equal for actions that one process can compute, one after another.
	// "" asks for a process of its own.
	Process string `json:"process,omitempty"`
	// Work is equal for actions that prepare the same.
	Work string `json:"work,omitempty"`
}
