#include "textflag.h"

// tile6x16 multiplies six rows of a by a packed panel of b, 16 columns wide. It adds the
// terms of each element in order, in registers, as the tiles of AVX-512 do, so that both
// give the same bits. Strides are in bytes: am and ak between rows and columns of a, ldc
// between rows of c. If add is not 0, c is added at the end.

#define ROW(at, r, lo, hi) \
	VBROADCASTSS at, r \
	VFMADD231PS Y12, r, lo \
	VFMADD231PS Y13, r, hi

// One term of all 6 x 16 elements.
#define TERM \
	VMOVUPS (DX), Y12 \
	VMOVUPS 32(DX), Y13 \
	ROW((AX), Y14, Y0, Y1) \
	ROW((AX)(BX*1), Y15, Y2, Y3) \
	ROW((AX)(BX*2), Y14, Y4, Y5) \
	ROW((R10), Y15, Y6, Y7) \
	ROW((R10)(BX*1), Y14, Y8, Y9) \
	ROW((R10)(BX*2), Y15, Y10, Y11) \
	ADDQ CX, AX \
	ADDQ CX, R10 \
	ADDQ $64, DX

#define ADDROW(lo, hi) \
	VADDPS (R11), lo, lo \
	VADDPS 32(R11), hi, hi \
	ADDQ SI, R11

#define STOREROW(lo, hi) \
	VMOVUPS lo, (DI) \
	VMOVUPS hi, 32(DI) \
	ADDQ SI, DI

#define NEARROW \
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
	NEARROW
	NEARROW
	NEARROW
	NEARROW
	NEARROW
	NEARROW

	// With every eight terms, prefetch cache lines of the next rows of a: of six
	// rows, or of eight columns where rows are contiguous.
	LEAQ (R10)(R9*1), R12
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
	TERM
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
	ADDROW(Y0, Y1)
	ADDROW(Y2, Y3)
	ADDROW(Y4, Y5)
	ADDROW(Y6, Y7)
	ADDROW(Y8, Y9)
	ADDROW(Y10, Y11)

store:
	STOREROW(Y0, Y1)
	STOREROW(Y2, Y3)
	STOREROW(Y4, Y5)
	STOREROW(Y6, Y7)
	STOREROW(Y8, Y9)
	STOREROW(Y10, Y11)
	VZEROUPPER
	RET
