// SPDX-License-Identifier: GPL-2.0
// Chroma (npm chromadb) as a store of `make bench-disk`, see store.h: its server on loopback, started by each command.
'use strict';
const { version } = require('../peers/contender.js');
const { start, stop, embeddingFunction } = require('../peers/chroma_server.js');

let race, server, client, c;
const at = async (r, dir) => {
	race = r;
	({ server, client } = await start(dir));
};
const store = {
	name: 'chroma', version: version('chromadb'), note: 'a server on loopback, HTTP and JSON included', efforts: [100],
	async create(r, dir) {
		await at(r, dir);
		const space = r.metric === 'cosine' ? 'cosine' : 'l2';
		await client.createCollection({ name: 'race', embeddingFunction,
			configuration: { hnsw: { space, ef_construction: 200, max_neighbors: 16, ef_search: 100 } } });
	},
	async open(r, dir) {
		await at(r, dir);
		store.pid = server.pid;
		c = await client.getCollection({ name: 'race', embeddingFunction });
	},
	async put(from, n, replace) {
		const rows = { ids: [], embeddings: [], metadatas: [] };
		for (let i = from; i < from + n; i++) {
			rows.ids.push(String(i));
			rows.embeddings.push(Array.from(race.row(i)));
			rows.metadatas.push({ attr: race.attr[i] });
		}
		await (replace ? c.upsert(rows) : c.add(rows));
	},
	index() {},
	ask: () => async (vector) =>
		(await c.query({ queryEmbeddings: [Array.from(vector)], nResults: race.k, include: [] })).ids[0].map(Number),
	async found(n) {
		let found = 0;
		for (let i = 0; i < n; i += 1000) {
			const ids = Array.from({ length: Math.min(1000, n - i) }, (_, j) => String(i + j));
			found += (await c.get({ ids, include: [] })).ids.length;
		}
		return found;
	},
	close: () => stop(server),
};
require('./store.js')(store);
