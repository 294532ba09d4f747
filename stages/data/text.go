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
	"slices"
	"strings"

	"ablate/cache"
	"ablate/hcl/diag"
	"ablate/pipeline"
)

// Kinds lists the stages of block data.
func Kinds() []pipeline.Kind {
	return []pipeline.Kind{{
		Block: "data", Type: "text", Version: 1, Role: pipeline.Data, Child: true,
		Doc: "Text as tokens: files are read in bytewise order of their paths, decompressed, and joined by the token that ends " +
			"a document, which among bytes is a newline. The last part of the whole is kept for validation.",
		New: func() pipeline.Stage { return &Text{Tokenizer: "bytes", Split: &Split{Validation: 0.05}} },
	}, {
		Block: "data", Type: "results", Version: 1, Role: pipeline.Data,
		Doc: "Tables of finished runs, of any program. An analysis takes them wherever it takes trials; nothing is trained.",
		New: func() pipeline.Stage { return &Results{Responses: []string{"val_loss"}} },
	}, {
		Block: "data", Type: "tokens", Version: 1, Role: pipeline.Data, Child: true,
		Doc: "Files of tokens that another program made: little-endian numbers and nothing else, as nanoGPT writes them.",
		New: func() pipeline.Stage { return &Binary{DType: "uint16", Split: &Split{Validation: 0.05}} },
	}, {
		Block: "data", Type: "command", Version: 1, Role: pipeline.Data, Child: true, Program: true,
		Doc: "Files that a program of your own makes, in any language, for trials that are programs too.",
		New: func() pipeline.Stage { return &Command{} },
	}}
}

// Text is data "text": the user's files as one stream of tokens.
type Text struct {
	Source    []string `hcl:"source" key:"-" doc:"Files, folders (read recursively, hidden ones left out), globs, and remote files (https://…, hf://datasets/owner/name@revision/file, s3://bucket/key) as study.lock.hcl pins them; .gz and .zst are decompressed. Paths never enter a key, contents do."`
	Tokenizer string   `hcl:"tokenizer,optional" key:"-" doc:"How text becomes tokens: \"bytes\" (each byte one), \"gpt2\", \"cl100k\", or a file tokenizer.json of Hugging Face's, byte-level BPE as of GPT-2 or Llama 3. Of a file the content enters the key."`
	Separator string   `hcl:"separator,optional" doc:"Text that stands between two documents within a file, as \"<|endoftext|>\\n\". It is replaced by the token that ends a document."`
	Size      int      `hcl:"vocabulary,optional" doc:"Number of distinct tokens. Default: the tokenizer's; of a file it must be said."`
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
func (t *Text) Vocabulary() int {
	switch {
	case t.Size > 0:
		return t.Size
	case t.Tokenizer == "bytes":
		return 256
	}
	return published[t.Tokenizer].vocabulary
}

// TokenBytes is the size of a token in the artifacts, in bytes.
func (t *Text) TokenBytes() int { return widthFor(t.Vocabulary()) }

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

// Validate implements pipeline.Stage.
func (t *Text) Validate() diag.List {
	var list diag.List
	if len(t.Source) == 0 {
		list = append(list, diag.Errorf(diag.Path{"source"}, "No source", "source names no file. Give it at least one file, folder or glob.")...)
	}
	list = append(list, checkSchemes(t.Source)...)
	list = append(list, t.checkTokenizer()...)
	return append(list, t.Split.validate()...)
}

func (t *Text) checkTokenizer() diag.List {
	p, known := published[t.Tokenizer]
	least := p.vocabulary
	switch {
	case isTokenizerFile(t.Tokenizer) && t.Size < 2:
		return diag.Errorf(diag.Path{"tokenizer"}, "Missing vocabulary",
			"Say how many tokens %s has: vocabulary = …. It is needed before the file is read.", t.Tokenizer)
	case isTokenizerFile(t.Tokenizer):
		return checkVocabulary(t.Size)
	case t.Tokenizer == "bytes":
		least = 256
	case !known:
		return diag.Errorf(diag.Path{"tokenizer"}, "Unknown tokenizer",
			"There is no tokenizer %q. There is \"bytes\", \"gpt2\", \"cl100k\", and any file tokenizer.json.", t.Tokenizer)
	}
	if t.Size != 0 && t.Size < least {
		return diag.Errorf(diag.Path{"vocabulary"}, "Out of range", "vocabulary must be at least the %d tokens of %s, not %d.", least, t.Tokenizer, t.Size)
	}
	return checkVocabulary(t.Size)
}

// mostTokens is how many tokens a model can tell apart: it takes them as
// numbers of 32 bits with a sign.
const mostTokens = 1 << 31

func checkVocabulary(size int) diag.List {
	if size <= mostTokens {
		return nil
	}
	return diag.Errorf(diag.Path{"vocabulary"}, "Out of range", "vocabulary must be at most %d, not %d.", mostTokens, size)
}

func (s *Split) validate() diag.List {
	if s.Validation > 0 && s.Validation < 1 {
		return nil
	}
	return diag.Errorf(diag.Path{"split", "validation"}, "Out of range",
		"validation is the share of the text kept for validation: between 0 and 1, both excluded, not %v.", s.Validation)
}

// Remotes implements pipeline.RemoteReader.
func (t *Text) Remotes() []string { return remotes(t.Source) }

func remotes(sources []string) []string {
	return slices.DeleteFunc(slices.Clone(sources), func(s string) bool { return !pipeline.IsRemote(s) })
}

// checkSchemes refuses addresses that nobody can fetch.
func checkSchemes(sources []string) diag.List {
	var list diag.List
	for _, s := range remotes(sources) {
		switch scheme, _, _ := strings.Cut(s, "://"); scheme {
		case "http", "https", "hf", "s3":
		default:
			list = append(list, diag.Errorf(diag.Path{"source"}, "Unknown scheme",
				"%q cannot be fetched: there is http://, https://, hf:// and s3://. Download it, and name the file.", s)...)
		}
	}
	return list
}

// encoderVersion is bumped when some text would now become other tokens. The
// first lost the character 0x7f, cut cl100k's words at line breaks among spaces,
// and knew no 'ſ.
const encoderVersion = 2

// source is one file as it was when the stage was described.
type source struct {
	path   string
	digest cache.Digest
	size   int64
}

// Describe implements pipeline.Stage: the key is made of the files' contents,
// in order.
func (t *Text) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	files, err := expand(in.Sources, t.Source)
	if err != nil {
		return pipeline.Recipe{}, err
	}
	inputs := map[string]cache.Value{"source": digestsOf(files)}
	switch {
	case isTokenizerFile(t.Tokenizer):
		d, _, err := in.Sources.Digest(t.Tokenizer)
		if err != nil {
			return pipeline.Recipe{}, diag.Errorf(diag.Path{"tokenizer"}, "Unreadable tokenizer", "%s cannot be read: %v.", t.Tokenizer, reason(err)).Err()
		}
		inputs["tokenizer"] = cache.DigestValue(d)
	case t.Tokenizer != "bytes":
		inputs["tokenizer"] = cache.String(t.Tokenizer)
	case t.TokenBytes() != 1: // such tokens were once written one byte wide, which nothing could read
		inputs["token_bytes"] = cache.Int(int64(t.TokenBytes()))
	}
	if t.Tokenizer != "bytes" {
		inputs["encoder"] = cache.Int(encoderVersion)
	}
	return pipeline.Recipe{Inputs: cache.Map(inputs), Outputs: tokenOutputs()}, nil
}

// tokenOutputs are what every data stage makes.
func tokenOutputs() []pipeline.Output {
	return []pipeline.Output{
		{Name: meta, MediaType: "application/json"},
		{Name: TrainTokens, MediaType: tokensType},
		{Name: ValidationTokens, MediaType: tokensType},
	}
}

func digestsOf(files []source) cache.Value {
	digests := make([]cache.Value, len(files))
	for i, f := range files {
		digests[i] = cache.DigestValue(f.digest)
	}
	return cache.List(digests...)
}

// expand finds and digests the files of source.
func expand(sources pipeline.Sources, patterns []string) ([]source, error) {
	at := diag.Path{"source"}
	var files []source
	total := int64(0)
	for _, pattern := range patterns {
		paths, err := sources.Expand(pattern)
		if err != nil && pipeline.IsRemote(pattern) {
			return nil, diag.Errorf(at, "Unusable source", "%q cannot be used: %v.", pattern, err).Err()
		}
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
		return nil, diag.Errorf(at, "Empty source", "The files of source (%d) hold nothing at all. Name files with text in them.", len(files)).Err()
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

func newSummary(vocabulary int, total, held int64, sources int) summary {
	return summary{vocabulary, fmt.Sprintf("uint%d", 8*widthFor(vocabulary)), total - held, held, sources}
}

// Run implements pipeline.Stage. It reads every file once more and refuses
// when one is not what it was when the key was made.
func (t *Text) Run(ctx context.Context, env *pipeline.Env) error {
	files, err := expand(env.Inputs.Sources, t.Source)
	if err != nil {
		return err
	}
	if t.Tokenizer != "bytes" || t.Separator != "" || t.TokenBytes() != 1 {
		return t.encode(ctx, env, files)
	}
	return t.copyBytes(ctx, env, files)
}

// copyBytes makes each byte a token, without holding the text.
func (t *Text) copyBytes(ctx context.Context, env *pipeline.Env, files []source) error {
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
	return env.WriteJSON(meta, newSummary(t.Vocabulary(), total, held, len(files)))
}

func (t *Text) encoder(sources pipeline.Sources) (encoder, error) {
	if t.Tokenizer == "bytes" {
		return byteEncoder{}, nil
	}
	if !isTokenizerFile(t.Tokenizer) {
		return publishedEncoder(t.Tokenizer)
	}
	wrong := func(err error) error {
		return diag.Errorf(diag.Path{"tokenizer"}, "Unusable tokenizer", "%s cannot be used: %v.", t.Tokenizer, reason(err)).Err()
	}
	r, err := sources.Open(t.Tokenizer)
	if err != nil {
		return nil, wrong(err)
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, wrong(err)
	}
	e, highest, err := openTokenizerFile(raw)
	if err != nil {
		return nil, wrong(err)
	}
	if int(highest) >= t.Size {
		return nil, diag.Errorf(diag.Path{"vocabulary"}, "Out of range",
			"%s has tokens up to %d, so vocabulary must be at least %d, not %d.", t.Tokenizer, highest, highest+1, t.Size).Err()
	}
	return e, nil
}

// readFile reads a whole source and refuses when it is not what it was.
func readFile(sources pipeline.Sources, f source) (string, error) {
	var b strings.Builder
	b.Grow(int(f.size))
	if err := copyFile(&b, sources, f); err != nil {
		return "", err
	}
	return b.String(), nil
}

func copyFile(w io.Writer, sources pipeline.Sources, f source) error {
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
