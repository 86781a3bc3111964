#!/usr/bin/env python3
"""bench.py DATADIR OUT.jsonl [options]: measures systems that stream a torrent over HTTP. README.md says how to run it."""
import argparse
import concurrent.futures
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import types

import client
import systems

HERE = os.path.dirname(os.path.abspath(__file__))
MIB = 1 << 20
PORT = 18000
TRACKER = 'http://127.0.0.1:6969/announce'
PLAY_RATE = 2.5e6  # bytes/s
PYTHON = '/usr/bin/python3'  # the one that has Debian's libtorrent


class Swarm:
    """Seeders, the wires to them and the tracker."""

    def __init__(self, opts, data, peers):
        self.procs, self.wires, self.left = [], None, []  # left: folders of systems that have run
        seeds = ['127.0.0.%d:51413' % (2 + i) for i in range(peers)]
        spec = {'torrents': [data.torrent], 'save': data.dir, 'listen': seeds}
        self.spawn([PYTHON, HERE + '/seeder.py', json.dumps(spec)])
        self.peers = seeds
        rate, delay = (25, 30) if peers > 1 else (opts.rate, opts.delay)
        self.rate = rate
        if peers > 1 or opts.link == 'wan':
            self.peers = ['127.0.1.%d:51413' % (2 + i) for i in range(peers)]
            pairs = ['%s=%s' % p for p in zip(self.peers, seeds)]
            self.wires = self.spawn([opts.wire, str(rate), str(delay)] + pairs)
        self.procs.append(subprocess.Popen([sys.executable, HERE + '/tracker.py'] + self.peers, stdin=subprocess.DEVNULL))
        wait_port('127.0.0.1', 6969, 30)

    def spawn(self, argv):
        """Starts a program that lives as long as its input and says in one line that it is ready."""
        p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.procs.append(p)
        if not p.stdout.readline():
            raise RuntimeError('%s did not start' % argv[0])
        return p

    def tell(self, line):
        self.wires.stdin.write(line + '\n')
        self.wires.stdin.flush()

    def received(self):
        """Bytes that came down all wires so far, or None without wires."""
        if not self.wires:
            return None
        self.tell('count')
        return sum(map(int, self.wires.stdout.readline().split()))

    def close(self):
        for p in self.procs:
            p.terminate()
            p.wait()


def wait_port(host, port, seconds):
    client.connect(host, port, time.time() + seconds).close()


def group(pgid):
    """The processes of a process group."""
    for p in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open('/proc/%s/stat' % p) as f:
                if int(f.read().rsplit(')', 1)[1].split()[2]) == pgid:
                    yield p
        except OSError:
            pass


def memory(pgid, field):
    """Sum of a field of /proc/PID/status over the group, in MB of 1024 kB: VmHWM is the peak, VmRSS now."""
    total = 0
    for p in group(pgid):
        try:
            with open('/proc/%s/status' % p) as f:
                total += next(int(line.split()[1]) for line in f if line.startswith(field + ':'))
        except (OSError, StopIteration):
            pass
    return round(total / 1024, 1)


def cpu(pgid):
    """CPU seconds of the group, from the scheduler's nanoseconds and, for threads that have ended, from the clock ticks."""
    fine = coarse = 0
    for p in group(pgid):
        try:
            with open('/proc/%s/stat' % p) as f:
                v = f.read().rsplit(')', 1)[1].split()
            coarse += (int(v[11]) + int(v[12])) / os.sysconf('SC_CLK_TCK')
            for t in os.listdir('/proc/%s/task' % p):
                with open('/proc/%s/task/%s/schedstat' % (p, t)) as f:
                    fine += int(f.read().split()[0]) / 1e9
        except OSError:
            pass
    return max(fine, coarse)


def disk_mb(folder):
    files = (os.path.join(d, f) for d, _, fs in os.walk(folder) for f in fs)
    return round(sum(os.lstat(f).st_blocks for f in files) * 512 / 1e6)


# The scenarios. Each gets the url, the deadline, the data set, the swarm and the moment the torrent was asked for, and returns figures.

def hash_(url, deadline, data, swarm, since):
    a = client.get_until(url, deadline, video=True)
    r = {'status': a.status, 'ttfb_req': time.time() - since}
    a.close()
    return r


def seek90(url, deadline, data, swarm, since):
    at = data.size * 9 // 10
    a = client.get_until(url, deadline, (at, at + MIB - 1), video=True)
    r = {'status': a.status, 'ttfb_req': time.time() - since}
    r['bytes'] = a.drain()
    r['mib_s'] = time.time() - since
    return r


def full(url, deadline, data, swarm, since):
    t = time.time()
    a = client.get_until(url, deadline)
    r = {'status': a.status, 'ttfb_req': time.time() - since}
    sha, n = hashlib.sha256(), 0
    for b in a.chunks():
        sha.update(b)
        n += len(b)
    took = time.time() - t
    r.update(bytes=n, read_s=took, MBps=n / took / 1e6, ok=sha.hexdigest() == data.sha)
    return r


def jump(url, deadline, data, swarm, since, at=()):
    """What a viewer does who drags the slider: 4 s from the start, then 1 MiB at 70 %."""
    client.play(url, deadline, 4, PLAY_RATE, at)
    off, t = data.size * 7 // 10, time.time()
    a = client.get_until(url, deadline, (off, off + MIB - 1), video=True)
    r = {'status': a.status, 'ttfb_req': time.time() - t}
    r['bytes'] = a.drain()
    r['mib_s'] = time.time() - t
    return r


def stall4(url, deadline, data, swarm, since):
    """jump, while one of four peers falls silent after 2 s; then the whole file, and what came over the wires for it."""
    r = jump(url, deadline, data, swarm, since, [(2, lambda: swarm.tell('silence 0'))])
    try:
        whole = full(url, deadline, data, swarm, since)
        r['ok'] = whole['ok']
        came = swarm.received() - swarm.before
        r['wire_mb'] = came / 1e6
        r['waste_pct'] = 100 * (came - data.size) / came
    finally:
        swarm.tell('speak 0')
    return r


def member_url(url, member):
    path, query = url.split('?')
    return '%s/%s?%s' % (path, member, query)


def member(url, deadline, data, swarm, since):
    """A stored member from the middle of a zip of which nothing is here yet."""
    a = client.get_until(member_url(url, 'other/100.bin'), deadline)
    r = {'status': a.status, 'ttfb_req': time.time() - since}
    a.close()
    return r


def warm(url, deadline, data, swarm, since):
    """The same when a first member, elsewhere, has been asked for: the torrent is open and the list of members known."""
    client.get_until(member_url(url, 'other/020.bin'), deadline).close()
    return member(url, deadline, data, swarm, time.time())


def gallery(url, deadline, data, swarm, since):
    """A page with the 50 pictures of the zip, six at a time as a browser has connections. wire_x: how much longer it took than
    their bytes need on the wire alone."""
    with open(data.dir + '/members.json') as f:
        sums = json.load(f)
    names = ['p/%02d.jpg' % i for i in range(50)]

    def fetch(name):
        sha, n = hashlib.sha256(), 0
        for b in client.get_until(member_url(url, name), deadline).chunks():
            sha.update(b)
            n += len(b)
        return n, sha.hexdigest() == sums[name]

    t = time.time()
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        got = list(pool.map(fetch, names))
    took, n = time.time() - t, sum(g[0] for g in got)
    return {'status': 200, 'bytes': n, 'ok': all(g[1] for g in got), 'page_s': took, 'wire_x': took / (n * 8 / (swarm.rate * 1e6))}


SCENARIOS = {'hash': hash_, 'seek90': seek90, 'full': full, 'jump': jump, 'stall4': stall4, 'member': member, 'member-hash': member, 'member-warm': warm,
             'gallery': gallery}


def idle(proc):
    """After a minute with nothing to do: memory, and CPU over another minute."""
    time.sleep(60)
    c, t = cpu(proc.pid), time.time()
    time.sleep(60)
    return {'idle_rss_mb': memory(proc.pid, 'VmRSS'), 'idle_cpu_pct': 100 * (cpu(proc.pid) - c) / (time.time() - t)}


def one(opts, data, swarm, key, scen, run):
    """One measurement: a fresh process, an empty folder."""
    system = systems.ALL[key]
    folder = tempfile.mkdtemp(prefix='rig-%s-' % key)
    c = types.SimpleNamespace(by='hash' if scen.endswith('hash') else 'torrent', hash=data.hash, file=data.file, torrent=data.torrent, dir=folder,
                              peers=swarm.peers, tracker=TRACKER, port=PORT, dht=scen == 'idle')
    r = {'sys': key, 'scen': scen, 'link': 'wan4' if scen == 'stall4' else opts.link, 'piece_kib': data.piece >> 10, 'run': run,
         'load': os.getloadavg()[0]}
    env = dict(os.environ, HOME=folder, TMPDIR=folder)
    swarm.before = swarm.received()
    start = time.time()
    deadline = start + opts.limit
    with open(opts.log, 'ab') as log:
        proc = subprocess.Popen(system.argv(c), cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                start_new_session=True)
    try:
        wait_port('127.0.0.1', PORT, opts.limit)
        r['port_s'] = time.time() - start
        if scen == 'idle':
            r.update(idle(proc))
            return r
        if not system.at_start:
            system.add(c)
        asked = time.time()
        r.update(SCENARIOS[scen](system.url(c), deadline, data, swarm, asked))
        if scen in ('hash', 'full', 'member-hash'):
            r['ttfb_start'] = asked - start + r['ttfb_req']
        r['disk_mb'] = disk_mb(folder)
    except (OSError, RuntimeError) as e:
        r['error'] = '%s: %s' % (type(e).__name__, e)
    finally:
        r['rss_mb'], r['cpu_s'] = memory(proc.pid, 'VmHWM'), cpu(proc.pid)
        if scen == 'full' and r.get('bytes'):
            r['cpu_s_per_gib'] = r['cpu_s'] / r['bytes'] * 2**30
        os.killpg(proc.pid, signal.SIGKILL)
        proc.wait()
        swarm.left.append(folder)  # ext4 makes files ten times slower for minutes after many were deleted
    return r


def rounded(r):
    return {k: round(v, 3) if isinstance(v, float) else v for k, v in r.items()}


def options():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument('data', help='a folder that mkdata.py filled')
    ap.add_argument('out', help='results are appended, one JSON object a line')
    ap.add_argument('--sys', default='up2p,libtorrent', help='of ' + ', '.join(systems.ALL))
    ap.add_argument('--scen', default='full,hash,seek90', help='of ' + ', '.join(SCENARIOS) + ', idle')
    ap.add_argument('--runs', type=int, default=3)
    ap.add_argument('--link', default='fast', choices=['fast', 'wan'])
    ap.add_argument('--rate', type=float, default=50, help='wan: Mbit/s')
    ap.add_argument('--delay', type=float, default=20, help='wan: one way, ms')
    ap.add_argument('--limit', type=float, default=120, help='seconds a measurement may take')
    ap.add_argument('--wire', default=os.path.join(HERE, 'wire.bin'), help='the built rig/wire, for wan and stall4')
    ap.add_argument('--log', default=os.devnull, help='what the systems print is appended here')
    return ap.parse_args()


def read_data(folder):
    with open(folder + '/video.meta') as f:
        ih, size, sha, piece, file = f.read().split()
    return types.SimpleNamespace(dir=os.path.abspath(folder), torrent=os.path.abspath(folder) + '/video.torrent', hash=ih, size=int(size),
                                 sha=sha, piece=int(piece), file=file)


def main():
    opts = options()
    opts.log, opts.out = os.path.abspath(opts.log), os.path.abspath(opts.out)
    data = read_data(opts.data)
    scens = opts.scen.split(',')
    for peers, wanted in ((1, [s for s in scens if s != 'stall4']), (4, [s for s in scens if s == 'stall4'])):
        if not wanted:
            continue
        swarm = Swarm(opts, data, peers)
        try:
            for run in range(opts.runs):
                for scen in wanted:
                    for key in opts.sys.split(','):
                        line = json.dumps(rounded(one(opts, data, swarm, key, scen, run)))
                        print(line, flush=True)
                        with open(opts.out, 'a') as f:
                            f.write(line + '\n')
        finally:
            swarm.close()
            for folder in swarm.left:
                shutil.rmtree(folder, ignore_errors=True)


with open('/proc/net/route') as routes:
    if len(routes.readlines()) > 1:
        sys.exit('bench.py: run me inside "unshare -n": this network has a way out')
subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
main()
