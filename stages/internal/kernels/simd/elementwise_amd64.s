#include "textflag.h"

// Arithmetic on n > 0 groups of 32 elements. SLICES has two slices as operands,
// RIGHT a slice and a scalar, LEFT a scalar and a slice.

#define SLICES(name, OP) \
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

// func addSlices(y, a, b *float32, n int)
SLICES(·addSlices, VADDPS)
// func subSlices(y, a, b *float32, n int)
SLICES(·subSlices, VSUBPS)
// func mulSlices(y, a, b *float32, n int)
SLICES(·mulSlices, VMULPS)
// func divSlices(y, a, b *float32, n int)
SLICES(·divSlices, VDIVPS)

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

// func neg32(y, x *float32, n int)
TEXT ·neg32(SB), NOSPLIT, $0-24
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

// func highest32(x *float32, n int) (top float32, unordered int32)
// Where unordered is not 0, an element is NaN.
TEXT ·highest32(SB), NOSPLIT, $0-24
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
	MOVL AX, unordered+20(FP)
	VZEROUPPER
	RET

// func sum16(x *float32, n int) float32
// sum16 adds n > 0 groups of 16 elements lane by lane, then the lanes in halves.
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
