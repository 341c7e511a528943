//go:build !amd64 || purego

package forwarder

import "testing"

func twice(t *testing.T, f func(t *testing.T)) { f(t) }
