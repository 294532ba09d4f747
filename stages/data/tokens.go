package data

import (
	"context"
	"encoding/binary"
	"io"

	"ablate/cache"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/behaviour"
)

// Binary is data "tokens": files of tokens that another program made.
type Binary struct {
	Source  []string `hcl:"source" key:"-" doc:"Files, folders, globs and remote files, joined in order; .gz and .zst are decompressed. Contents enter the key; paths do not."`
	Exclude []string `hcl:"exclude,optional" key:"-" doc:"Globs of files that a folder or glob in source leaves out. One without a slash matches a name at any depth, such as \"*.bak\"; another matches a path relative to the study's folder."`
	DType   string   `hcl:"dtype,optional" doc:"Type of the numbers: \"uint8\", \"uint16\" or \"uint32\", little-endian."`
	Size    int      `hcl:"vocabulary" doc:"Number of distinct tokens. Every number must be less."`
	Split   *Split   `hcl:"split,block" doc:"What is kept for validation."`
}

// dtypeBytes are the sizes of numbers, in bytes.
var dtypeBytes = map[string]int{"uint8": 1, "uint16": 2, "uint32": 4}

// Vocabulary is the number of distinct tokens.
func (b *Binary) Vocabulary() int { return b.Size }

// TokenBytes is the size of a token in the artifacts, in bytes.
func (b *Binary) TokenBytes() int { return widthFor(b.Size) }

// DeclaredFiles implements pipeline.FileReader.
func (b *Binary) DeclaredFiles() []pipeline.Files { return pipeline.FilesOf(b.Source, b.Exclude...) }

// Remotes implements pipeline.RemoteReader.
func (b *Binary) Remotes() []string { return remotes(b.Source) }

// Validate implements pipeline.Stage.
func (b *Binary) Validate() diag.List {
	list := checkSources(b.Source, b.Exclude)
	width, ok := dtypeBytes[b.DType]
	switch {
	case !ok:
		list = append(list, diag.Errorf(diag.Path{"dtype"}, "Unknown dtype", "dtype must be \"uint8\", \"uint16\" or \"uint32\", not %q.", b.DType)...)
	case b.Size < 2:
		list = append(list, diag.Errorf(diag.Path{"vocabulary"}, "Out of range", "vocabulary must be at least 2, not %d.", b.Size)...)
	case width < 4 && b.Size > 1<<(8*width):
		list = append(list, diag.Errorf(diag.Path{"vocabulary"}, "Out of range",
			"vocabulary must be at most %d, the number of values of a %s, not %d.", 1<<(8*width), b.DType, b.Size)...)
	default:
		list = append(list, checkVocabulary(b.Size)...)
	}
	return append(list, b.Split.validate()...)
}

// Describe implements pipeline.Stage.
func (b *Binary) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	files, err := expand(in.Sources, b.Source, b.Exclude)
	if err != nil {
		return pipeline.Recipe{}, err
	}
	for _, f := range files {
		if f.size%int64(dtypeBytes[b.DType]) != 0 {
			return pipeline.Recipe{}, diag.Errorf(diag.Path{"source"}, "Not a file of tokens",
				"%s has %d bytes, which is not a whole number of %s.", f.path, f.size, b.DType).Err()
		}
	}
	host, err := code(in, map[string]behaviour.Subject{ownCode: binarySubject()})
	return pipeline.Recipe{Inputs: cache.Map(map[string]cache.Value{"source": digestsOf(files)}), Code: host, Notes: namesOf(files, in.Study.Dir), Outputs: tokenOutputs()}, err
}

// Run implements pipeline.Stage.
func (b *Binary) Run(ctx context.Context, env *pipeline.Env) error {
	files, err := expand(env.Inputs.Sources, b.Source, b.Exclude)
	if err != nil {
		return err
	}
	width := dtypeBytes[b.DType]
	total := int64(0)
	for _, f := range files {
		total += f.size / int64(width)
	}
	return b.Split.write(ctx, env, b.Size, total, files, func(w *splitWriter, i int) error {
		return copyFile(&recoder{to: w, file: files[i], from: width, width: b.TokenBytes(), vocabulary: b.Size}, env.Inputs.Sources, files[i])
	})
}

// recoder writes the numbers of a file in another width. It refuses numbers
// beyond the vocabulary.
type recoder struct {
	to          io.Writer
	file        source
	from, width int
	vocabulary  int
	seen        int    // numbers so far
	rest        []byte // the first bytes of an incomplete number
	out         []byte
}

// Write implements io.Writer.
func (r *recoder) Write(p []byte) (int, error) {
	raw := p
	if len(r.rest) > 0 {
		raw = append(r.rest, p...)
	}
	whole := raw[:len(raw)-len(raw)%r.from]
	if err := r.check(whole); err != nil {
		return 0, err
	}
	if _, err := r.to.Write(r.recoded(whole)); err != nil {
		return 0, err
	}
	r.seen += len(whole) / r.from
	r.rest = append([]byte(nil), raw[len(whole):]...)
	return len(p), nil
}

// check refuses numbers beyond the vocabulary.
func (r *recoder) check(raw []byte) error {
	if int64(largest(raw, r.from)) < int64(r.vocabulary) {
		return nil
	}
	for at := 0; ; at += r.from {
		if id := largest(raw[at:at+r.from], r.from); int64(id) >= int64(r.vocabulary) {
			return diag.Errorf(diag.Path{"source"}, "Token beyond the vocabulary",
				"Number %d of %s is %d, but the largest token of the vocabulary is %d. Check dtype.", r.seen+at/r.from, r.file.path, id, r.vocabulary-1).Err()
		}
	}
}

// largest returns the largest of numbers of a width, 0 if there are none.
func largest(raw []byte, width int) (most uint32) {
	switch width {
	case 1:
		for _, id := range raw {
			most = max(most, uint32(id))
		}
	case 2:
		for ; len(raw) >= 2; raw = raw[2:] {
			most = max(most, uint32(binary.LittleEndian.Uint16(raw)))
		}
	default:
		for ; len(raw) >= 4; raw = raw[4:] {
			most = max(most, binary.LittleEndian.Uint32(raw))
		}
	}
	return most
}

// recoded returns numbers in the width of the output, valid until the next call.
func (r *recoder) recoded(raw []byte) []byte {
	if r.width == r.from {
		return raw
	}
	r.out = r.out[:0]
	var number [4]byte
	for ; len(raw) > 0; raw = raw[r.from:] {
		copy(number[:], raw[:r.from])
		r.out = append(r.out, number[:r.width]...)
	}
	return r.out
}
