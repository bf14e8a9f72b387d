// SPDX-License-Identifier: GPL-2.0
// LanceDB (npm @lancedb/lancedb) as a contender, see ../contender.h: HNSW over int8, answers refined by the rows.
'use strict';
const { Race, memory, pin, version } = require('./contender.js');
const lancedb = require('@lancedb/lancedb');
const { batch } = require('./lancedb_batch.js');

const BATCH = 10000;

const r = new Race();

async function main() {
	const before = memory();
	r.begin('lancedb', version('@lancedb/lancedb'), 'through its Node API; rows on disk; IVF_HNSW_SQ with one partition; memory is all of the process');
	const db = await lancedb.connect(r.folder());
	let table = null;
	for (let i = 0; i < r.n; i += BATCH) {
		r.progress(i);
		const rows = batch(r, i, Math.min(r.n, i + BATCH));
		if (table)
			await table.add(rows);
		else
			table = await db.createTable('race', rows);
	}
	const distanceType = r.metric === 'cosine' ? 'cosine' : 'l2';
	await table.createIndex('v', { config: lancedb.Index.hnswSq({ distanceType, numPartitions: 1, m: 16, efConstruction: 200 }) });
	await table.createIndex('attr', { config: lancedb.Index.btree() });
	await table.waitForIndex(['v_idx', 'attr_idx'], r.budget);
	r.build('', r.threads, Math.max(0, memory() - before), false);
	pin(process.pid, 0);
	const ask = (ef) => async (vector, filter) => {
		let q = table.search(vector).distanceType(distanceType).select(['id', '_distance']).limit(r.k).ef(ef).refineFactor(3);
		if (filter)
			q = q.where(`attr < ${filter}`);
		const ids = [];
		for (const b of await q.toArray())
			ids.push(b.id);
		return ids;
	};
	for (const ef of [30, 70, 150, 330, 800])
		await r.measure('', `ef ${ef}`, 0, ask(ef));
	for (const f of r.filters)
		for (const ef of [150])
			await r.measure('', `ef ${ef}`, f, ask(ef));
	r.end();
}

main().then(() => process.exit(0), (e) => {
	console.error(String(e && e.message || e).split('\n')[0]);
	process.exit(1);
});
