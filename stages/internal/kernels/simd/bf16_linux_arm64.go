package simd

import "golang.org/x/sys/unix"

// hasBF16 reports whether the processor multiplies bfloat16 numbers. Package cpu does
// not say.
func hasBF16() bool {
	const (
		hwcap2 = 26
		bf16   = 1 << 14
	)
	values, err := unix.Auxv()
	if err != nil {
		return false
	}
	for _, v := range values {
		if v[0] == hwcap2 {
			return v[1]&bf16 != 0
		}
	}
	return false
}
