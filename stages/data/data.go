// Package data holds the stages that turn the user's files into tokens, and
// tables of finished runs into trials.
//
// This code builds no graph, so nothing but the version of a kind witnesses what
// the canonical inputs of its behaviour fingerprint do not reach: bump it when the
// same spec and sources would give other bytes. Golden outputs catch a forgotten
// bump.
package data

import "ablate/pipeline"

// Kinds lists the stages of block data.
func Kinds() []pipeline.Kind {
	return []pipeline.Kind{{
		Block: "data", Type: "text", Version: 2, Role: pipeline.Data, Child: true,
		Doc: "Text as tokens. Files are read in bytewise order of their paths, decompressed, and joined by the token that ends " +
			"a document, which is a newline for bytes. The end of the whole is kept for validation.",
		New: func() pipeline.Stage { return &Text{Tokenizer: "bytes", Split: &Split{Validation: 0.05}} },
	}, {
		Block: "data", Type: "results", Version: 5, Role: pipeline.Data, Child: true,
		Doc: "Tables of finished runs of any program. Analyses take them in place of trials; nothing is trained.",
		New: func() pipeline.Stage {
			return &Results{Responses: []string{"val_loss"}, Outcome: outcomeColumn, Format: autoFormat}
		},
	}, {
		Block: "data", Type: "tokens", Version: 1, Role: pipeline.Data, Child: true,
		Doc: "Files of tokens that another program made: little-endian numbers and nothing else, as nanoGPT writes them.",
		New: func() pipeline.Stage { return &Binary{DType: "uint16", Split: &Split{Validation: 0.05}} },
	}, {
		Block: "data", Type: "command", Version: 1, Role: pipeline.Data, Child: true, Program: true,
		Doc: "Files that a program of your own makes, in any language, as inputs for trials that are programs.",
		New: func() pipeline.Stage { return &Command{} },
	}}
}
