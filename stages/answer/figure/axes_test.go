package figure

import "testing"

// The numbers of an axis stay within its plot, and do not touch each other: beside it there
// may be another one, or the end of the drawing.
func TestNumbersOfAnAxis(t *testing.T) {
	for _, right := range []float64{40, 90, 210} {
		f := frame{drawing: &drawing{width: right}, x: scale{min: 0, max: 150, to: right}, right: right}
		f.abscissa(3, "")
		end, n := -1.0, 0
		for _, s := range f.shapes {
			if s.text == "" {
				continue
			}
			half := textWidth(s.text, s.size) / 2
			if x := s.points[0].x; x-half < max(0, end) || x+half > right+0.001 {
				t.Errorf("in a plot of %v, %q is from %v to %v, after %v", right, s.text, x-half, x+half, end)
			} else {
				end = x + half
			}
			n++
		}
		if n == 0 {
			t.Errorf("a plot of %v has no numbers", right)
		}
	}
}
