#include "textflag.h"

// The functions copy runs of numbers: terms of them, col bytes apart, one after the
// other, and that for so many strips, whose runs follow each other in from and whose
// copies are next bytes apart. They prefetch the 16 terms after these.

#define BEGIN \
	MOVQ to+0(FP), DI \
	MOVQ next+8(FP), R8 \
	MOVQ from+16(FP), SI \
	MOVQ col+24(FP), R9 \
	MOVQ strips+32(FP), R10 \
	MOVQ terms+40(FP), R11 \
	MOVQ R9, R12 \
	SHLQ $4, R12

#define STRIP \
	MOVQ DI, AX \
	MOVQ SI, DX \
	MOVQ R11, CX

// func packStrips6(to unsafe.Pointer, next uintptr, from unsafe.Pointer, col uintptr, strips, terms int)
TEXT ·packStrips6(SB), NOSPLIT, $0-48
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
	ADDQ $24, AX
	DECQ CX
	JNZ run6
	ADDQ R8, DI
	ADDQ $24, SI
	DECQ R10
	JNZ strip6
	RET

// func packStrips8(to unsafe.Pointer, next uintptr, from unsafe.Pointer, col uintptr, strips, terms int)
TEXT ·packStrips8(SB), NOSPLIT, $0-48
	BEGIN
strip8:
	STRIP
run8:
	PREFETCHT0 (DX)(R12*1)
	VMOVUPS (DX), Y0
	VMOVUPS Y0, (AX)
	ADDQ R9, DX
	ADDQ $32, AX
	DECQ CX
	JNZ run8
	ADDQ R8, DI
	ADDQ $32, SI
	DECQ R10
	JNZ strip8
	VZEROUPPER
	RET

// func packStrips16(to unsafe.Pointer, next uintptr, from unsafe.Pointer, col uintptr, strips, terms int)
TEXT ·packStrips16(SB), NOSPLIT, $0-48
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
	ADDQ $64, AX
	DECQ CX
	JNZ run16
	ADDQ R8, DI
	ADDQ $64, SI
	DECQ R10
	JNZ strip16
	VZEROUPPER
	RET

// func packStrips32(to unsafe.Pointer, next uintptr, from unsafe.Pointer, col uintptr, strips, terms int)
TEXT ·packStrips32(SB), NOSPLIT, $0-48
	BEGIN
strip32:
	STRIP
run32:
	PREFETCHT0 (DX)(R12*1)
	VMOVUPS (DX), Y0
	VMOVUPS 32(DX), Y1
	VMOVUPS 64(DX), Y2
	VMOVUPS 96(DX), Y3
	VMOVUPS Y0, (AX)
	VMOVUPS Y1, 32(AX)
	VMOVUPS Y2, 64(AX)
	VMOVUPS Y3, 96(AX)
	ADDQ R9, DX
	ADDQ $128, AX
	DECQ CX
	JNZ run32
	ADDQ R8, DI
	ADDQ $128, SI
	DECQ R10
	JNZ strip32
	VZEROUPPER
	RET
