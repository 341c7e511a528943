package router

import (
	"errors"

	"vrfwd/config"
)

// isConfigError tells whether a configuration is wrong, rather than the router.
func isConfigError(err error) bool {
	var e *config.Error
	return errors.As(err, &e)
}

// Reload reads the configuration's file again and applies what has changed: all of it, or, with an error that says
// why, nothing. Packets are forwarded meanwhile, each by the old or the new route (vrftable).
func (r *Router) Reload() (*Reloaded, error) {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	c, err := r.load(r.config.File)
	if err != nil {
		r.log.Error("reload: nothing was changed", "error", err)
		return nil, err
	}
	plan, err := config.Diff(r.config, c, r.facts)
	if err == nil {
		err = plan.Apply(r.table)
	}
	if err != nil {
		r.log.Error("reload: nothing was changed", "error", err)
		return nil, err
	}
	r.config = c
	setLevel(r.level, c)
	for _, p := range c.Ports {
		r.ports[p.Number].setLimit(int(p.MTU))
	}
	done := &Reloaded{File: c.File, Changes: plan.Len()}
	for _, w := range c.Warnings() {
		done.Warnings = append(done.Warnings, w.String())
	}
	r.log.Info("reloaded", "file", c.File, "changes", done.Changes, "warnings", len(done.Warnings))
	return done, nil
}
