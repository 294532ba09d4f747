package data

import (
	"strings"

	"ablate/cache"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/behaviour"
)

// Text is data "text": the user's files as one stream of tokens.
type Text struct {
	Source    []string `hcl:"source" key:"-" doc:"Files, folders (read recursively, without hidden files), globs, and remote files (https://…, hf://datasets/owner/name@revision/file, s3://bucket/key) as pinned in study.lock.hcl. Files compressed with gzip or zstd are decompressed, and UTF-16 is decoded. A file that several of them match is read once. Contents enter the key; paths do not."`
	Exclude   []string `hcl:"exclude,optional" key:"-" doc:"Globs of files that a folder or glob in source leaves out. One without a slash matches a name at any depth, such as \"*.bak\"; another matches a path relative to the study's folder."`
	Tokenizer string   `hcl:"tokenizer,optional" key:"-" doc:"How text becomes tokens: \"bytes\" (one token per byte), \"gpt2\", \"cl100k\", or a file tokenizer.json of Hugging Face with byte-level BPE as in GPT-2 or Llama 3. The content of the file enters the key."`
	Separator string   `hcl:"separator,optional" doc:"Text between two documents within a file, for example \"<|endoftext|>\\n\". It becomes the token that ends a document."`
	Special   bool     `hcl:"special_tokens,optional" doc:"Encode special tokens of the tokenizer that the text contains, such as <|endoftext|>, as the one token that they name. By default they are ordinary text, and a warning says so."`
	Size      int      `hcl:"vocabulary,optional" doc:"Number of distinct tokens. Default: that of the tokenizer; required for a tokenizer file."`
	Split     *Split   `hcl:"split,block" doc:"What is kept for validation."`
}

// separator stands between two files, so that no sequence of tokens runs from one
// into the next unmarked.
const separator = '\n'

// Resolve leaves out a vocabulary that is the tokenizer's own: whether the file
// says it or not changes nothing.
func (t *Text) Resolve() {
	if t.Size == t.ownVocabulary() {
		t.Size = 0
	}
}

// ownVocabulary is the number of tokens of a named tokenizer, 0 for a file.
func (t *Text) ownVocabulary() int {
	if t.Tokenizer == "bytes" {
		return 256
	}
	return published[t.Tokenizer].vocabulary
}

// Vocabulary is the number of distinct tokens.
func (t *Text) Vocabulary() int {
	if t.Size > 0 {
		return t.Size
	}
	return t.ownVocabulary()
}

// TokenBytes is the size of a token in the artifacts, in bytes.
func (t *Text) TokenBytes() int { return widthFor(t.Vocabulary()) }

// DeclaredFiles implements pipeline.FileReader.
func (t *Text) DeclaredFiles() []pipeline.Files {
	files := pipeline.FilesOf(t.Source, t.Exclude...)
	if isTokenizerFile(t.Tokenizer) {
		files = append(files, pipeline.Files{Pattern: t.Tokenizer})
	}
	return files
}

// Remotes implements pipeline.RemoteReader.
func (t *Text) Remotes() []string { return remotes(t.Source) }

// Validate implements pipeline.Stage.
func (t *Text) Validate() diag.List {
	list := append(checkSources(t.Source, t.Exclude), t.checkTokenizer()...)
	if t.Special && t.Tokenizer == "bytes" {
		list = append(list, diag.Errorf(diag.Path{"special_tokens"}, "No special tokens", "The tokenizer \"bytes\" has no special tokens. Remove special_tokens, or use separator.")...)
	}
	return append(list, t.Split.validate()...)
}

func (t *Text) checkTokenizer() diag.List {
	own := t.ownVocabulary()
	switch {
	case isTokenizerFile(t.Tokenizer) && t.Size < 2:
		return diag.Errorf(diag.Path{"tokenizer"}, "Missing vocabulary",
			"Add vocabulary = … with the number of tokens of %s. It is needed before the file is read.", t.Tokenizer)
	case own == 0 && !isTokenizerFile(t.Tokenizer):
		return diag.Errorf(diag.Path{"tokenizer"}, "Unknown tokenizer",
			"tokenizer must be \"bytes\", \"gpt2\", \"cl100k\" or a file tokenizer.json, not %q.", t.Tokenizer)
	case t.Size != 0 && t.Size < own:
		return diag.Errorf(diag.Path{"vocabulary"}, "Out of range", "vocabulary must be at least %d, the number of tokens of %s, not %d.", own, t.Tokenizer, t.Size)
	}
	return checkVocabulary(t.Size)
}

// maxVocabulary is far above the vocabulary of any tokenizer. A model has a row of
// weights for each token, so a slip of some zeros would exhaust any machine.
const maxVocabulary = 1 << 24

func checkVocabulary(size int) diag.List {
	if size <= maxVocabulary {
		return nil
	}
	return diag.Errorf(diag.Path{"vocabulary"}, "Out of range", "vocabulary must be at most %d, not %d.", maxVocabulary, size)
}

// isTokenizerFile reports whether a tokenizer is a file rather than a name.
func isTokenizerFile(name string) bool { return strings.ContainsAny(name, `./\`) }

// Describe implements pipeline.Stage: the key is made of the files' contents, in
// order.
func (t *Text) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	files, err := expand(in.Sources, t.Source, t.Exclude)
	if err != nil {
		return pipeline.Recipe{}, err
	}
	inputs := map[string]cache.Value{"source": digestsOf(files)}
	if isTokenizerFile(t.Tokenizer) {
		d, _, err := in.Sources.Digest(t.Tokenizer)
		if err != nil {
			return pipeline.Recipe{}, diag.Errorf(diag.Path{"tokenizer"}, "Unreadable tokenizer", "%s cannot be read: %v.", t.Tokenizer, reason(err)).Err()
		}
		inputs["tokenizer"] = cache.DigestValue(d)
	} else if t.Tokenizer != "bytes" {
		inputs["tokenizer"] = cache.String(t.Tokenizer)
	}
	host, err := code(in, map[string]behaviour.Subject{ownCode: t.subject()})
	return pipeline.Recipe{Inputs: cache.Map(inputs), Code: host, Notes: namesOf(files, in.Study.Dir), Outputs: tokenOutputs()}, err
}
