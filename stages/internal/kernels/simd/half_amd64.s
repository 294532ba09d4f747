#include "textflag.h"
#include "round_amd64.h"
#include "strips_amd64.h"

// Products of bfloat16 numbers. A word holds two terms that follow each other, the
// first in its lower half.

// DOT is VDPBF16PS, which Go's assembler does not have: it adds to an accumulator
// the products of the upper halves of two words, and then those of the lower
// halves. Its operands are in the bytes of its EVEX encoding: p0 has the upper bit
// of the accumulator, p1 the broadcast register, and modrm the rest, with Z16 or
// Z17 as the words of b.
#define DOT(p0, p1, modrm) \
	BYTE $0x62; BYTE $p0; BYTE $p1; BYTE $0x40; BYTE $0x52; BYTE $modrm

// HALFROW adds a pair of terms to a row: accumulators 2i and 2i+1.
#define HALFROW(at, r, p0, p1, lo, hi) \
	VBROADCASTSS at, r \
	DOT(p0, p1, lo) \
	DOT(p0, p1, hi)

// A pair of terms of all 8 x 32 elements.
#define PAIR \
	VMOVUPS (DX), Z16 \
	VMOVUPS 64(DX), Z17 \
	HALFROW((AX), Z18, 0xb2, 0x6e, 0xc0, 0xc9) \
	HALFROW((AX)(BX*1), Z19, 0xb2, 0x66, 0xd0, 0xd9) \
	HALFROW((AX)(BX*2), Z20, 0xb2, 0x5e, 0xe0, 0xe9) \
	HALFROW((AX)(R9*1), Z21, 0xb2, 0x56, 0xf0, 0xf9) \
	HALFROW((R10), Z22, 0x32, 0x4e, 0xc0, 0xc9) \
	HALFROW((R10)(BX*1), Z23, 0x32, 0x46, 0xd0, 0xd9) \
	HALFROW((R10)(BX*2), Z24, 0x32, 0x3e, 0xe0, 0xe9) \
	HALFROW((R10)(R9*1), Z25, 0x32, 0x36, 0xf0, 0xf9) \
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

// func halfTile8x32(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am, ak uintptr, b unsafe.Pointer, pairs, add int)
TEXT ·halfTile8x32(SB), NOSPLIT, $0-64
	MOVQ c+0(FP), DI
	MOVQ ldc+8(FP), SI
	MOVQ a+16(FP), AX
	MOVQ am+24(FP), BX
	MOVQ ak+32(FP), CX
	MOVQ b+40(FP), DX
	MOVQ pairs+48(FP), R8
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

pair:
	PAIR
	DECQ R8
	JNZ pair

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

// JOIN makes words of the upper halves of low and high.
#define JOIN(low, high) \
	VPSRLD $16, low, low \
	VPBLENDW $0xaa, high, low, low

// TWO packs eight numbers of two terms.
#define TWO(lows, highs, words) \
	VMOVDQU lows, Y0 \
	VMOVDQU highs, Y1 \
	NEAREST(Y0, Y8, Y9) \
	NEAREST(Y1, Y10, Y11) \
	JOIN(Y0, Y1) \
	VMOVDQU Y0, words

// func packTwo8(to *uint32, low, high *float32, n int)
TEXT ·packTwo8(SB), NOSPLIT, $0-32
	MOVQ to+0(FP), DI
	MOVQ low+8(FP), SI
	MOVQ high+16(FP), DX
	MOVQ n+24(FP), CX
	ROUNDING
two:
	TWO((SI), (DX), (DI))
	ADDQ $32, SI
	ADDQ $32, DX
	ADDQ $32, DI
	DECQ CX
	JNZ two
	VZEROUPPER
	RET

// func packRun8(to *uint32, x *float32, n int)
TEXT ·packRun8(SB), NOSPLIT, $0-24
	MOVQ to+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	ROUNDING
run:
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1
	NEAREST(Y0, Y8, Y9)
	NEAREST(Y1, Y10, Y11)
	VSHUFPS $0x88, Y1, Y0, Y2
	VSHUFPS $0xdd, Y1, Y0, Y3
	JOIN(Y2, Y3)
	VPERMQ $0xd8, Y2, Y2
	VMOVDQU Y2, (DI)
	ADDQ $64, SI
	ADDQ $32, DI
	DECQ CX
	JNZ run
	VZEROUPPER
	RET

// A run is 32 words, of a pair of terms that are col bytes apart in from: the next run
// is twice as far. The 16 terms after these are prefetched.

// func packStrips32(to unsafe.Pointer, next, row uintptr, from unsafe.Pointer, col uintptr, strips, runs int)
TEXT ·packStrips32(SB), NOSPLIT, $0-56
	BEGIN
	ROUNDING
strip:
	STRIP
run:
	PAIRRUN
	TWO((DX), (BX), (AX))
	TWO(32(DX), 32(BX), 32(AX))
	TWO(64(DX), 64(BX), 64(AX))
	TWO(96(DX), 96(BX), 96(AX))
	PAIRSEND
