// SPDX-License-Identifier: GPL-2.0
// zvec (npm @zvec/zvec) as a store of `make bench-disk`, see store.h: HNSW; a batch is as durable as it makes it.
'use strict';
const { version } = require('../peers/contender.js');
const { ZVecInitialize, ZVecCollectionSchema, ZVecCreateAndOpen, ZVecOpen, ZVecDataType, ZVecIndexType, ZVecMetricType,
	ZVecLogLevel } = require('@zvec/zvec');

let race, c;
const start = (r) => {
	race = r;
	ZVecInitialize({ queryThreads: 1, optimizeThreads: r.threads, logLevel: ZVecLogLevel.ERROR });
};
require('./store.js')({
	name: 'zvec', version: version('@zvec/zvec'), note: 'through its Node API; HNSW; a write-ahead log, without a call that makes it durable', efforts: [20, 45, 100, 220, 500],
	create(r, dir) {
		start(r);
		const metricType = r.metric === 'cosine' ? ZVecMetricType.COSINE : ZVecMetricType.L2;
		c = ZVecCreateAndOpen(`${dir}/race`, new ZVecCollectionSchema({
			name: 'race',
			vectors: { name: 'v', dataType: ZVecDataType.VECTOR_FP32, dimension: r.dims,
				indexParams: { indexType: ZVecIndexType.HNSW, m: 16, efConstruction: 200, metricType } },
			fields: { name: 'attr', dataType: ZVecDataType.INT32 },
		}));
	},
	open(r, dir) {
		start(r);
		c = ZVecOpen(`${dir}/race`);
	},
	put(from, n, replace) {
		const docs = [];
		for (let i = from; i < from + n; i++)
			docs.push({ id: String(i), vectors: { v: race.row(i) }, fields: { attr: race.attr[i] } });
		for (const s of replace ? c.upsertSync(docs) : c.insertSync(docs))
			if (!s.ok)
				throw new Error(s.message);
	},
	index: () => c.optimize({ concurrency: race.threads }),
	ask: (ef) => (vector) => c.querySync({ fieldName: 'v', topk: race.k, vector, outputFields: [],
		params: { indexType: ZVecIndexType.HNSW, ef } }).map((d) => Number(d.id)),
	found(n) {
		let found = 0;
		for (let i = 0; i < n; i += 1000) {
			const ids = Array.from({ length: Math.min(1000, n - i) }, (_, j) => String(i + j));
			found += Object.keys(c.fetchSync(ids)).length;
		}
		return found;
	},
	close: () => c.closeSync(),
});
