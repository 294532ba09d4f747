package data

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"ablate/pipeline"
)

// encode turns documents into tokens as they are read. Where validation begins
// is known when all are there: until then they are in a file.
func (t *Text) encode(ctx context.Context, env *pipeline.Env, files []source) (err error) {
	e, err := t.encoder(env.Inputs.Sources)
	if err != nil {
		return err
	}
	s, err := newSpool(t.TokenBytes())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.remove()) }()
	d := &documents{encoder: e, separator: []byte(t.Separator), to: s}
	each := writerFunc(func(p []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		return d.Write(p)
	})
	for i, f := range files {
		if err := copyFile(each, env.Inputs.Sources, f); err != nil {
			return err
		}
		if err := d.endFile(); err != nil {
			return fmt.Errorf("%s: %w", f.path, err)
		}
		env.Progress(pipeline.Progress{Step: i + 1, Steps: len(files)})
	}
	held := int64(float64(s.tokens) * t.Split.Validation)
	w, err := openSplit(env, (s.tokens-held)*int64(s.width))
	if err != nil {
		return err
	}
	if err := errors.Join(s.copyTo(w), w.close()); err != nil {
		return err
	}
	return env.WriteJSON(meta, newSummary(t.Vocabulary(), s.tokens, held, len(files)))
}

// documents encodes the documents of files, which are written to it in turn.
type documents struct {
	encoder   encoder
	separator []byte
	to        *spool
	held      []byte // of a file: what may be the beginning of a separator
	any       bool   // there was a document
	within    bool   // one has begun
	separated bool   // the file had a separator
	ids       []uint32
}

// Write implements io.Writer.
func (d *documents) Write(p []byte) (int, error) {
	text := p
	if len(d.held) > 0 {
		text = append(d.held, p...)
	}
	for len(d.separator) > 0 {
		document, rest, found := bytes.Cut(text, d.separator)
		if !found {
			break
		}
		if err := d.piece(document, true); err != nil {
			return 0, err
		}
		d.separated, text = true, rest
	}
	safe := max(0, len(text)-max(0, len(d.separator)-1))
	if safe > 0 {
		if err := d.piece(text[:safe], false); err != nil {
			return 0, err
		}
	}
	d.held = append([]byte(nil), text[safe:]...)
	return len(p), nil
}

// endFile ends the file's last document. The empty one after a final separator
// is none.
func (d *documents) endFile() error {
	rest, separated := d.held, d.separated
	d.held, d.separated = nil, false
	if separated && !d.within && len(rest) == 0 {
		return nil
	}
	return d.piece(rest, true)
}

func (d *documents) piece(text []byte, last bool) (err error) {
	d.ids = d.ids[:0]
	if end, ok := d.encoder.between(); ok && d.any && !d.within {
		d.ids = append(d.ids, end)
	}
	d.any, d.within = true, !last
	if d.ids, err = d.encoder.encode(d.ids, text, last); err != nil {
		return err
	}
	return d.to.write(d.ids)
}

// spool keeps tokens in a file until they are counted.
type spool struct {
	file   *os.File
	width  int
	tokens int64
	raw    []byte
}

// full is how many bytes a spool collects before it writes them.
const full = 1 << 16

func newSpool(width int) (*spool, error) {
	f, err := os.CreateTemp("", "ablate-tokens-*")
	if err != nil {
		return nil, fmt.Errorf("making a temporary file for tokens (TMPDIR names another folder): %w", err)
	}
	os.Remove(f.Name()) // now, where open files may be removed: a killed process leaves nothing
	return &spool{file: f, width: width}, nil
}

func (s *spool) write(ids []uint32) error {
	s.tokens += int64(len(ids))
	for _, id := range ids {
		n := len(s.raw)
		s.raw = binary.LittleEndian.AppendUint32(s.raw, id)[:n+s.width]
	}
	if len(s.raw) < full {
		return nil
	}
	return s.flush()
}

func (s *spool) flush() error {
	_, err := s.file.Write(s.raw)
	s.raw = s.raw[:0]
	if err != nil {
		return fmt.Errorf("keeping tokens in a temporary file (TMPDIR names another folder): %w", err)
	}
	return nil
}

func (s *spool) copyTo(w io.Writer) error {
	if err := s.flush(); err != nil {
		return err
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("reading tokens back: %w", err)
	}
	if _, err := io.Copy(w, s.file); err != nil {
		return fmt.Errorf("reading tokens back: %w", err)
	}
	return nil
}

func (s *spool) remove() error {
	err := s.file.Close()
	os.Remove(s.file.Name())
	return err
}
