// The body of a function that multiplies eight rows of a by a packed panel of b with
// AVX-512. The file that includes it defines, for the width of the panel,
//   COLUMNS                 how wide it is
//   LOAD(term)              loads a term of b
//   ROW(at, r, x, y, z)     adds the products of an element of a to a row of the tile, whose
//                           numbers are in x, y and z, or in the first of these
//   ADDROW, STORE(x, y, z)  add a row of c to one of the tile, store one
//   NEAR                    prefetches a row of c

// TERM adds one term to all elements.
#define TERM(term) \
	LOAD(term) \
	ROW((AX), Z27, Z0, Z1, Z2) \
	ROW((AX)(BX*1), Z28, Z3, Z4, Z5) \
	ROW((AX)(BX*2), Z29, Z6, Z7, Z8) \
	ROW((AX)(R9*1), Z30, Z9, Z10, Z11) \
	ROW((R10), Z31, Z12, Z13, Z14) \
	ROW((R10)(BX*1), Z27, Z15, Z16, Z17) \
	ROW((R10)(BX*2), Z28, Z18, Z19, Z20) \
	ROW((R10)(R9*1), Z29, Z21, Z22, Z23) \
	ADDQ CX, AX \
	ADDQ CX, R10

// TWO adds two terms, and prefetches a cache line.
#define TWO(term, at) \
	TERM(term) \
	PREFETCHT0 at \
	TERM(term+1)

	MOVQ c+0(FP), DI
	MOVQ ldc+8(FP), SI
	MOVQ a+16(FP), AX
	MOVQ am+24(FP), BX
	MOVQ ak+32(FP), CX
	MOVQ b+40(FP), DX
	MOVQ k+48(FP), R8
	LEAQ (BX)(BX*2), R9
	LEAQ (AX)(BX*4), R10
	VPXORD Z0, Z0, Z0
	VPXORD Z1, Z1, Z1
	VPXORD Z2, Z2, Z2
	VPXORD Z3, Z3, Z3
	VPXORD Z4, Z4, Z4
	VPXORD Z5, Z5, Z5
	VPXORD Z6, Z6, Z6
	VPXORD Z7, Z7, Z7
	VPXORD Z8, Z8, Z8
	VPXORD Z9, Z9, Z9
	VPXORD Z10, Z10, Z10
	VPXORD Z11, Z11, Z11
	VPXORD Z12, Z12, Z12
	VPXORD Z13, Z13, Z13
	VPXORD Z14, Z14, Z14
	VPXORD Z15, Z15, Z15
	VPXORD Z16, Z16, Z16
	VPXORD Z17, Z17, Z17
	VPXORD Z18, Z18, Z18
	VPXORD Z19, Z19, Z19
	VPXORD Z20, Z20, Z20
	VPXORD Z21, Z21, Z21
	VPXORD Z22, Z22, Z22
	VPXORD Z23, Z23, Z23

	// With every sixteen terms, prefetch eight cache lines of the next rows of a, of
	// eight rows, or of eight columns where rows are contiguous, and one of the next rows
	// of c.
	LEAQ (DI)(SI*8), R11
	LEAQ (AX)(BX*8), R12
	MOVQ BX, R13
	CMPQ BX, $4
	CMOVQEQ CX, R13
	LEAQ (R13)(R13*2), R14
	LEAQ (R12)(R13*4), R15

sixteen:
	SUBQ $16, R8
	JLT few
	TWO(0, (R12))
	TWO(2, (R12)(R13*1))
	TWO(4, (R12)(R13*2))
	TWO(6, (R12)(R14*1))
	TWO(8, (R15))
	TWO(10, (R15)(R13*1))
	TWO(12, (R15)(R13*2))
	TWO(14, (R15)(R14*1))
	NEAR
	ADDQ $(16*4*COLUMNS), DX
	ADDQ SI, R11
	LEAQ (R12)(CX*8), R12
	LEAQ (R12)(CX*8), R12
	LEAQ (R15)(CX*8), R15
	LEAQ (R15)(CX*8), R15
	JMP sixteen

few:
	ADDQ $16, R8
	JEQ summed

term:
	TERM(0)
	ADDQ $(4*COLUMNS), DX
	DECQ R8
	JNZ term

summed:
	CMPQ add+56(FP), $0
	JEQ store
	MOVQ DI, R11
	ADDROW(Z0, Z1, Z2)
	ADDROW(Z3, Z4, Z5)
	ADDROW(Z6, Z7, Z8)
	ADDROW(Z9, Z10, Z11)
	ADDROW(Z12, Z13, Z14)
	ADDROW(Z15, Z16, Z17)
	ADDROW(Z18, Z19, Z20)
	ADDROW(Z21, Z22, Z23)

store:
	STORE(Z0, Z1, Z2)
	STORE(Z3, Z4, Z5)
	STORE(Z6, Z7, Z8)
	STORE(Z9, Z10, Z11)
	STORE(Z12, Z13, Z14)
	STORE(Z15, Z16, Z17)
	STORE(Z18, Z19, Z20)
	STORE(Z21, Z22, Z23)
	VZEROUPPER
	RET

#undef COLUMNS
#undef TERM
#undef TWO
#undef LOAD
#undef ROW
#undef ADDROW
#undef STORE
#undef NEAR
