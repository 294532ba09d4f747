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
	return out, flattenYAML(out, "", root, 0)
}

func flattenYAML(out map[string]cell, name string, n *yaml.Node, depth int) error {
	switch {
	case n.Kind == yaml.AliasNode:
		return fmt.Errorf("line %d: it has the alias *%s, which is not read; write the value itself", n.Line, n.Value)
	case depth > maxDepth:
		return fmt.Errorf("line %d: parameters are nested deeper than %d", n.Line, maxDepth)
	case n.Kind != yaml.MappingNode:
		return put(out, name, yamlCell(n))
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
			return fmt.Errorf("line %d: the name of a parameter is not a text", key.Line)
		}
		if err := flattenYAML(out, dotted(name, key.Value), n.Content[i+1], depth+1); err != nil {
			return err
		}
	}
	return nil
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
		return put(out, name, jsonCell(map[string]any{"x": v}, "x"))
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
