#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0
//
// The module for Node without a kernel: what vexctl is given, and what is made of its answer.  TAP.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFileSync } = require('node:child_process');

const script = path.join(__dirname, '../../ctl/node/search.js');
const { search, parse } = require(script);
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'vexfs-node-'));
let count = 0;

function test(name, good, ...why) {
	console.log(`${good ? '' : 'not '}ok ${++count} - ${name}`);
	if (!good)
		why.forEach((w) => console.log('#', w));
}

// A vexctl that answers with $ANSWER and its arguments, a line each.
fs.writeFileSync(path.join(work, 'vexctl'), `#!/bin/sh
printf '%s\\n' "$@" > '${work}/args'
[ -z "$FAIL" ] || { echo "vexctl search: $FAIL" >&2; exit 1; }
printf '%s' "$ANSWER"
`, { mode: 0o755 });
process.env.PATH = `${work}:${process.env.PATH}`;
const args = () => fs.readFileSync(path.join(work, 'args'), 'utf8').split('\n').slice(0, -1);

async function refused(...given) {
	try {
		fs.rmSync(path.join(work, 'args'), { force: true });
		await search(...given);
	} catch (e) {
		return !fs.existsSync(path.join(work, 'args')) && [TypeError, RangeError].includes(e.constructor) && e.constructor;
	}
	return false;
}

async function main() {
	const ids = [0, 7, 2 ** 53 - 1, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n];

	process.env.ANSWER = `{"hits": [${ids.map((id) => `{"id": ${id}, "distance": 0.5}`)}]}`;
	const answer = await search('/mnt', [1, 2]);

	test('ids of 64 bits', answer.hits.every((h, i) => h.id === ids[i] && h.distance === 0.5), answer);
	const text = '{"a":"9007199254740993","b":[-9007199254740993,1e400,-0.5,12345678901234567.5],' +
		'"c\\"9007199254740993":"\\\\\\"9007199254740993, 1","9007199254740993":null,"e":true}';
	const got = parse(text), want = JSON.parse(text);

	test('all else is as it was', got.b[0] === -9007199254740993n && Object.keys(want).every((k) =>
		k === 'b' ? want.b.slice(1).every((x, i) => x === got.b[i + 1]) : want[k] === got[k]), got);
	await search('/mnt/a b', new Float32Array([1, 0.5]), { k: 5, where: "n = '1 2'", exact: true, perFile: 3 });
	test('arguments', args().join('|') ===
		"search|--json|--vector|1 0.5|-k|5|--where|n = '1 2'|--exact|--per-file|3|--|/mnt/a b", args());
	await search('/mnt', [1], { recall: 0.95, effort: 8 });
	test('recall and effort', args().join('|') === 'search|--json|--vector|1|-k|10|--recall|0.95|--effort|8|--|/mnt', args());
	await search('/mnt', [1], { method: 'lsh' });
	test('method', args().join('|') === 'search|--json|--vector|1|-k|10|--method|lsh|--|/mnt', args());
	await search('docs', [1], { image: 'x.img' });
	test('in an image', args().join('|') === '--image|x.img|search|--json|--vector|1|-k|10|--|docs', args());
	for (const [id, digits] of [[5, '5'], [2n ** 64n - 1n, '18446744073709551615'], ['18446744073709551615', '18446744073709551615'],
		['0007', '7'], [0, '0']]) {
		await search('/mnt', { id });
		test(`by id ${id}`, args().join('|') === `search|--json|--id|${digits}|-k|10|--|/mnt`, args());
	}
	await search('-mnt', { key: '-k' });
	test('by key', args().join('|') === 'search|--json|--key|-k|-k|10|--|-mnt', args());
	for (const id of [2 ** 53, 1.5, NaN, -1, -1n, 2n ** 64n, '1.5', '', '0x10', '-1', ' 1', null, true, [1]])
		test(`id ${String(id)}`, await refused('/mnt', { id }));
	for (const vector of [[1, NaN], [1, Infinity], ['1', 2], [1, null], [1, 2n], [1, , 2], '1 2', null, undefined, {}, 5,
		{ key: 5 }, new DataView(new ArrayBuffer(8)), new BigInt64Array(2)])
		test(`vector ${Array.isArray(vector) ? `[${vector.map(String)}]` : Object.prototype.toString.call(vector)}`,
			await refused('/mnt', vector));
	for (const options of [{ k: 0 }, { k: 1001 }, { k: 1.5 }, { k: '5x' }, { k: true }, { perFile: -1 }, { perFile: 2 ** 32 },
		{ perFile: 'x' }, { where: 5 }, { where: ['a'] }, { recall: 0 }, { recall: 1.5 }, { recall: NaN }, { recall: '1' },
		{ effort: -1 }, { effort: 2 ** 32 }, { recall: 1, exact: true }, { effort: 1, exact: true },
		{ method: 'hnsw' }, { method: '' }, { method: 4 }, { method: null }, { method: 'ivf', exact: true },
		{ method: 'exact', recall: 0.5 }])
		test(`options ${JSON.stringify(options)}`, await refused('/mnt', [1, 2], options));
	test('directory', await refused(5, [1, 2]));
	process.env.FAIL = 'no such thing';
	test('what vexctl says', await search('/mnt', [1]).catch((e) => e.message) === 'vexctl search: no such thing');
	delete process.env.FAIL;
	test('as a program', execFileSync(process.execPath, [script, '/mnt', '3', '1', '-2.5e3'], { encoding: 'utf8' }) ===
		ids.map((id) => `${id} 0.5\n`).join('') && args().join('|') === 'search|--json|--vector|1 -2500|-k|3|--|/mnt', args());
	for (const given of [['x', '1'], ['3', ''], ['3', '1x'], ['3', ' '], ['', '1']]) {
		let status = 0;

		try {
			execFileSync(process.execPath, [script, '/mnt', ...given], { stdio: 'ignore' });
		} catch (e) {
			status = e.status;
		}
		test(`as a program, ${JSON.stringify(given)}`, status === 1);
	}
}

main().catch((e) => test('no surprise', false, e.stack)).finally(() => {
	fs.rmSync(work, { recursive: true });
	console.log(`1..${count}`);
});
