#include "textflag.h"

// Products of bfloat16 numbers with AMX, which Go's assembler does not have: its
// instructions are in the bytes of their encoding. A tile is 16 rows of 64 bytes.

// All eight tiles have 16 rows of 64 bytes: the widths are words from byte 16 on, the
// rows bytes from 48 on.
DATA tileConfig<>+0(SB)/8, $1
DATA tileConfig<>+8(SB)/8, $0
DATA tileConfig<>+16(SB)/8, $0x0040004000400040
DATA tileConfig<>+24(SB)/8, $0x0040004000400040
DATA tileConfig<>+32(SB)/8, $0
DATA tileConfig<>+40(SB)/8, $0
DATA tileConfig<>+48(SB)/8, $0x1010101010101010
DATA tileConfig<>+56(SB)/8, $0
GLOBL tileConfig<>(SB), RODATA|NOPTR, $64

#define LDTILECFG_AX BYTE $0xc4; BYTE $0xe2; BYTE $0x78; BYTE $0x49; BYTE $0x00
#define TILERELEASE BYTE $0xc4; BYTE $0xe2; BYTE $0x78; BYTE $0x49; BYTE $0xc0
#define TILEZERO(t) BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x49; BYTE $(0xc0 + 8*t)

// Tile t from or to memory. The first row is at a base register, 64 bytes after it
// with the suffix 64, and the rows are as far apart as an index register says; sib
// names both. A base of R8 to R15 is NEW, another one OLD.
#define OLD 0xe2
#define NEW 0xc2
#define LOAD(base, t, sib) BYTE $0xc4; BYTE $base; BYTE $0x7b; BYTE $0x4b; BYTE $(0x04 + 8*t); BYTE $sib
#define LOAD64(base, t, sib) BYTE $0xc4; BYTE $base; BYTE $0x7b; BYTE $0x4b; BYTE $(0x44 + 8*t); BYTE $sib; BYTE $64
#define STORE(base, t, sib) BYTE $0xc4; BYTE $base; BYTE $0x7a; BYTE $0x4b; BYTE $(0x04 + 8*t); BYTE $sib
#define STORE64(base, t, sib) BYTE $0xc4; BYTE $base; BYTE $0x7a; BYTE $0x4b; BYTE $(0x44 + 8*t); BYTE $sib; BYTE $64
#define C_0 0x37 // DI, rows SI apart
#define C_16 0x33 // R11, rows SI apart
#define A_0 0x18 // AX, rows BX apart
#define A_16 0x1a // R10, rows BX apart
#define B_0 0x0a // DX, rows CX apart

// TDPBF16PS adds to tile c the products of tile a and tile b.
#define TDPBF16PS(c, a, b) BYTE $0xc4; BYTE $0xe2; BYTE $(0x7a - 8*b); BYTE $0x5c; BYTE $(0xc0 + 8*c + a)

// Four tiles of c are computed at a time, from 32 rows of a and 32 columns of b. The
// state of tiles lives only in this function, which the scheduler does not interrupt.

// func halfTiles32x32(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am uintptr, b unsafe.Pointer, strips, groups, add int)
TEXT ·halfTiles32x32(SB), NOSPLIT, $0-64
	MOVQ c+0(FP), DI
	MOVQ ldc+8(FP), SI
	MOVQ a+16(FP), R12
	MOVQ am+24(FP), BX
	MOVQ b+32(FP), R13
	MOVQ strips+40(FP), R8
	MOVQ $128, CX
	LEAQ tileConfig<>(SB), AX
	LDTILECFG_AX

strip:
	MOVQ SI, R11
	SHLQ $4, R11
	ADDQ DI, R11 // row 16 of c
	MOVQ R12, AX
	MOVQ BX, R10
	SHLQ $4, R10
	ADDQ R12, R10 // row 16 of a
	MOVQ R13, DX
	MOVQ groups+48(FP), R9
	CMPQ add+56(FP), $0
	JNE load
	TILEZERO(0)
	TILEZERO(1)
	TILEZERO(2)
	TILEZERO(3)
	JMP group

load:
	LOAD(OLD, 0, C_0)
	LOAD64(OLD, 1, C_0)
	LOAD(NEW, 2, C_16)
	LOAD64(NEW, 3, C_16)

group:
	LOAD(OLD, 4, A_0)
	LOAD(NEW, 5, A_16)
	LOAD(OLD, 6, B_0)
	LOAD64(OLD, 7, B_0)
	TDPBF16PS(0, 4, 6)
	TDPBF16PS(1, 4, 7)
	TDPBF16PS(2, 5, 6)
	TDPBF16PS(3, 5, 7)
	ADDQ $64, AX
	ADDQ $64, R10
	ADDQ $2048, DX
	DECQ R9
	JNZ group

	STORE(OLD, 0, C_0)
	STORE64(OLD, 1, C_0)
	STORE(NEW, 2, C_16)
	STORE64(NEW, 3, C_16)
	MOVQ SI, R9
	SHLQ $5, R9
	ADDQ R9, DI
	MOVQ BX, R9
	SHLQ $5, R9
	ADDQ R9, R12
	DECQ R8
	JNZ strip
	TILERELEASE
	RET
