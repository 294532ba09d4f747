package figure

import (
	"math"
	"strconv"
	"strings"
)

// scale maps numbers to places on a drawing.
type scale struct {
	min, max float64 // of the numbers
	from, to float64 // of the places
	log      bool
}

func (s scale) at(v float64) float64 {
	low, high := s.min, s.max
	if s.log {
		v, low, high = math.Log(v), math.Log(low), math.Log(high)
	}
	if high == low {
		return (s.from + s.to) / 2
	}
	return s.from + (v-low)/(high-low)*(s.to-s.from)
}

// ticks are round numbers of the scale, about so many.
func (s scale) ticks(about int) []float64 {
	if s.log {
		return s.powers(about)
	}
	step := niceStep((s.max - s.min) / float64(max(1, about)))
	var out []float64
	for k := math.Ceil(s.min/step - 1e-9); k*step <= s.max+1e-9*step; k++ {
		out = append(out, k*step)
	}
	return out
}

// powers are ticks of a logarithmic scale: 1, 2 and 5 times powers of ten, or whole
// powers where those are too many.
func (s scale) powers(about int) []float64 {
	var fine, coarse []float64
	for e := math.Floor(math.Log10(s.min)); e <= math.Ceil(math.Log10(s.max)); e++ {
		for _, m := range []float64{1, 2, 3, 4, 5, 6} {
			v := m * math.Pow(10, e)
			if v < s.min*(1-1e-9) || v > s.max*(1+1e-9) {
				continue
			}
			fine = append(fine, v)
			if m == 1 {
				coarse = append(coarse, v)
			}
		}
	}
	if len(fine) > about && len(coarse) > 2 {
		return coarse
	}
	if len(fine) > about {
		var out []float64
		for _, v := range fine {
			if m := v / math.Pow(10, math.Floor(math.Log10(v)+1e-9)); m < 2.5 || m > 4.5 && m < 5.5 {
				out = append(out, v)
			}
		}
		return out
	}
	return fine
}

// niceStep rounds to 1, 2 or 5 times a power of ten, up unless a quarter more marks are near.
func niceStep(v float64) float64 {
	if !(v > 0) || math.IsInf(v, 0) {
		return 1
	}
	size := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*size >= 0.8*v {
			return m * size
		}
	}
	return 10 * size
}

// tickTexts prints ticks with the decimals that tell them apart.
func tickTexts(ticks []float64) []string {
	decimals := 0
	for _, t := range ticks {
		s := strconv.FormatFloat(math.Abs(t), 'g', 6, 64)
		if _, after, ok := strings.Cut(s, "."); ok && !strings.Contains(s, "e") {
			decimals = max(decimals, len(after))
		}
	}
	out := make([]string, len(ticks))
	for i, t := range ticks {
		if a := math.Abs(t); t != 0 && (a >= 1e6 || a < 1e-4) {
			out[i] = strings.Replace(strconv.FormatFloat(t, 'g', 3, 64), "-", "−", 1)
			continue
		}
		s := strconv.FormatFloat(t, 'f', decimals, 64)
		if t == 0 {
			s = "0"
		}
		out[i] = strings.Replace(s, "-", "−", 1)
	}
	return out
}

// logTexts prints ticks of a logarithmic scale, each with its own digits.
func logTexts(ticks []float64) []string {
	out := make([]string, len(ticks))
	for i, t := range ticks {
		switch {
		case t >= 1e6, t < 1e-3:
			out[i] = strconv.FormatFloat(t, 'g', 2, 64)
		case t >= 1e4:
			out[i] = strconv.FormatFloat(t/1000, 'f', -1, 64) + "k"
		default:
			out[i] = strconv.FormatFloat(t, 'g', 4, 64)
		}
	}
	return out
}

// frame is the area of a plot between its axes.
type frame struct {
	*drawing
	x, y                     scale
	left, top, right, bottom float64
}

// labelled returns the marks of a scale with their texts.
func (s scale) labelled(about int) (ticks []float64, texts []string) {
	ticks = s.ticks(about)
	if s.log {
		return ticks, logTexts(ticks)
	}
	return ticks, tickTexts(ticks)
}

// gridlines draws horizontal rules with their numbers at the left.
func (f frame) gridlines(about int, numbered bool) {
	ticks, texts := f.y.labelled(about)
	for i, t := range ticks {
		y := f.y.at(t)
		f.line(rule, 1, point{f.left, y}, point{f.right, y})
		if numbered {
			f.text(soft, textSize-1, f.left-6, y+4, "end", texts[i])
		}
	}
}

// abscissa draws the lower axis with its numbers and its name.
func (f frame) abscissa(about int, name string) {
	f.line(soft, 1, point{f.left, f.bottom}, point{f.right, f.bottom})
	ticks, texts := f.x.labelled(about)
	const beyond, apart = 4, 3 // a number may stand out of its axis, where another plot may begin
	free := math.Inf(-1)
	for i, t := range ticks {
		x := f.x.at(t)
		f.line(soft, 1, point{x, f.bottom}, point{x, f.bottom + 4})
		half := textWidth(texts[i], textSize-1) / 2
		x = max(min(x, min(f.width, f.right+beyond)-half), max(0, f.left-beyond)+half)
		if x-half < free {
			continue
		}
		f.text(soft, textSize-1, x, f.bottom+16, "middle", texts[i])
		free = x + half + apart
	}
	if name != "" {
		f.text(soft, textSize-1, f.right, f.bottom+31, "end", name)
	}
}

// span widens the range of numbers to include v.
type span struct {
	min, max float64
	any      bool
}

func (s *span) add(values ...float64) {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		if !s.any {
			s.min, s.max, s.any = v, v, true
			continue
		}
		s.min, s.max = min(s.min, v), max(s.max, v)
	}
}

// padded is the range with room at both ends.
func (s span) padded(share float64) (low, high float64) {
	room := share * (s.max - s.min)
	if room == 0 {
		room = math.Max(math.Abs(s.max)*share, 1e-9)
	}
	return s.min - room, s.max + room
}
