// SPDX-FileCopyrightText: 2026 The jetstream.governor team
// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	governor "github.com/choria-io/go-choria/providers/governor/streams"
)

// interval is one worker's time at work, in nanoseconds since 1970, so that other processes' can be compared with it.
type interval struct {
	Holder string `json:"holder"`
	Seq    uint64 `json:"seq"`
	Start  int64  `json:"start"`
	End    int64  `json:"end"`
}

// start enters, says so, holds the slot until a line comes, and finishes: NAME HOLDER.
func start(s *session) action {
	timeout := s.flags.Duration("timeout", 10*time.Second, "give up after this time")
	subject := s.flags.String("subject", "", "the campaign subject")
	noLeave := s.flags.Bool("no-leave", false, "leave the entry to expire")

	return func(args []string) error {
		var opts []governor.Option
		if *subject != "" {
			opts = append(opts, governor.WithSubject(*subject))
		}
		if *noLeave {
			opts = append(opts, governor.WithoutLeavingOnCompletion())
		}

		ctx, cancel := context.WithTimeout(context.Background(), *timeout)
		defer cancel()
		finish, seq, err := governor.New(args[0], s.nc, opts...).Start(ctx, args[1])
		if err != nil {
			return err
		}
		if err := s.say(map[string]uint64{"seq": seq}); err != nil {
			return err
		}
		if err := s.await(); err != nil {
			return err
		}
		if err := finish(); err != nil {
			return err
		}

		return s.say(map[string]bool{"finished": true})
	}
}

// work has many workers do their work under one governor, all starting when a line comes: NAME.
func work(s *session) action {
	workers := s.flags.Int("workers", 10, "how many workers")
	hold := s.flags.Duration("hold", 50*time.Millisecond, "how long each one works")
	wait := s.flags.Duration("interval", governor.DefaultInterval, "time between tries")
	timeout := s.flags.Duration("timeout", time.Minute, "give up after this time")
	subject := s.flags.String("subject", "", "the campaign subject")

	return func(args []string) error {
		opts := []governor.Option{governor.WithInterval(*wait)}
		if *subject != "" {
			opts = append(opts, governor.WithSubject(*subject))
		}
		if err := s.say(map[string]bool{"ready": true}); err != nil {
			return err
		}
		if err := s.await(); err != nil {
			return err
		}

		ctx, cancel := context.WithTimeout(context.Background(), *timeout)
		defer cancel()
		done := make([]interval, *workers)
		failed := make([]error, *workers)
		var group sync.WaitGroup
		for i := range *workers {
			group.Go(func() {
				// A governor of Choria's is one campaign at a time, so each worker has one of its own.
				done[i], failed[i] = workOnce(ctx, governor.New(args[0], s.nc, opts...), fmt.Sprintf("go%02d", i), *hold)
			})
		}
		group.Wait()

		for _, err := range failed {
			if err != nil {
				return err
			}
		}

		return s.say(map[string][]interval{"intervals": done})
	}
}

// workOnce notes the time inside the slot only: from after the entry to before the finish.
func workOnce(ctx context.Context, gov governor.Governor, holder string, hold time.Duration) (interval, error) {
	finish, seq, err := gov.Start(ctx, holder)
	if err != nil {
		return interval{}, fmt.Errorf("%s: %w", holder, err)
	}

	worked := interval{Holder: holder, Seq: seq, Start: time.Now().UnixNano()}
	time.Sleep(hold)
	worked.End = time.Now().UnixNano()

	return worked, finish()
}
