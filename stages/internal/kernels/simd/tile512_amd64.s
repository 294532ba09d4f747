#include "textflag.h"

// The functions multiply eight rows of a by a packed panel of b, 48, 32 or 16 columns wide.
// They add the terms of each element in order, in registers, so that all give the same
// bits. Strides are in bytes: am and ak between rows and columns of a, ldc between rows of
// c. If add is not 0, c is added at the end.

#define COLUMNS 48
#define LOAD(term) \
	VMOVUPS (4*COLUMNS*(term))(DX), Z24 \
	VMOVUPS (4*COLUMNS*(term)+64)(DX), Z25 \
	VMOVUPS (4*COLUMNS*(term)+128)(DX), Z26
#define ROW(at, r, x, y, z) \
	VBROADCASTSS at, r \
	VFMADD231PS Z24, r, x \
	VFMADD231PS Z25, r, y \
	VFMADD231PS Z26, r, z
#define ADDROW(x, y, z) \
	VADDPS (R11), x, x \
	VADDPS 64(R11), y, y \
	VADDPS 128(R11), z, z \
	ADDQ SI, R11
#define STORE(x, y, z) \
	VMOVUPS x, (DI) \
	VMOVUPS y, 64(DI) \
	VMOVUPS z, 128(DI) \
	ADDQ SI, DI
#define NEAR \
	PREFETCHT0 (R11) \
	PREFETCHT0 64(R11) \
	PREFETCHT0 128(R11)

// func tile8x48(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am, ak uintptr, b unsafe.Pointer, k, add int)
TEXT ·tile8x48(SB), NOSPLIT, $0-64
#include "tile512_amd64.h"

#define COLUMNS 32
#define LOAD(term) \
	VMOVUPS (4*COLUMNS*(term))(DX), Z24 \
	VMOVUPS (4*COLUMNS*(term)+64)(DX), Z25
#define ROW(at, r, x, y, z) \
	VBROADCASTSS at, r \
	VFMADD231PS Z24, r, x \
	VFMADD231PS Z25, r, y
#define ADDROW(x, y, z) \
	VADDPS (R11), x, x \
	VADDPS 64(R11), y, y \
	ADDQ SI, R11
#define STORE(x, y, z) \
	VMOVUPS x, (DI) \
	VMOVUPS y, 64(DI) \
	ADDQ SI, DI
#define NEAR \
	PREFETCHT0 (R11) \
	PREFETCHT0 64(R11)

// func tile8x32(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am, ak uintptr, b unsafe.Pointer, k, add int)
TEXT ·tile8x32(SB), NOSPLIT, $0-64
#include "tile512_amd64.h"

#define COLUMNS 16
#define LOAD(term) \
	VMOVUPS (4*COLUMNS*(term))(DX), Z24
#define ROW(at, r, x, y, z) \
	VBROADCASTSS at, r \
	VFMADD231PS Z24, r, x
#define ADDROW(x, y, z) \
	VADDPS (R11), x, x \
	ADDQ SI, R11
#define STORE(x, y, z) \
	VMOVUPS x, (DI) \
	ADDQ SI, DI
#define NEAR \
	PREFETCHT0 (R11)

// func tile8x16(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am, ak uintptr, b unsafe.Pointer, k, add int)
TEXT ·tile8x16(SB), NOSPLIT, $0-64
#include "tile512_amd64.h"
