package main

import (
	"bytes"
	"net/url"
	"path"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	table "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

var markdown = goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithParserOptions(parser.WithAutoHeadingID()))

// A page is a file of Markdown.
type page struct {
	path     string // of the file, from the root of the repository
	title    string
	source   []byte
	tree     ast.Node
	sections []section
	links    []link
}

// A section is a heading and the text below it, for the search and for anchors.
type section struct {
	id, heading, text string
	level             int
}

// A link is a reference to another file of the repository, or to a heading.
type link struct{ target, anchor string }

// parse reads a file of Markdown and makes its links point to the files of the site.
func parse(name string, source []byte, isFolder func(string) bool) (*page, error) {
	p := &page{path: name, source: source, tree: markdown.Parser().Parse(text.NewReader(source))}
	err := ast.Walk(p.tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			p.heading(n)
		case *ast.Link:
			n.Destination = p.link(string(n.Destination), isFolder)
		case *ast.Image:
			n.Destination = p.link(string(n.Destination), isFolder)
		case *table.Table:
			p.markReference(n)
		}
		return ast.WalkContinue, nil
	})
	p.addText()
	return p, err
}

// markReference names the class of tables of fields, whose rows a phone shows as
// paragraphs: their last column is prose.
func (p *page) markReference(n *table.Table) {
	if head := n.FirstChild(); p.plain(head.FirstChild()) == "field" {
		n.SetAttributeString("class", []byte("fields"))
	}
}

func (p *page) heading(n *ast.Heading) {
	id, _ := n.AttributeString("id")
	raw, _ := id.([]byte)
	s := section{id: string(raw), heading: p.plain(n), level: n.Level}
	if p.title == "" {
		p.title = s.heading
	}
	p.sections = append(p.sections, s)
}

// addText fills in the text of the sections.
func (p *page) addText() {
	at := -1
	for n := p.tree.FirstChild(); n != nil; n = n.NextSibling() {
		if n.Kind() == ast.KindHeading {
			at++
		} else if at >= 0 {
			p.sections[at].text = strings.TrimSpace(p.sections[at].text + " " + p.plain(n))
		}
	}
}

// plain is the text of a node without markup.
func (p *page) plain(n ast.Node) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // the visitor returns no error
		switch {
		case !entering:
			if n.Type() == ast.TypeBlock {
				b.WriteByte(' ')
			}
		case n.Kind() == ast.KindText:
			t := n.(*ast.Text)
			b.Write(t.Segment.Value(p.source))
			if t.SoftLineBreak() {
				b.WriteByte(' ')
			}
		case n.Kind() == ast.KindCodeBlock || n.Kind() == ast.KindFencedCodeBlock:
			b.Write(n.Lines().Value(p.source))
		}
		return ast.WalkContinue, nil
	})
	return strings.Join(strings.Fields(b.String()), " ")
}

// link notes a link and returns its destination in the site.
func (p *page) link(destination string, isFolder func(string) bool) []byte {
	u, err := url.Parse(destination)
	if err != nil || u.Scheme != "" {
		return []byte(destination)
	}
	target := p.path
	if u.Path != "" {
		target = path.Join(path.Dir(p.path), u.Path)
	}
	if isFolder(target) {
		target = path.Join(target, "README.md")
	}
	p.links = append(p.links, link{target, u.Fragment})
	return []byte(relative(p.path, address(target), u.Fragment))
}

// address is the path in the site of a file of the repository.
func address(name string) string {
	switch {
	case name == "README.md":
		return "index.html"
	case path.Ext(name) == ".md":
		return strings.TrimSuffix(name, ".md") + ".html"
	case path.Ext(name) == "":
		return name + ".txt"
	}
	return name
}

// relative is the reference from a file's page to an address of the site.
func relative(from, to, anchor string) string {
	out := strings.Repeat("../", strings.Count(from, "/")) + to
	if anchor != "" {
		out += "#" + anchor
	}
	return out
}

// body is the page as HTML.
func (p *page) body() (string, error) {
	var b bytes.Buffer
	err := markdown.Renderer().Render(&b, p.source, p.tree)
	return b.String(), err
}
