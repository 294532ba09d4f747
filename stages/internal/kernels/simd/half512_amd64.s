#include "textflag.h"
#include "strips_amd64.h"

// Packing and rounding of bfloat16 numbers in registers of 512 bits. Packing rounds with
// AVX512_BF16: subnormal numbers become zero, also those that would be rounded up to
// 2^-126. halfBits does the same.

// HALVES is VCVTNE2PS2BF16, which Go's assembler does not have: the numbers of Z register
// low become the lower half of to, those of high the upper half. Only Z0 to Z7 fit the
// encoding.
#define HALVES(to, high, low) \
	BYTE $0x62; BYTE $0xf2; BYTE $(0x7f - 8*high); BYTE $0x48; BYTE $0x72; BYTE $(0xc0 + 8*to + low)

// MASKS sets masks for the first AX of 32 numbers: K1 for the lower half, K2 for the
// upper one. It overwrites BX and CX.
#define MASKS \
	MOVQ AX, CX \
	MOVQ $1, BX \
	SHLQ CX, BX \
	DECQ BX \
	KMOVW BX, K1 \
	SHRQ $16, BX \
	KMOVW BX, K2

// alternate interleaves the halves of a register: 0, 16, 1, 17, …
DATA alternate<>+0(SB)/8, $0x0011000100100000
DATA alternate<>+8(SB)/8, $0x0013000300120002
DATA alternate<>+16(SB)/8, $0x0015000500140004
DATA alternate<>+24(SB)/8, $0x0017000700160006
DATA alternate<>+32(SB)/8, $0x0019000900180008
DATA alternate<>+40(SB)/8, $0x001b000b001a000a
DATA alternate<>+48(SB)/8, $0x001d000d001c000c
DATA alternate<>+56(SB)/8, $0x001f000f001e000e
GLOBL alternate<>(SB), RODATA|NOPTR, $64

// func packRun512(to *uint32, x *float32, n int)
TEXT ·packRun512(SB), NOSPLIT, $0-24
	MOVQ to+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), AX
whole:
	SUBQ $32, AX
	JLT rest
	VMOVUPS (SI), Z0
	VMOVUPS 64(SI), Z1
	HALVES(2, 1, 0)
	VMOVDQU32 Z2, (DI)
	ADDQ $128, SI
	ADDQ $64, DI
	JMP whole

rest:
	ADDQ $32, AX
	JEQ done
	MASKS
	VMOVUPS.Z (SI), K1, Z0
	VMOVUPS.Z 64(SI), K2, Z1
	HALVES(2, 1, 0)
	INCQ AX // two numbers are a word
	SHRQ $1, AX
	MASKS
	VMOVDQU32 Z2, K1, (DI)

done:
	VZEROUPPER
	RET

// func packTwo512(to *uint32, low, high *float32, n int)
TEXT ·packTwo512(SB), NOSPLIT, $0-32
	MOVQ to+0(FP), DI
	MOVQ low+8(FP), SI
	MOVQ high+16(FP), DX
	MOVQ n+24(FP), AX
	VMOVDQU32 alternate<>(SB), Z3
sixteen:
	SUBQ $16, AX
	JLT few
	VMOVUPS (SI), Z0
	VMOVUPS (DX), Z1
	HALVES(2, 1, 0)
	VPERMW Z2, Z3, Z2
	VMOVDQU32 Z2, (DI)
	ADDQ $64, SI
	ADDQ $64, DX
	ADDQ $64, DI
	JMP sixteen

few:
	ADDQ $16, AX
	JEQ packed
	MASKS
	VMOVUPS.Z (SI), K1, Z0
	VMOVUPS.Z (DX), K1, Z1
	HALVES(2, 1, 0)
	VPERMW Z2, Z3, Z2
	VMOVDQU32 Z2, K1, (DI)

packed:
	VZEROUPPER
	RET

// As packStrips32, with the same prefetching.

// func packStrips512(to unsafe.Pointer, next, row uintptr, from unsafe.Pointer, col uintptr, strips, runs int)
TEXT ·packStrips512(SB), NOSPLIT, $0-56
	BEGIN
	VMOVDQU32 alternate<>(SB), Z7
strip:
	STRIP
run:
	PAIRRUN
	VMOVUPS (DX), Z0
	VMOVUPS (BX), Z1
	VMOVUPS 64(DX), Z2
	VMOVUPS 64(BX), Z3
	HALVES(4, 1, 0)
	HALVES(5, 3, 2)
	VPERMW Z4, Z7, Z4
	VPERMW Z5, Z7, Z5
	VMOVDQU32 Z4, (AX)
	VMOVDQU32 Z5, 64(AX)
	PAIRSEND

// ROUNDING sets constants: Z4 has 1, Z5 0x7fff, Z6 0xffff0000.
#define ROUNDING \
	VPTERNLOGD $0xff, Z5, Z5, Z5 \
	VPSRLD $31, Z5, Z4 \
	VPSLLD $16, Z5, Z6 \
	VPSRLD $17, Z5, Z5

// NEAREST rounds to the nearest bfloat16, ties to even; NaN are truncated.
#define NEAREST(x, t) \
	VCMPPS $7, x, x, K1 \
	VPSRLD $16, x, t \
	VPANDD Z4, t, t \
	VPADDD Z5, t, t \
	VPADDD t, x, K1, x \
	VPANDD Z6, x, x

// func roundRows512(x *float32, row uintptr, rows int)
TEXT ·roundRows512(SB), NOSPLIT, $0-24
	MOVQ x+0(FP), DI
	MOVQ row+8(FP), SI
	MOVQ rows+16(FP), CX
	ROUNDING
rows:
	VMOVDQU32 (DI), Z0
	VMOVDQU32 64(DI), Z2
	NEAREST(Z0, Z1)
	NEAREST(Z2, Z3)
	VMOVDQU32 Z0, (DI)
	VMOVDQU32 Z2, 64(DI)
	ADDQ SI, DI
	DECQ CX
	JNZ rows
	VZEROUPPER
	RET
