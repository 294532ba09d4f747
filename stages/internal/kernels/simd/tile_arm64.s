#include "textflag.h"

// As on amd64, the terms of each element are added in order, with one rounding
// each, which gives the same bits. Strides are in bytes: am and ak between rows and
// columns of a, ldc between rows of c. If add is not 0, c is added at the end.

// ROW adds a term to the four vectors of a row; r holds the element of a.
#define ROW(r, v0, v1, v2, v3) \
	VFMLA V16.S4, r.S4, v0.S4 \
	VFMLA V17.S4, r.S4, v1.S4 \
	VFMLA V18.S4, r.S4, v2.S4 \
	VFMLA V19.S4, r.S4, v3.S4

// The assembler has no addition of vectors; it multiplies by one and adds.
#define ADDROW(v0, v1, v2, v3) \
	VLD1 (R0), [V16.S4, V17.S4, V18.S4, V19.S4] \
	VFMLA V24.S4, v0.S4, V16.S4 \
	VFMLA V24.S4, v1.S4, V17.S4 \
	VFMLA V24.S4, v2.S4, V18.S4 \
	VFMLA V24.S4, v3.S4, V19.S4 \
	VST1 [V16.S4, V17.S4, V18.S4, V19.S4], (R0) \
	ADD R1, R0

#define STOREROW(v0, v1, v2, v3) \
	VST1 [v0.S4, v1.S4, v2.S4, v3.S4], (R0) \
	ADD R1, R0

// func tile4x16(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am, ak uintptr, b unsafe.Pointer, k, add int)
TEXT ·tile4x16(SB), NOSPLIT, $0-64
	MOVD c+0(FP), R0
	MOVD ldc+8(FP), R1
	MOVD a+16(FP), R4
	MOVD am+24(FP), R2
	MOVD ak+32(FP), R3
	MOVD b+40(FP), R8
	MOVD k+48(FP), R9
	MOVD add+56(FP), R10
	ADD R2, R4, R5
	ADD R2, R5, R6
	ADD R2, R6, R7
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V1.B16, V1.B16, V1.B16
	VEOR V2.B16, V2.B16, V2.B16
	VEOR V3.B16, V3.B16, V3.B16
	VEOR V4.B16, V4.B16, V4.B16
	VEOR V5.B16, V5.B16, V5.B16
	VEOR V6.B16, V6.B16, V6.B16
	VEOR V7.B16, V7.B16, V7.B16
	VEOR V8.B16, V8.B16, V8.B16
	VEOR V9.B16, V9.B16, V9.B16
	VEOR V10.B16, V10.B16, V10.B16
	VEOR V11.B16, V11.B16, V11.B16
	VEOR V12.B16, V12.B16, V12.B16
	VEOR V13.B16, V13.B16, V13.B16
	VEOR V14.B16, V14.B16, V14.B16
	VEOR V15.B16, V15.B16, V15.B16

terms:
	VLD1 (R8), [V16.S4, V17.S4, V18.S4, V19.S4]
	VLD1R.P (R4)(R3), [V20.S4]
	VLD1R.P (R5)(R3), [V21.S4]
	VLD1R.P (R6)(R3), [V22.S4]
	VLD1R.P (R7)(R3), [V23.S4]
	ADD $128, R8
	ROW(V20, V0, V1, V2, V3)
	ROW(V21, V4, V5, V6, V7)
	ROW(V22, V8, V9, V10, V11)
	ROW(V23, V12, V13, V14, V15)
	SUBS $1, R9
	BNE terms

	CBZ R10, store
	FMOVS $1.0, F24
	VDUP V24.S[0], V24.S4
	ADDROW(V0, V1, V2, V3)
	ADDROW(V4, V5, V6, V7)
	ADDROW(V8, V9, V10, V11)
	ADDROW(V12, V13, V14, V15)
	RET

store:
	STOREROW(V0, V1, V2, V3)
	STOREROW(V4, V5, V6, V7)
	STOREROW(V8, V9, V10, V11)
	STOREROW(V12, V13, V14, V15)
	RET
