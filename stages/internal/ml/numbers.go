package ml

import (
	"encoding/binary"
	"unsafe"
)

// number is an element of a tensor, stored as four bytes, the lowest first.
type number interface{ float32 | int32 }

// sameInMemory is true where the processor stores numbers as files do.
var sameInMemory = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// encoded returns numbers as a file stores them. It may be their own memory, so it
// must not be written to.
func encoded[T number](numbers []T) []byte {
	if sameInMemory {
		return memory(numbers)
	}
	b, err := binary.Append(nil, binary.LittleEndian, numbers)
	if err != nil {
		panic("ml: encoding numbers: " + err.Error()) // they have a fixed size
	}
	return b
}

// decode sets numbers to what a file stores in four times as many bytes.
func decode[T number](numbers []T, stored []byte) {
	if sameInMemory {
		copy(memory(numbers), stored)
		return
	}
	if _, err := binary.Decode(stored, binary.LittleEndian, numbers); err != nil {
		panic("ml: decoding numbers: " + err.Error()) // there are enough bytes
	}
}

// memory is the memory of numbers.
func memory[T number](numbers []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(numbers))), 4*len(numbers))
}
