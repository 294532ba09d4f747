package addr

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Parts refers to one instance for the whole of something, or to an instance for
// each of its named parts: one norm for a model, or a norm for each of its sites.
type Parts struct {
	Whole Instance
	Each  map[string]Instance
}

// IsZero reports whether nothing is referred to.
func (p Parts) IsZero() bool { return p.Whole.IsZero() && len(p.Each) == 0 }

// Names lists the named parts in order.
func (p Parts) Names() []string { return slices.Sorted(maps.Keys(p.Each)) }

// MarshalJSON writes the whole as an address, and parts as an object of addresses.
func (p Parts) MarshalJSON() ([]byte, error) {
	if len(p.Each) > 0 {
		return json.Marshal(p.Each)
	}
	return json.Marshal(p.Whole)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *Parts) UnmarshalJSON(raw []byte) error {
	*p = Parts{}
	if len(raw) > 0 && raw[0] == '{' {
		return json.Unmarshal(raw, &p.Each)
	}
	return json.Unmarshal(raw, &p.Whole)
}

// Level returns the named parts as one level of a factor. Its text has the parts
// sorted by name, so that equal parts are equal levels.
func (p Parts) Level() Level { return Level{Kind: partsKind, Text: p.text(Instance.String)} }

// partsKind is the kind of levels that refer to an instance for each part.
const partsKind = "parts"

// text joins the parts as name:instance, with a plus sign between them.
func (p Parts) text(show func(Instance) string) string {
	texts := make([]string, 0, len(p.Each))
	for _, name := range p.Names() {
		s := show(p.Each[name])
		if strings.ContainsAny(s, `+"`) {
			s = strconv.Quote(s)
		}
		texts = append(texts, name+":"+s)
	}
	return strings.Join(texts, "+")
}

// Parts returns the parts of a level that refers to several instances; ok is false
// for any other level.
func (l Level) Parts() (p Parts, ok bool) {
	if l.Kind != partsKind {
		return Parts{}, false
	}
	p.Each = make(map[string]Instance)
	for rest := l.Text; rest != ""; {
		name, text, found := strings.Cut(rest, ":")
		if !found {
			return Parts{}, false
		}
		if text, rest, found = cutPart(text); !found {
			return Parts{}, false
		}
		a, err := Parse(text)
		if err != nil {
			return Parts{}, false
		}
		p.Each[name] = a
	}
	return p, len(p.Each) > 0
}

// cutPart cuts the first address from a text of parts.
func cutPart(text string) (first, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		first, rest, _ = strings.Cut(text, "+")
		return first, rest, true
	}
	quoted, err := strconv.QuotedPrefix(text)
	if err != nil {
		return "", "", false
	}
	first, err = strconv.Unquote(quoted)
	return first, strings.TrimPrefix(text[len(quoted):], "+"), err == nil
}

// short is the short form of an instance: its address without the block.
func short(i Instance) string {
	s := i.Stage.Type + "." + i.Stage.Name
	if i.Key != "" {
		s += ":" + i.Key
	}
	return s
}

// String writes the parts as a study does.
func (p Parts) String() string {
	if len(p.Each) == 0 {
		return p.Whole.String()
	}
	items := make([]string, 0, len(p.Each))
	for _, name := range p.Names() {
		items = append(items, fmt.Sprintf("%s = %s", name, p.Each[name]))
	}
	return "{ " + strings.Join(items, ", ") + " }"
}
