// Package simd computes: matrix products in tiles, fused element-wise programs,
// chains of both, sums, maxima, transposes and rows of tables, on all cores, with
// vector instructions where the processor has them. It works on slices and knows
// nothing of graphs.
//
// Results do not depend on the number of cores. Element-wise arithmetic rounds as
// Go does; products and sums add in an order of their own, which is the same for
// every instruction set, except in products of bfloat16 factors.
package simd
