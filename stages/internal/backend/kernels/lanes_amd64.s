#include "textflag.h"

// Arithmetic on n > 0 groups of 32 elements. BOTH works on two slices, RIGHT on
// one and a number, LEFT on a number and one: the order of operands of
// subtraction and division.

#define BOTH(name, OP) \
TEXT name(SB), NOSPLIT, $0-32 \
	MOVQ y+0(FP), DI \
	MOVQ a+8(FP), SI \
	MOVQ b+16(FP), DX \
	MOVQ n+24(FP), CX \
loop: \
	VMOVUPS (SI), Y0 \
	VMOVUPS 32(SI), Y1 \
	VMOVUPS 64(SI), Y2 \
	VMOVUPS 96(SI), Y3 \
	OP (DX), Y0, Y0 \
	OP 32(DX), Y1, Y1 \
	OP 64(DX), Y2, Y2 \
	OP 96(DX), Y3, Y3 \
	VMOVUPS Y0, (DI) \
	VMOVUPS Y1, 32(DI) \
	VMOVUPS Y2, 64(DI) \
	VMOVUPS Y3, 96(DI) \
	ADDQ $128, SI \
	ADDQ $128, DX \
	ADDQ $128, DI \
	DECQ CX \
	JNZ loop \
	VZEROUPPER \
	RET

#define RIGHT(name, OP) \
TEXT name(SB), NOSPLIT, $0-32 \
	MOVQ y+0(FP), DI \
	MOVQ a+8(FP), SI \
	VBROADCASTSS b+16(FP), Y4 \
	MOVQ n+24(FP), CX \
loop: \
	VMOVUPS (SI), Y0 \
	VMOVUPS 32(SI), Y1 \
	VMOVUPS 64(SI), Y2 \
	VMOVUPS 96(SI), Y3 \
	OP Y4, Y0, Y0 \
	OP Y4, Y1, Y1 \
	OP Y4, Y2, Y2 \
	OP Y4, Y3, Y3 \
	VMOVUPS Y0, (DI) \
	VMOVUPS Y1, 32(DI) \
	VMOVUPS Y2, 64(DI) \
	VMOVUPS Y3, 96(DI) \
	ADDQ $128, SI \
	ADDQ $128, DI \
	DECQ CX \
	JNZ loop \
	VZEROUPPER \
	RET

#define LEFT(name, OP) \
TEXT name(SB), NOSPLIT, $0-32 \
	MOVQ y+0(FP), DI \
	VBROADCASTSS a+8(FP), Y4 \
	MOVQ b+16(FP), SI \
	MOVQ n+24(FP), CX \
loop: \
	OP (SI), Y4, Y0 \
	OP 32(SI), Y4, Y1 \
	OP 64(SI), Y4, Y2 \
	OP 96(SI), Y4, Y3 \
	VMOVUPS Y0, (DI) \
	VMOVUPS Y1, 32(DI) \
	VMOVUPS Y2, 64(DI) \
	VMOVUPS Y3, 96(DI) \
	ADDQ $128, SI \
	ADDQ $128, DI \
	DECQ CX \
	JNZ loop \
	VZEROUPPER \
	RET

// func addBoth(y, a, b *float32, n int)
BOTH(·addBoth, VADDPS)
// func subBoth(y, a, b *float32, n int)
BOTH(·subBoth, VSUBPS)
// func mulBoth(y, a, b *float32, n int)
BOTH(·mulBoth, VMULPS)
// func divBoth(y, a, b *float32, n int)
BOTH(·divBoth, VDIVPS)

// func addRight(y, a *float32, b float32, n int)
RIGHT(·addRight, VADDPS)
// func subRight(y, a *float32, b float32, n int)
RIGHT(·subRight, VSUBPS)
// func mulRight(y, a *float32, b float32, n int)
RIGHT(·mulRight, VMULPS)
// func divRight(y, a *float32, b float32, n int)
RIGHT(·divRight, VDIVPS)

// func addLeft(y *float32, a float32, b *float32, n int)
LEFT(·addLeft, VADDPS)
// func subLeft(y *float32, a float32, b *float32, n int)
LEFT(·subLeft, VSUBPS)
// func mulLeft(y *float32, a float32, b *float32, n int)
LEFT(·mulLeft, VMULPS)
// func divLeft(y *float32, a float32, b *float32, n int)
LEFT(·divLeft, VDIVPS)

// func signsFlipped(y, x *float32, n int)
TEXT ·signsFlipped(SB), NOSPLIT, $0-24
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	VPCMPEQD Y4, Y4, Y4
	VPSLLD $31, Y4, Y4
flip:
	VXORPS (SI), Y4, Y0
	VXORPS 32(SI), Y4, Y1
	VXORPS 64(SI), Y4, Y2
	VXORPS 96(SI), Y4, Y3
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
	ADDQ $128, SI
	ADDQ $128, DI
	DECQ CX
	JNZ flip
	VZEROUPPER
	RET

// func highest(x *float32, n int) (top float32, odd int32)
// Where odd is not 0, one of the elements is no number.
TEXT ·highest(SB), NOSPLIT, $0-24
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), CX
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y1
	VMOVUPS 64(SI), Y2
	VMOVUPS 96(SI), Y3
	VXORPS Y8, Y8, Y8
most:
	VMOVUPS (SI), Y4
	VMOVUPS 32(SI), Y5
	VMOVUPS 64(SI), Y6
	VMOVUPS 96(SI), Y7
	VMAXPS Y4, Y0, Y0
	VMAXPS Y5, Y1, Y1
	VMAXPS Y6, Y2, Y2
	VMAXPS Y7, Y3, Y3
	VCMPPS $3, Y4, Y5, Y9
	VCMPPS $3, Y6, Y7, Y10
	VORPS Y9, Y8, Y8
	VORPS Y10, Y8, Y8
	ADDQ $128, SI
	DECQ CX
	JNZ most
	VMAXPS Y1, Y0, Y0
	VMAXPS Y3, Y2, Y2
	VMAXPS Y2, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VMAXPS X1, X0, X0
	VPERMILPS $0x4e, X0, X1
	VMAXPS X1, X0, X0
	VPERMILPS $0xb1, X0, X1
	VMAXPS X1, X0, X0
	VMOVSS X0, top+16(FP)
	XORL AX, AX
	VPTEST Y8, Y8
	SETNE AX
	MOVL AX, odd+20(FP)
	VZEROUPPER
	RET

// func sum16(x *float32, n int) float32
// The sum of n > 0 groups of 16 elements: lane by lane, then the lanes in halves.
TEXT ·sum16(SB), NOSPLIT, $0-20
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), CX
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
plus:
	VADDPS (SI), Y0, Y0
	VADDPS 32(SI), Y1, Y1
	ADDQ $64, SI
	DECQ CX
	JNZ plus
	VADDPS Y1, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VADDPS X1, X0, X0
	VPERMILPS $0x4e, X0, X1
	VADDPS X1, X0, X0
	VPERMILPS $0xb1, X0, X1
	VADDPS X1, X0, X0
	VMOVSS X0, ret+16(FP)
	VZEROUPPER
	RET

DATA expTable<>+0(SB)/4, $0x42b17217   // above it is infinite: 88.72283
DATA expTable<>+4(SB)/4, $0xc2aeac4f   // below it is 0: -87.33654
DATA expTable<>+8(SB)/4, $0x3fb8aa3b   // 1 / ln 2
DATA expTable<>+12(SB)/4, $0xbf318000  // -0.693359375
DATA expTable<>+16(SB)/4, $0x395e8083  // 2.12194440e-4
DATA expTable<>+20(SB)/4, $0x39506967  // 1.9875691500e-4
DATA expTable<>+24(SB)/4, $0x3ab743ce  // 1.3981999507e-3
DATA expTable<>+28(SB)/4, $0x3c088908  // 8.3334519073e-3
DATA expTable<>+32(SB)/4, $0x3d2aa9c1  // 4.1665795894e-2
DATA expTable<>+36(SB)/4, $0x3e2aaaaa  // 1.6666665459e-1
DATA expTable<>+40(SB)/4, $0x3f000000  // 5.0000001201e-1
DATA expTable<>+44(SB)/4, $0x3f800000  // 1
DATA expTable<>+48(SB)/4, $127
DATA expTable<>+52(SB)/4, $0x7f800000  // infinity
GLOBL expTable<>(SB), RODATA|NOPTR, $56

#define EXPCONSTANTS \
	VBROADCASTSS expTable<>+8(SB), Y5 \
	VBROADCASTSS expTable<>+12(SB), Y6 \
	VBROADCASTSS expTable<>+16(SB), Y7 \
	VBROADCASTSS expTable<>+20(SB), Y8 \
	VBROADCASTSS expTable<>+24(SB), Y9 \
	VBROADCASTSS expTable<>+28(SB), Y10 \
	VBROADCASTSS expTable<>+32(SB), Y11 \
	VBROADCASTSS expTable<>+36(SB), Y12 \
	VBROADCASTSS expTable<>+40(SB), Y13 \
	VBROADCASTSS expTable<>+44(SB), Y14 \
	VBROADCASTSS expTable<>+48(SB), Y15

// EXP is e^Y0 in Y3: Y0 = n ln 2 + r with |r| ≤ ln 2 / 2, a polynomial of the
// sixth degree in r (its coefficients are those of the Cephes library's expf),
// and n added to the exponent in two halves, since it can be 128.
#define EXP \
	VBROADCASTSS expTable<>+0(SB), Y4 \
	VMINPS Y4, Y0, Y1 \
	VBROADCASTSS expTable<>+4(SB), Y4 \
	VMAXPS Y4, Y1, Y1 \
	VMULPS Y5, Y1, Y2 \
	VROUNDPS $0, Y2, Y2 \
	VFMADD231PS Y6, Y2, Y1 \
	VFMADD231PS Y7, Y2, Y1 \
	VMOVAPS Y8, Y3 \
	VFMADD213PS Y9, Y1, Y3 \
	VFMADD213PS Y10, Y1, Y3 \
	VFMADD213PS Y11, Y1, Y3 \
	VFMADD213PS Y12, Y1, Y3 \
	VFMADD213PS Y13, Y1, Y3 \
	VMULPS Y1, Y1, Y4 \
	VFMADD213PS Y1, Y4, Y3 \
	VADDPS Y14, Y3, Y3 \
	VCVTPS2DQ Y2, Y2 \
	VPSRAD $1, Y2, Y1 \
	VPSUBD Y1, Y2, Y2 \
	VPADDD Y15, Y1, Y1 \
	VPSLLD $23, Y1, Y1 \
	VMULPS Y1, Y3, Y3 \
	VPADDD Y15, Y2, Y2 \
	VPSLLD $23, Y2, Y2 \
	VMULPS Y2, Y3, Y3 \
	VBROADCASTSS expTable<>+4(SB), Y4 \
	VCMPPS $1, Y4, Y0, Y1 \
	VANDNPS Y3, Y1, Y3 \
	VBROADCASTSS expTable<>+0(SB), Y4 \
	VCMPPS $14, Y4, Y0, Y1 \
	VBROADCASTSS expTable<>+52(SB), Y4 \
	VBLENDVPS Y1, Y4, Y3, Y3 \
	VCMPPS $3, Y0, Y0, Y1 \
	VBLENDVPS Y1, Y0, Y3, Y3

// func exps8(y, x *float32, n int)
TEXT ·exps8(SB), NOSPLIT, $0-24
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	EXPCONSTANTS
power:
	VMOVUPS (SI), Y0
	EXP
	VMOVUPS Y3, (DI)
	ADDQ $32, SI
	ADDQ $32, DI
	DECQ CX
	JNZ power
	VZEROUPPER
	RET

// func logistics8(y, x *float32, n int)
// 1 / (1 + e^−x).
TEXT ·logistics8(SB), NOSPLIT, $0-24
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	EXPCONSTANTS
share:
	VXORPS Y0, Y0, Y0
	VSUBPS (SI), Y0, Y0
	EXP
	VADDPS Y14, Y3, Y3
	VDIVPS Y3, Y14, Y3
	VMOVUPS Y3, (DI)
	ADDQ $32, SI
	ADDQ $32, DI
	DECQ CX
	JNZ share
	VZEROUPPER
	RET
