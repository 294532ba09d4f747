package data

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"ablate/pipeline/unpack"
)

// Byte order marks.
var (
	markUTF8    = []byte{0xef, 0xbb, 0xbf}
	markUTF16LE = []byte{0xff, 0xfe}
	markUTF16BE = []byte{0xfe, 0xff}
	markUTF32LE = []byte{0xff, 0xfe, 0, 0}
	markUTF32BE = []byte{0, 0, 0xfe, 0xff}
)

// asText returns the text in a file: decompressed, decoded from UTF-16, and
// without a byte order mark. It goes by the content, since the name of a file
// does not enter the key. plain is true when the text is the file as it is.
// Closing the text does not close r.
func asText(r io.Reader) (text io.ReadCloser, plain bool, err error) {
	content, packed, err := unpack.Reader(r)
	if err != nil {
		return nil, false, err
	}
	decoded, marked, err := decodeText(content)
	if err != nil {
		content.Close()
		return nil, false, err
	}
	return struct {
		io.Reader
		io.Closer
	}{decoded, content}, !packed && !marked, nil
}

// decodeText decodes what begins with a byte order mark.
func decodeText(content io.Reader) (text io.Reader, marked bool, err error) {
	b := bufio.NewReaderSize(content, 1<<16)
	head, err := b.Peek(len(markUTF32LE))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	begins := func(mark []byte) bool { return bytes.HasPrefix(head, mark) }
	switch {
	case begins(markUTF32LE), begins(markUTF32BE):
		return nil, false, errors.New("it is encoded in UTF-32; convert it to UTF-8")
	case begins(markUTF8), begins(markUTF16LE), begins(markUTF16BE):
		return transform.NewReader(b, unicode.BOMOverride(transform.Nop)), true, nil
	}
	return b, false, nil
}

// formatOf names a format that is not text, and that people try as text; "" for
// others.
func formatOf(head []byte) string {
	for magic, name := range map[string]string{
		"SQLite format 3\x00": "a SQLite database", "PK\x03\x04": "a zip archive or an Excel file", "ARROW1": "an Arrow file",
		"\x89HDF": "an HDF5 file", "BZh": "compressed with bzip2", "\xfd7zXZ": "compressed with xz", "7z\xbc\xaf": "a 7z archive",
		"\x93NUMPY": "a NumPy file", parquetMagic: "a Parquet file", "%PDF-": "a PDF file",
	} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return name
		}
	}
	if looksLikeUTF16(head) {
		return "encoded in UTF-16 without a byte order mark"
	}
	return ""
}

// looksLikeUTF16 reports whether text without a byte order mark is most likely
// encoded in UTF-16: every other byte of its beginning is zero.
func looksLikeUTF16(head []byte) bool {
	const enough = 8
	if len(head) < enough {
		return false
	}
	zeros := [2]int{}
	for i, c := range head {
		if c == 0 {
			zeros[i%2]++
		}
	}
	half := len(head) / 2
	return zeros[0] >= half && zeros[1] == 0 || zeros[1] >= half && zeros[0] == 0
}
