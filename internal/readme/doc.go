// Package readme holds the test that runs the commands of README.md. It has no code of its own.
package readme
