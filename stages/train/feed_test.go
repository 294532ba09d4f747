package train

import (
	"errors"
	"slices"
	"testing"

	"ablate/stages/internal/ml"
)

// Whatever steps are asked for, in whatever order, their batches are those that
// are made on the spot.
func TestFeed(t *testing.T) {
	const length, tokens = 7, 3 * (7 + 1)
	text, order := counting(100), ml.NewStream(0, "order", "1")
	for _, steps := range [][]int{{0, 1, 2, 3}, {5, 6, 7}, {0, 1, 2, 0, 1}, {4, 4, 4}, {0, 9, 1, 10, 3}} {
		f := newFeed(tokens, func(dst []int32, step int) error {
			trainBatch(dst, text, order, length, step)
			return nil
		})
		for i, step := range steps {
			got, err := f.batch(step)
			if err != nil {
				t.Fatal(err)
			}
			want := make([]int32, tokens)
			trainBatch(want, text, order, length, step)
			f.wait() // the next batch must not have been written over this one
			if !slices.Equal(got, want) {
				t.Errorf("steps %v: batch %d is %v, want %v", steps, i, got, want)
			}
		}
	}
}

// The next batch is made while a step runs, and not before the step has its own.
func TestFeedMakesTheNextBatchMeanwhile(t *testing.T) {
	made := make(chan int)
	f := newFeed(1, func(_ []int32, step int) error {
		made <- step
		return nil
	})
	go f.batch(0)
	for want := range 2 {
		if got := <-made; got != want {
			t.Errorf("batch %d is made, want %d", got, want)
		}
	}
	f.wait()
}

// A batch that could not be read is an error of its own step, not of the one before.
func TestFeedFails(t *testing.T) {
	lost := errors.New("lost")
	f := newFeed(1, func(_ []int32, step int) error {
		if step == 1 {
			return lost
		}
		return nil
	})
	for step, want := range []error{nil, lost, nil} {
		if _, err := f.batch(step); err != want {
			t.Errorf("batch %d: %v, want %v", step, err, want)
		}
	}
	f.wait()
}
