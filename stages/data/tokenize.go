package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"ablate/hcl/diag"
	"ablate/pipeline"
)

// Run implements pipeline.Stage.
func (t *Text) Run(ctx context.Context, env *pipeline.Env) error {
	files, err := expand(env.Inputs.Sources, t.Source, t.Exclude)
	if err != nil {
		return err
	}
	plain := t.Tokenizer == "bytes" && t.Separator == "" && t.TokenBytes() == 1
	for _, f := range files {
		asIs, err := inspect(env, f)
		if err != nil {
			return err
		}
		plain = plain && asIs
	}
	if plain {
		return t.copyBytes(ctx, env, files)
	}
	return t.encode(ctx, env, files)
}

// inspect reads the beginning of a file. plain is true when its text is the file
// as it is.
func inspect(env *pipeline.Env, f source) (plain bool, err error) {
	r, err := env.Inputs.Sources.Open(f.path)
	if err != nil {
		return false, unreadable(f, err)
	}
	defer r.Close()
	text, plain, err := asText(r)
	if err != nil {
		return false, unreadable(f, err)
	}
	defer text.Close()
	head := make([]byte, 256)
	n, err := io.ReadFull(text, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, unreadable(f, err)
	}
	if format := formatOf(head[:n]); format != "" {
		env.Warn(fmt.Sprintf("%s seems to be %s and is read byte by byte: convert it to UTF-8 text", f.path, format))
	}
	return plain, nil
}

// copyBytes makes each byte a token, without holding the text.
func (t *Text) copyBytes(ctx context.Context, env *pipeline.Env, files []source) error {
	total := int64(len(files) - 1) // separators
	for _, f := range files {
		total += f.size
	}
	return t.Split.write(ctx, env, t.Vocabulary(), total, files, func(w *splitWriter, i int) error {
		if i > 0 {
			if err := w.WriteByte(separator); err != nil {
				return err
			}
		}
		return copyFile(w, env.Inputs.Sources, files[i])
	})
}

// encode turns documents into tokens as they are read. Where validation begins is
// known only when all tokens are counted: until then they are in a file.
func (t *Text) encode(ctx context.Context, env *pipeline.Env, files []source) (err error) {
	e, special, err := t.encoder(env.Inputs.Sources)
	if err != nil {
		return err
	}
	s, err := newSpool(t.TokenBytes())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.remove()) }()
	d := newDocuments(e, s, t.Separator, special, t.Special)
	write := writerFunc(func(p []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		return d.Write(p)
	})
	for i, f := range files {
		if err := copyText(write, env.Inputs.Sources, f); err != nil {
			return err
		}
		if err := d.endFile(); err != nil {
			return fmt.Errorf("%s: %w", f.path, err)
		}
		env.Progress(pipeline.Progress{Step: i + 1, Steps: len(files)})
	}
	if t.Separator != "" && !d.divided {
		env.Warn(fmt.Sprintf("the separator %q does not occur in the text, so each file is one document", t.Separator))
	}
	if len(d.ordinary) > 0 {
		env.Warn(ordinaryWarning(d.ordinary))
	}
	held := t.Split.held(s.tokens)
	w, err := openSplit(env, (s.tokens-held)*int64(s.width))
	if err != nil {
		return err
	}
	if err := errors.Join(s.copyTo(w), w.close()); err != nil {
		return err
	}
	return env.WriteJSON(meta, newSummary(t.Vocabulary(), s.tokens, held, len(files)))
}

// ordinaryWarning names special tokens that were encoded as ordinary text.
func ordinaryWarning(count map[string]int) string {
	const most = 4
	var named []string
	for _, name := range slices.Sorted(maps.Keys(count)) {
		if len(named) == most {
			named = append(named, "…")
			break
		}
		named = append(named, fmt.Sprintf("%q (%d times)", name, count[name]))
	}
	return "the text contains special tokens, which were encoded as ordinary text: " + strings.Join(named, ", ") +
		". Set special_tokens = true to encode each as one token, or separator if it ends documents"
}

// encoder opens the tokenizer, and returns its special tokens by their text.
func (t *Text) encoder(sources pipeline.Sources) (encoder, map[string]uint32, error) {
	if t.Tokenizer == "bytes" {
		return byteEncoder{}, nil, nil
	}
	if p, ok := published[t.Tokenizer]; ok {
		e, err := publishedEncoder(t.Tokenizer)
		return e, p.special, err
	}
	f, err := t.readTokenizerFile(sources)
	if err != nil {
		return nil, nil, err
	}
	if int(f.highest) >= t.Size {
		return nil, nil, diag.Errorf(diag.Path{"vocabulary"}, "Out of range",
			"%s has tokens up to %d, so vocabulary must be at least %d, not %d.", t.Tokenizer, f.highest, f.highest+1, t.Size).Err()
	}
	if t.Special && f.unsupported != "" {
		return nil, nil, diag.Errorf(diag.Path{"special_tokens"}, "Unsupported special token",
			"%s says that %q also matches the space around it or only whole words, which special_tokens does not support.", t.Tokenizer, f.unsupported).Err()
	}
	return f.encoder, f.special, nil
}

// maxTokenizerFile is the largest tokenizer.json that is read, in bytes: ten times
// that of the largest vocabularies in use.
const maxTokenizerFile = 512 << 20

func (t *Text) readTokenizerFile(sources pipeline.Sources) (*openedTokenizer, error) {
	wrong := func(err error) error {
		return diag.Errorf(diag.Path{"tokenizer"}, "Unusable tokenizer", "%s cannot be used: %v.", t.Tokenizer, reason(err)).Err()
	}
	r, err := sources.Open(t.Tokenizer)
	if err != nil {
		return nil, wrong(err)
	}
	defer r.Close()
	text, _, err := asText(r)
	if err != nil {
		return nil, wrong(err)
	}
	defer text.Close()
	raw, err := io.ReadAll(io.LimitReader(text, maxTokenizerFile+1))
	if err != nil {
		return nil, wrong(err)
	}
	if len(raw) > maxTokenizerFile {
		return nil, wrong(fmt.Errorf("it is larger than %d MiB", maxTokenizerFile>>20))
	}
	f, err := openTokenizerFile(raw)
	if err != nil {
		return nil, wrong(err)
	}
	return f, nil
}
