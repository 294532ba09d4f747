package data

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/unicode/norm"

	"ablate/stages/record"
)

// maxDepth bounds how deep parameters may be nested.
const maxDepth = 64

// yamlParameters reads a mapping as parameters. Those of a mapping inside of it
// have its name and a dot before theirs.
func yamlParameters(text []byte) (map[string]cell, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	out := make(map[string]cell)
	if len(document.Content) == 0 {
		return out, nil
	}
	root := document.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return out, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, errors.New("it is not a mapping of names to values")
	}
	return out, (&yamlReader{}).flatten(out, "", root, 0)
}

// maxNodes bounds the nodes that are read of a document: a node counts each time that an
// alias stands for it or that << adds it.
const maxNodes = 100_000

// yamlReader makes parameters of nodes.
type yamlReader struct{ nodes int }

func (r *yamlReader) flatten(out map[string]cell, name string, n *yaml.Node, depth int) error {
	switch err := r.visit(n, depth); {
	case err != nil:
		return err
	case n.Kind == yaml.AliasNode:
		return r.flatten(out, name, n.Alias, depth+1)
	case n.Kind != yaml.MappingNode:
		return put(out, name, yamlCell(n))
	}
	members, err := r.members(n, depth)
	if err != nil {
		return err
	}
	for _, m := range members {
		if err := r.flatten(out, dotted(name, m.key.Value), m.value, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// visit counts a node, and bounds how many there are and how deep.
func (r *yamlReader) visit(n *yaml.Node, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("line %d: parameters are nested deeper than %d", n.Line, maxDepth)
	}
	return r.count(n, 1)
}

func (r *yamlReader) count(n *yaml.Node, nodes int) error {
	if r.nodes += nodes; r.nodes > maxNodes {
		return fmt.Errorf("line %d: it has more than %d parameters", n.Line, maxNodes)
	}
	return nil
}

// yamlMember is a member of a mapping.
type yamlMember struct{ key, value *yaml.Node }

// members are those of a mapping, and what << adds to them: members of other mappings
// that it does not have itself, of which the first counts.
func (r *yamlReader) members(n *yaml.Node, depth int) (out []yamlMember, err error) {
	if err := r.visit(n, depth); err != nil {
		return nil, err
	}
	if n.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: << does not name a mapping", n.Line)
	}
	own := make(map[string]bool)
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		switch key, value := n.Content[i], n.Content[i+1]; {
		case key.Tag == "!!merge" && value.Kind == yaml.SequenceNode:
			merged = append(merged, value.Content...)
		case key.Tag == "!!merge":
			merged = append(merged, value)
		case key.Kind != yaml.ScalarNode:
			return nil, fmt.Errorf("line %d: the name of a parameter is not a text", key.Line)
		default:
			own[key.Value] = true
			out = append(out, yamlMember{key, value})
		}
	}
	for _, m := range merged {
		if m.Kind == yaml.AliasNode {
			m = m.Alias
		}
		more, err := r.members(m, depth+1)
		if err != nil {
			return nil, err
		}
		if err := r.count(m, len(more)); err != nil {
			return nil, err
		}
		for _, m := range more {
			if !own[m.key.Value] {
				own[m.key.Value] = true
				out = append(out, m)
			}
		}
	}
	return out, nil
}

// yamlCell reads a scalar. Tags that only one language knows are no levels.
func yamlCell(n *yaml.Node) cell {
	if n.Kind != yaml.ScalarNode {
		return cell{kind: composed}
	}
	switch n.ShortTag() {
	case "!!int", "!!float":
		if _, err := record.Number(n.Value); err != nil { // hexadecimal, octal
			return cell{textual, n.Value}
		}
		return cell{numeric, n.Value}
	case "!!null":
		return cell{kind: null, text: "null"}
	case "!!bool":
		return cell{textual, strings.ToLower(n.Value)}
	case "!!str", "!!timestamp":
		return cell{textual, n.Value}
	}
	return cell{kind: composed}
}

// jsonParameters is yamlParameters for a JSON object.
func jsonParameters(text []byte) (map[string]cell, error) {
	var object map[string]any
	if err := record.Decode(text, &object); err != nil {
		return nil, err
	}
	out := make(map[string]cell)
	return out, flattenJSON(out, "", object, 0)
}

func flattenJSON(out map[string]cell, name string, v any, depth int) error {
	object, ok := v.(map[string]any)
	switch {
	case depth > maxDepth:
		return fmt.Errorf("parameters are nested deeper than %d", maxDepth)
	case !ok:
		return put(out, name, valueCell(v))
	}
	for _, key := range sortedKeys(object) {
		if err := flattenJSON(out, dotted(name, key), object[key], depth+1); err != nil {
			return err
		}
	}
	return nil
}

func dotted(name, key string) string {
	if name == "" {
		return key
	}
	return name + "." + key
}

func put(out map[string]cell, name string, c cell) error {
	name = norm.NFC.String(name)
	if _, twice := out[name]; twice {
		return fmt.Errorf("two parameters are named %s", name)
	}
	out[name] = c
	return nil
}

// yamlList reads a list of texts.
func yamlList(text []byte) (out []string, err error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	if len(document.Content) == 0 {
		return nil, nil
	}
	if document.Content[0].Kind != yaml.SequenceNode {
		return nil, errors.New("it is not a list")
	}
	for _, n := range document.Content[0].Content {
		if n.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("line %d: it is not a text", n.Line)
		}
		out = append(out, n.Value)
	}
	return out, nil
}
