#include "textflag.h"

// BFMMLA, which Go's assembler does not have: it adds to the four elements of d, two
// rows and two columns, the products of two rows of four terms with two columns.
#define BFMMLA(d, row, column) WORD $(0x6e40ec00 + d + 32*row + 65536*column)

// COLUMNS reads two pairs of terms of eight columns, and puts the four terms of each
// column together, two columns to a register.
#define COLUMNS \
	VLD1 (R8), [V8.S4, V9.S4] \
	ADD $128, R8 \
	VLD1 (R8), [V10.S4, V11.S4] \
	ADD $128, R8 \
	VZIP1 V10.S4, V8.S4, V12.S4 \
	VZIP2 V10.S4, V8.S4, V13.S4 \
	VZIP1 V11.S4, V9.S4, V14.S4 \
	VZIP2 V11.S4, V9.S4, V15.S4

// ROWS multiplies two rows by eight columns.
#define ROWS(row, d) \
	BFMMLA(d, row, 12) \
	BFMMLA(d+1, row, 13) \
	BFMMLA(d+2, row, 14) \
	BFMMLA(d+3, row, 15)

// TWOROWS puts two rows, from the accumulators of both, into V0 to V3.
#define TWOROWS(v0, v1, v2, v3) \
	VZIP1 v1.D2, v0.D2, V0.D2 \
	VZIP1 v3.D2, v2.D2, V1.D2 \
	VZIP2 v1.D2, v0.D2, V2.D2 \
	VZIP2 v3.D2, v2.D2, V3.D2

// STORETWO writes two rows of c, and ADDTWO adds to them.
#define STORETWO(v0, v1, v2, v3) \
	TWOROWS(v0, v1, v2, v3) \
	VST1 [V0.S4, V1.S4], (R0) \
	ADD R1, R0 \
	VST1 [V2.S4, V3.S4], (R0) \
	ADD R1, R0

// The assembler has no addition of vectors: V15 holds ones to multiply by.
#define ADDTWO(v0, v1, v2, v3) \
	TWOROWS(v0, v1, v2, v3) \
	VLD1 (R0), [V4.S4, V5.S4] \
	VFMLA V15.S4, V0.S4, V4.S4 \
	VFMLA V15.S4, V1.S4, V5.S4 \
	VST1 [V4.S4, V5.S4], (R0) \
	ADD R1, R0 \
	VLD1 (R0), [V4.S4, V5.S4] \
	VFMLA V15.S4, V2.S4, V4.S4 \
	VFMLA V15.S4, V3.S4, V5.S4 \
	VST1 [V4.S4, V5.S4], (R0) \
	ADD R1, R0

// func halfTile8x8(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am uintptr, b unsafe.Pointer, pairs, add int)
TEXT ·halfTile8x8(SB), NOSPLIT, $0-56
	MOVD c+0(FP), R0
	MOVD ldc+8(FP), R1
	MOVD a+16(FP), R2
	MOVD am+24(FP), R3
	MOVD b+32(FP), R8
	MOVD pairs+40(FP), R9
	MOVD add+48(FP), R10
	ADD R3, R2, R4
	ADD R3, R4, R5
	ADD R3, R5, R6
	ADD R3, R6, R7
	ADD R3, R7, R11
	ADD R3, R11, R12
	ADD R3, R12, R13
	VEOR V16.B16, V16.B16, V16.B16
	VEOR V17.B16, V17.B16, V17.B16
	VEOR V18.B16, V18.B16, V18.B16
	VEOR V19.B16, V19.B16, V19.B16
	VEOR V20.B16, V20.B16, V20.B16
	VEOR V21.B16, V21.B16, V21.B16
	VEOR V22.B16, V22.B16, V22.B16
	VEOR V23.B16, V23.B16, V23.B16
	VEOR V24.B16, V24.B16, V24.B16
	VEOR V25.B16, V25.B16, V25.B16
	VEOR V26.B16, V26.B16, V26.B16
	VEOR V27.B16, V27.B16, V27.B16
	VEOR V28.B16, V28.B16, V28.B16
	VEOR V29.B16, V29.B16, V29.B16
	VEOR V30.B16, V30.B16, V30.B16
	VEOR V31.B16, V31.B16, V31.B16

// Four pairs of terms. The upper and lower halves of a register with four pairs of a
// row are joined with those of the next row.
pairs4:
	VLD1.P 16(R2), [V8.D2]
	VLD1.P 16(R4), [V9.D2]
	VLD1.P 16(R5), [V10.D2]
	VLD1.P 16(R6), [V11.D2]
	VLD1.P 16(R7), [V12.D2]
	VLD1.P 16(R11), [V13.D2]
	VLD1.P 16(R12), [V14.D2]
	VLD1.P 16(R13), [V15.D2]
	VZIP1 V9.D2, V8.D2, V0.D2
	VZIP2 V9.D2, V8.D2, V4.D2
	VZIP1 V11.D2, V10.D2, V1.D2
	VZIP2 V11.D2, V10.D2, V5.D2
	VZIP1 V13.D2, V12.D2, V2.D2
	VZIP2 V13.D2, V12.D2, V6.D2
	VZIP1 V15.D2, V14.D2, V3.D2
	VZIP2 V15.D2, V14.D2, V7.D2
	COLUMNS
	ROWS(0, 16)
	ROWS(1, 20)
	ROWS(2, 24)
	ROWS(3, 28)
	COLUMNS
	ROWS(4, 16)
	ROWS(5, 20)
	ROWS(6, 24)
	ROWS(7, 28)
	SUBS $4, R9
	BNE pairs4

	CBZ R10, store
	FMOVS $1.0, F15
	VDUP V15.S[0], V15.S4
	ADDTWO(V16, V17, V18, V19)
	ADDTWO(V20, V21, V22, V23)
	ADDTWO(V24, V25, V26, V27)
	ADDTWO(V28, V29, V30, V31)
	RET

store:
	STORETWO(V16, V17, V18, V19)
	STORETWO(V20, V21, V22, V23)
	STORETWO(V24, V25, V26, V27)
	STORETWO(V28, V29, V30, V31)
	RET

// BFCVTN and BFCVTN2 round four numbers to bfloat16, into the lower or the upper half
// of d.
#define BFCVTN(d, n) WORD $(0x0ea16800 + d + 32*n)
#define BFCVTN2(d, n) WORD $(0x4ea16800 + d + 32*n)

// ROUND16 rounds the 16 numbers in V0 to V3, into V4 and V5.
#define ROUND16 \
	BFCVTN(4, 0) \
	BFCVTN2(4, 1) \
	BFCVTN(5, 2) \
	BFCVTN2(5, 3)

// func packTwo8(to *uint32, low, high *float32, n int)
TEXT ·packTwo8(SB), NOSPLIT, $0-32
	MOVD to+0(FP), R0
	MOVD low+8(FP), R1
	MOVD high+16(FP), R2
	MOVD n+24(FP), R3
two:
	VLD1.P 32(R1), [V0.S4, V1.S4]
	VLD1.P 32(R2), [V2.S4, V3.S4]
	ROUND16
	VZIP1 V5.H8, V4.H8, V6.H8
	VZIP2 V5.H8, V4.H8, V7.H8
	VST1.P [V6.S4, V7.S4], 32(R0)
	SUBS $1, R3
	BNE two
	RET

// func packRun8(to *uint32, x *float32, n int)
TEXT ·packRun8(SB), NOSPLIT, $0-24
	MOVD to+0(FP), R0
	MOVD x+8(FP), R1
	MOVD n+16(FP), R2
run:
	VLD1.P 64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]
	ROUND16
	VST1.P [V4.S4, V5.S4], 32(R0)
	SUBS $1, R2
	BNE run
	RET
