package config

import (
	"bytes"
	_ "embed"
)

//go:generate go test -run ^TestSchema$ -update

//go:embed schema.json
var schema []byte

// Schema returns the JSON schema of the file, for editors. It follows from the types: see schema_test.go.
func Schema() []byte { return bytes.Clone(schema) }
