package hcl

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/json"
	"github.com/zclconf/go-cty/cty/function"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/hcl/study"
)

// Load reads a folder as a study. The study is returned together with what was
// found wrong; its instances are complete only when no error was found.
func Load(opts Options) (*study.Study, diag.List) {
	l := &loader{
		opts:   opts,
		kinds:  make(map[string]map[string]study.Kind),
		stages: make(map[addr.Stage]*stage),
		study:  &study.Study{Dir: opts.Dir, Numerics: "record", Sources: make(map[string][]byte)},
	}
	for _, k := range opts.Kinds {
		if l.kinds[k.Block] == nil {
			l.kinds[k.Block] = make(map[string]study.Kind)
		}
		l.kinds[k.Block][k.Type] = k
	}
	l.readFolder()
	l.evalVariables()
	l.evalStudy()
	l.checkLocals()
	l.expandStages()
	return l.study, sortList(l.diags)
}

// loader is the state of one Load. It is used by one goroutine.
type loader struct {
	opts  Options
	kinds map[string]map[string]study.Kind // by block, then type
	study *study.Study
	diags diag.List

	studyBlock *hclv2.Block
	variables  map[string]*variable
	locals     map[string]*local
	stages     map[addr.Stage]*stage
	env        []string // names that the study may read
	funcs      map[string]function.Function
}

// Extensions of the files of a study.
const (
	nativeExt = ".hcl"
	jsonExt   = ".hcl.json"
)

func (l *loader) readFolder() {
	l.variables = make(map[string]*variable)
	l.locals = make(map[string]*local)
	names, err := studyFiles(l.opts.Dir)
	switch {
	case err != nil:
		l.fail(nil, "Unreadable study folder", "The folder %s cannot be read: %v.", l.opts.Dir, err)
		return
	case len(names) == 0:
		l.fail(nil, "No study here", "The folder %s holds no .hcl file. Start one with ablate init, or name another folder with --chdir.", l.opts.Dir)
		return
	}
	for _, name := range names {
		if body := l.parse(name); body != nil {
			l.collect(body)
		}
	}
}

// studyFiles lists the study's files, sorted. The lock and variables files
// have other roles.
func studyFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		n := e.Name()
		ours := strings.HasSuffix(n, nativeExt) || strings.HasSuffix(n, jsonExt)
		if ours && !e.IsDir() && !strings.HasPrefix(n, ".") && n != study.LockFile {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names, nil
}

// parse reads one file of the folder; nil when it cannot be used.
func (l *loader) parse(name string) hclv2.Body {
	src, err := os.ReadFile(filepath.Join(l.opts.Dir, name))
	if err != nil {
		l.fail(&diag.Range{Filename: name}, "Unreadable file", "The file %s cannot be read: %v.", name, err)
		return nil
	}
	l.study.Sources[name] = src
	file, diags := parseFile(name, src)
	l.upstream(diags)
	if file == nil || diags.HasErrors() {
		return nil
	}
	return file.Body
}

func parseFile(name string, src []byte) (*hclv2.File, hclv2.Diagnostics) {
	if strings.HasSuffix(name, ".json") {
		return json.Parse(src, name)
	}
	return hclsyntax.ParseConfig(src, name, hclv2.InitialPos)
}

// collect sorts a file's blocks by what they are.
func (l *loader) collect(body hclv2.Body) {
	schema := l.rootSchema()
	content, diags := body.Content(schema)
	l.upstream(l.explainRoot(diags, schema))
	for _, b := range content.Blocks {
		switch b.Type {
		case "study":
			l.collectStudy(b)
		case "variable":
			l.collectVariable(b)
		case "locals":
			l.collectLocals(b)
		default:
			l.collectStage(b)
		}
	}
}

func (l *loader) rootSchema() *hclv2.BodySchema {
	s := &hclv2.BodySchema{Blocks: []hclv2.BlockHeaderSchema{
		{Type: "study", LabelNames: []string{"name"}},
		{Type: "variable", LabelNames: []string{"name"}},
		{Type: "locals"},
	}}
	for _, block := range sortedKeys(l.kinds) {
		s.Blocks = append(s.Blocks, hclv2.BlockHeaderSchema{Type: block, LabelNames: []string{"type", "name"}})
	}
	return s
}

// explainRoot adds a suggestion to complaints about unknown blocks.
func (l *loader) explainRoot(diags hclv2.Diagnostics, schema *hclv2.BodySchema) hclv2.Diagnostics {
	var names []string
	for _, b := range schema.Blocks {
		names = append(names, b.Type)
	}
	return renameUnknown(diags, names, nil)
}

func (l *loader) collectStudy(b *hclv2.Block) {
	if l.studyBlock != nil {
		l.fail(rangeOf(b.DefRange), "Second study block",
			"A folder is one study, and it is declared at %s already. Remove one of the two blocks.", rangeOf(l.studyBlock.DefRange))
		return
	}
	l.studyBlock = b
	l.study.Name = b.Labels[0]
}

// collectStage files a stage by its address.
func (l *loader) collectStage(b *hclv2.Block) {
	a := addr.Stage{Block: b.Type, Type: b.Labels[0], Name: b.Labels[1]}
	at := rangeOf(b.DefRange)
	if !hclsyntax.ValidIdentifier(a.Name) {
		l.fail(rangeOf(b.LabelRanges[1]), "Invalid name",
			"%q cannot name a stage: use letters, digits, dashes and underscores, beginning with a letter.", a.Name)
		return
	}
	types := l.kinds[a.Block]
	kind, ok := types[a.Type]
	if !ok {
		l.fail(rangeOf(b.LabelRanges[0]), "Unknown type",
			"There is no %s of type %q.%s", a.Block, a.Type, suggest(a.Type, sortedKeys(types)))
		// Remember it all the same, so that references to it add no noise.
		l.stages[a] = &stage{addr: a, block: b, failed: true}
		return
	}
	if first := l.stages[a]; first != nil {
		l.fail(at, "Duplicate name", "%s is declared at %s already. Give one of the two another name.", a, rangeOf(first.block.DefRange))
		return
	}
	l.stages[a] = &stage{addr: a, kind: kind, block: b}
}

// fail records an error at a place.
func (l *loader) fail(at *diag.Range, summary, detail string, args ...any) {
	d := diag.Errorf(nil, summary, detail, args...)[0]
	d.Range = at
	l.diags = append(l.diags, d)
}

// warn records a warning at a place.
func (l *loader) warn(at *diag.Range, summary, detail string, args ...any) {
	d := diag.Warningf(nil, summary, detail, args...)[0]
	d.Range = at
	l.diags = append(l.diags, d)
}
