// SPDX-FileCopyrightText: 2026 The jetstream.governor team
// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"fmt"
	"strconv"
	"time"

	governor "github.com/choria-io/go-choria/providers/governor/streams"
)

// state is a governor as Choria's manager sees it.
type state struct {
	Name       string  `json:"name"`
	Stream     string  `json:"stream"`
	Limit      int64   `json:"limit"`
	MaxAge     float64 `json:"max_age"`
	Replicas   int     `json:"replicas"`
	Subject    string  `json:"subject"`
	Active     uint64  `json:"active"`
	LastActive *string `json:"last_active"`
}

// create makes a governor, or updates one that exists: NAME LIMIT MAXAGE REPLICAS.
func create(s *session) action {
	collective := s.flags.String("collective", "", "use the subject of this collective")

	return func(args []string) error {
		name := args[0]
		limit, err := strconv.ParseUint(args[1], 10, 64)
		if err != nil {
			return err
		}
		maxAge, err := time.ParseDuration(args[2])
		if err != nil {
			return err
		}
		replicas, err := strconv.ParseUint(args[3], 10, 8)
		if err != nil {
			return err
		}

		var opts []governor.Option
		if *collective != "" {
			opts = append(opts, governor.WithSubject(fmt.Sprintf("%s.governor.%s", *collective, name)))
		}

		manager, err := governor.NewManager(name, limit, maxAge, uint(replicas), s.nc, true, opts...)
		if err != nil {
			return err
		}

		return s.describe(manager)
	}
}

// load opens a governor that must exist: NAME.
func load(s *session) action {
	return func(args []string) error {
		manager, err := s.loaded(args[0])
		if err != nil {
			return err
		}

		return s.say(map[string]string{"name": manager.Name()})
	}
}

// show prints all that the manager tells: NAME.
func show(s *session) action {
	return s.managing(func(governor.Manager, []string) error { return nil })
}

// setLimit changes the limit: NAME LIMIT.
func setLimit(s *session) action {
	return s.managing(func(manager governor.Manager, args []string) error {
		limit, err := strconv.ParseUint(args[0], 10, 64)
		if err != nil {
			return err
		}

		return manager.SetLimit(limit)
	})
}

// setMaxAge changes the maximum age: NAME DURATION.
func setMaxAge(s *session) action {
	return s.managing(func(manager governor.Manager, args []string) error {
		maxAge, err := time.ParseDuration(args[0])
		if err != nil {
			return err
		}

		return manager.SetMaxAge(maxAge)
	})
}

// setSubject changes the campaign subject: NAME SUBJECT.
func setSubject(s *session) action {
	return s.managing(func(manager governor.Manager, args []string) error {
		return manager.SetSubject(args[0])
	})
}

// reset removes all entries: NAME.
func reset(s *session) action {
	return s.managing(func(manager governor.Manager, _ []string) error {
		return manager.Reset()
	})
}

// evict removes one entry and prints whose it was: NAME SEQUENCE.
func evict(s *session) action {
	return func(args []string) error {
		seq, err := strconv.ParseUint(args[1], 10, 64)
		if err != nil {
			return err
		}
		manager, err := s.loaded(args[0])
		if err != nil {
			return err
		}
		holder, err := manager.Evict(seq)
		if err != nil {
			return err
		}

		return s.say(map[string]string{"evicted": holder})
	}
}

// list prints the governors of a collective: COLLECTIVE.
func list(s *session) action {
	return func(args []string) error {
		names, err := governor.List(s.nc, args[0])
		if err != nil {
			return err
		}
		if names == nil {
			names = []string{} // an empty list, not null
		}

		return s.say(map[string][]string{"governors": names})
	}
}

// managing runs change on the governor that the first argument names, then prints how it stands.
func (s *session) managing(change func(governor.Manager, []string) error) action {
	return func(args []string) error {
		manager, err := s.manager(args[0])
		if err != nil {
			return err
		}
		if err := change(manager, args[1:]); err != nil {
			return err
		}

		return s.describe(manager)
	}
}

// loaded opens an existing governor without a wish: a limit of 0 means "load only".
func (s *session) loaded(name string) (governor.Manager, error) {
	return governor.NewManager(name, 0, 0, 0, s.nc, false)
}

// manager opens an existing governor for changes. Choria's setters write every value the manager was opened with,
// so one that was only loaded would set the limit to 0: open it a second time with the values that are in force.
func (s *session) manager(name string) (governor.Manager, error) {
	now, err := s.loaded(name)
	if err != nil {
		return nil, err
	}

	return governor.NewManager(
		name, uint64(now.Limit()), now.MaxAge(), uint(now.Replicas()), s.nc, false, governor.WithSubject(now.Subject()),
	)
}

func (s *session) describe(manager governor.Manager) error {
	active, err := manager.Active()
	if err != nil {
		return err
	}
	last, err := manager.LastActive()
	if err != nil {
		return err
	}

	now := state{
		Name:     manager.Name(),
		Stream:   manager.Stream().Name(),
		Limit:    manager.Limit(),
		MaxAge:   manager.MaxAge().Seconds(),
		Replicas: manager.Replicas(),
		Subject:  manager.Subject(),
		Active:   active,
	}
	if !last.IsZero() {
		text := last.Format(time.RFC3339Nano)
		now.LastActive = &text
	}

	return s.say(now)
}
