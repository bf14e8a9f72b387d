// SPDX-License-Identifier: GPL-2.0
// Chroma (npm chromadb) as a contender, see ../contender.h: its server on loopback, on a processor of its own.
'use strict';
const { Race, memory, pin, version } = require('./contender.js');
const { start, stop, embeddingFunction } = require('./chroma_server.js');

const BATCH = 1000;

const r = new Race();

async function main() {
	const dir = r.folder();
	let { server, client } = await start(dir);
	const before = memory(server.pid);
	r.begin('chroma', version('chromadb'), 'a server on loopback, HTTP and JSON included; rows on disk');
	const space = r.metric === 'cosine' ? 'cosine' : 'l2';
	let c = await client.createCollection({ name: 'race', embeddingFunction,
		configuration: { hnsw: { space, ef_construction: 200, max_neighbors: 16, ef_search: 10 } } });
	for (let i = 0; i < r.n; i += BATCH) {
		r.progress(i);
		const ids = [], embeddings = [], metadatas = [];
		for (let j = i; j < r.n && j < i + BATCH; j++) {
			ids.push(String(j));
			embeddings.push(Array.from(r.row(j)));
			metadatas.push({ attr: r.attr[j] });
		}
		await c.add({ ids, embeddings, metadatas });
	}
	r.build('', r.threads, Math.max(0, memory(server.pid) - before), true);
	// one processor for the server, another for who asks
	pin(process.pid, r.threads > 1 ? 1 : 0);
	const effort = async (ef) => {
		await c.modify({ configuration: { hnsw: { ef_search: ef } } });
		await stop(server);
		({ server, client } = await start(dir));
		pin(server.pid, 0);
		c = await client.getCollection({ name: 'race', embeddingFunction });
	};
	const ask = async (vector, filter) => {
		const q = { queryEmbeddings: [Array.from(vector)], nResults: r.k, include: [] };
		if (filter)
			q.where = { attr: { $lt: filter } };
		return (await c.query(q)).ids[0].map(Number);
	};
	for (const ef of [10, 30, 100, 330, 800]) {
		await effort(ef);
		await r.measure('', `ef ${ef}`, 0, ask);
	}
	await effort(220);
	for (const f of r.filters)
		await r.measure('', 'ef 220', f, ask);
	await stop(server);
	r.end();
}

main().then(() => process.exit(0), (e) => {
	console.error(String(e && e.message || e).split('\n')[0]);
	process.exit(1);
});
