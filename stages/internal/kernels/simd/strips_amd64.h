// The frame of functions that copy strips: strips of runs, where a strip's runs begin
// col bytes apart in from and row bytes apart in to. The copies of strips are next bytes
// apart.

// BEGIN reads the arguments. R12 is 16 times col.
#define BEGIN \
	MOVQ to+0(FP), DI \
	MOVQ next+8(FP), R8 \
	MOVQ row+16(FP), R13 \
	MOVQ from+24(FP), SI \
	MOVQ col+32(FP), R9 \
	MOVQ strips+40(FP), R10 \
	MOVQ runs+48(FP), R11 \
	MOVQ R9, R12 \
	SHLQ $4, R12

// STRIP begins a strip: AX is where its runs go, DX where they are, CX how many.
#define STRIP \
	MOVQ DI, AX \
	MOVQ SI, DX \
	MOVQ R11, CX
