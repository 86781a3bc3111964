#!/usr/bin/python3
"""seeder.py JSON: libtorrent (Debian's python3-libtorrent, the engine of qBittorrent) seeds on loopback until its standard input closes.

JSON is one object:
  torrents  paths of .torrent files (none: the sessions are bare DHT nodes)
  save      the folder that has their content
  listen    ["127.0.0.2:51413", ...]: one session, so one peer ID, for each
  by_index  true: file i of a torrent is kept as SAVE/i, whatever the torrent calls it
  utp       true: uTP instead of TCP
  lie       true: claim to have every piece and never check what is sent
  dht       ["127.0.0.2:6881", ...]: run the DHT and start from these nodes ([] for the first node)

It prints one line {"ready": true} once every torrent seeds, and for each line "stats" on its input a line
{"sessions": [{"uploaded": payload bytes sent, "peers": n, "dht_nodes": n}, ...]}. It unchokes at once.
"""
import json
import sys
import time

import libtorrent as lt

SETTINGS = {
    'enable_lsd': False, 'enable_upnp': False, 'enable_natpmp': False,
    'enable_incoming_utp': False, 'enable_outgoing_utp': False,
    'unchoke_slots_limit': -1, 'allow_multiple_connections_per_ip': True, 'rate_limit_ip_overhead': False,
    'send_buffer_watermark': 4 << 20, 'send_buffer_watermark_factor': 150,
    'max_out_request_queue': 2000, 'max_allowed_in_request_queue': 4000, 'connection_speed': 200,
    'close_redundant_connections': True,
}
# A DHT in which every node has an address of 127.0.0.0/8: the rules against many nodes in one network would empty it.
LOOPBACK_DHT = {
    'dht_restrict_routing_ips': False, 'dht_restrict_search_ips': False, 'dht_enforce_node_id': False,
    'dht_prefer_verified_node_ids': False, 'dht_ignore_dark_internet': False, 'dht_announce_interval': 5,
}


def session(spec, listen):
    conf = dict(SETTINGS, listen_interfaces=listen, enable_dht='dht' in spec)
    if 'dht' in spec:
        conf.update(LOOPBACK_DHT, dht_bootstrap_nodes=','.join(n for n in spec['dht'] if n != listen))
    if spec.get('utp'):
        conf.update(enable_incoming_utp=True, enable_outgoing_utp=True, enable_incoming_tcp=False, enable_outgoing_tcp=False)
    if spec.get('lie'):
        conf['disable_hash_checks'] = True
    return lt.session(conf)


def add(ses, spec, path):
    p = lt.add_torrent_params()
    p.ti = lt.torrent_info(path)
    p.save_path = spec['save']
    p.flags = lt.torrent_flags.seed_mode
    if spec.get('by_index'):
        p.renamed_files = {i: str(i) for i in range(p.ti.num_files())}
    return ses.add_torrent(p)


def stats(ses):
    ses.pop_alerts()
    ses.post_session_stats()
    while True:
        ses.wait_for_alert(1000)
        for a in ses.pop_alerts():
            if isinstance(a, lt.session_stats_alert):
                v = a.values
                return {'uploaded': v['net.sent_payload_bytes'], 'peers': v['peer.num_peers_connected'], 'dht_nodes': v['dht.dht_nodes']}


def main():
    spec = json.loads(sys.argv[1])
    sessions = [session(spec, a) for a in spec['listen']]
    handles = [add(s, spec, t) for s in sessions for t in spec.get('torrents') or []]
    end = time.time() + 30
    while not all(h.status().is_seeding for h in handles):
        if time.time() > end:
            sys.exit('not seeding: ' + '; '.join(str(h.status().state) + ' ' + h.status().errc.message() for h in handles))
        time.sleep(0.02)
    print(json.dumps({'ready': True}), flush=True)
    for line in sys.stdin:
        if line.strip() == 'stats':
            print(json.dumps({'sessions': [stats(s) for s in sessions]}), flush=True)


main()
