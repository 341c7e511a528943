// Package floors holds the test that keeps the project's structure: which folders there are, which lower floors each
// may import, which other modules, and in which files unsafe and system calls may stand. It has no code of its own.
package floors
