package ml

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
)

// Stream is a source of random numbers without state: the i-th number is a
// function of the stream and i. A stream is named by the study's seed, what it
// is for, and the replicate's value. No factor level enters, so that trials of
// one replicate are paired.
type Stream struct{ key [32]byte }

// NewStream names a stream. Words are length-prefixed, so that no two lists of
// words share one.
func NewStream(seed int64, words ...string) Stream {
	b := binary.BigEndian.AppendUint64([]byte("ablate stream v1"), uint64(seed))
	for _, w := range words {
		b = binary.AppendUvarint(b, uint64(len(w)))
		b = append(b, w...)
	}
	return Stream{sha256.Sum256(b)}
}

// Sub names a stream within the stream.
func (s Stream) Sub(word string) Stream {
	return Stream{sha256.Sum256(append(append([]byte("sub"), s.key[:]...), word...))}
}

// Uint64 returns the i-th number, by two rounds of a keyed bijective mixer
// (the finaliser of splitmix64 with both halves of the key).
func (s Stream) Uint64(i uint64) uint64 {
	k0, k1 := binary.LittleEndian.Uint64(s.key[:8]), binary.LittleEndian.Uint64(s.key[8:16])
	k2, k3 := binary.LittleEndian.Uint64(s.key[16:24]), binary.LittleEndian.Uint64(s.key[24:32])
	return mix(mix(mix(i*0x9e3779b97f4a7c15+k0)^k1)+bits.RotateLeft64(k2, 17)) ^ k3
}

func mix(z uint64) uint64 {
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

// Float64 returns the i-th number in (0, 1).
func (s Stream) Float64(i uint64) float64 {
	return (float64(s.Uint64(i)>>11) + 0.5) / (1 << 53)
}

// Normals draws n numbers from N(0, std²) by Box and Muller's method, in
// arithmetic that gives the same bits on every machine. It uses all cores: since the
// i-th number is a function of i, parts are drawn side by side.
func (s Stream) Normals(n int, std float64) []float32 {
	const part = 1 << 15 // even, since numbers are made in pairs
	out := make([]float32, n+n%2)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(out)/part+1) {
		workers.Go(func() {
			for {
				from := int(next.Add(part)) - part
				if from >= len(out) {
					return
				}
				s.normals(out[from:min(from+part, len(out))], from, std)
			}
		})
	}
	workers.Wait()
	return out[:n]
}

// normals draws an even number of numbers, of which the first is number from.
func (s Stream) normals(out []float32, from int, std float64) {
	for i := 0; i < len(out); i += 2 {
		at := uint64(from + i)
		u, v := s.Float64(at), s.Float64(at+1)
		r := math.Sqrt(float64(-2 * Log(u)))
		angle := float64(2*v-1) * math.Pi // in (-π, π)
		c := Cos(angle)
		sin := math.Sqrt(math.Max(0, 1-float64(c*c)))
		if angle < 0 {
			sin = -sin
		}
		out[i] = float32(float64(float64(r*c) * std))
		out[i+1] = float32(float64(float64(r*sin) * std))
	}
}

// Permuted returns the i-th element of a random permutation of 0..n-1, without
// holding the permutation: a Feistel network over the next power of four, walked
// until it lands below n.
func (s Stream) Permuted(i, n uint64) uint64 {
	if n < 2 {
		return 0
	}
	half := (bits.Len64(n-1) + 1) / 2
	mask := uint64(1)<<half - 1
	x := i
	for {
		left, right := x>>half, x&mask
		for round := range uint64(4) {
			left, right = right, left^(s.Uint64(right|round<<48)&mask)
		}
		x = left<<half | right
		if x < n {
			return x
		}
	}
}
