#include "textflag.h"
#include "strips_amd64.h"

// The functions copy runs of so many numbers. A strip is runs of them, which are col
// bytes apart in from and row bytes apart in to. The strips' runs follow each other in
// from, and their copies are next bytes apart. The 16 runs after these are prefetched.

// func copyStrips6(to unsafe.Pointer, next, row uintptr, from unsafe.Pointer, col uintptr, strips, runs int)
TEXT ·copyStrips6(SB), NOSPLIT, $0-56
	BEGIN
strip:
	STRIP
run:
	PREFETCHT0 (DX)(R12*1)
	VMOVUPS (DX), X0
	VMOVSD 16(DX), X1
	VMOVUPS X0, (AX)
	VMOVSD X1, 16(AX)
	NEXTRUN(24)

// func copyStrips8(to unsafe.Pointer, next, row uintptr, from unsafe.Pointer, col uintptr, strips, runs int)
TEXT ·copyStrips8(SB), NOSPLIT, $0-56
	BEGIN
strip:
	STRIP
run:
	PREFETCHT0 (DX)(R12*1)
	VMOVUPS (DX), Y0
	VMOVUPS Y0, (AX)
	NEXTRUN(32)

// func copyStrips16(to unsafe.Pointer, next, row uintptr, from unsafe.Pointer, col uintptr, strips, runs int)
TEXT ·copyStrips16(SB), NOSPLIT, $0-56
	BEGIN
strip:
	STRIP
run:
	PREFETCHT0 (DX)(R12*1)
	VMOVUPS (DX), Y0
	VMOVUPS 32(DX), Y1
	VMOVUPS Y0, (AX)
	VMOVUPS Y1, 32(AX)
	NEXTRUN(64)

// func copyStrips32(to unsafe.Pointer, next, row uintptr, from unsafe.Pointer, col uintptr, strips, runs int)
TEXT ·copyStrips32(SB), NOSPLIT, $0-56
	BEGIN
strip:
	STRIP
run:
	PREFETCHT0 (DX)(R12*1)
	PREFETCHT0 64(DX)(R12*1)
	VMOVUPS (DX), Y0
	VMOVUPS 32(DX), Y1
	VMOVUPS 64(DX), Y2
	VMOVUPS 96(DX), Y3
	VMOVUPS Y0, (AX)
	VMOVUPS Y1, 32(AX)
	VMOVUPS Y2, 64(AX)
	VMOVUPS Y3, 96(AX)
	NEXTRUN(128)

// func copyStrips48(to unsafe.Pointer, next, row uintptr, from unsafe.Pointer, col uintptr, strips, runs int)
TEXT ·copyStrips48(SB), NOSPLIT, $0-56
	BEGIN
strip:
	STRIP
run:
	PREFETCHT0 (DX)(R12*1)
	PREFETCHT0 64(DX)(R12*1)
	PREFETCHT0 128(DX)(R12*1)
	VMOVUPS (DX), Z0
	VMOVUPS 64(DX), Z1
	VMOVUPS 128(DX), Z2
	VMOVUPS Z0, (AX)
	VMOVUPS Z1, 64(AX)
	VMOVUPS Z2, 128(AX)
	NEXTRUN(192)
