// Lets the compiler accept functions that are defined elsewhere.
