package cache

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// MarshalJSON writes the value as JSON that UnmarshalJSON reads back exactly:
// floats always have a point or an exponent, integers never.
func (v Value) MarshalJSON() ([]byte, error) { return v.appendJSON(nil), nil }

func (v Value) appendJSON(b []byte) []byte {
	switch v.kind() {
	case 0:
		return append(b, "null"...)
	case typeBool:
		return strconv.AppendBool(b, v.enc[1] == 1)
	case typeInt:
		return strconv.AppendInt(b, int64(v.bits()), 10)
	case typeFloat:
		return appendFloat(b, math.Float64frombits(v.bits()))
	case typeString:
		s, _ := v.Text()
		return appendText(b, s)
	case typeList:
		b = append(b, '[')
		for i, f := range v.subs {
			if i > 0 {
				b = append(b, ',')
			}
			b = f.Value.appendJSON(b)
		}
		return append(b, ']')
	}
	b = append(b, '{')
	for i, f := range v.subs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, f.Name), ':')
		b = f.Value.appendJSON(b)
	}
	return append(b, '}')
}

// bits is the content of an eight-byte scalar.
func (v Value) bits() uint64 { return binary.BigEndian.Uint64([]byte(v.enc[1:])) }

func appendFloat(b []byte, f float64) []byte {
	s := strconv.FormatFloat(f, 'g', -1, 64)
	b = append(b, s...)
	if !strings.ContainsAny(s, ".e") {
		b = append(b, ".0"...)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic("cache: a string does not marshal: " + err.Error())
	}
	return append(b, quoted...)
}

// UnmarshalJSON reads what MarshalJSON wrote. Strings must be valid UTF-8.
func (v *Value) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	got, err := decodeValue(dec, 0)
	if err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("data after the document")
	}
	*v = got
	return nil
}

// maxDepth bounds the nesting of documents that come from elsewhere.
const maxDepth = 100

func decodeValue(dec *json.Decoder, depth int) (Value, error) {
	if depth > maxDepth {
		return Value{}, errors.New("the document nests too deeply")
	}
	tok, err := dec.Token()
	if err != nil {
		return Value{}, err
	}
	switch t := tok.(type) {
	case bool:
		return Bool(t), nil
	case string:
		return String(t), nil
	case json.Number:
		return parseNumber(t.String())
	case json.Delim:
		if t == '[' {
			return decodeList(dec, depth)
		}
		return decodeMap(dec, depth)
	}
	return Value{}, fmt.Errorf("a document cannot hold %v", tok)
}

func parseNumber(s string) (Value, error) {
	if !strings.ContainsAny(s, ".eE") {
		i, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return Value{}, err
		}
		return Int(i), nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return Value{}, err
	}
	return Float(f), nil
}

func decodeList(dec *json.Decoder, depth int) (Value, error) {
	var subs []Value
	for dec.More() {
		sub, err := decodeValue(dec, depth+1)
		if err != nil {
			return Value{}, err
		}
		subs = append(subs, sub)
	}
	if _, err := dec.Token(); err != nil {
		return Value{}, err
	}
	return List(subs...), nil
}

func decodeMap(dec *json.Decoder, depth int) (Value, error) {
	m := make(map[string]Value)
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return Value{}, err
		}
		key := tok.(string) // the decoder has checked it
		if _, twice := m[key]; twice {
			return Value{}, fmt.Errorf("duplicate field %q", key)
		}
		if m[key], err = decodeValue(dec, depth+1); err != nil {
			return Value{}, err
		}
	}
	if _, err := dec.Token(); err != nil {
		return Value{}, err
	}
	return Map(m), nil
}
