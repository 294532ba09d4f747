package optimizer

import . "github.com/gomlx/gomlx/core/graph"

// inverseFourthRoot is (A + ε ‖A‖)^(−1/4) of a symmetric positive semidefinite
// matrix: the inverse square root of the square root. Scaled by its norm, the
// matrix has eigenvalues in (0, 1], where the iterations converge.
func inverseFourthRoot(a *Node, eps float64, iterations int) *Node {
	size := MaxScalar(frobenius(a), leastNorm)
	a = DivScalar(Add(Div(a, size), diagonal(a, eps)), 1+eps)
	root, _ := squareRoots(a, iterations)
	_, inverse := squareRoots(root, iterations)
	return Div(inverse, Sqrt(Sqrt(MulScalar(size, 1+eps))))
}

// leastNorm is where the squares that a norm is made of vanish in float32.
const leastNorm = 1e-18

// squareRoots is A^(1/2) and A^(−1/2) by the coupled Newton-Schulz iteration
// (N. Higham, Functions of Matrices, 2008, equation 6.35), Y ← Y T and Z ← T Z with
// T = (3 − Z Y) / 2, from Y = A and Z = 1. An eigenvalue λ of Z Y grows by 9/4 until
// it is near 1.
func squareRoots(a *Node, iterations int) (root, inverse *Node) {
	three := diagonal(a, 3)
	t := MulScalar(Sub(three, a), 0.5)
	y, z := DotProduct(a, t), t
	for range iterations - 1 {
		t = MulScalar(Sub(three, DotProduct(z, y)), 0.5)
		y, z = DotProduct(y, t), DotProduct(t, z)
	}
	return y, z
}

// diagonal is a multiple of the identity, of a's shape.
func diagonal(a *Node, value float64) *Node {
	return DiagonalWithValue(Scalar(a.Graph(), a.DType(), value), a.Shape().Dimensions[0])
}
