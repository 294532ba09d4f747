package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Number reads a number as programs write it. The words for missing values and
// for infinity of Python, pandas, R, C and JavaScript, null and an empty text
// are NaN or an infinity; so is a number beyond the range of float64. All formats
// share this one reading, so that a run that diverged is one in every format.
func Number(text string) (float64, error) {
	text = strings.TrimSpace(text)
	if v, ok := nonFinite(text); ok {
		return v, nil
	}
	if strings.ContainsAny(text, "xX_pP") { // hexadecimal numbers and digit groups of Go's
		return 0, errors.New("it is not a number")
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, errors.New("it is not a number")
	}
	return v, nil
}

// nonFinite reads the words that stand for something other than a number.
func nonFinite(text string) (v float64, ok bool) {
	switch word := strings.ToLower(text); word {
	case "", "null", "none", "na", "n/a", "<na>", "missing", "undefined", "1.#qnan", "1.#ind", "-1.#ind":
		return math.NaN(), true
	default:
		return signedWord(word)
	}
}

// signedWord reads the words that C's printf and its relatives give a sign.
func signedWord(word string) (v float64, ok bool) {
	sign := 1
	if s, minus := strings.CutPrefix(word, "-"); minus {
		word, sign = s, -1
	} else {
		word = strings.TrimPrefix(word, "+")
	}
	switch word {
	case "nan", "nan(ind)", "nan(snan)":
		return math.NaN(), true
	case "inf", "infinity", "1.#inf":
		return math.Inf(sign), true
	}
	return 0, false
}

// quoteWords puts words that JSON lacks, as the NaN and -Infinity of Python's
// json module, in quotes. Everything inside of strings stays as it is.
func quoteWords(line []byte) []byte {
	var out bytes.Buffer
	for i := 0; i < len(line); {
		n := tokenLength(line[i:])
		token := line[i : i+n]
		i += n
		_, word := nonFinite(string(token))
		switch {
		case !word || len(token) < 3 || string(token) == "null":
			out.Write(token)
		default:
			out.WriteString(strconv.Quote(string(token)))
		}
	}
	return out.Bytes()
}

// tokenLength is the length of the string, the bare word or the single byte that
// a line begins with.
func tokenLength(line []byte) int {
	if line[0] == '"' {
		for i := 1; i < len(line); i++ {
			switch line[i] {
			case '\\':
				i++
			case '"':
				return i + 1
			}
		}
		return len(line)
	}
	n := 0
	for n < len(line) && isWordByte(line[n]) {
		n++
	}
	return max(n, 1)
}

func isWordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("+-.#_()/<>", c) >= 0
}

// Decode reads a JSON value of which numbers may be the words that JSON lacks.
// Those become strings. Numbers keep their text in a json.Number.
func Decode(line []byte, into any) error {
	err := decodeStrict(line, into)
	if err == nil {
		return nil
	}
	if quoted := quoteWords(line); !bytes.Equal(quoted, line) && decodeStrict(quoted, into) == nil {
		return nil
	}
	return err
}

func decodeStrict(line []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if dec.More() {
		return fmt.Errorf("there is more after the object: %q", excerptOf(line[dec.InputOffset():]))
	}
	return nil
}

// excerptOf is the beginning of a text that is too long to print.
func excerptOf(text []byte) []byte {
	const most = 40
	return text[:min(len(text), most)]
}
