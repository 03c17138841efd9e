// SPDX-FileCopyrightText: 2026 The jetstream.governor team
// SPDX-License-Identifier: GPL-3.0-or-later

// Choria's own governor library behind a small command line, so that tests in another language can use it.
//
// One command a process. What it has to say is JSON on stdout, one object a line; a failure is
// {"error": "..."} and exit code 1. Commands that hold something wait for a line on stdin before they go on.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nats-io/nats.go"
)

// session is what every command works with.
type session struct {
	nc    *nats.Conn
	flags *flag.FlagSet
	out   *json.Encoder
	in    *bufio.Reader
}

// command declares its flags on the session's flag set, and returns what to do with the arguments behind them.
type command func(s *session) action

// action is the work of one command.
type action func(args []string) error

// commands maps each word to its command and the number of arguments it takes.
var commands = map[string]struct {
	define command
	args   int
}{
	"create":      {create, 4},
	"load":        {load, 1},
	"show":        {show, 1},
	"set-limit":   {setLimit, 2},
	"set-max-age": {setMaxAge, 2},
	"set-subject": {setSubject, 2},
	"reset":       {reset, 1},
	"evict":       {evict, 2},
	"list":        {list, 1},
	"start":       {start, 2},
	"work":        {work, 1},
}

func main() {
	out := json.NewEncoder(os.Stdout)
	if err := run(os.Args[1:], out, os.Stdin); err != nil {
		_ = out.Encode(map[string]string{"error": err.Error()})
		os.Exit(1)
	}
}

func run(args []string, out *json.Encoder, in io.Reader) error {
	global := flag.NewFlagSet("choria", flag.ContinueOnError)
	server := global.String("server", nats.DefaultURL, "the NATS server")
	if err := global.Parse(args); err != nil {
		return err
	}

	chosen, ok := commands[global.Arg(0)]
	if !ok {
		return fmt.Errorf("no command %q", global.Arg(0))
	}

	s := &session{flags: flag.NewFlagSet(global.Arg(0), flag.ContinueOnError), out: out, in: bufio.NewReader(in)}
	act := chosen.define(s)
	if err := s.flags.Parse(global.Args()[1:]); err != nil {
		return err
	}
	if s.flags.NArg() != chosen.args {
		return fmt.Errorf("%s takes %d arguments, got %d", s.flags.Name(), chosen.args, s.flags.NArg())
	}

	nc, err := nats.Connect(*server, nats.Timeout(5*time.Second), nats.NoReconnect())
	if err != nil {
		return err
	}
	defer nc.Close()
	s.nc = nc

	return act(s.flags.Args())
}

// say prints one answer.
func (s *session) say(answer any) error {
	return s.out.Encode(answer)
}

// await blocks until the test sends a line. A closed stdin means that the test is gone: that is an error, not a signal.
func (s *session) await() error {
	if _, err := s.in.ReadString('\n'); err != nil {
		return errors.New("stdin was closed while waiting to go on")
	}

	return nil
}
