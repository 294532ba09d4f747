#include "textflag.h"
#include "strips_amd64.h"

// The functions copy runs of so many numbers. A strip is runs of them, which are col
// bytes apart in from and row bytes apart in to. The strips' runs follow each other in
// from, and their copies are next bytes apart. The 16 runs after these are prefetched.

// func copyStrips6(to unsafe.Pointer, next, row uintptr, from unsafe.Pointer, col uintptr, strips, runs int)
TEXT ·copyStrips6(SB), NOSPLIT, $0-56
	BEGIN
strip6:
	STRIP
run6:
	PREFETCHT0 (DX)(R12*1)
	VMOVUPS (DX), X0
	VMOVSD 16(DX), X1
	VMOVUPS X0, (AX)
	VMOVSD X1, 16(AX)
	ADDQ R9, DX
	ADDQ R13, AX
	DECQ CX
	JNZ run6
	ADDQ R8, DI
	ADDQ $24, SI
	DECQ R10
	JNZ strip6
	RET

// func copyStrips8(to unsafe.Pointer, next, row uintptr, from unsafe.Pointer, col uintptr, strips, runs int)
TEXT ·copyStrips8(SB), NOSPLIT, $0-56
	BEGIN
strip8:
	STRIP
run8:
	PREFETCHT0 (DX)(R12*1)
	VMOVUPS (DX), Y0
	VMOVUPS Y0, (AX)
	ADDQ R9, DX
	ADDQ R13, AX
	DECQ CX
	JNZ run8
	ADDQ R8, DI
	ADDQ $32, SI
	DECQ R10
	JNZ strip8
	VZEROUPPER
	RET

// func copyStrips16(to unsafe.Pointer, next, row uintptr, from unsafe.Pointer, col uintptr, strips, runs int)
TEXT ·copyStrips16(SB), NOSPLIT, $0-56
	BEGIN
strip16:
	STRIP
run16:
	PREFETCHT0 (DX)(R12*1)
	VMOVUPS (DX), Y0
	VMOVUPS 32(DX), Y1
	VMOVUPS Y0, (AX)
	VMOVUPS Y1, 32(AX)
	ADDQ R9, DX
	ADDQ R13, AX
	DECQ CX
	JNZ run16
	ADDQ R8, DI
	ADDQ $64, SI
	DECQ R10
	JNZ strip16
	VZEROUPPER
	RET

// func copyStrips32(to unsafe.Pointer, next, row uintptr, from unsafe.Pointer, col uintptr, strips, runs int)
TEXT ·copyStrips32(SB), NOSPLIT, $0-56
	BEGIN
strip32:
	STRIP
run32:
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
	ADDQ R9, DX
	ADDQ R13, AX
	DECQ CX
	JNZ run32
	ADDQ R8, DI
	ADDQ $128, SI
	DECQ R10
	JNZ strip32
	VZEROUPPER
	RET

// func copyStrips48(to unsafe.Pointer, next, row uintptr, from unsafe.Pointer, col uintptr, strips, runs int)
TEXT ·copyStrips48(SB), NOSPLIT, $0-56
	BEGIN
strip48:
	STRIP
run48:
	PREFETCHT0 (DX)(R12*1)
	PREFETCHT0 64(DX)(R12*1)
	PREFETCHT0 128(DX)(R12*1)
	VMOVUPS (DX), Z0
	VMOVUPS 64(DX), Z1
	VMOVUPS 128(DX), Z2
	VMOVUPS Z0, (AX)
	VMOVUPS Z1, 64(AX)
	VMOVUPS Z2, 128(AX)
	ADDQ R9, DX
	ADDQ R13, AX
	DECQ CX
	JNZ run48
	ADDQ R8, DI
	ADDQ $192, SI
	DECQ R10
	JNZ strip48
	VZEROUPPER
	RET
