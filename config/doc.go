// Package config reads the file that describes a provider edge, and plans the changes that make it of a vrftable.Table.
//
//	file --parseTree--> YAML tree --decode--> Config --validate--> objects --try--> Config, Warnings      (Parse)
//	objects, objects --diff--> Plan --Apply--> vrftable.Table                                             (Changes, Diff)
//
// Parse finds every fault it can, each with file, line and column, what is wrong and what is allowed: unknown keys, words
// of the wrong kind, names that nothing has, things that do not fit together, table files that cannot be read. What is
// left is applied to a table of its own, so that a Config is one that the router's table takes.
//
// The file's keys are the fields of Config and the types below it; what they allow stands in the fields' tags (see
// shape), from which the decoder and the JSON schema both follow.
//
// Routes of a collector's dump are of the peers that the dump has: known by prefix and peer, they stand side by side in the
// RIB, whatever their gateways, as those of so many BGP sessions would. A peer without an IPv4 address is known by its BGP
// identifier instead, one without an identifier has its address for that; two that are known by the same are refused.
//
// A Config keeps the routes of its tables, 12 bytes each, and each distinct set of their attributes once, so that Diff can tell
// what has changed in a file on disk.
package config
