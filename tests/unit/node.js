#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0
//
// The module for Node on an image: what is found is compared with brute force over what was put there.  TAP.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFileSync, spawnSync } = require('node:child_process');
const { inspect } = require('node:util');
const { test, done, refusal } = require('./tap.js');

const top = path.join(__dirname, '../..');
const vexfs = require(path.join(top, 'ctl/node'));
const script = path.join(top, 'ctl/node/search.js');
const { search } = require(script);
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'vexfs-node-'));
const DIMS = 8, WORDS = ['red', 'green', 'blue', null];
let seed = 5;

process.chdir(work);

function random() {
	seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
	return Math.fround(seed / 0x40000000 - 1);
}

const vector = (dims = DIMS) => Array.from({ length: dims }, random);
const l2 = (a, b) => a.reduce((sum, x, i) => sum + (x - b[i]) ** 2, 0);

function nearest(records, query, k, good = () => true) {
	return records.filter(good).map((r) => [l2(r.vector, query), r.id]).sort((a, b) => a[0] - b[0]).slice(0, k);
}

function same(hits, want) {
	return hits.length === want.length && hits.every((h, i) => h.id === want[i][1] && Math.abs(h.distance - want[i][0]) < 1e-5);
}

async function wrong(promise, kind = null) {
	const error = await refusal(promise);

	return kind ? error?.code === kind && error.errno === -os.constants.errno[kind] :
		error instanceof TypeError || error instanceof RangeError;
}

async function records() {
	const image = await vexfs.attach('x.img', { create: true, size: '64M' });
	const c = await image.create('c', { dims: DIMS, attrs: { n: 'int', word: 'keyword' } });
	const all = Array.from({ length: 500 }, (_, i) => ({ id: 3 * i, key: i % 2 ? `key-${i}` : undefined, vector: vector(),
		attrs: { n: i - 100, word: WORDS[i % 4] } }));

	test('a collection', c.dims === DIMS && c.metric === 'l2' && await c.count() === 0 &&
		JSON.stringify(c.attrs) === '[{"name":"n","type":"int"},{"name":"word","type":"keyword"}]', c.attrs);
	const ids = await c.insert(all.map((r) => r.vector), { ids: all.map((r) => r.id), keys: all.map((r) => r.key),
		attrs: all.map((r) => r.attrs) });

	test('insert', ids.length === 500 && ids.every((id, i) => id === all[i].id) && await c.count() === 500, ids.slice(0, 5));
	const query = vector();

	test('search', same(await c.search(query, { k: 7 }), nearest(all, query, 7)));
	test('of a Float32Array', same(await c.search(new Float32Array(query), { k: 7, exact: true }), nearest(all, query, 7)));
	const queries = [vector(), vector(), vector()];
	const flat = new Float32Array(queries.flat());

	for (const given of [queries, queries.map((q) => new Float32Array(q)), flat]) {
		const found = await c.search(given, { k: 4 });

		test('several', found.length === 3 && found.every((h, i) => same(h, nearest(all, queries[i], 4))), found);
	}
	test('none', (await c.search([])).length === 0 && (await c.insert([])).length === 0);
	for (const [where, good] of [["word = 'red' and n >= 0", (r) => r.attrs.word === 'red' && r.attrs.n >= 0],
		['word is null', (r) => r.attrs.word === null], ["word in ('blue', 'none')", (r) => r.attrs.word === 'blue'],
		["word = 'none'", () => false]])
		test(where, same(await c.search(query, { k: 5, where }), nearest(all, query, 5, good)));
	const found = await c.search(query, { k: 3 });

	test('what it cost', found.truncated.length === 0 && found.visited === 500 && found.scored > 0 && found.strategy === 'exact',
		found);
	test('within a distance', same(await c.search(query, { k: 1000, radius: nearest(all, query, 50)[49][0] + 1e-6, exact: true }),
		nearest(all, query, 50)));
	test('similar', same(await c.similar(30, { k: 3 }), nearest(all, all[10].vector, 3)) &&
		same(await c.similar({ key: 'key-11' }, { k: 3 }), nearest(all, all[11].vector, 3)) &&
		same(await c.similar({ id: 33n }, { k: 3 }), nearest(all, all[11].vector, 3)));
	const r = await c.get({ key: 'key-7' });

	test('get', r.id === 21 && r.key === 'key-7' && JSON.stringify(r.attrs) === '{"n":-93,"word":null}' &&
		r.vector instanceof Float32Array && r.vector.every((x, i) => x === all[7].vector[i]), r);
	test('by id', (await c.get(18)).attrs.word === 'blue' && (await c.get(18)).key === undefined && (await c.get('18')).id === 18);
	test('what is not there', await c.get(1) === undefined && await c.get({ key: 'x' }) === undefined);
	const seen = [];

	for await (const record of c)
		seen.push(record);
	test('all of them', seen.length === 500 && seen.every((s, i) => s.id === all[i].id && s.key === all[i].key &&
		s.attrs.n === all[i].attrs.n && s.attrs.word === all[i].attrs.word && s.vector === undefined), seen[1]);
	let good = true, at = 0;

	for await (const record of c.records({ vectors: true }))
		good = good && record.vector.every((x, i) => x === all[at].vector[i]) && ++at;
	test('with vectors', good && at === 500);

	const error = await refusal(c.insert([vector(), vector()], { ids: [10000, 9] }));

	test('an id that is taken', error.code === 'EEXIST' && error.index === 1 && error.message.includes('x.img/c: ') &&
		await c.count() === 500, error);
	await c.upsert([query], { ids: [9] });
	test('upsert', (await c.search(query, { k: 1 }))[0].id === 9 && await c.count() === 500);
	const big = [2n ** 64n - 1n, 2n ** 53n, 2 ** 53 - 1, '77'];
	const got = await c.insert(big.map(() => vector()), { ids: big, attrs: [{ n: 2n ** 63n - 1n }, { n: -(2n ** 63n) }, { n: true }, null] });

	test('ids of 64 bits', got[0] === 2n ** 64n - 1n && got[1] === 2n ** 53n && got[2] === 2 ** 53 - 1 && got[3] === 77, got);
	test('attributes of 64 bits', (await c.get(big[0])).attrs.n === 2n ** 63n - 1n && (await c.get(big[1])).attrs.n === -(2n ** 63n) &&
		(await c.get(big[2])).attrs.n === 1 && (await c.get(77)).attrs.n === 0);
	await c.delete(big);
	test('ids that are given', (await c.insert([vector(), vector()], {})).every((id) => typeof id === 'number') &&
		await c.count() === 502);
	await c.delete({ keys: ['key-1', 'key-5'] });
	test('delete', await c.count() === 500 && await c.get(3) === undefined);
	const gone = await refusal(c.delete([6, 3]));

	test('all or none', gone.code === 'ENOENT' && gone.index === 1 && (await c.get(6)).id === 6, gone);
	await c.snapshot('s');
	await c.delete([6]);
	const then = await c.search(all[2].vector, { k: 1, asOf: 's' }), now = await c.search(all[2].vector, { k: 1 });

	test('a snapshot', then[0].id === 6 && now[0].id !== 6);
	await c.deleteSnapshot('s');
	const slots = await c.compact();

	test('compact', slots.after === 499 && slots.before > slots.after, slots);
	await c.index();
	await c.sync();

	// --- files
	const file = await image.file('c/a.txt', 'w');

	await file.write('one two three');
	await c.insert([vector()], { ids: [1000000], files: [{ file, offset: 4, length: 3 }] });
	await file.sync();
	const hit = (await c.similar(1000000, { k: 1 }))[0];

	test('files', hit.offset === 4 && hit.length === 3 && hit.stale === false && await c.path(hit.file) === 'a.txt' &&
		(await file.read(hit.length, hit.offset)).toString() === 'two' && (await file.read(9, 99)).length === 0, hit);
	for (const other of [{ fd: 1 }, c, 3, undefined, null])
		test(`no File: ${typeof other}`, await wrong(c.insert([vector()], { files: [{ file: other, length: 3 }] })));
	// attributes are looked up first, and the file is closed meanwhile
	const inserting = c.insert([vector(), vector()], { ids: [1000001, 1000002], attrs: [{ word: 'new word' }, {}],
		files: [{ file, length: 3 }, { file, offset: 4, length: 3 }] });

	await file.close();
	test('closed', await wrong(file.read(1), 'EBADF'));
	test('after the insert that was under way', String(await inserting) === '1000001,1000002' &&
		(await c.get(1000002)).offset === 4);
	test('and of no use to a later one', await wrong(c.insert([vector()], { files: [{ file, length: 3 }] }), 'EBADF'));
	await image.unlink('c/a.txt');
	test('gone with its file', await wrong(c.similar(1000000), 'ENOENT'));

	// --- at once
	let ticks = 0, running = true;
	const tick = () => running && (ticks++, setImmediate(tick));

	tick();
	await Promise.all(Array.from({ length: 20 }, async (_, i) => {
		await c.insert([vector()], { ids: [2000000 + i] });
		test('many at once', (await c.similar(2000000 + i, { k: 1 }))[0].id === 2000000 + i);
	}));
	running = false;
	test('the event loop goes on', ticks > 0);
	const pending = c.search(query, { k: 2 }), closing = c.close();

	test('close waits for what is under way', (await pending).length === 2 && await closing === undefined);
	test('and then it is closed', await wrong(c.count(), 'EBADF') && await c.close() === undefined);
	test('open', await (await image.open('/c')).count() === 519 && await (await vexfs.open('x.img/c')).count() === 519);
	test('errors', await wrong(image.open('nothing'), 'ENOENT') && await wrong(image.create('c', { dims: 3 }), 'EEXIST') &&
		await wrong(image.create('no/way', { dims: 3 }), 'ENOENT') && await wrong(vexfs.attach('x.img'), 'EALREADY') &&
		await wrong(vexfs.open('/'), 'ENOTTY') && await wrong(image.create('bad', { dims: 3, metric: 'hamming' }), 'EOPNOTSUPP') &&
		await wrong(image.open('bad'), 'ENOENT') && await wrong(image.mkdir('c'), 'EEXIST'));
	const left = await image.open('c');

	await image.close();
	test('detached', await wrong(left.count(), 'EBADF') && await wrong(vexfs.open('x.img/c'), 'ENOTDIR') &&
		await image.close() === undefined);
	await left.close();
	test('fsck.vexfs finds nothing', spawnSync(path.join(top, 'build/bin/fsck.vexfs'), ['x.img']).status === 0);
}

async function images() {
	for (const given of [{ create: true }, { create: true, size: 1 << 23 }, { create: true, size: '64M' }, { readonly: true }, {}]) {
		const image = await vexfs.attach('x.img', given);

		test(`attach ${JSON.stringify(given)}`, await (await image.open('c')).count() === 519);
		await image.close();
	}
	const grow = await refusal(vexfs.attach('x.img', { create: true, size: '128M' }));

	test('no image grows', grow instanceof RangeError && grow.message.includes('no image can grow'), grow);
	for (const given of [{ create: true, size: '1.5G' }, { create: true, size: 'G' }, { create: true, size: -1 }, { size: '1G' },
		{ create: true, readonly: true }, { make: true }, null, 5])
		test(`attach ${JSON.stringify(given)}`, await wrong(vexfs.attach('y.img', given)));
	test('attach, too small', await wrong(vexfs.attach('y.img', { create: true, size: '1M' }), 'EINVAL'));
	test('attach nothing', await wrong(vexfs.attach('none.img'), 'ENOENT') && await wrong(vexfs.attach('')) && await wrong(vexfs.attach(5)));
	fs.writeFileSync('text', 'my work');
	test('never over another file', await wrong(vexfs.attach('text', { create: true }), 'EINVAL') &&
		fs.readFileSync('text', 'utf8') === 'my work' && !fs.existsSync('y.img'));
	const code = `const vexfs = require(${JSON.stringify(path.join(top, 'ctl/node'))});
		vexfs.attach('x.img').then((i) => i.open('c')).then((c) => c.insert([new Float32Array(${DIMS})], { ids: [5000000] }))
		.then(() => process.exit(3))`;
	const r = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8' });

	test('the end of a program closes it', r.status === 3 && (await search('c', 5000000, { image: 'x.img', k: 1 })).hits[0].id === 5000000, r);
}

async function arguments_() {
	const image = await vexfs.attach('x.img');
	const c = await image.open('c'), n = await c.count(), v = vector();

	for (const id of [2 ** 53, 1.5, NaN, -1, -1n, 2n ** 64n, '1.5', '', '0x10', '-1', ' 1', true, [1]])
		test(`id ${String(id)}`, await wrong(c.get({ id })) && await wrong(c.similar({ id })) && await wrong(c.insert([v], { ids: [id] })) &&
			await wrong(c.delete([id])));
	for (const which of [null, undefined, {}, { id: 1, key: 'a' }, { key: '' }, { key: 5 }, { key: 'a\0b' }, { key: 'ä'.repeat(128) }])
		test(`record ${JSON.stringify(which)}`, await wrong(c.get(which)) && await wrong(c.similar(which)));
	for (const bad of [[1, NaN, 3, 4, 5, 6, 7, 8], [1, Infinity, 3, 4, 5, 6, 7, 8], [1e39, 2, 3, 4, 5, 6, 7, 8], ['1', 2, 3, 4, 5, 6, 7, 8],
		[1, null, 3, 4, 5, 6, 7, 8], [1, 2n, 3, 4, 5, 6, 7, 8], [1, , 3, 4, 5, 6, 7, 8], [1, 2], [[1, 2]], [v, [1]], new Float32Array(9),
		'1 2', null, undefined, {}, 5, new DataView(new ArrayBuffer(32)), new BigInt64Array(8)])
		test(`vector ${Array.isArray(bad) ? `[${bad.map(String)}]` : Object.prototype.toString.call(bad)}`, await wrong(c.search(bad)) &&
			await wrong(c.insert(bad)));
	for (const options of [{ k: 0 }, { k: 1001 }, { k: 1.5 }, { k: '5x' }, { k: true }, { perFile: -1 }, { perFile: 2 ** 32 },
		{ perFile: 'x' }, { where: 5 }, { where: ['a'] }, { where: '' }, { recall: 0 }, { recall: 1.5 }, { recall: NaN }, { recall: '1' },
		{ effort: -1 }, { effort: 2 ** 32 }, { recall: 1, exact: true }, { effort: 1, exact: true }, { timeout: 0 }, { timeout: 601 },
		{ method: 'hnsw' }, { method: '' }, { method: 4 }, { method: 'ivf', exact: true }, { method: 'exact', recall: 0.5 },
		{ radius: NaN }, { radius: '1' }, { radius: 1, k: 65537 }, { nothing: 1 }, null, [], 5])
		test(`options ${JSON.stringify(options)}`, await wrong(c.search(v, options)));
	for (const given of [{ ids: [1, 2] }, { ids: 5 }, { keys: ['a', 'b'] }, { keys: [5] }, { keys: ['a\0'] }, { keys: ['x'.repeat(256)] },
		{ attrs: [{ none: 1 }] }, { attrs: [{ n: 1.5 }] }, { attrs: [{ n: 2n ** 63n }] }, { attrs: [{ word: 5 }] }, { attrs: [5] },
		{ attrs: [] }, { files: [{ file: c, length: -1 }] }, { what: 1 }])
		test(`insert with ${inspect(given)}`, await wrong(c.insert([v], given)));
	const where = await refusal(c.search(v, { where: 'n = = 5' }));

	test('a condition that is none', where.code === 'EINVAL' && /column \d/.test(where.message), where);
	test('a snapshot that is not there', await wrong(c.search(v, { asOf: 'none' }), 'ENOENT'));
	for (const given of [{ dims: 0 }, { dims: 4097 }, { dims: '3x' }, {}, { dims: 3, attrs: { n: 'text' } }, { dims: 3, metric: 5 },
		{ dims: 3, attrs: Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`a${i}`, 'int'])) }, { dims: 3, element: 'f16' }])
		test(`create ${JSON.stringify(given)}`, await wrong(image.create('new', given)));
	test('nothing has changed', await c.count() === n && await wrong(image.open('new'), 'ENOENT'));
	test('cosine of zeros', await wrong((await image.create('cos', { dims: 3, metric: 'cosine' })).insert([[0, 0, 0]])));
	await image.close();
}

async function program() {
	const answer = await search('c', [1, 2, 3, 4, 5, 6, 7, 8], { k: 5, image: 'x.img', where: 'n < 0' });

	test('search.js', answer.hits.length === 5 && answer.truncated.length === 0 && answer.visited > 0, answer);
	test('as a program', execFileSync(process.execPath, [script, '--image', 'x.img', 'c', '3', ...'12345678'], { encoding: 'utf8' })
		.split('\n').length === 4);
	for (const given of [['c', 'x', '1'], ['c', '3', ''], ['c', '3', '1x'], ['c', '3', ' '], ['c', '', '1'], ['c', '3', '1'], ['none', '3', '1'], []]) {
		const r = spawnSync(process.execPath, [script, '--image', 'x.img', ...given], { encoding: 'utf8' });

		test(`as a program, ${JSON.stringify(given)}`, r.status === 1 && !r.stdout && r.stderr.split('\n').length === 2, r);
	}
}

(async () => {
	await records();
	await images();
	await arguments_();
	await program();
})().catch((e) => test('no surprise', false, e.stack)).finally(() => {
	process.chdir('/');
	fs.rmSync(work, { recursive: true });
	done();
});
