package data

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"ablate/hcl/diag"
	"ablate/pipeline"
)

// Split says how much of the text is kept for validation.
type Split struct {
	Validation float64 `hcl:"validation,optional" doc:"The share of the text, taken from its end, that no trial trains on."`
}

func (s *Split) validate() diag.List {
	if s.Validation > 0 && s.Validation < 1 {
		return nil
	}
	return diag.Errorf(diag.Path{"split", "validation"}, "Out of range",
		"validation is the share of the text that is kept for validation. It must be greater than 0 and less than 1, not %v.", s.Validation)
}

// held is how many of all tokens are kept for validation.
func (s *Split) held(total int64) int64 { return int64(float64(total) * s.Validation) }

// write writes the outputs of a stage whose number of tokens is known before they are
// read: copy writes those of one file.
func (s *Split) write(ctx context.Context, env *pipeline.Env, vocabulary int, total int64, files []source, copy func(w *splitWriter, i int) error) error {
	held := s.held(total)
	w, err := openSplit(env, (total-held)*int64(widthFor(vocabulary)))
	if err != nil {
		return err
	}
	for i := range files {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := copy(w, i); err != nil {
			return err
		}
		env.Progress(pipeline.Progress{Step: i + 1, Steps: len(files)})
	}
	if err := w.close(); err != nil {
		return err
	}
	return env.WriteJSON(meta, newSummary(vocabulary, total, held, len(files)))
}

// The outputs of a stage that makes tokens.
const (
	trainTokens      = "train"
	validationTokens = "validation"
	meta             = "meta"
	tokensType       = "application/x-ablate-tokens"
)

// tokenOutputs lists the outputs of a stage that makes tokens.
func tokenOutputs() []pipeline.Output {
	return []pipeline.Output{
		{Name: meta, MediaType: "application/json"},
		{Name: trainTokens, MediaType: tokensType},
		{Name: validationTokens, MediaType: tokensType},
	}
}

// summary is the content of the artifact "meta".
type summary struct {
	Vocabulary       int    `json:"vocabulary"`
	DType            string `json:"dtype"`
	TrainTokens      int64  `json:"train_tokens"`
	ValidationTokens int64  `json:"validation_tokens"`
	Sources          int    `json:"sources"`
}

func newSummary(vocabulary int, total, held int64, sources int) summary {
	return summary{vocabulary, fmt.Sprintf("uint%d", 8*widthFor(vocabulary)), total - held, held, sources}
}

// widthFor is the smallest number of bytes that tells all tokens apart.
func widthFor(vocabulary int) int {
	switch {
	case vocabulary <= 1<<8:
		return 1
	case vocabulary <= 1<<16:
		return 2
	}
	return 4
}

// splitWriter sends the first bytes to training and the rest to validation.
type splitWriter struct {
	*bufio.Writer
	train, validation io.WriteCloser
	left              int64 // bytes that training still gets
}

func openSplit(env *pipeline.Env, train int64) (*splitWriter, error) {
	s := &splitWriter{left: train}
	var err error
	if s.train, err = env.Create(trainTokens); err != nil {
		return nil, err
	}
	if s.validation, err = env.Create(validationTokens); err != nil {
		return nil, err
	}
	s.Writer = bufio.NewWriterSize(writerFunc(s.divide), 1<<16)
	return s, nil
}

func (s *splitWriter) divide(p []byte) (int, error) {
	first := min(s.left, int64(len(p)))
	if _, err := s.train.Write(p[:first]); err != nil {
		return 0, err
	}
	s.left -= first
	if _, err := s.validation.Write(p[first:]); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (s *splitWriter) close() error {
	return errors.Join(s.Flush(), s.train.Close(), s.validation.Close())
}

type writerFunc func([]byte) (int, error)

// Write implements io.Writer.
func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
