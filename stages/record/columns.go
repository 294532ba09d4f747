package record

// UniqueColumns makes the names of a table's columns unique: it appends underscores to
// a name that a factor or an earlier column has. The columns from begin to end, the
// factors, keep their names.
func UniqueColumns(columns []string, begin, end int) {
	taken := make(map[string]bool)
	for _, name := range columns[begin:end] {
		taken[name] = true
	}
	for i := range columns {
		if i >= begin && i < end {
			continue
		}
		for taken[columns[i]] {
			columns[i] += "_"
		}
		taken[columns[i]] = true
	}
}
