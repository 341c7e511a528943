package router

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"vrfwd/bgp"
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
		r.log.Error("reload: nothing was changed", "event", eventReloadRefused, "error", err)
		return nil, err
	}
	plan, err := r.change(c)
	if err != nil {
		r.log.Error("reload: nothing was changed", "event", eventReloadRefused, "error", err)
		return nil, err
	}
	done := &Reloaded{File: c.File, Changes: plan.Len(), BGP: bgpChanges(bgpOf(r.config), bgpOf(c))}
	r.config = c
	setLevel(r.level, c)
	r.logChanges.Store(c.Log.Changes)
	r.routeLog.follow(c.Log.Routes)
	for _, p := range c.Ports {
		r.ports[p.Number].setLimit(int(p.MTU))
	}
	for _, n := range c.Notes() {
		r.log.Info(n.String())
	}
	for _, w := range c.Warnings() {
		done.Warnings = append(done.Warnings, w.String())
	}
	r.log.Info("reloaded", "event", eventReload, "file", c.File, "changes", done.Changes, "bgp", done.BGP, "warnings", len(done.Warnings))
	return done, nil
}

// change applies what differs from the present configuration. VRs that no longer have BGP end it first, while neighbours
// can be told and before a VRF goes that has their routes; where the rest is refused they have it again.
func (r *Router) change(c *config.Config) (*config.Plan, error) {
	if err := r.apart(c); err != nil {
		return nil, err
	}
	plan, err := config.Diff(r.config, c, r.facts)
	if err != nil {
		return nil, err
	}
	was, is := bgpOf(r.config), bgpOf(c)
	staying := slices.DeleteFunc(slices.Clone(was), func(old bgp.Config) bool {
		return !slices.ContainsFunc(is, func(n bgp.Config) bool { return n.VR == old.VR })
	})
	ended := len(staying) < len(was)
	if ended {
		if err := r.bgp.Set(staying); err != nil {
			return nil, err
		}
	}
	if err := r.apply(plan, c, is); err != nil {
		if ended {
			err = errors.Join(err, r.bgp.Set(was))
		}
		return nil, err
	}
	if plan.Policies() {
		r.bgp.PoliciesChanged()
	}
	return plan, nil
}

// apply brings a plan into force. TUN devices come first, but for those of VRFs that are new: whether they can be made is not
// known before. BGP comes last, as its sessions stand on the rest. What is refused after the table has changed has that taken
// back.
func (r *Router) apply(plan *config.Plan, c *config.Config, speakers []bgp.Config) error {
	old, hosts := hostsOf(r.config), hostsOf(c)
	early := slices.DeleteFunc(slices.Clone(hosts), func(h slowpath.Host) bool {
		_, known := r.table.VRTable(h.VR)
		return !known
	})
	if err := r.setHosts(old, early); err != nil {
		return err
	}
	if err := plan.Apply(r.table); err != nil {
		return errors.Join(err, r.slow.SetHosts(old))
	}
	if err := r.setHosts(early, hosts); err != nil {
		return errors.Join(err, r.takeBack(c))
	}
	if err := r.bgp.Set(speakers); err != nil {
		if errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w; a router that was started without BGP has given up what it takes to listen below port 1024: restart it", err)
		}
		return errors.Join(err, r.takeBack(c))
	}
	return nil
}

// setHosts makes the TUN devices those of another list. An error changes nothing.
func (r *Router) setHosts(old, hosts []slowpath.Host) error {
	if slices.Equal(old, hosts) {
		return nil
	}
	if err := r.slow.SetHosts(hosts); err != nil {
		return fmt.Errorf("%w; a router that was started without TUN devices has given up what it takes to make them: restart it", err)
	}
	return nil
}

// takeBack makes the table and the TUN devices those of the present configuration again, after they were c's.
func (r *Router) takeBack(c *config.Config) error {
	back, err := config.Diff(c, r.config, r.facts)
	if err == nil {
		err = back.Apply(r.table)
	}
	if err == nil && back.Policies() {
		r.bgp.PoliciesChanged() // what was told meanwhile was judged by c's
	}
	return errors.Join(err, r.slow.SetHosts(hostsOf(r.config)))
}

// hostsOf lists a configuration's TUN devices.
func hostsOf(c *config.Config) (all []slowpath.Host) {
	for _, h := range c.Hosts() {
		all = append(all, slowpath.Host{VR: h.VR, Device: h.Device, Netns: h.Netns})
	}
	return all
}
