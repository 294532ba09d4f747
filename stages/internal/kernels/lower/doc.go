// Package lower translates what package fuse found in a graph into what package
// simd computes: matrix products into products with strided factors, fusion groups
// into programs, and those that feed each other into chains. The translations become
// nodes of the graph.
package lower
