package record

// UniqueColumns makes the names of a table's columns differ: it appends underscores to a
// name that a factor or an earlier column has. The columns from begin to end, the
// factors, keep their names, and no column gets the name of another.
func UniqueColumns(columns []string, begin, end int) {
	UniqueNames(columns, begin, end, func(name string) string { return name })
}

// UniqueNames is UniqueColumns for a program to which names are equal if fold makes them
// so.
func UniqueNames(names []string, begin, end int, fold func(string) string) {
	given, taken := make(map[string]bool), make(map[string]bool)
	for i, name := range names {
		given[fold(name)] = true
		if i >= begin && i < end {
			taken[fold(name)] = true
		}
	}
	for i, name := range names {
		if i >= begin && i < end {
			continue
		}
		for taken[fold(name)] || name != names[i] && given[fold(name)] {
			name += "_"
		}
		names[i], taken[fold(name)] = name, true
	}
}
