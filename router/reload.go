package router

import (
	"errors"
	"fmt"
	"slices"

	"vrfwd/config"
	"vrfwd/slowpath"
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
	c, err := config.Load(r.config.File)
	if err != nil {
		r.log.Error("reload: nothing was changed", "error", err)
		return nil, err
	}
	plan, err := r.change(c)
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

// change applies what differs from the present configuration. TUN devices come first: whether they can be made is not
// known before.
func (r *Router) change(c *config.Config) (*config.Plan, error) {
	plan, err := config.Diff(r.config, c, r.facts)
	if err != nil {
		return nil, err
	}
	old, hosts := hostsOf(r.config), hostsOf(c)
	if !slices.Equal(old, hosts) {
		if err := r.slow.SetHosts(hosts); err != nil {
			return nil, fmt.Errorf("%w; a router that was started without TUN devices has given up what it takes to make them: restart it", err)
		}
	}
	if err := plan.Apply(r.table); err != nil {
		return nil, errors.Join(err, r.slow.SetHosts(old))
	}
	return plan, nil
}

// hostsOf lists a configuration's TUN devices.
func hostsOf(c *config.Config) (all []slowpath.Host) {
	for _, h := range c.Hosts() {
		all = append(all, slowpath.Host{VR: h.VR, Device: h.Device, Netns: h.Netns})
	}
	return all
}
