package train

import (
	"encoding/binary"

	"ablate/stages/internal/ml"
)

// corpus is a text of tokens.
type corpus struct {
	raw   []byte
	width int // bytes of a token
}

func (c corpus) len() int { return len(c.raw) / c.width }

// window copies the tokens from start into dst.
func (c corpus) window(dst []int32, start int) {
	for i := range dst {
		at := (start + i) * c.width
		switch c.width {
		case 1:
			dst[i] = int32(c.raw[at])
		case 2:
			dst[i] = int32(binary.LittleEndian.Uint16(c.raw[at:]))
		default:
			dst[i] = int32(binary.LittleEndian.Uint32(c.raw[at:]))
		}
	}
}

// windows is the number of sequences of an epoch, at least one. Windows overlap in
// one token only, the last that is predicted, and are shifted by up to length-1
// tokens.
func windows(tokens, length int) int { return max(1, (tokens-1-(length-1))/length) }

// trainBatch fills dst with the n-th batch of sequences of length+1 tokens. Every
// epoch visits each window once, in its own order and with its own shift.
func trainBatch(dst []int32, c corpus, order ml.Stream, length, n int) {
	perEpoch := windows(c.len(), length)
	count := len(dst) / (length + 1)
	for j := range count {
		q := n*count + j
		epoch, i := q/perEpoch, q%perEpoch
		s := order.Sub(epochName(epoch))
		shifts := min(length, c.len()-perEpoch*length) // that leave the windows within the text
		shift := int(s.Sub("shift").Uint64(0) % uint64(shifts))
		start := int(s.Permuted(uint64(i), uint64(perEpoch)))*length + shift
		c.window(dst[j*(length+1):(j+1)*(length+1)], start)
	}
}

func epochName(epoch int) string {
	return string(binary.AppendUvarint([]byte("epoch "), uint64(epoch)))
}

// evaluationBatches returns at most n batches of validation text, each
// [sequences, length+1] flattened. They are drawn without replacement, the same for
// every trial of the study. A short text gives fewer than n.
func evaluationBatches(c corpus, draw ml.Stream, b Batch, n int) [][]int32 {
	total := (c.len() - 1) / b.Length
	out := make([][]int32, min(n, total/b.Sequences))
	for k := range out {
		out[k] = make([]int32, b.Sequences*(b.Length+1))
		for j := range b.Sequences {
			start := int(draw.Permuted(uint64(k*b.Sequences+j), uint64(total))) * b.Length
			c.window(out[k][j*(b.Length+1):(j+1)*(b.Length+1)], start)
		}
	}
	return out
}
