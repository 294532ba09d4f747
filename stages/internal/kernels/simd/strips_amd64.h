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

// NEXTRUN goes to the next run, at the label run, or to that of the next strip, so many
// bytes further, at the label strip, or returns.
#define NEXTRUN(bytes) \
	ADDQ R9, DX \
	ADDQ R13, AX \
	DECQ CX \
	JNZ run \
	ADDQ R8, DI \
	ADDQ $bytes, SI \
	DECQ R10 \
	JNZ strip \
	VZEROUPPER \
	RET

// PAIRRUN begins a run of a pair of terms, the second at BX, and prefetches the 16 terms
// after these.
#define PAIRRUN \
	LEAQ (DX)(R9*1), BX \
	PREFETCHT0 (DX)(R12*1) \
	PREFETCHT0 64(DX)(R12*1) \
	PREFETCHT0 (BX)(R12*1) \
	PREFETCHT0 64(BX)(R12*1)

// PAIRSEND goes to the next pair of terms, or ends as NEXTRUN does.
#define PAIRSEND \
	MOVQ BX, DX \
	NEXTRUN(128)
