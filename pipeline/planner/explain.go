package planner

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"ablate/cache"
	"ablate/pipeline/action"
)

// candidates is how many of a kind's newest entries an explanation looks at.
// Below it the nearest is found exactly; beyond, the recent past decides.
const candidates = 512

// comparisons bounds how many descriptions a plan compares to explain all its
// steps. An instance's own past is always looked at.
const comparisons = 20000

// explainer finds the cached entry nearest to a step and names what differs.
type explainer struct {
	planner *Planner
	past    map[*action.Kind][]pastAction
	limit   int // how many of others' pasts each step is compared with
}

// pastAction is the stored description of a published entry.
type pastAction struct {
	key         cache.Key
	address     string
	ingredients cache.Value
	notes       cache.Value
}

// giveReasons fills in why each step has its action.
func (p *Planner) giveReasons(ctx context.Context, steps []*Task) error {
	x := explainer{planner: p, past: make(map[*action.Kind][]pastAction)}
	unexplained := 1
	for _, s := range steps {
		if s.Status == Run || s.Status == Resume {
			unexplained++
		}
	}
	x.limit = max(4, comparisons/unexplained)
	for _, s := range steps {
		if s.Status == Hit {
			s.Reason.Text = "cached"
		}
		if s.Status != Run && s.Status != Resume || s.Reason.Text != "" {
			continue
		}
		reason, err := x.reason(ctx, s)
		if err != nil {
			return fmt.Errorf("explaining %s: %w", s.Address, err)
		}
		s.Reason = reason
		if s.Status == Resume {
			s.Reason.Text = s.Survey.Text + " (" + reason.Text + ")"
		}
	}
	return nil
}

// Explain compares a step with the nearest entry that is not its own.
func (p *Planner) Explain(ctx context.Context, s *Task) (Reason, error) {
	x := explainer{planner: p, past: make(map[*action.Kind][]pastAction), limit: candidates}
	return x.reason(ctx, s)
}

// Compare lists what differs between the ingredients of two steps whose keys
// are known: from the first to the second.
func (p *Planner) Compare(from, to *Task) ([]Change, error) {
	x := explainer{planner: p}
	was, notes, err := from.Describe()
	if err != nil {
		return nil, err
	}
	if _, err := to.Action(); err != nil {
		return nil, err
	}
	return x.tell(differences(pastAction{ingredients: was, notes: notes}, to), to), nil
}

func (x *explainer) reason(ctx context.Context, s *Task) (Reason, error) {
	past, err := x.load(ctx, s.node.Kind)
	if err == nil {
		_, err = s.Action()
	}
	if err != nil {
		return Reason{}, err
	}
	var best []difference
	var nearest cache.Key
	least, others := 0, 0
	own := s.Address.String()
	for _, old := range past {
		if old.key == s.Key {
			continue
		}
		if old.address != own {
			if others == x.limit {
				continue
			}
			others++
		}
		changes := differences(old, s)
		if len(changes) == 0 { // the same action, which a remote's namespace keeps here
			continue
		}
		w := 2 * weight(changes)
		if old.address != own { // of equals, the instance's own past
			w++
		}
		if nearest.IsZero() || w < least {
			best, nearest, least = changes, old.key, w
		}
	}
	if nearest.IsZero() {
		return Reason{Text: "nothing like it is cached yet"}, nil
	}
	changes := x.tell(best, s)
	return Reason{Text: changeText(changes), Nearest: nearest, Changes: changes}, nil
}

func (x *explainer) load(ctx context.Context, kind *action.Kind) ([]pastAction, error) {
	if past, ok := x.past[kind]; ok {
		return past, nil
	}
	var past []pastAction
	for e, err := range x.planner.Store.Entries(ctx, kind.Block, kind.Type) {
		if err != nil {
			return nil, err
		}
		// An entry whose description is gone or damaged is no evidence.
		if old, err := readPast(ctx, x.planner.Store, e); err == nil {
			past = append(past, old)
		}
		if len(past) == candidates {
			break
		}
	}
	x.past[kind] = past
	return past, nil
}

func readPast(ctx context.Context, store cache.Store, e cache.Entry) (pastAction, error) {
	r, err := store.Open(ctx, e.Ingredients)
	if err != nil {
		return pastAction{}, err
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil {
		return pastAction{}, err
	}
	var doc cache.Value
	if err := json.Unmarshal(raw, &doc); err != nil {
		return pastAction{}, err
	}
	address, _ := doc.At("address").Text()
	return pastAction{key: e.Key, address: address, ingredients: doc.At("ingredients"), notes: doc.At("notes")}, nil
}

// difference is a change before it is put into words, which only the nearest
// entry's are.
type difference struct {
	cache.Difference
	code bool   // a fingerprint
	part string // that explains it
	swap bool   // an input of another type
}

// differences lists what differs from a described task, notes first: what a
// fingerprint stands for says more than the fingerprint. Below an input whose type
// changed, the rest follows from that and is left out; so do fingerprints when a
// spec or an input explains them.
func differences(old pastAction, s *Task) []difference {
	all := cache.Diff(old.ingredients, s.action.Ingredients())
	if len(all) == 0 { // the same action, whatever its notes say
		return nil
	}
	was, now := action.OrEmpty(old.notes), s.action.Notes()
	for _, section := range []string{"inputs", "spec"} {
		for _, d := range cache.Diff(action.OrEmpty(was.At(section)), action.OrEmpty(now.At(section))) {
			d.Path = append([]string{section}, d.Path...)
			if !slices.ContainsFunc(all, func(known cache.Difference) bool { return slices.Equal(known.Path, d.Path) }) {
				all = append(all, d)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b cache.Difference) int { return slices.Compare(a.Path, b.Path) })
	swapped := make(map[string]bool)
	for _, d := range all {
		if isSwap(d.Path) {
			swapped[d.Path[1]] = true
		}
	}
	var out, code []difference
	for _, d := range all {
		below := len(d.Path) > 1 && d.Path[0] == "inputs" && swapped[d.Path[1]]
		switch swap := isSwap(d.Path); {
		case d.Path[0] == "code":
			code = append(code, difference{Difference: d, code: true})
		case !below || swap:
			out = append(out, difference{Difference: d, swap: swap})
		}
	}
	if len(code) == 0 {
		return out
	}
	parts := changedParts(old, s, out)
	if len(out) > 0 && len(parts) == 0 {
		return out
	}
	for i := range code {
		code[i].part = strings.Join(parts, ", ")
	}
	return append(out, code...)
}

// isSwap reports that a path is the type of an input.
func isSwap(path []string) bool { return len(path) == 3 && path[0] == "inputs" && path[2] == "type" }

// changedParts names the parts of a composed computation whose own fingerprint
// differs although nothing in their spec does: the program changed there.
func changedParts(old pastAction, s *Task, other []difference) []string {
	var parts []string
	for _, d := range cache.Diff(action.OrEmpty(old.notes.At("parts")), action.OrEmpty(s.action.Notes().At("parts"))) {
		part := d.Path[0]
		explained := slices.ContainsFunc(other, func(d difference) bool {
			path := d.told()
			return path == part || strings.HasPrefix(path, part+".")
		})
		if !explained && !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	return parts
}

// told is a path as users read it; an input's type stands for the input.
func (d difference) told() string {
	if d.swap {
		return d.Path[1]
	}
	return action.JoinPath(d.Path)
}

// tell puts what differs into words.
func (x *explainer) tell(list []difference, s *Task) []Change {
	var out []Change
	for _, d := range list {
		was, now := d.A, d.B
		if was.IsZero() {
			was = x.fallback(d.Path, s)
		}
		if now.IsZero() {
			now = x.fallback(d.Path, s)
		}
		out = append(out, Change{Path: d.told(), Was: text(was), Now: text(now), Code: d.code, Part: d.part})
	}
	return out
}

// fallback is the default of an elided field.
func (x *explainer) fallback(path []string, s *Task) cache.Value {
	switch {
	case path[0] == "spec":
		return s.node.Kind.Default(path[1:]...)
	case len(path) > 3 && path[0] == "inputs" && path[2] == "spec":
		for _, need := range s.node.Needs {
			if need.Attr == path[1] && len(need.On) == 1 {
				return need.On[0].Kind.Default(path[3:]...)
			}
		}
	}
	return cache.Value{}
}

// weight orders candidates: the fewest differing things win, where an input
// counts once however much of it differs, as does the program, and an input of
// another type is further away than one with another spec.
func weight(changes []difference) int {
	const thing, swapped = 1000, 100
	sum := len(changes)
	seen := make(map[string]bool)
	for _, c := range changes {
		head := c.Path[0]
		if !c.code && len(c.Path) > 1 { // below spec or inputs
			head = c.Path[1]
		}
		if !seen[head] {
			sum += thing
		}
		seen[head] = true
		if c.swap {
			sum += swapped
		}
	}
	return sum
}

// changeText says in one line what differs.
func changeText(changes []Change) string {
	const most = 3
	parts := siblings(changes)
	if len(parts) > most {
		parts = append(parts[:most], fmt.Sprintf("and %d more", len(parts)-most))
	}
	parts = append(parts, codeText(changes)...)
	if len(parts) == 0 {
		return "its stored description differs only in notes"
	}
	return strings.Join(parts, "; ")
}

// siblings renders changes of specs and inputs, folding fields of one parent
// that changed alike: norm.alpha (attention, ffn, final) 0.5 → 0.4. So are the
// elements of a list: trials.*.factors.norm.1 DyT → Tanh (6 times).
func siblings(changes []Change) []string {
	type group struct {
		path, parent, was, now string // path: of the first
		names                  []string
		elements               int
	}
	var groups []*group
	for _, c := range changes {
		if c.Code {
			continue
		}
		path := anyElement(c.Path)
		parent, name := "", path
		if i := strings.LastIndexByte(path, '.'); i >= 0 {
			parent, name = path[:i+1], path[i+1:]
		}
		i := slices.IndexFunc(groups, func(g *group) bool {
			return parent != "" && g.parent == parent && g.was == c.Was && g.now == c.Now
		})
		switch {
		case i < 0:
			groups = append(groups, &group{c.Path, parent, c.Was, c.Now, []string{name}, 1})
		case slices.Contains(groups[i].names, name):
			groups[i].elements++
		default:
			groups[i].names = append(groups[i].names, name)
		}
	}
	var out []string
	for _, g := range groups {
		path, times := g.path, ""
		if len(g.names) > 1 {
			path = strings.TrimSuffix(g.parent, ".") + " (" + strings.Join(g.names, ", ") + ")"
		}
		if g.elements > 1 {
			path, times = anyElement(path), fmt.Sprintf(" (%d times)", g.elements)
		}
		out = append(out, fmt.Sprintf("%s %s → %s%s", path, g.was, g.now, times))
	}
	return out
}

// anyElement is the path of something within a list's element, whichever it is.
func anyElement(path string) string {
	parts := strings.Split(path, ".")
	if len(parts) < 3 || strings.Trim(parts[1], "0123456789") != "" {
		return path
	}
	parts[1] = "*"
	return strings.Join(parts, ".")
}

// codeText says which fingerprints changed, and where.
func codeText(changes []Change) []string {
	var names []string
	part := ""
	for _, c := range changes {
		if c.Code {
			names = append(names, c.Path)
			part = c.Part
		}
	}
	if len(names) == 0 {
		return nil
	}
	noun := "fingerprint"
	if len(names) > 1 {
		noun = "fingerprints"
	}
	line := fmt.Sprintf("the %s of %s changed", noun, strings.Join(names, " and "))
	if part != "" {
		line += fmt.Sprintf(", in the part %q", part)
	}
	return []string{line}
}

// text renders a value for people; long digests are cut.
func text(v cache.Value) string {
	if v.IsZero() {
		return "(absent)"
	}
	raw, err := json.Marshal(v)
	if err != nil {
		panic("pipeline: a value does not marshal: " + err.Error())
	}
	s := string(raw)
	var plain string
	if json.Unmarshal(raw, &plain) == nil {
		s = plain
	}
	if s == "" {
		return `""`
	}
	const digestShown = len("sha256:") + 12
	if strings.HasPrefix(s, "sha256:") && len(s) > digestShown {
		return s[:digestShown] + "…"
	}
	const most = 60
	if r := []rune(s); len(r) > most {
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) == nil { // long ones that differ, differ in length
			return fmt.Sprintf("a list of %d", len(list))
		}
		return string(r[:most]) + "…"
	}
	return s
}
