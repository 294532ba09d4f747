package kernels

// Rewrite is rewrite, for tests.
var Rewrite = rewrite
