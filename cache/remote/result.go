package remote

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"

	"ablate/cache"
)

// The result of an action on a remote is a Bazel ActionResult
// (build.bazel.remote.execution.v2). Its output files are the entry's artifacts,
// its ingredients and provenance, and the entry itself, which is also inlined.
// Servers that check the files of a result thus keep all of it together. The few
// fields are written with protowire; a test reads them with the published
// messages.

// Field numbers of the messages.
const (
	resultOutputFiles = 2 // ActionResult.output_files
	filePath          = 1 // OutputFile.path
	fileDigest        = 2 // OutputFile.digest
	fileContents      = 5 // OutputFile.contents
	digestHash        = 1 // Digest.hash
	digestSize        = 2 // Digest.size_bytes
)

// Names of output files that are not artifacts. No artifact starts with a dot.
const (
	entryFile      = ".ablate/entry"
	documentPrefix = ".ablate/"
)

// outputFile is one file of a result.
type outputFile struct {
	path     string
	digest   cache.Digest
	size     int64
	contents []byte
}

func encodeResult(files []outputFile) []byte {
	var out []byte
	for _, f := range files {
		var digest []byte
		digest = protowire.AppendTag(digest, digestHash, protowire.BytesType)
		digest = protowire.AppendString(digest, f.digest.Hex())
		digest = protowire.AppendTag(digest, digestSize, protowire.VarintType)
		digest = protowire.AppendVarint(digest, uint64(f.size))
		var file []byte
		file = protowire.AppendTag(file, filePath, protowire.BytesType)
		file = protowire.AppendString(file, f.path)
		file = protowire.AppendTag(file, fileDigest, protowire.BytesType)
		file = protowire.AppendBytes(file, digest)
		if len(f.contents) > 0 {
			file = protowire.AppendTag(file, fileContents, protowire.BytesType)
			file = protowire.AppendBytes(file, f.contents)
		}
		out = protowire.AppendTag(out, resultOutputFiles, protowire.BytesType)
		out = protowire.AppendBytes(out, file)
	}
	return out
}

var errNoResult = errors.New("it is not an ActionResult")

// fields calls f for each field of a message. Fields that are neither bytes nor
// varints are skipped.
func fields(raw []byte, f func(number protowire.Number, b []byte, v uint64) error) error {
	for len(raw) > 0 {
		number, kind, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return errNoResult
		}
		raw = raw[n:]
		var b []byte
		var v uint64
		switch kind {
		case protowire.BytesType:
			b, n = protowire.ConsumeBytes(raw)
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(raw)
		default:
			n = protowire.ConsumeFieldValue(number, kind, raw)
		}
		if n < 0 {
			return errNoResult
		}
		raw = raw[n:]
		if err := f(number, b, v); err != nil {
			return err
		}
	}
	return nil
}

// decodeResult reads the output files of an ActionResult.
func decodeResult(raw []byte) ([]outputFile, error) {
	var files []outputFile
	err := fields(raw, func(number protowire.Number, b []byte, _ uint64) error {
		if number != resultOutputFiles {
			return nil
		}
		f, err := decodeFile(b)
		files = append(files, f)
		return err
	})
	if err == nil && len(files) == 0 {
		err = errNoResult
	}
	return files, err
}

func decodeFile(raw []byte) (f outputFile, err error) {
	err = fields(raw, func(number protowire.Number, b []byte, _ uint64) error {
		switch number {
		case filePath:
			f.path = string(b)
		case fileContents:
			f.contents = b
		case fileDigest:
			return fields(b, func(number protowire.Number, b []byte, v uint64) (err error) {
				switch number {
				case digestHash:
					f.digest, err = cache.ParseDigest("sha256:" + string(b))
				case digestSize:
					f.size = int64(v)
				}
				return err
			})
		}
		return nil
	})
	return f, err
}

// entryOf returns the entry in a result, or its digest if it is not inlined.
func entryOf(raw []byte) (inline []byte, digest cache.Digest, err error) {
	files, err := decodeResult(raw)
	if err != nil {
		return nil, digest, err
	}
	for _, f := range files {
		if f.path == entryFile {
			if len(f.contents) > 0 && cache.DigestOf(f.contents) != f.digest {
				return nil, digest, errors.New("its entry does not match its digest")
			}
			return f.contents, f.digest, nil
		}
	}
	return nil, digest, errors.New("it is not a result of ablate")
}
