package hcl

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	"golang.org/x/text/unicode/norm"

	"ablate/hcl/diag"
)

// functions returns the functions that expressions can call. They have the names
// that they have in Terraform.
func (l *loader) functions() map[string]function.Function {
	if l.funcs == nil {
		l.funcs = map[string]function.Function{"can": tryfunc.CanFunc, "try": tryfunc.TryFunc}
		for name, f := range standardFunctions() {
			l.funcs[name] = guard(f, costs[name])
		}
		l.funcs["file"] = l.fileFunction()
		l.funcs["env"] = l.envFunction()
	}
	return l.funcs
}

var standardFunctions = sync.OnceValue(func() map[string]function.Function {
	return map[string]function.Function{
		"abs": stdlib.AbsoluteFunc, "ceil": stdlib.CeilFunc, "floor": stdlib.FloorFunc, "int": stdlib.IntFunc,
		"log": stdlib.LogFunc, "max": stdlib.MaxFunc, "min": stdlib.MinFunc, "pow": stdlib.PowFunc,
		"signum": stdlib.SignumFunc, "parseint": stdlib.ParseIntFunc,
		"chunklist": stdlib.ChunklistFunc, "coalesce": coalesceFunc, "coalescelist": stdlib.CoalesceListFunc,
		"compact": stdlib.CompactFunc, "concat": stdlib.ConcatFunc, "contains": containsFunc,
		"distinct": stdlib.DistinctFunc, "element": stdlib.ElementFunc, "flatten": stdlib.FlattenFunc,
		"index": indexFunc, "keys": stdlib.KeysFunc, "length": lengthFunc, "lookup": stdlib.LookupFunc,
		"merge": stdlib.MergeFunc, "range": stdlib.RangeFunc, "reverse": stdlib.ReverseListFunc,
		"setintersection": stdlib.SetIntersectionFunc, "setproduct": stdlib.SetProductFunc,
		"setsubtract": stdlib.SetSubtractFunc, "setunion": stdlib.SetUnionFunc, "slice": stdlib.SliceFunc,
		"sort": stdlib.SortFunc, "values": stdlib.ValuesFunc, "zipmap": stdlib.ZipmapFunc,
		"chomp": stdlib.ChompFunc, "format": stdlib.FormatFunc, "formatlist": stdlib.FormatListFunc,
		"indent": stdlib.IndentFunc, "join": stdlib.JoinFunc, "lower": stdlib.LowerFunc, "upper": stdlib.UpperFunc,
		"regex": stdlib.RegexFunc, "regexall": stdlib.RegexAllFunc, "replace": replaceFunc,
		"split": stdlib.SplitFunc, "strrev": stdlib.ReverseFunc, "substr": stdlib.SubstrFunc, "title": stdlib.TitleFunc,
		"trim": stdlib.TrimFunc, "trimprefix": stdlib.TrimPrefixFunc, "trimspace": stdlib.TrimSpaceFunc,
		"trimsuffix": stdlib.TrimSuffixFunc, "csvdecode": stdlib.CSVDecodeFunc,
		"jsondecode": stdlib.JSONDecodeFunc, "jsonencode": stdlib.JSONEncodeFunc,
		"tobool": stdlib.MakeToFunc(cty.Bool), "tonumber": stdlib.MakeToFunc(cty.Number), "tostring": stdlib.MakeToFunc(cty.String),
		"tolist": stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)), "tomap": stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)),
		"toset": stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)),
	}
})

// fileFunction reads a text file relative to the study's folder. The content is
// part of the attribute that uses it, and thus of the key. It may form the URL of a
// source, so a study that came from elsewhere reads its own files only.
func (l *loader) fileFunction() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			path := args[0].AsString()
			if !filepath.IsAbs(path) {
				path = filepath.Join(l.opts.Dir, path)
			}
			if !l.opts.Outside && !within(path, l.opts.Dir) {
				return cty.NilVal, function.NewArgErrorf(0, "%s is not in the study's folder, and a study can send what it reads elsewhere. Copy the file into the folder, "+
					"or accept the folder with ablate trust; for that it needs a file .ablate/config.hcl, which may be empty", args[0].AsString())
			}
			b, err := readFile(path)
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(0, "cannot read %s: %w", args[0].AsString(), err)
			}
			return l.text(string(b), rangeOf(*l.at.Load()), "file "+args[0].AsString())
		},
	})
}

// within reports whether a file is in a folder, wherever links lead. One that does not
// exist is where its path says.
func within(name, dir string) bool {
	for _, path := range []*string{&name, &dir} {
		if abs, err := filepath.Abs(*path); err == nil {
			*path = abs
		}
	}
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			dir = real
		}
	}
	rel, err := filepath.Rel(dir, name)
	return err == nil && filepath.IsLocal(rel)
}

// envFunction reads an environment variable that the study block lists.
func (l *loader) envFunction() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "name", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			name := args[0].AsString()
			if !slices.Contains(l.env, name) {
				return cty.NilVal, function.NewArgErrorf(0, "%s is not listed in the study block. Add it: study \"…\" { env = [%q] }", name, name)
			}
			value, ok := lookupEnv(l.opts.Environ, name)
			if !ok {
				return cty.NilVal, fmt.Errorf("%s is not set in the environment", name)
			}
			return l.text(value, rangeOf(*l.at.Load()), name)
		},
	})
}

// text returns a text from outside the study as a value. HCL converts strings to
// Unicode normal form C; text warns if that changes it.
func (l *loader) text(s string, at *diag.Range, source string) (cty.Value, error) {
	if !utf8.ValidString(s) { // it would not survive the JSON that trials are started with
		return cty.NilVal, fmt.Errorf("%s is not text in UTF-8", source)
	}
	if !norm.NFC.IsNormalString(s) {
		l.warn(at, "Text is normalized", "%s: %s", source, normalized)
	}
	return cty.StringVal(s), nil
}
