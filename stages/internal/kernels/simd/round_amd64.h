// Rounding to the nearest bfloat16, ties to even: the upper half of a number.

// ROUNDING sets its constants: Y4 has 1, Y5 0x7fff.
#define ROUNDING \
	VPCMPEQD Y5, Y5, Y5 \
	VPSRLD $31, Y5, Y4 \
	VPSRLD $17, Y5, Y5

// NEAREST adds 0x7fff, plus one if bit 16 is set, except to NaN: the upper halves are
// then rounded. An infinity keeps its upper half.
#define NEAREST(x, t, u) \
	VCMPPS $3, x, x, u \
	VPSRLD $16, x, t \
	VPAND Y4, t, t \
	VPADDD Y5, t, t \
	VPANDN t, u, t \
	VPADDD t, x, x
