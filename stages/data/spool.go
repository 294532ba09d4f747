package data

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
)

// spool keeps tokens in a temporary file until they are counted.
type spool struct {
	file   *os.File
	width  int
	tokens int64
	raw    []byte
}

// spoolBuffer is how many bytes a spool collects before it writes them.
const spoolBuffer = 1 << 16

func newSpool(width int) (*spool, error) {
	f, err := os.CreateTemp("", "ablate-tokens-*")
	if err != nil {
		return nil, fmt.Errorf("making a temporary file for tokens (TMPDIR sets its folder): %w", err)
	}
	os.Remove(f.Name()) // at once, where the system allows it: a killed process leaves nothing
	return &spool{file: f, width: width}, nil
}

func (s *spool) write(ids []uint32) error {
	s.tokens += int64(len(ids))
	for _, id := range ids {
		n := len(s.raw)
		s.raw = binary.LittleEndian.AppendUint32(s.raw, id)[:n+s.width]
	}
	if len(s.raw) < spoolBuffer {
		return nil
	}
	return s.flush()
}

func (s *spool) flush() error {
	_, err := s.file.Write(s.raw)
	s.raw = s.raw[:0]
	if err != nil {
		return fmt.Errorf("writing tokens to a temporary file (TMPDIR sets its folder): %w", err)
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
