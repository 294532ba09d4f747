package hcl

import (
	"sync"
	"sync/atomic"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty/function"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/hcl/study"
)

// Load reads a folder as a study. It returns the study together with all
// diagnostics; the instances are complete only if there are no errors.
func Load(opts Options) (*study.Study, diag.List) {
	l := newLoader(opts)
	return l.watch(func() {
		if !l.readFolder() {
			return
		}
		l.evalVariables()
		l.evalSettings()
		l.checkLocals()
		l.expandStages()
	})
}

// loader is the state of one Load. It is used by one goroutine, except for the
// fields that the watchdog reads.
type loader struct {
	opts  Options
	kinds map[string]map[string]study.Kind // by block, then type
	study *study.Study
	diags diag.List
	size  int // bytes of source read
	count int // instances made
	meter meter

	chained    bool // a chain of references that is too long has been reported
	incomplete bool // a declaration was refused: names that do not exist may be its

	settings  *hclv2.Block // the study block; nil without one
	variables map[string]*variable
	locals    map[string]*local
	stages    map[addr.Stage]*stage
	env       []string // environment variables that the study may read
	funcs     map[string]function.Function

	at      atomic.Pointer[hclv2.Range] // of the expression that is being evaluated
	sources sync.Mutex                  // guards study.Sources
}

func newLoader(opts Options) *loader {
	l := &loader{
		opts:      opts,
		kinds:     make(map[string]map[string]study.Kind),
		variables: make(map[string]*variable),
		locals:    make(map[string]*local),
		stages:    make(map[addr.Stage]*stage),
		study:     &study.Study{Dir: opts.Dir, Numerics: "record", Sources: make(map[string][]byte)},
	}
	for _, k := range opts.Kinds {
		if l.kinds[k.Block] == nil {
			l.kinds[k.Block] = make(map[string]study.Kind)
		}
		l.kinds[k.Block][k.Type] = k
	}
	return l
}

// readFolder collects the blocks of all files. It reports whether every file could
// be parsed: where one could not, each name that it declares would be reported as
// unknown, too.
func (l *loader) readFolder() bool {
	names, err := Files(l.opts.Dir)
	switch {
	case err != nil:
		l.fail(nil, "Unreadable study folder", "Cannot read the folder %s: %v.", l.opts.Dir, cause(err))
		return false
	case len(names) == 0:
		l.fail(nil, "No study found", "The folder %s contains no .hcl files. Create a study with ablate init, or choose another folder with --chdir.", l.opts.Dir)
		return false
	}
	parsed := true
	for _, name := range names {
		body := l.parse(name, "Unreadable file")
		if body == nil {
			parsed = false
			continue
		}
		l.collect(body)
	}
	return parsed
}

// collect files a body's blocks by their kind.
func (l *loader) collect(body hclv2.Body) {
	schema := l.rootSchema()
	content, diags := body.Content(schema)
	l.upstream(renameUnknown(diags, schema))
	l.incomplete = l.incomplete || diags.HasErrors()
	for _, b := range content.Blocks {
		switch b.Type {
		case "study":
			l.collectSettings(b)
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

// collectStage files a stage by its address.
func (l *loader) collectStage(b *hclv2.Block) {
	a := addr.Stage{Block: b.Type, Type: b.Labels[0], Name: b.Labels[1]}
	if !hclsyntax.ValidIdentifier(a.Name) {
		l.incomplete = true
		l.fail(rangeOf(b.LabelRanges[1]), "Invalid name", "%q is not a valid name for a stage. %s", a.Name, identifierRule)
		return
	}
	types := l.kinds[a.Block]
	kind, ok := types[a.Type]
	if !ok {
		l.incomplete = true
		l.fail(rangeOf(b.LabelRanges[0]), "Unknown type", "%q is not a type of %s.%s", a.Type, a.Block, suggest(a.Type, sortedKeys(types)))
		return
	}
	if first := l.stages[a]; first != nil {
		l.fail(rangeOf(b.DefRange), "Duplicate name", "%s is already declared at %s. Rename one of the two.", a, rangeOf(first.block.DefRange))
		return
	}
	l.stages[a] = &stage{addr: a, kind: kind, block: b}
}

const identifierRule = "Use letters, digits, dashes and underscores, starting with a letter."

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

// keepSource keeps the text of a file for snippets.
func (l *loader) keepSource(name string, src []byte) {
	l.sources.Lock()
	defer l.sources.Unlock()
	l.study.Sources[name] = src
}
