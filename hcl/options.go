package hcl

import (
	"time"

	"ablate/hcl/study"
)

// Options says what to load and with which variables.
type Options struct {
	Dir     string        // the study's folder
	Kinds   []study.Kind  // the types of stages that a study may declare
	Environ []string      // "NAME=value", as returned by os.Environ
	Vars    []Var         // --var and --var-file, in the order given
	Outside bool          // whether file() reads outside of Dir: the user trusts the folder
	Timeout time.Duration // limit on the processor time of loading; zero means one minute
}

// Var is one --var (Name and Value) or one --var-file (File).
type Var struct {
	Name, Value string
	File        string
}
