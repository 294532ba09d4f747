#include "textflag.h"

// Both functions multiply rows of a by a packed panel of b, 32 columns wide. They
// add the terms of each element in order, in registers, so that both give the same
// bits. Strides are in bytes: am and ak between rows and columns of a, ldc between
// rows of c. If add is not 0, c is added at the end.

#define ROW(at, r, lo, hi) \
	VBROADCASTSS at, r \
	VFMADD231PS Z16, r, lo \
	VFMADD231PS Z17, r, hi

// One term of all 8 x 32 elements.
#define TERM \
	VMOVUPS (DX), Z16 \
	VMOVUPS 64(DX), Z17 \
	ROW((AX), Z18, Z0, Z1) \
	ROW((AX)(BX*1), Z19, Z2, Z3) \
	ROW((AX)(BX*2), Z20, Z4, Z5) \
	ROW((AX)(R9*1), Z21, Z6, Z7) \
	ROW((R10), Z22, Z8, Z9) \
	ROW((R10)(BX*1), Z23, Z10, Z11) \
	ROW((R10)(BX*2), Z24, Z12, Z13) \
	ROW((R10)(R9*1), Z25, Z14, Z15) \
	ADDQ CX, AX \
	ADDQ CX, R10 \
	ADDQ $128, DX

#define ADDROW(lo, hi) \
	VADDPS (R11), lo, lo \
	VADDPS 64(R11), hi, hi \
	ADDQ SI, R11

#define NEARROW \
	PREFETCHT0 (R12) \
	PREFETCHT0 64(R12) \
	ADDQ SI, R12

#define STOREROW(lo, hi) \
	VMOVUPS lo, (DI) \
	VMOVUPS hi, 64(DI) \
	ADDQ SI, DI

// func tile8x32(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am, ak uintptr, b unsafe.Pointer, k, add int)
TEXT ·tile8x32(SB), NOSPLIT, $0-64
	MOVQ c+0(FP), DI
	MOVQ ldc+8(FP), SI
	MOVQ a+16(FP), AX
	MOVQ am+24(FP), BX
	MOVQ ak+32(FP), CX
	MOVQ b+40(FP), DX
	MOVQ k+48(FP), R8
	MOVQ DI, R11
	LEAQ (BX)(BX*2), R9
	LEAQ (AX)(BX*4), R10
	VPXORQ Z0, Z0, Z0
	VMOVAPS Z0, Z1
	VMOVAPS Z0, Z2
	VMOVAPS Z0, Z3
	VMOVAPS Z0, Z4
	VMOVAPS Z0, Z5
	VMOVAPS Z0, Z6
	VMOVAPS Z0, Z7
	VMOVAPS Z0, Z8
	VMOVAPS Z0, Z9
	VMOVAPS Z0, Z10
	VMOVAPS Z0, Z11
	VMOVAPS Z0, Z12
	VMOVAPS Z0, Z13
	VMOVAPS Z0, Z14
	VMOVAPS Z0, Z15

	// Prefetch the tile of c.
	MOVQ DI, R12
	NEARROW
	NEARROW
	NEARROW
	NEARROW
	NEARROW
	NEARROW
	NEARROW
	NEARROW

	// With every eight terms, prefetch eight cache lines of the next rows of a: of
	// eight rows, or of eight columns where rows are contiguous.
	LEAQ (AX)(BX*8), R12
	MOVQ BX, R13
	CMPQ BX, $4
	CMOVQEQ CX, R13
	LEAQ (R13)(R13*2), R14
	LEAQ (R12)(R13*4), R15

eight:
	SUBQ $8, R8
	JLT few
	TERM
	PREFETCHT0 (R12)
	TERM
	PREFETCHT0 (R12)(R13*1)
	TERM
	PREFETCHT0 (R12)(R13*2)
	TERM
	PREFETCHT0 (R12)(R14*1)
	TERM
	PREFETCHT0 (R15)
	TERM
	PREFETCHT0 (R15)(R13*1)
	TERM
	PREFETCHT0 (R15)(R13*2)
	TERM
	PREFETCHT0 (R15)(R14*1)
	LEAQ (R12)(CX*8), R12
	LEAQ (R15)(CX*8), R15
	JMP eight

few:
	ADDQ $8, R8
	JEQ summed

term:
	TERM
	DECQ R8
	JNZ term

summed:
	CMPQ add+56(FP), $0
	JEQ store
	ADDROW(Z0, Z1)
	ADDROW(Z2, Z3)
	ADDROW(Z4, Z5)
	ADDROW(Z6, Z7)
	ADDROW(Z8, Z9)
	ADDROW(Z10, Z11)
	ADDROW(Z12, Z13)
	ADDROW(Z14, Z15)

store:
	STOREROW(Z0, Z1)
	STOREROW(Z2, Z3)
	STOREROW(Z4, Z5)
	STOREROW(Z6, Z7)
	STOREROW(Z8, Z9)
	STOREROW(Z10, Z11)
	STOREROW(Z12, Z13)
	STOREROW(Z14, Z15)
	VZEROUPPER
	RET

#define ROW2(at, r, lo, hi) \
	VBROADCASTSS at, r \
	VFMADD231PS Y12, r, lo \
	VFMADD231PS Y13, r, hi

// One term of all 6 x 16 elements.
#define TERM2 \
	VMOVUPS (DX), Y12 \
	VMOVUPS 32(DX), Y13 \
	ROW2((AX), Y14, Y0, Y1) \
	ROW2((AX)(BX*1), Y15, Y2, Y3) \
	ROW2((AX)(BX*2), Y14, Y4, Y5) \
	ROW2((R10), Y15, Y6, Y7) \
	ROW2((R10)(BX*1), Y14, Y8, Y9) \
	ROW2((R10)(BX*2), Y15, Y10, Y11) \
	ADDQ CX, AX \
	ADDQ CX, R10 \
	ADDQ $64, DX

#define ADDROW2(lo, hi) \
	VADDPS (R11), lo, lo \
	VADDPS 32(R11), hi, hi \
	ADDQ SI, R11

#define STOREROW2(lo, hi) \
	VMOVUPS lo, (DI) \
	VMOVUPS hi, 32(DI) \
	ADDQ SI, DI

#define NEARROW2 \
	PREFETCHT0 (R12) \
	PREFETCHT0 63(R12) \
	ADDQ SI, R12

// func tile6x16(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am, ak uintptr, b unsafe.Pointer, k, add int)
TEXT ·tile6x16(SB), NOSPLIT, $0-64
	MOVQ c+0(FP), DI
	MOVQ ldc+8(FP), SI
	MOVQ a+16(FP), AX
	MOVQ am+24(FP), BX
	MOVQ ak+32(FP), CX
	MOVQ b+40(FP), DX
	MOVQ k+48(FP), R8
	MOVQ DI, R11
	LEAQ (BX)(BX*2), R9
	LEAQ (AX)(R9*1), R10
	VXORPS Y0, Y0, Y0
	VMOVAPS Y0, Y1
	VMOVAPS Y0, Y2
	VMOVAPS Y0, Y3
	VMOVAPS Y0, Y4
	VMOVAPS Y0, Y5
	VMOVAPS Y0, Y6
	VMOVAPS Y0, Y7
	VMOVAPS Y0, Y8
	VMOVAPS Y0, Y9
	VMOVAPS Y0, Y10
	VMOVAPS Y0, Y11

	// Prefetch the tile of c.
	MOVQ DI, R12
	NEARROW2
	NEARROW2
	NEARROW2
	NEARROW2
	NEARROW2
	NEARROW2

	// With every eight terms, prefetch cache lines of the next rows of a: of six
	// rows, or of eight columns where rows are contiguous.
	LEAQ (R10)(R9*1), R12
	MOVQ BX, R13
	CMPQ BX, $4
	CMOVQEQ CX, R13
	LEAQ (R13)(R13*2), R14
	LEAQ (R12)(R13*4), R15

eight2:
	SUBQ $8, R8
	JLT few2
	TERM2
	PREFETCHT0 (R12)
	TERM2
	PREFETCHT0 (R12)(R13*1)
	TERM2
	PREFETCHT0 (R12)(R13*2)
	TERM2
	PREFETCHT0 (R12)(R14*1)
	TERM2
	PREFETCHT0 (R15)
	TERM2
	PREFETCHT0 (R15)(R13*1)
	TERM2
	TERM2
	LEAQ (R12)(CX*8), R12
	LEAQ (R15)(CX*8), R15
	JMP eight2

few2:
	ADDQ $8, R8
	JEQ summed2

term2:
	TERM2
	DECQ R8
	JNZ term2

summed2:
	CMPQ add+56(FP), $0
	JEQ store2
	ADDROW2(Y0, Y1)
	ADDROW2(Y2, Y3)
	ADDROW2(Y4, Y5)
	ADDROW2(Y6, Y7)
	ADDROW2(Y8, Y9)
	ADDROW2(Y10, Y11)

store2:
	STOREROW2(Y0, Y1)
	STOREROW2(Y2, Y3)
	STOREROW2(Y4, Y5)
	STOREROW2(Y6, Y7)
	STOREROW2(Y8, Y9)
	STOREROW2(Y10, Y11)
	VZEROUPPER
	RET
