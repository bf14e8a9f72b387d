// SPDX-License-Identifier: GPL-2.0
// What stores of `make bench-disk` in JavaScript share: store.h, which says what a store does, once more.
'use strict';
const fs = require('fs');
const { Race, memory, now } = require('../peers/contender.js');

const TURN = 1000;

// store: { name, version, note, efforts, create(race, dir), open(race, dir), put(from, n, replace), index(),
// ask(effort) -> (vector) -> ids, found(n) -> how many, close() }; each may be a promise.  pid: of its server, if it has one
async function main(store) {
	const [set, out, dir, command, ...args] = process.argv.slice(2);
	if (!command) {
		console.error(`usage: ${process.argv[1]} SET OUT.json DIR COMMAND [...]`);
		process.exit(2);
	}
	const say = (text) => fs.writeSync(1, `${text}\n`);
	const race = new Race([set, out]);
	if (command === 'create') {
		await store.create(race, dir);
		await store.close();
		return;
	}
	await store.open(race, dir);
	const insert = async (from, to, batch, seconds, replace) => {
		const began = now();
		while (from < to && now() - began < seconds) {
			const n = Math.min(batch, to - from);
			await store.put(from, n, replace);
			from += n;
			say(`done ${from}`);
		}
		say(`took ${(now() - began).toFixed(6)}`);
	};
	if (command === 'insert') {
		await insert(Number(args[0]), Number(args[1]), Number(args[2]), Number(args[3] || 1e9), false);
	} else if (command === 'turn') {
		await insert(0, Number(args[0]), TURN, 1e9, true);
	} else if (command === 'index') {
		await store.index();
	} else if (command === 'first') {
		say(`first ${(await store.ask(store.efforts[0])(race.query.subarray(0, race.dims)))[0]}`);
	} else if (command === 'ask') {
		race.begin(store.name, store.version, store.note);
		for (const e of store.efforts)
			await race.measure('', String(e), 0, await store.ask(e));
		race.end();
		say(`memory ${memory(store.pid || process.pid)}`);
	} else if (command === 'found') {
		say(`found ${await store.found(Number(args[0]))}`);
	} else {
		throw new Error(`${command}: not a command of a store`);
	}
	await store.close();
}

module.exports = (store) => main(store).then(() => process.exit(0), (e) => {
	console.error(String(e && e.message || e).split('\n')[0]);
	process.exit(1);
});
