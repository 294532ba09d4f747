package data

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"slices"
	"strconv"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// scanParquet reads the flat columns of a table: texts, numbers and booleans.
// Nested columns are not seen. The format is read from its end, so the stream is
// copied to a temporary file first.
func scanParquet(r io.Reader, wanted []string, do func(tableRow) error) (err error) {
	file, err := os.CreateTemp("", "ablate-parquet-*")
	if err != nil {
		return fmt.Errorf("making a temporary file (TMPDIR sets its folder): %w", err)
	}
	os.Remove(file.Name())
	defer func() {
		file.Close()
		os.Remove(file.Name())
	}()
	size, err := io.Copy(file, r)
	if err != nil {
		return err
	}
	// The library panics on damaged pages.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it is damaged: %v", p)
		}
	}()
	f, err := parquet.OpenFile(file, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return err
	}
	if err := checkExpansion(f, size); err != nil {
		return err
	}
	return scanRowGroups(f, wanted, do)
}

// checkExpansion refuses a file whose columns expand to far more than its size.
func checkExpansion(f *parquet.File, size int64) error {
	const maxRatio, judged = 1000, 1 << 30
	total := int64(0)
	for _, g := range f.Metadata().RowGroups {
		for _, c := range g.Columns {
			n := c.MetaData.TotalUncompressedSize
			if n < 0 || n > 1<<50 {
				return errors.New("it is damaged: the size of a column is wrong")
			}
			total += n
		}
	}
	if total > judged && total > maxRatio*size {
		return fmt.Errorf("it expands to more than %d times its size, as a decompression bomb does", maxRatio)
	}
	return nil
}

// checkDecoding refuses what the library decodes to other values, without an error: pages
// in LZ4, for which it returns what was in its buffer before, and booleans as runs.
func checkDecoding(f *parquet.File, columns map[int]flatColumn) error {
	for _, g := range f.Metadata().RowGroups {
		for i, c := range g.Columns {
			m, read := c.MetaData, columns[i]
			switch {
			case m.Codec == format.Lz4Raw:
				return errors.New("it is compressed with LZ4, which cannot be read: write it with another compression, such as zstd")
			case len(read.place) > 0 && m.Type == format.Boolean && !slices.Contains(m.Encoding, format.Plain):
				return fmt.Errorf("its column %q has run-length encoded booleans, which cannot be read: write them as texts or numbers, or without that encoding (data_page_version=\"1.0\" of pyarrow)", read.name)
			}
		}
	}
	return nil
}

// flatColumn is a column that is not nested.
type flatColumn struct {
	name  string
	read  func(parquet.Value) cell
	place []int // among the wanted columns
}

// flatColumns returns the flat columns by their index in the file, and their names.
func flatColumns(f *parquet.File, wanted []string) (map[int]flatColumn, []string, error) {
	var flat []*parquet.Column
	var names []string
	for _, c := range f.Root().Columns() {
		if c.Leaf() && !c.Repeated() {
			flat, names = append(flat, c), append(names, c.Name())
		}
	}
	names, err := columnNames(names)
	if err != nil {
		return nil, nil, err
	}
	halves := halfColumns(f)
	columns := make(map[int]flatColumn, len(flat))
	for i, leaf := range flat {
		c := flatColumn{name: names[i], read: cellReader(leaf.Type())}
		if halves[leaf.Index()] {
			c.read = halfCell
		}
		for w, name := range wanted {
			if name != "" && name == c.name {
				c.place = append(c.place, w)
			}
		}
		columns[leaf.Index()] = c
	}
	return columns, names, nil
}

func scanRowGroups(f *parquet.File, wanted []string, do func(tableRow) error) error {
	columns, names, err := flatColumns(f, wanted)
	if err != nil {
		return err
	}
	if err := checkDecoding(f, columns); err != nil {
		return err
	}
	row := tableRow{cells: make([]cell, len(wanted)), columns: func() []string { return names }}
	for _, group := range f.RowGroups() {
		if err := scanRowGroup(group, columns, &row, do); err != nil {
			return err
		}
	}
	return nil
}

func scanRowGroup(group parquet.RowGroup, columns map[int]flatColumn, row *tableRow, do func(tableRow) error) (err error) {
	const batch = 256
	rows := make([]parquet.Row, batch)
	reader := group.Rows()
	defer func() { err = errors.Join(err, reader.Close()) }()
	for {
		n, readErr := reader.ReadRows(rows)
		for _, values := range rows[:n] {
			row.number++
			for _, v := range values {
				for _, w := range columns[v.Column()].place {
					row.cells[w] = columns[v.Column()].read(v)
				}
			}
			if err := do(*row); err != nil {
				return err
			}
		}
		if errors.Is(readErr, io.EOF) {
			return nil
		}
		if readErr != nil {
			return readErr
		}
	}
}

// cellReader says how the values of a type are read. Numbers are written exactly.
func cellReader(t parquet.Type) func(parquet.Value) cell {
	scale, unsigned := int32(0), false
	decimal := false
	if l := t.LogicalType(); l != nil {
		switch l := l.Value.(type) {
		case *format.DecimalType:
			scale, decimal = l.Scale, true
		case *format.IntType:
			unsigned = !l.IsSigned
		}
	}
	return func(v parquet.Value) cell {
		switch {
		case v.IsNull():
			return cell{kind: null}
		case v.Kind() == parquet.Float:
			return cell{numeric, strconv.FormatFloat(float64(v.Float()), 'g', -1, 32)}
		case v.Kind() == parquet.Double:
			return cell{numeric, strconv.FormatFloat(v.Double(), 'g', -1, 64)}
		case v.Kind() == parquet.Int32 && unsigned:
			return cell{numeric, strconv.FormatUint(uint64(v.Uint32()), 10)}
		case v.Kind() == parquet.Int64 && unsigned:
			return cell{numeric, strconv.FormatUint(v.Uint64(), 10)}
		case v.Kind() == parquet.Int32, v.Kind() == parquet.Int64:
			return cell{numeric, v.String() + exponent(scale)}
		case decimal:
			return cell{numeric, bigEndian(v.ByteArray()) + exponent(scale)}
		}
		return cell{textual, v.String()}
	}
}

// halfColumns are the columns of numbers of 16 bits, by their index in the file. The
// library takes them for bytes.
func halfColumns(f *parquet.File) map[int]bool {
	out := make(map[int]bool)
	leaf := 0
	for _, e := range f.Metadata().Schema {
		if e.NumChildren.Valid && e.NumChildren.V > 0 {
			continue
		}
		_, half := e.LogicalType.Value.(*format.Float16Type)
		out[leaf] = half && e.Type.Valid && e.Type.V == format.FixedLenByteArray && e.TypeLength.V == 2
		leaf++
	}
	return out
}

// halfCell reads a number of 16 bits: a sign, five bits of exponent and ten of a
// fraction. Its text has all its digits.
func halfCell(value parquet.Value) cell {
	const bias, fractionBits = 15, 10
	if value.IsNull() {
		return cell{kind: null}
	}
	bits := binary.LittleEndian.Uint16(value.ByteArray())
	fraction, exponent := float64(bits&0x3ff), int(bits>>fractionBits&0x1f)
	v := math.Ldexp(fraction, 1-bias-fractionBits) // of a number near zero
	switch {
	case exponent == 0x1f && fraction > 0:
		v = math.NaN()
	case exponent == 0x1f:
		v = math.Inf(1)
	case exponent > 0:
		v = math.Ldexp(fraction+(1<<fractionBits), exponent-bias-fractionBits)
	}
	if bits>>15 == 1 {
		v = -v
	}
	return cell{numeric, strconv.FormatFloat(v, 'g', -1, 64)}
}

// exponent shifts a decimal number that is stored as an integer.
func exponent(scale int32) string {
	if scale == 0 {
		return ""
	}
	return fmt.Sprintf("e%d", -scale)
}

// bigEndian is a signed integer of any size.
func bigEndian(raw []byte) string {
	n := new(big.Int).SetBytes(raw)
	if len(raw) > 0 && raw[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(raw))))
	}
	return n.String()
}
