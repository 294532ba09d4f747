// Package elsewhere holds the tests of executors beyond this machine: they run
// the program against a real Slurm and a real ssh server, where those are
// installed. It holds nothing else, so that they have a test process, and a
// time limit, of their own.
package elsewhere
