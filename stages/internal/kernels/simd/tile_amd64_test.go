package simd

// tileShapes are the shapes that the processor has tiles of.
func tileShapes() []tileShape {
	if tiles == wideTiles {
		return []tileShape{narrowTiles, wideTiles}
	}
	return []tileShape{narrowTiles}
}
