'use strict';
(() => {
const $ = id => document.getElementById(id);
const words = JSON.parse($('words').textContent);
const lang = document.documentElement.lang;
const t = (name, values = {}) => (words[name] ?? name).replace(/\{(\w+)\}/g, (all, key) => values[key] ?? all);

// Figures for people.
const number = (n, o) => new Intl.NumberFormat(lang, o).format(n);
const percent = part => number(part, { style: 'percent', maximumFractionDigits: 0 });
const size = bytes => {
	const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
	let i = 0;
	for (; bytes >= 1000 && i < units.length - 1; i++) bytes /= 1024;
	return number(bytes, { maximumFractionDigits: i && bytes < 99.95 ? 1 : 0 }) + ' ' + units[i];
};
const ago = time => {
	let n = (new Date(time) - Date.now()) / 1000;
	if (!(n > -1e9)) return '–';
	const format = new Intl.RelativeTimeFormat(lang, { numeric: 'auto' });
	for (const [unit, many] of [['second', 60], ['minute', 60], ['hour', 24], ['day', 30], ['month', 12], ['year', 1e9]]) {
		if (Math.abs(n) < many) return format.format(Math.trunc(n), unit);
		n /= many;
	}
};

// Elements. Whatever comes from elsewhere becomes text or an attribute of this list, and never markup.
const make = (tag, attributes = {}, ...children) => {
	const e = document.createElement(tag);
	for (const [key, value] of Object.entries(attributes)) {
		if (key === 'on') e.addEventListener('click', value);
		else if (key === 'class') e.className = value;
		else if (value !== null && value !== false) e.setAttribute(key, value === true ? '' : value);
	}
	e.append(...children);
	return e;
};
const set = (e, text) => { if (e.textContent !== text) e.textContent = text; };
const button = (word, label, act, more = {}) => make('button', { type: 'button', 'aria-label': label, on: act, ...more }, t(word));
// opener is a link to content. It says where it is from, or the user would be taken for a page that says nothing.
const opener = name => make('a', { class: name, target: '_blank', rel: 'noopener', referrerpolicy: 'origin' });
// fill makes the children of parent those of items. What is there already is only brought up to date, so that the focus stays.
const fill = (parent, items, key, create, update) => {
	const old = new Map([...parent.children].map(e => [e.key, e]));
	let at = parent.firstElementChild;
	for (const item of items) {
		const k = key(item);
		let e = old.get(k);
		old.delete(k);
		if (!e) { e = create(item); e.key = k; }
		e.item = item;
		update(e, item);
		if (e === at) at = at.nextElementSibling;
		else parent.insertBefore(e, at);
	}
	for (const e of old.values()) e.remove();
};

// Talking to the program.
let bearer = localStorage.getItem('bearer');
const refused = Symbol('refused');
const send = (path, method, body) => fetch(path, {
	method, body, cache: 'no-store', headers: bearer ? { Authorization: 'Bearer ' + bearer } : {},
});
const call = async (path, body) => {
	const answer = await send('/api/v0/' + path, body ? 'POST' : 'GET', body && JSON.stringify(body));
	const value = await answer.json();
	if (answer.status === 401 && path !== 'login') { out(); throw refused; }
	if (!answer.ok) throw new Error(value.error);
	return value;
};
let silence;
const say = text => {
	set($('said'), text);
	clearTimeout(silence);
	silence = setTimeout(() => set($('said'), ''), 6000);
};
const attempt = async f => {
	try { return await f(); } catch (e) {
		if (e !== refused) say(e instanceof TypeError ? t('offline') : e.message);
	}
};
const ask = text => new Promise(done => {
	const d = $('ask');
	set($('ask-text'), text);
	d.returnValue = 'no';
	d.onclose = () => done(d.returnValue === 'yes');
	d.showModal();
});
const change = (path, body, text) => attempt(async () => {
	const value = await call(path, body);
	if ('freed' in value) say(t('freed', { size: size(value.freed) }));
	else if (text) say(text);
	overview(await call('overview'));
	return value;
});

// Logging in and out.
const show = id => { for (const part of ['login', 'page']) $(part).hidden = part !== id; $('logout').hidden = id !== 'page'; if (id !== 'page') $('pause').hidden = true; };
const out = () => {
	bearer = null;
	localStorage.removeItem('bearer');
	stop();
	show('login');
	$('authors').open = false;
};
const enter = async () => {
	const key = location.hash.startsWith('#k=') ? location.hash.slice(3) : '';
	if (key) history.replaceState(null, '', location.pathname + location.search); // it is of no use to anybody any more
	if (!key && !bearer) return out();
	try {
		bearer = (await call('login', { key })).bearer;
	} catch (e) {
		if (e instanceof TypeError) { show('page'); start(); return; } // it does not answer yet
		if (!key || !bearer) { $('used').hidden = !key; return out(); }
		return enter(); // the key is no good, what we had may be
	}
	localStorage.setItem('bearer', bearer);
	inside();
};
const inside = () => {
	$('used').hidden = true;
	show('page');
	start();
	attempt(settings);
};
$('logout').onclick = async () => {
	if (await ask(t('logout.sure'))) await attempt(async () => { await call('logout', {}); out(); });
};
addEventListener('hashchange', () => { if (location.hash.startsWith('#k=')) enter(); });
addEventListener('storage', e => { if (e.key === 'bearer' && e.newValue) { bearer = e.newValue; if ($('page').hidden) inside(); } });
$('language').onchange = e => {
	localStorage.setItem('language', e.target.value);
	location.assign('/?lang=' + e.target.value);
};

// What happens, as events. A page that nobody sees asks for none.
let watching;
const stop = () => { watching?.abort(); watching = null; };
const start = () => { if (bearer && !document.hidden && !watching) watch(watching = new AbortController()); };
const watch = async control => {
	for (let wait = 500; !control.signal.aborted; wait = Math.min(2 * wait, 8000)) {
		try {
			const answer = await fetch('/api/v0/events', { headers: { Authorization: 'Bearer ' + bearer }, signal: control.signal, cache: 'no-store' });
			if (answer.status === 401) return out();
			if (answer.ok) {
				$('offline').hidden = true;
				wait = 250;
				let text = '';
				for await (const part of chunks(answer.body.pipeThrough(new TextDecoderStream()))) {
					const events = (text + part).split('\n\n');
					text = events.pop();
					events.forEach(happen);
				}
			}
		} catch (e) { if (!(e instanceof TypeError) && e.name !== 'AbortError') console.error(e); }
		if (control.signal.aborted) return;
		$('offline').hidden = false;
		await new Promise(done => setTimeout(done, wait));
	}
};
async function* chunks(stream) {
	const reader = stream.getReader();
	for (;;) {
		const { done, value } = await reader.read();
		if (done) return;
		yield value;
	}
}
const happen = text => {
	const [, kind, data] = /^event: (\w+)\ndata: (.*)$/s.exec(text) ?? [];
	if (kind === 'now') now(JSON.parse(data));
	if (kind === 'overview') overview(JSON.parse(data));
};
document.addEventListener('visibilitychange', () => document.hidden ? stop() : start());
addEventListener('pagehide', stop);
addEventListener('pageshow', start);

// Names.
const protocolName = name => ({ bittorrent: 'BitTorrent', ipfs: 'IPFS', archive: t('unpacked') })[name] ?? name;
const rootName = r => r.name || r.root;
const siteName = (site, kind) => kind === 'direct' || site === 'opened directly' ? t('site.direct')
	: kind === 'unknown' || site === 'unknown site' ? t('site.unknown')
	: site.startsWith('program ') ? t('site.program', { name: site.slice(8) }) : site;

// Now.
const svg = (tag, attributes, ...children) => {
	const e = document.createElementNS('http://www.w3.org/2000/svg', tag);
	for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
	e.append(...children);
	return e;
};
const haveBar = (bar, a) => {
	const have = Uint8Array.from(atob(a.have ?? ''), c => c.charCodeAt(0));
	let sum = 0;
	const parts = [];
	for (let i = 0, j; i < have.length; i = j) { // one rectangle for a run of the same
		for (j = i; j < have.length && have[j] === have[i]; j++) sum += have[j];
		if (have[i]) parts.push(svg('rect', { x: i / have.length, width: (j - i) / have.length, y: 0, height: 1, opacity: .25 + .75 * have[i] / 255 }));
	}
	for (const at of a.reading ?? []) parts.push(svg('line', { x1: at, x2: at, y1: 0, y2: 1 }));
	bar.replaceChildren(...parts);
	bar.setAttribute('aria-label', t('now.have', { percent: percent(have.length ? sum / have.length / 255 : 0), size: size(a.size) }));
};
const now = n => {
	$('paused').hidden = !n.paused;
	$('pause').hidden = n.paused;
	set($('streams'), n.active.length || n.streams ? t('now.streams', { n: number(n.streams) }) : t('now.none'));
	fill($('now'), n.active, a => a.protocol + '/' + a.root, () => make('li', {},
		opener('name'),
		svg('svg', { class: 'have', viewBox: '0 0 1 1', preserveAspectRatio: 'none', role: 'img' }),
		make('p', { class: 'what' }, ...Array.from({ length: 5 }, () => make('span')))), (e, a) => {
		const [name, bar, what] = e.children;
		set(name, rootName(a));
		name.href = a.play;
		bar.toggleAttribute('hidden', !a.found);
		if (a.found) haveBar(bar, a);
		const figures = [a.found ? bar.getAttribute('aria-label') : t('now.search'), t('now.down', { speed: size(a.down) }), t('now.up', { speed: size(a.up) }),
			t('now.peers', { n: number(a.peers), known: number(a.known) }), a.readers ? t('now.readers', { n: number(a.readers) }) : ''];
		figures.forEach((text, i) => set(what.children[i], text));
	});
};

for (const [name, paused] of [['pause', true], ['resume', false]]) $(name).onclick = () => change('pause', { paused });

// The overview.
let last;
const overview = o => {
	last = o;
	set($('version'), 'Universal P2P ' + o.version);
	$('problems').hidden = !o.problems.length;
	fill($('problems').querySelector('ul'), o.problems, p => p.text, () => make('li', { class: 'warn' }), (e, p) => {
		const values = Object.fromEntries(Object.entries(p.values ?? {}).map(([k, v]) => [k, typeof v === 'number' ? size(v) : v]));
		set(e, words['problem.' + p.id] ? t('problem.' + p.id, values) : p.text);
	});
	disk(o);
	picture();
	roots(o);
	sites(o);
};
const disk = o => {
	const usage = t('disk.used', { used: size(o.used), quota: size(o.quota) }), other = Math.max(o.used - o.kept, 0);
	set($('used-of'), usage);
	set($('n-kept'), size(o.kept));
	set($('n-other'), size(other));
	set($('n-left'), size(Math.max(o.quota - o.used, 0)));
	set($('n-free'), o.free < 0 ? '' : t('disk.free', { free: size(o.free) }));
	const bar = $('disk'), whole = Math.max(o.quota, o.used, 1);
	bar.setAttribute('aria-label', usage + ', ' + t('disk.kept') + ': ' + size(o.kept));
	if (!bar.children.length) bar.append(make('div', { class: 'kept' }), make('div', { class: 'other' }));
	[o.kept, other].forEach((n, i) => { bar.children[i].style.width = 100 * n / whole + '%'; });
};

// The picture: a squarified treemap (Bruls, Huizing, van Wijk 2000) of what takes the space.
const shares = by => {
	const sums = new Map();
	const add = (name, n, colour) => { const s = sums.get(name) ?? { name, colour, n: 0 }; s.n += n; sums.set(name, s); };
	for (const r of last.roots) {
		if (by === 'protocol') add(protocolName(r.protocol), r.bytes, protocolName(r.protocol));
		else if (by === 'item') add(rootName(r), r.bytes, r.sites?.[0] ?? r.protocol);
		else if (r.sites) for (const s of r.sites) add(siteName(s), r.bytes / r.sites.length, s);
		else add(t('nobody'), r.bytes, '');
	}
	if (last.more_bytes) add(t('others'), last.more_bytes, '');
	const all = [...sums.values()].filter(s => s.n > 0).sort((a, b) => b.n - a.n);
	const rest = all.splice(40);
	const others = all.find(s => s.name === t('others')), n = rest.reduce((sum, s) => sum + s.n, 0);
	if (others) others.n += n; // a name has one place
	else if (n) all.push({ name: t('others'), colour: '', n });
	return all.sort((a, b) => b.n - a.n);
};
const squarify = (list, x, y, w, h) => {
	const out = [], total = list.reduce((sum, s) => sum + s.n, 0), scale = w * h / total;
	let rest = list.map(s => ({ ...s, area: s.n * scale }));
	const worst = (row, side) => {
		const sum = row.reduce((a, s) => a + s.area, 0);
		return Math.max(...row.map(s => Math.max(side * side * s.area / sum ** 2, sum ** 2 / (side * side * s.area))));
	};
	while (rest.length) {
		const side = Math.min(w, h);
		let n = 1;
		while (n < rest.length && worst(rest.slice(0, n + 1), side) <= worst(rest.slice(0, n), side)) n++;
		const row = rest.slice(0, n), depth = row.reduce((a, s) => a + s.area, 0) / side;
		let at = 0;
		for (const s of row) {
			const length = s.area / depth;
			out.push(w >= h ? { ...s, x, y: y + at, w: depth, h: length } : { ...s, x: x + at, y, w: length, h: depth });
			at += length;
		}
		if (w >= h) { x += depth; w -= depth; } else { y += depth; h -= depth; }
		rest = rest.slice(n);
	}
	return out;
};
const colour = text => 'c' + [...text].reduce((sum, c) => (sum * 31 + c.codePointAt(0)) % 9973, 7) % 8;
const picture = () => {
	if (!last) return;
	const box = $('picture'), list = shares(document.querySelector('input[name=by]:checked').value);
	const w = box.clientWidth || 1000, h = box.clientHeight || 270, total = list.reduce((sum, s) => sum + s.n, 0);
	fill(box, total ? squarify(list, 0, 0, w, h) : [], s => s.name, () => make('div'), (e, s) => {
		for (const [key, value] of [['left', s.x / w], ['top', s.y / h], ['width', s.w / w], ['height', s.h / h]]) e.style[key] = 100 * value + '%';
		e.className = colour(s.colour);
		e.title = s.name + ' · ' + size(s.n) + ' · ' + percent(s.n / total);
		set(e, s.w > 60 && s.h > 24 ? s.name + ' · ' + size(s.n) : '');
	});
	$('space-none').hidden = total > 0;
};
document.querySelectorAll('input[name=by]').forEach(e => { e.onchange = picture; });
addEventListener('resize', picture);

const cell = col => make('td', { 'data-col': t(col) });
const roots = o => {
	const named = r => ({ protocol: r.protocol, root: r.root });
	$('roots').hidden = !o.roots.length;
	fill($('roots').tBodies[0], o.roots, r => r.protocol + '/' + r.root, () => {
		const row = make('tr', {}, make('td', {}, opener(''), make('span', { class: 'note' })),
			cell('col.size'), cell('col.used'), cell('col.site'));
		const name = () => rootName(row.item);
		row.append(make('td', {}, make('div', { class: 'tools' },
			button('keep', '', () => change('keep', { ...named(row.item), keep: !row.item.kept })),
			button('remove', '', async () => { if (await ask(t('remove.sure', { name: name() }))) change('recycle/root', named(row.item)); }),
			button('block', '', async () => { if (await ask(t('block.sure', { name: name() }))) change('rule', { protocol: row.item.served, root: row.item.root, rule: 'block' }); }))));
		return row;
	}, (row, r) => {
		const [link, note] = row.cells[0].children, [keep, remove, block] = row.cells[4].firstChild.children, name = rootName(r);
		set(link, name);
		if (r.play) link.href = r.play;
		set(note, protocolName(r.protocol) + (r.in_use ? ' · ' + t('inuse') : ''));
		set(row.cells[1], r.size > r.bytes ? t('of', { here: size(r.bytes), size: size(r.size) }) : size(r.bytes));
		set(row.cells[2], ago(r.last_access));
		set(row.cells[3], (r.sites ?? []).map(s => siteName(s)).join(', ') || t('nobody'));
		keep.setAttribute('aria-pressed', r.kept);
		keep.setAttribute('aria-label', t('keep.name', { name }));
		remove.setAttribute('aria-label', t('remove.name', { name }));
		block.setAttribute('aria-label', t('block.name', { name }));
		block.hidden = !r.served;
	});
	$('space-more').hidden = !o.more;
	set($('space-more'), t('space.more', { n: number(o.more), size: size(o.more_bytes) }));
	$('blocked').hidden = !o.blocked.length;
	fill($('blocked').querySelector('ul'), o.blocked, r => r.protocol + '/' + r.root, () => {
		const e = make('li', {}, make('span'), ' ', button('unblock', '', () => change('rule', { protocol: e.item.protocol, root: e.item.root, rule: 'default' })));
		return e;
	}, (e, r) => {
		set(e.firstChild, rootName(r));
		e.lastChild.setAttribute('aria-label', t('unblock') + ': ' + rootName(r));
	});
};
document.querySelectorAll('[data-unused]').forEach(e => { e.onclick = () => change('recycle', { unused_for: e.dataset.unused }); });
$('recycle-all').onclick = async () => { if (await ask(t('recycle.sure'))) change('recycle', { all: true }); };

// Sites.
const sites = o => {
	$('sites-none').hidden = o.sites.length > 0;
	$('sites').hidden = $('forget-all').hidden = !o.sites.length;
	fill($('sites').tBodies[0], o.sites, s => s.site, () => {
		const row = make('tr', {}, make('td', {}, make('span'), make('span', { class: 'note warn' })),
			cell('col.held'), cell('col.sent'), cell('col.used'), cell('col.rule'));
		const site = () => ({ site: row.item.site }), name = () => siteName(row.item.site, row.item.kind);
		const rule = make('select', {}, ...['default', 'allow', 'block'].map(r => make('option', { value: r }, t('rule.' + r))));
		rule.onchange = () => change('rule', { ...site(), rule: rule.value }, t('settings.saved'));
		row.cells[4].append(rule);
		row.append(make('td', {}, make('div', { class: 'tools' }, button('history', '', () => visits(row.item)),
			button('recycle', '', () => change('recycle/site', site())),
			button('forget', '', async () => { if (await ask(t('forget.sure', { name: name() }))) change('forget', site()); }))));
		return row;
	}, (row, s) => {
		const name = siteName(s.site, s.kind), [history, recycle, forget] = row.cells[5].firstChild.children;
		set(row.cells[0].firstChild, name);
		set(row.cells[0].lastChild, s.asking ? t('site.asking') : s.overlay ? t('site.overlay') : '');
		set(row.cells[1], size(s.held));
		set(row.cells[2], size(s.sent));
		set(row.cells[3], ago(s.last));
		const rule = row.cells[4].firstChild;
		if (document.activeElement !== rule) rule.value = s.rule;
		rule.setAttribute('aria-label', t('rule.name', { name }));
		history.setAttribute('aria-label', t('history.name', { name }));
		recycle.setAttribute('aria-label', t('site.recycle', { name }));
		forget.setAttribute('aria-label', t('forget.name', { name }));
	});
};
const visits = s => attempt(async () => {
	const { used } = await call('history?site=' + encodeURIComponent(s.site));
	const list = used.flatMap(r => (r.files.length ? r.files : [{ ...r, path: '' }]).map(f => ({ ...f, of: rootName(r) })));
	set($('history-name'), t('history.name', { name: siteName(s.site, s.kind) }));
	$('history').querySelector('ul').replaceChildren(...list.slice(0, 500).map(f => make('li', {}, f.of + (f.path ? ' / ' + f.path : ''),
		make('span', { class: 'note' }, ago(f.last) + ' · ' + size(f.sent)))), ...list.length ? [] : [make('li', {}, t('history.none'))]);
	$('history').showModal();
});
$('forget-all').onclick = async () => { if (await ask(t('forget.all.sure'))) change('forget', { all: true }); };

// Paste a link, drop a .torrent.
let looking;
const look = text => attempt(async () => {
	looking?.abort();
	const found = await call('link', { text });
	$('found').hidden = false;
	set($('found-name'), found.name || found.root);
	$('found-play').href = found.play;
	code(found.stream, '');
	set($('found-files'), t('add.searching'));
	looking = new AbortController();
	files(found, looking.signal);
});
const code = (url, type) => {
	const kind = type.split('/')[0], quoted = url.replace(/&/g, '&amp;').replace(/"/g, '&quot;');
	$('found-url').value = url;
	$('found-code').value = kind === 'image' ? `<img crossorigin="anonymous" src="${quoted}" alt="">`
		: kind === 'audio' ? `<audio controls crossorigin="anonymous" src="${quoted}"></audio>`
		: kind === 'video' || !type ? `<video controls crossorigin="anonymous" src="${quoted}"></video>`
		: `<a href="${quoted}">${new URL(url).pathname.split('/').pop()}</a>`;
};
const files = async (found, signal) => {
	try {
		const answer = await fetch(found.files, { signal });
		if (!answer.ok) throw new Error(await answer.text());
		const { name, files: list } = await answer.json();
		if (name) set($('found-name'), name);
		set($('found-files'), t('add.files', { n: number(list.length) }));
		if (found.path === '') {
			const biggest = list.reduce((a, b) => a && a.size >= b.size ? a : b, null);
			if (biggest) code(biggest.url, biggest.type);
		} else {
			const one = list.find(f => decodeURIComponent(f.path) === found.path || f.path === found.path);
			if (one) code(found.stream, one.type);
		}
	} catch (e) { if (e.name !== 'AbortError') set($('found-files'), t('add.nobody')); }
};
$('add').onsubmit = e => { e.preventDefault(); look($('link').value); };
const upload = file => attempt(async () => {
	let error;
	for (const path of last?.uploads ?? []) {
		const answer = await send(path, 'POST', file), value = await answer.json();
		if (answer.ok) return look(location.origin + path.replace(/torrent$/, 'stream/') + value.root);
		error ??= new Error(value.error);
	}
	if (error) throw error;
});
$('pick').onclick = () => $('file').click();
$('file').onchange = e => { if (e.target.files[0]) upload(e.target.files[0]); e.target.value = ''; };
const dropping = on => document.body.classList.toggle('dropping', on);
addEventListener('dragover', e => { e.preventDefault(); dropping(true); });
addEventListener('dragleave', e => { if (!e.relatedTarget) dropping(false); });
addEventListener('drop', e => {
	e.preventDefault();
	dropping(false);
	if (!bearer) return;
	const [file] = e.dataTransfer.files, text = e.dataTransfer.getData('text/uri-list') || e.dataTransfer.getData('text');
	if (file) upload(file);
	else if (text) look(text.trim());
});
document.querySelectorAll('[data-copy]').forEach(e => {
	e.onclick = async () => {
		const field = $(e.dataset.copy);
		field.select();
		await attempt(() => navigator.clipboard.writeText(field.value));
		say(t('copied'));
	};
});

// Settings.
const main = ['quota', 'reserve', 'unused_days', 'bittorrent.upload_rate', 'upload', 'ask_new_sites', 'notifications'];
const settings = async () => draw((await call('settings')).settings);
const draw = list => {
	set($('settings-file'), list[0]?.file ? t('settings.file', { file: list[0].file }) : '');
	const order = s => main.indexOf(s.name);
	for (const [form, mine] of [['settings', list.filter(s => order(s) >= 0).sort((a, b) => order(a) - order(b))], ['settings-more', list.filter(s => order(s) < 0)]]) {
		fill($(form), mine, s => s.name, field, (e, s) => {
			const input = e.input;
			if (document.activeElement !== input) input.type === 'checkbox' ? input.checked = s.value === 'true' : input.value = s.value;
			set(e.note, s.pending ? t('settings.later') : '');
			input.disabled = !s.file;
		});
	}
};
const field = s => {
	const label = words['set.' + s.name] ?? s.help;
	const input = s.kind === 'choice' ? make('select', { class: 'field' }, ...s.choices.map(c => make('option', { value: c }, c)))
		: s.kind === 'list' ? make('textarea', { spellcheck: 'false' })
		: make('input', { type: { bool: 'checkbox', number: 'number' }[s.kind] ?? 'text', spellcheck: 'false', autocomplete: 'off' });
	input.name = s.name;
	const note = make('span', { class: 'note' });
	const e = s.kind === 'bool' ? make('label', { class: 'check' }, input, make('span', {}, label, note)) : make('label', {}, label, input, note);
	e.input = input;
	e.note = note;
	input.onchange = () => attempt(async () => {
		const value = s.kind === 'bool' ? String(input.checked) : input.value;
		try {
			input.removeAttribute('aria-invalid');
			draw((await call('settings', { name: s.name, value })).settings);
			say(t('settings.saved'));
			overview(await call('overview'));
		} catch (error) {
			if (error !== refused) input.setAttribute('aria-invalid', 'true');
			throw error;
		}
	});
	return e;
};
for (const form of ['settings', 'settings-more']) $(form).onsubmit = e => e.preventDefault();

// The language that was chosen here before, and then in.
const wish = localStorage.getItem('language'), query = new URLSearchParams(location.search);
if (wish && wish !== lang && !query.has('lang') && [...$('language').options].some(o => o.value === wish)) {
	query.set('lang', wish);
	location.replace('/?' + query + location.hash);
} else enter().then(() => { if (query.has('about')) $('about').scrollIntoView(); });
})();
