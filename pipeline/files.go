package pipeline

// FileReader is a stage that reads files of the study's folder.
type FileReader interface {
	// DeclaredFiles lists files, folders and globs as the study names them.
	DeclaredFiles() []string
}
