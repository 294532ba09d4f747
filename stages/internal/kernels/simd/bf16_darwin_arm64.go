package simd

import "golang.org/x/sys/unix"

// hasBF16 reports whether the processor multiplies bfloat16 numbers. Package cpu does
// not say.
func hasBF16() bool {
	has, err := unix.SysctlUint32("hw.optional.arm.FEAT_BF16")
	return err == nil && has != 0
}
