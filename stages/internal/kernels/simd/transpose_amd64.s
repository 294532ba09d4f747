#include "textflag.h"

// transpose8x4 writes n > 0 groups of four columns of eight rows as rows. The rows of x
// are stride bytes apart, those of y step. A register has four numbers of one of the
// first four rows, and those of one of the last four.

// func transpose8x4(y, x unsafe.Pointer, step, stride uintptr, n int)
TEXT ·transpose8x4(SB), NOSPLIT, $0-40
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ step+16(FP), R8
	MOVQ stride+24(FP), R9
	MOVQ n+32(FP), CX
	LEAQ (R9)(R9*2), R10
	LEAQ (SI)(R9*4), DX
	LEAQ (R8)(R8*2), R11

columns:
	VMOVUPS (SI), X0
	VMOVUPS (SI)(R9*1), X1
	VMOVUPS (SI)(R9*2), X2
	VMOVUPS (SI)(R10*1), X3
	VINSERTF128 $1, (DX), Y0, Y0
	VINSERTF128 $1, (DX)(R9*1), Y1, Y1
	VINSERTF128 $1, (DX)(R9*2), Y2, Y2
	VINSERTF128 $1, (DX)(R10*1), Y3, Y3
	VUNPCKLPS Y1, Y0, Y4
	VUNPCKHPS Y1, Y0, Y5
	VUNPCKLPS Y3, Y2, Y6
	VUNPCKHPS Y3, Y2, Y7
	VUNPCKLPD Y6, Y4, Y0
	VUNPCKHPD Y6, Y4, Y1
	VUNPCKLPD Y7, Y5, Y2
	VUNPCKHPD Y7, Y5, Y3
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, (DI)(R8*1)
	VMOVUPS Y2, (DI)(R8*2)
	VMOVUPS Y3, (DI)(R11*1)
	ADDQ $16, SI
	ADDQ $16, DX
	LEAQ (DI)(R8*4), DI
	DECQ CX
	JNZ columns
	VZEROUPPER
	RET
