//go:build !amd64 || purego

package lpm

import "testing"

func kernels(t *testing.T, f func(t *testing.T)) { f(t) }
