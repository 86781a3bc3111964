// wire is package relay as a program, for the benchmark: a slow wire to each of its targets.
//
//	wire MBIT ONEWAY_MS LISTEN=TARGET...
//
// For each line on its input it does something: "silence N" and "speak N" shut and open the wire of the N-th pair, counted from
// 0, and "count" prints the bytes that came down each wire. It ends with its input.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/zeronetscript/universal_p2p/app/swarmtest/relay"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "wire:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 3 {
		return fmt.Errorf("usage: wire MBIT ONEWAY_MS LISTEN=TARGET [LISTEN=TARGET]")
	}
	mbit, err := strconv.ParseFloat(args[0], 64)
	if err != nil {
		return fmt.Errorf("rate: %w", err)
	}
	ms, err := strconv.ParseFloat(args[1], 64)
	if err != nil {
		return fmt.Errorf("delay: %w", err)
	}
	w := relay.Wire{Rate: relay.Mbit(mbit), Delay: time.Duration(ms * float64(time.Millisecond))}
	var relays []*relay.Relay
	for _, pair := range args[2:] {
		listen, target, ok := strings.Cut(pair, "=")
		if !ok {
			return fmt.Errorf("%q is not LISTEN=TARGET", pair)
		}
		r, err := relay.Listen(listen, target, w)
		if err != nil {
			return err
		}
		defer r.Close()
		relays = append(relays, r)
	}
	fmt.Println("ready")
	return obey(relays)
}

func obey(relays []*relay.Relay) error {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		verb, arg, _ := strings.Cut(in.Text(), " ")
		switch verb {
		case "count":
			for i, r := range relays {
				if i > 0 {
					fmt.Print(" ")
				}
				fmt.Print(r.Down())
			}
			fmt.Println()
		case "silence", "speak":
			n, err := strconv.Atoi(arg)
			if err != nil || n < 0 || n >= len(relays) {
				return fmt.Errorf("no wire %q", arg)
			}
			relays[n].Silence(verb == "silence")
		default:
			return fmt.Errorf("unknown line %q", in.Text())
		}
	}
	return in.Err()
}
