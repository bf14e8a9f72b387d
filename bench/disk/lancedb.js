// SPDX-License-Identifier: GPL-2.0
// LanceDB (npm @lancedb/lancedb) as a store of `make bench-disk`, see store.h: HNSW over int8; a batch is a version.
'use strict';
const { version } = require('../peers/contender.js');
const lancedb = require('@lancedb/lancedb');
const { batch } = require('../peers/lancedb_batch.js');

let race, table;
const distance = () => (race.metric === 'cosine' ? 'cosine' : 'l2');
require('./store.js')({
	name: 'lancedb', version: version('@lancedb/lancedb'), note: 'through its Node API; IVF_HNSW_SQ with one partition',
	efforts: [30, 70, 150, 330, 800],
	async create(r, dir) {
		race = r;
		const db = await lancedb.connect(dir);
		table = await db.createEmptyTable('race', batch(r, 0, 1).schema);
	},
	async open(r, dir) {
		race = r;
		table = await (await lancedb.connect(dir)).openTable('race');
	},
	async put(from, n, replace) {
		const rows = batch(race, from, from + n);
		if (replace)
			await table.mergeInsert('id').whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(rows);
		else
			await table.add(rows);
	},
	async index() {
		await table.optimize();
		await table.createIndex('v', { config: lancedb.Index.hnswSq({ distanceType: distance(), numPartitions: 1, m: 16,
			efConstruction: 200 }) });
		await table.waitForIndex(['v_idx'], 600);
	},
	ask: (ef) => async (vector) => {
		const ids = [];
		for (const b of await table.search(vector).distanceType(distance()).select(['id', '_distance']).limit(race.k).ef(ef)
			.refineFactor(3).toArray())
			ids.push(b.id);
		return ids;
	},
	found: (n) => table.countRows(`id < ${n}`),
	close() {},
});
