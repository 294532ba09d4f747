package pipeline

// FileReader is a stage that reads files of the study's folder.
type FileReader interface {
	// DeclaredFiles lists what the stage passes to Sources.Expand.
	DeclaredFiles() []Files
}

// Files are the files that a file, folder or glob of the study names, without those
// that the globs in Exclude match.
type Files struct {
	Pattern string
	Exclude []string
}

// FilesOf pairs patterns with what all of them exclude.
func FilesOf(patterns []string, exclude ...string) []Files {
	out := make([]Files, len(patterns))
	for i, p := range patterns {
		out[i] = Files{p, exclude}
	}
	return out
}
