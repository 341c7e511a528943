package config

import "strings"

// suggest returns "; did you mean NAME?" for the name nearest to a mistyped one, or nothing where none is near. Of
// two that are as near the one that begins like it is taken. lists are tried as one.
func suggest(wrong string, lists ...[]string) string {
	best, nearest := "", 1+max(1, len(wrong)/4)
	for _, names := range lists {
		for _, name := range names {
			d := distance(strings.ToLower(wrong), strings.ToLower(name), nearest+1)
			if d < nearest || d == nearest && best != "" && strings.HasPrefix(name, wrong) {
				best, nearest = name, d
			}
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// distance is the number of letters to insert, delete, replace or swap with their neighbour to make b of a (optimal
// string alignment), or limit where it is not less.
func distance(a, b string, limit int) int {
	if max(len(a)-len(b), len(b)-len(a)) >= limit {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		least := row[0]
		for j := range len(b) {
			d := last[j]
			if a[i] != b[j] {
				d = 1 + min(last[j], last[j+1], row[j])
				if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
					d = min(d, before[j-1]+1)
				}
			}
			row[j+1] = d
			least = min(least, d)
		}
		if least >= limit {
			return limit
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit)
}
