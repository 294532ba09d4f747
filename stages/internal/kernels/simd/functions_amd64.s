#include "textflag.h"
#include "round_amd64.h"

// Element-wise functions of n > 0 groups of eight elements.

DATA expTable<>+0(SB)/4, $0x42b17217   // above, the result is infinite: 88.72283
DATA expTable<>+4(SB)/4, $0xc2aeac4f   // below, it is 0: -87.33654
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

DATA commonTable<>+0(SB)/4, $0x80000000 // the sign bit
DATA commonTable<>+4(SB)/4, $0x40000000 // 2
DATA commonTable<>+8(SB)/4, $0x40800000 // 4: beyond it, erf is 1
GLOBL commonTable<>(SB), RODATA|NOPTR, $12

DATA tanhTable<>+0(SB)/4, $0x3f200000  // 0.625
DATA tanhTable<>+4(SB)/4, $0xbbbaf0ea  // -5.70498872745e-3
DATA tanhTable<>+8(SB)/4, $0x3ca9134e  // 2.06390887954e-2
DATA tanhTable<>+12(SB)/4, $0xbd5c1e2d // -5.37397155531e-2
DATA tanhTable<>+16(SB)/4, $0x3e088393 // 1.33314422036e-1
DATA tanhTable<>+20(SB)/4, $0xbeaaaa99 // -3.33332819422e-1
GLOBL tanhTable<>(SB), RODATA|NOPTR, $24

DATA erfTable<>+0(SB)/4, $0x3f6d8000   // 0.927734375
DATA erfTable<>+4(SB)/4, $0xba1c7000   // -5.96761703e-4
DATA erfTable<>+8(SB)/4, $0x3ba38d2c   // 4.99119423e-3
DATA erfTable<>+12(SB)/4, $0xbcdb48d9  // -2.67681349e-2
DATA erfTable<>+16(SB)/4, $0x3de70e22  // 1.12819925e-1
DATA erfTable<>+20(SB)/4, $0xbec09380  // -3.76125336e-1
DATA erfTable<>+24(SB)/4, $0x3e0375d4  // 1.28379166e-1
DATA erfTable<>+28(SB)/4, $0xb7910000  // -1.72853470e-5
DATA erfTable<>+32(SB)/4, $0x39c8e7d9  // 3.83197126e-4
DATA erfTable<>+36(SB)/4, $0xbb7e8a1c  // -3.88396438e-3
DATA erfTable<>+40(SB)/4, $0x3cc6b1a1  // 2.42546219e-2
DATA erfTable<>+44(SB)/4, $0xbddaae5c  // -1.06777877e-1
DATA erfTable<>+48(SB)/4, $0xbf228550  // -6.34846687e-1
DATA erfTable<>+52(SB)/4, $0xbe03ce86  // -1.28717512e-1
GLOBL erfTable<>(SB), RODATA|NOPTR, $56

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

// func exp8(y, x *float32, n int)
TEXT ·exp8(SB), NOSPLIT, $0-24
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

// func logistic8(y, x *float32, n int)
// 1 / (1 + e^−x).
TEXT ·logistic8(SB), NOSPLIT, $0-24
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

// HORNER is p = p x + c, with c from memory.
#define HORNER(c, x, p) \
	VBROADCASTSS c, Y4 \
	VFMADD213PS Y4, x, p

// CHOOSE stores, for x in Y0, the value near 0 (Y2) where the condition holds for
// |x| and the bound, else the far value (Y3) with the sign of x. NaN stays NaN.
#define CHOOSE(condition, bound) \
	VBROADCASTSS commonTable<>+0(SB), Y4 \
	VANDPS Y4, Y0, Y1 \
	VORPS Y1, Y3, Y3 \
	VANDNPS Y0, Y4, Y1 \
	VBROADCASTSS bound, Y4 \
	VCMPPS condition, Y4, Y1, Y1 \
	VBLENDVPS Y1, Y2, Y3, Y3 \
	VCMPPS $3, Y0, Y0, Y1 \
	VBLENDVPS Y1, Y0, Y3, Y3 \
	VMOVUPS Y3, (DI) \
	ADDQ $32, SI \
	ADDQ $32, DI

// func tanh8(y, x *float32, n int)
// x + x³ P(x²) near 0, else 1 − 2 / (e^2|x| + 1); both as in Cephes's tanhf.
TEXT ·tanh8(SB), NOSPLIT, $0-24
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	EXPCONSTANTS
tangent:
	VMOVUPS (SI), Y0
	VBROADCASTSS commonTable<>+0(SB), Y1
	VANDNPS Y0, Y1, Y0
	VADDPS Y0, Y0, Y0
	EXP
	VADDPS Y14, Y3, Y3
	VBROADCASTSS commonTable<>+4(SB), Y4
	VDIVPS Y3, Y4, Y3
	VSUBPS Y3, Y14, Y3
	VMOVUPS (SI), Y0
	VMULPS Y0, Y0, Y1
	VBROADCASTSS tanhTable<>+4(SB), Y2
	HORNER(tanhTable<>+8(SB), Y1, Y2)
	HORNER(tanhTable<>+12(SB), Y1, Y2)
	HORNER(tanhTable<>+16(SB), Y1, Y2)
	HORNER(tanhTable<>+20(SB), Y1, Y2)
	VMULPS Y1, Y2, Y2
	VFMADD213PS Y0, Y0, Y2
	CHOOSE($1, tanhTable<>+0(SB))
	DECQ CX
	JNZ tangent
	VZEROUPPER
	RET

// func erf8(y, x *float32, n int)
// x + x P(x²) near 0, else 1 − e^−Q(|x|), with N. Juffa's polynomials.
TEXT ·erf8(SB), NOSPLIT, $0-24
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	EXPCONSTANTS
error:
	VMOVUPS (SI), Y0
	VBROADCASTSS commonTable<>+0(SB), Y1
	VANDNPS Y0, Y1, Y0
	VBROADCASTSS commonTable<>+8(SB), Y1
	VMINPS Y1, Y0, Y1
	VMULPS Y1, Y1, Y2
	VBROADCASTSS erfTable<>+28(SB), Y0
	HORNER(erfTable<>+32(SB), Y1, Y0)
	VBROADCASTSS erfTable<>+36(SB), Y3
	HORNER(erfTable<>+40(SB), Y1, Y3)
	VFMADD213PS Y3, Y2, Y0
	HORNER(erfTable<>+44(SB), Y1, Y0)
	HORNER(erfTable<>+48(SB), Y1, Y0)
	HORNER(erfTable<>+52(SB), Y1, Y0)
	VFMSUB213PS Y1, Y1, Y0
	EXP
	VSUBPS Y3, Y14, Y3
	VMOVUPS (SI), Y0
	VMULPS Y0, Y0, Y1
	VBROADCASTSS erfTable<>+4(SB), Y2
	HORNER(erfTable<>+8(SB), Y1, Y2)
	HORNER(erfTable<>+12(SB), Y1, Y2)
	HORNER(erfTable<>+16(SB), Y1, Y2)
	HORNER(erfTable<>+20(SB), Y1, Y2)
	HORNER(erfTable<>+24(SB), Y1, Y2)
	VFMADD213PS Y0, Y0, Y2
	CHOOSE($2, erfTable<>+0(SB))
	DECQ CX
	JNZ error
	VZEROUPPER
	RET

// func sqrt8(y, x *float32, n int)
TEXT ·sqrt8(SB), NOSPLIT, $0-24
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
root:
	VSQRTPS (SI), Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, DI
	DECQ CX
	JNZ root
	VZEROUPPER
	RET

// func roundHalf8(y, x *float32, n int)
TEXT ·roundHalf8(SB), NOSPLIT, $0-24
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	ROUNDING
	VPCMPEQD Y7, Y7, Y7
	VPSLLD $16, Y7, Y7 // 0xffff0000
half:
	VMOVDQU (SI), Y0
	NEAREST(Y0, Y1, Y2)
	VPAND Y7, Y0, Y0
	VMOVDQU Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, DI
	DECQ CX
	JNZ half
	VZEROUPPER
	RET
