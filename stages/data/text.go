// Package data holds the stages that turn what the user has into tokens.
//
// Their code builds no graph, so each kind carries a version that must be
// bumped when the same spec and sources would give other bytes; golden outputs
// in the tests notice when it was not.
package data

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"ablate/cache"
	"ablate/hcl/diag"
	"ablate/pipeline"
)

// Kinds lists the stages of block data.
func Kinds() []pipeline.Kind {
	return []pipeline.Kind{{
		Block: "data", Type: "text", Version: 1, Child: true,
		Doc: "Text as tokens: files are read in bytewise order of their paths, decompressed, and joined by a newline. " +
			"The last part of the whole is kept for validation.",
		New: func() pipeline.Stage { return &Text{Tokenizer: "bytes", Split: &Split{Validation: 0.05}} },
	}}
}

// Text is data "text": the user's files as one stream of tokens.
type Text struct {
	Source    []string `hcl:"source" key:"-" doc:"Files, folders (read recursively, hidden ones left out) and globs; .gz and .zst are decompressed. Paths never enter a key, contents do."`
	Tokenizer string   `hcl:"tokenizer,optional" doc:"How text becomes tokens: \"bytes\" makes each byte a token, a vocabulary of 256."`
	Split     *Split   `hcl:"split,block" doc:"What is kept for validation."`
}

// Split says how much of the text is kept for validation.
type Split struct {
	Validation float64 `hcl:"validation,optional" doc:"The share of the text, taken from its end, that no trial trains on."`
}

// The outputs of a data stage.
const (
	TrainTokens      = "train"
	ValidationTokens = "validation"
	meta             = "meta"
	tokensType       = "application/x-ablate-tokens"
)

// separator stands between two files, so that no token sequence runs from one
// into the next unmarked.
const separator = '\n'

// Vocabulary is the number of distinct tokens.
func (t *Text) Vocabulary() int { return 256 }

// TokenBytes is the size of a token in the artifacts, in bytes.
func (t *Text) TokenBytes() int { return 1 }

// Validate implements pipeline.Stage.
func (t *Text) Validate() diag.List {
	var list diag.List
	if len(t.Source) == 0 {
		list = append(list, diag.Errorf(diag.Path{"source"}, "No source", "source names no file. Give it at least one file, folder or glob.")...)
	}
	if t.Tokenizer != "bytes" {
		list = append(list, diag.Errorf(diag.Path{"tokenizer"}, "Unknown tokenizer", "There is no tokenizer %q. There is \"bytes\".", t.Tokenizer)...)
	}
	if !(t.Split.Validation > 0 && t.Split.Validation < 1) {
		list = append(list, diag.Errorf(diag.Path{"split", "validation"}, "Out of range",
			"validation is the share of the text kept for validation: between 0 and 1, both excluded, not %v.", t.Split.Validation)...)
	}
	return list
}

// source is one file as it was when the stage was described.
type source struct {
	path   string
	digest cache.Digest
	size   int64
}

// Describe implements pipeline.Stage: the key is made of the files' contents,
// in order.
func (t *Text) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	files, err := t.files(in.Sources)
	if err != nil {
		return pipeline.Recipe{}, err
	}
	digests := make([]cache.Value, len(files))
	for i, f := range files {
		digests[i] = cache.DigestValue(f.digest)
	}
	return pipeline.Recipe{
		Inputs: cache.Map(map[string]cache.Value{"source": cache.List(digests...)}),
		Outputs: []pipeline.Output{
			{Name: meta, MediaType: "application/json"},
			{Name: TrainTokens, MediaType: tokensType},
			{Name: ValidationTokens, MediaType: tokensType},
		},
	}, nil
}

// files expands and digests the sources.
func (t *Text) files(sources pipeline.Sources) ([]source, error) {
	at := diag.Path{"source"}
	var files []source
	total := int64(0)
	for _, pattern := range t.Source {
		paths, err := sources.Expand(pattern)
		if err != nil {
			return nil, diag.Errorf(at, "Unreadable source", "%q cannot be read: %v. Check the path and its permissions.", pattern, reason(err)).Err()
		}
		if len(paths) == 0 {
			return nil, diag.Errorf(at, "Missing source", "%q is no file, folder or glob that matches anything. Relative paths start at the study's folder.", pattern).Err()
		}
		for _, path := range paths {
			d, size, err := sources.Digest(path)
			if err != nil {
				return nil, diag.Errorf(at, "Unreadable source", "%s cannot be read: %v. Check the file and its permissions.", path, reason(err)).Err()
			}
			files = append(files, source{path, d, size})
			total += size
		}
	}
	if total == 0 {
		return nil, diag.Errorf(at, "Empty source", "The %d files of source hold no text at all. Name files with text in them.", len(files)).Err()
	}
	return files, nil
}

// reason strips the path that the message has named already.
func reason(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// summary is the content of the artifact "meta".
type summary struct {
	Vocabulary       int    `json:"vocabulary"`
	DType            string `json:"dtype"`
	TrainTokens      int64  `json:"train_tokens"`
	ValidationTokens int64  `json:"validation_tokens"`
	Sources          int    `json:"sources"`
}

// Run implements pipeline.Stage. It reads every file once more and refuses
// when one is not what it was when the key was made.
func (t *Text) Run(ctx context.Context, env *pipeline.Env) error {
	files, err := t.files(env.Inputs.Sources)
	if err != nil {
		return err
	}
	total := int64(len(files) - 1) // separators
	for _, f := range files {
		total += f.size
	}
	held := int64(float64(total) * t.Split.Validation)
	w, err := openSplit(env, total-held)
	if err != nil {
		return err
	}
	for i, f := range files {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if i > 0 {
			if err := w.WriteByte(separator); err != nil {
				return err
			}
		}
		if err := copyFile(w, env.Inputs.Sources, f); err != nil {
			return err
		}
		env.Progress(pipeline.Progress{Step: i + 1, Steps: len(files)})
	}
	if err := w.close(); err != nil {
		return err
	}
	return env.WriteJSON(meta, summary{t.Vocabulary(), "uint8", total - held, held, len(files)})
}

func copyFile(w *splitWriter, sources pipeline.Sources, f source) error {
	r, err := sources.Open(f.path)
	if err != nil {
		return fmt.Errorf("reading a source: %w", err)
	}
	defer r.Close()
	h := cache.NewDigester()
	if _, err := io.Copy(io.MultiWriter(w, h), r); err != nil {
		return fmt.Errorf("reading %s: %w", f.path, err)
	}
	if h.Digest() != f.digest {
		return fmt.Errorf("%s changed while it was read: run again", f.path)
	}
	return nil
}

// splitWriter sends the first tokens to training and the rest to validation.
type splitWriter struct {
	*bufio.Writer
	train, validation io.WriteCloser
	left              int64 // tokens that training still gets
}

func openSplit(env *pipeline.Env, train int64) (*splitWriter, error) {
	s := &splitWriter{left: train}
	var err error
	if s.train, err = env.Create(TrainTokens); err != nil {
		return nil, err
	}
	if s.validation, err = env.Create(ValidationTokens); err != nil {
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
