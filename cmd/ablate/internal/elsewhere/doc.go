// Package elsewhere holds only tests: of the program with executors on other machines,
// against a real Slurm and a real ssh server where those are installed. They have a
// package of their own so that they have their own test process and time limit.
package elsewhere
