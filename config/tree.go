package config

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of a file. The parser's time and stack grow faster than what it is given, so that these are asked first.
const (
	maxFile  = 16 << 20 // bytes
	maxDepth = 16       // brackets in brackets, or dashes in one line
)

// parseTree reads the YAML of a file: one document without anchors, aliases, tags and complex keys. A nil node is an
// empty document.
func parseTree(file string, text []byte) (root ast.Node, err error) {
	fail := func(at Position, format string, args ...any) (ast.Node, error) {
		return nil, Errors{{File: file, Position: at, Text: fmt.Sprintf(format, args...)}}
	}
	if len(text) > maxFile {
		return fail(Position{}, "%d bytes: at most %d are allowed", len(text), maxFile)
	}
	if at := invalidUTF8(text); at != (Position{}) {
		return fail(at, "this is not UTF-8 text")
	}
	// A fault of the parser is the file's misfortune, not the program's end.
	defer func() {
		if r := recover(); r != nil {
			root, err = fail(Position{}, "this is not YAML that can be read: %v", r)
		}
	}()
	tokens := lexer.Tokenize(string(text))
	if at, what := unsupported(tokens); what != "" {
		return fail(at, "%s", what)
	}
	tree, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var syntax yaml.Error
		if errors.As(err, &syntax) && syntax.GetToken() != nil {
			return fail(positionOf(syntax.GetToken()), "not valid YAML: %s", syntax.GetMessage())
		}
		return fail(Position{}, "not valid YAML: %v", err)
	}
	if len(tree.Docs) == 0 {
		return nil, nil
	}
	return tree.Docs[0].Body, nil
}

// unsupported finds what this configuration does not use of YAML, and nesting that it never needs.
func unsupported(tokens token.Tokens) (at Position, what string) {
	depth, dashes, line := 0, 0, 0
	for i, t := range tokens {
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			return positionOf(t), "anchors, aliases and merge keys are not allowed: write the value out"
		case token.TagType:
			return positionOf(t), "tags such as !!str are not allowed: the key decides the type"
		case token.MappingKeyType:
			return positionOf(t), "keys marked by ? are not allowed: write key: value"
		case token.DirectiveType:
			return positionOf(t), "directives are not allowed"
		case token.DocumentHeaderType, token.DocumentEndType:
			if i > 0 {
				return positionOf(t), "a second document is not allowed: one file is one configuration"
			}
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		case token.SequenceEntryType:
			if t.Position.Line != line {
				dashes, line = 0, t.Position.Line
			}
			dashes++
		}
		if depth > maxDepth || dashes > maxDepth {
			return positionOf(t), fmt.Sprintf("nested more than %d deep", maxDepth)
		}
	}
	return Position{}, ""
}

func positionOf(t *token.Token) Position {
	if t == nil || t.Position == nil {
		return Position{}
	}
	return Position{t.Position.Line, t.Position.Column}
}

// positionOfNode returns where a node begins. A block mapping's token is its first colon: its first key is what begins it.
func positionOfNode(n ast.Node) Position {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return positionOfNode(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return positionOfNode(n.Key)
	}
	return positionOf(n.GetToken())
}

// invalidUTF8 returns the first place that is not UTF-8, or no place.
func invalidUTF8(text []byte) Position {
	if utf8.Valid(text) {
		return Position{}
	}
	at := Position{1, 1}
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && n == 1:
			return at
		case r == '\n':
			at = Position{at.Line + 1, 1}
		default:
			at.Column++
		}
		text = text[n:]
	}
	return at
}
