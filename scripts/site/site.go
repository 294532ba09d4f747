package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/yuin/goldmark/ast"
)

// contents is the page whose sections and lists are the site's menu.
const contents = "docs/README.md"

//go:embed page.html
var layout string

//go:embed style.css
var style []byte

//go:embed search.js
var search []byte

var pageTemplate = template.Must(template.New("page").Parse(layout))

// A site is what the links reach from README.md.
type site struct {
	pages map[string]*page
	files map[string][]byte // copied as they are
}

// crawl reads README.md, the contents and everything that they link to.
func crawl(root fs.FS) (*site, error) {
	s := &site{pages: make(map[string]*page), files: make(map[string][]byte)}
	isFolder := func(name string) bool {
		info, err := fs.Stat(root, name)
		return err == nil && info.IsDir()
	}
	waiting := []link{{target: "README.md"}, {target: contents}}
	from := map[string]string{}
	for len(waiting) > 0 {
		name := waiting[0].target
		waiting = waiting[1:]
		if s.pages[name] != nil || s.files[name] != nil {
			continue
		}
		raw, err := fs.ReadFile(root, name)
		if err != nil {
			return nil, fmt.Errorf("%s links to %s: %w", from[name], name, err)
		}
		if filepath.Ext(name) != ".md" {
			s.files[name] = raw
			continue
		}
		p, err := parse(name, raw, isFolder)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		s.pages[name] = p
		for _, l := range p.links {
			if from[l.target] == "" {
				from[l.target] = name
			}
		}
		waiting = append(waiting, p.links...)
	}
	return s, nil
}

// check finds links to headings that do not exist.
func (s *site) check() error {
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(s.pages)) {
		for _, l := range s.pages[name].links {
			target := s.pages[l.target]
			has := func(of section) bool { return of.id == l.anchor }
			if l.anchor != "" && (target == nil || !slices.ContainsFunc(target.sections, has)) {
				wrong = append(wrong, fmt.Errorf("%s links to %s#%s, a heading that does not exist", name, l.target, l.anchor))
			}
		}
	}
	return errors.Join(wrong...)
}

// A menuEntry is a heading of the menu, or a page below one.
type menuEntry struct {
	Title, Address string
	Heading, Open  bool
}

// menu lists the headings and links of the contents, as seen from a page.
func (s *site) menu(from *page) []menuEntry {
	var out []menuEntry
	p := s.pages[contents]
	links := slices.Clone(p.links)
	_ = ast.Walk(p.tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // the visitor returns no error
		if !entering {
			return ast.WalkContinue, nil
		}
		if h, ok := n.(*ast.Heading); ok && h.Level == 2 {
			out = append(out, menuEntry{Title: p.plain(h), Heading: true})
		}
		if l, ok := n.(*ast.Link); ok && links[0].target != "" {
			target := links[0].target
			links = links[1:]
			out = append(out, menuEntry{Title: p.plain(l), Address: relative(from.path, address(target), ""), Open: target == from.path})
		}
		return ast.WalkContinue, nil
	})
	return out
}

// leastHeadings is the number of headings from which a page has a list of them.
const leastHeadings = 4

// A heading is a line of the list of a page's headings.
type heading struct {
	Title, ID string
	Level     int
}

// headings lists those of the second and third level, or nothing for a short page.
func (p *page) headings() []heading {
	var out []heading
	for _, s := range p.sections {
		if s.level == 2 || s.level == 3 {
			out = append(out, heading{s.heading, s.id, s.level})
		}
	}
	if len(out) < leastHeadings {
		return nil
	}
	return out
}

// write creates the files of the site below a folder.
func (s *site) write(out string) error {
	files := map[string][]byte{"style.css": style, "search.js": search}
	for name, raw := range s.files {
		files[address(name)] = raw
	}
	for name, p := range s.pages {
		html, err := s.html(p)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		files[address(name)] = html
	}
	index, err := s.index()
	if err != nil {
		return err
	}
	files["index.js"] = index
	for name, raw := range files {
		name = filepath.Join(out, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, raw, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// html is a page with its menu.
func (s *site) html(p *page) ([]byte, error) {
	body, err := p.body()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = pageTemplate.Execute(&b, map[string]any{
		"Title": p.title,
		"Root":  strings.Repeat("../", strings.Count(p.path, "/")),
		"Menu":  s.menu(p),
		"Page":  p.headings(),
		"Body":  template.HTML(body), // rendered from our own files, raw HTML left out
	})
	return b.Bytes(), err
}

// index is what the search reads: a script that sets a list of sections.
func (s *site) index() ([]byte, error) {
	type entry struct {
		Page    string `json:"page"`
		Heading string `json:"heading"`
		Address string `json:"address"`
		Text    string `json:"text"`
	}
	var entries []entry
	for _, name := range slices.Sorted(maps.Keys(s.pages)) {
		p := s.pages[name]
		for _, of := range p.sections {
			entries = append(entries, entry{p.title, of.heading, address(name) + "#" + of.id, of.text})
		}
	}
	raw, err := json.Marshal(entries)
	return append(append([]byte("const sections = "), raw...), ";\n"...), err
}
