#!/usr/bin/env python3
"""report.py FILE...: medians (and the range of the first-byte times) of what bench.py wrote; failed runs are counted, not averaged."""
import json
import statistics
import sys

FIGURES = ['ttfb_req', 'ttfb_start', 'mib_s', 'page_s', 'wire_x', 'MBps', 'waste_pct', 'rss_mb', 'cpu_s', 'cpu_s_per_gib', 'disk_mb', 'idle_rss_mb',
           'idle_cpu_pct', 'load']


def median(runs, key):
    return round(statistics.median(r[key] for r in runs), 3)


def main():
    rows = {}
    for name in sys.argv[1:]:
        with open(name) as f:
            for line in f:
                r = json.loads(line)
                rows.setdefault((r['link'], r['piece_kib'], r['scen'], r['sys']), []).append(r)
    for (link, piece, scen, system), runs in sorted(rows.items()):
        good = [r for r in runs if 'error' not in r and r.get('ok', True)]
        cells = ['%s %s %s, pieces of %d KiB: %d of %d' % (system, scen, link, piece, len(good), len(runs))]
        for key in FIGURES:
            have = [r for r in good if key in r]
            if have:
                cells.append('%s %s' % (key, median(have, key)))
            if have and key.startswith('ttfb'):
                cells[-1] += ' (%s-%s)' % (min(r[key] for r in have), max(r[key] for r in have))
        print(' | '.join(cells))


main()
