// Package swarmtest has no code: its tests run the built program against real BitTorrent peers.
//
// Each test starts the program on a free port with an empty data directory, and seeders that other people wrote: libtorrent
// (through rig/seeder.py), transmission-daemon and aria2c, besides a plain HTTP server as web seed, a tracker and a DHT of
// its own. Everything listens on 127.0.0.0/8; the peers run on addresses of their own, because clients count peers by
// address. Where the wire matters (how much came over it, how slow it is, whether it stalls) package relay stands between.
//
// A missing peer program skips its tests and says so, or fails them when UP2P_REQUIRE_PEERS=1. The other switches:
//
//	UP2P_BIN=path    test this binary instead of building one
//	UP2P_RACE=1      build the program under test with the race detector (speeds are not judged then)
//	UP2P_LONG=1      the long variants: 512 MiB also from the slow seeder
//	UP2P_WEBTORRENT_JS=path
//	                 the bundle of WebTorrent that browser peers run, instead of one that npm brings
//	UP2P_KEEP_LOG=1  print the program's log of every test, not only of failed ones
//
// The folder rig has the benchmark that compares the program with other systems.
package swarmtest
