//go:build !linux

package router

// Drop does nothing: there are no capabilities.
func (r *Router) Drop() error { return nil }
