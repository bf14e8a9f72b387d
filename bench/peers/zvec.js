// SPDX-License-Identifier: GPL-2.0
// zvec (npm @zvec/zvec) as a contender, see ../contender.h; --method hnsw, hnsw-rabitq or ivf-rabitq.
'use strict';
const { Race, memory, pin, version } = require('./contender.js');
const { ZVecInitialize, ZVecCollectionSchema, ZVecCreateAndOpen, ZVecDataType, ZVecIndexType, ZVecMetricType,
	ZVecLogLevel } = require('@zvec/zvec');

const BATCH = 500;

const r = new Race();
const metricType = r.metric === 'cosine' ? ZVecMetricType.COSINE : ZVecMetricType.L2;
let lists = 1;
while (lists * lists * 4 < r.n * 9)
	lists *= 2;
const METHODS = {
	'hnsw': {
		index: { indexType: ZVecIndexType.HNSW, m: 16, efConstruction: 200 },
		efforts: [10, 20, 30, 45, 70, 100, 150, 220, 330, 500, 800], effort: 'ef', filtered: [70, 330],
	},
	'hnsw-rabitq': {
		index: { indexType: ZVecIndexType.HNSW_RABITQ, m: 16, efConstruction: 200, totalBits: 7, numClusters: 16 },
		efforts: [10, 20, 30, 45, 70, 100, 150, 220, 330, 500, 800], effort: 'ef', filtered: [70, 330],
	},
	'ivf-rabitq': {
		index: { indexType: ZVecIndexType.IVF_RABITQ, nList: lists, totalBits: 7 },
		efforts: [1, 2, 4, 8, 12, 16, 24, 32, 64, 128, 256].filter((n) => n <= lists), effort: 'nprobe',
		filtered: [16, 96].filter((n) => n <= lists),
	},
};

async function main() {
	const m = METHODS[r.method];
	if (!m)
		throw new Error(`${r.method} is not a method: ${Object.keys(METHODS).join(', ')}`);
	// query threads: a fair race
	ZVecInitialize({ queryThreads: 1, optimizeThreads: r.threads, logLevel: ZVecLogLevel.ERROR });
	const before = memory();
	r.begin('zvec', version('@zvec/zvec'), 'through its Node API; rows on disk, mapped; memory is all of the process');
	const c = ZVecCreateAndOpen(`${r.folder()}/race`, new ZVecCollectionSchema({
		name: 'race',
		vectors: { name: 'v', dataType: ZVecDataType.VECTOR_FP32, dimension: r.dims, indexParams: { ...m.index, metricType } },
		fields: { name: 'attr', dataType: ZVecDataType.INT32,
			indexParams: { indexType: ZVecIndexType.INVERT, enableRangeOptimization: true } },
	}));
	for (let i = 0; i < r.n; i += BATCH) {
		r.progress(i);
		const docs = [];
		for (let j = i; j < r.n && j < i + BATCH; j++)
			docs.push({ id: String(j), vectors: { v: r.row(j) }, fields: { attr: r.attr[j] } });
		for (const s of c.insertSync(docs))
			if (!s.ok)
				throw new Error(s.message);
	}
	await c.optimize({ concurrency: r.threads });
	r.build('', r.threads, Math.max(0, memory() - before), false);
	pin(process.pid, 0);
	const ask = (effort, refine) => (vector, filter) => {
		const q = { fieldName: 'v', topk: r.k, vector, outputFields: [],
			params: { indexType: m.index.indexType, [m.effort]: effort, isUsingRefiner: refine } };
		if (filter)
			q.filter = `attr < ${filter}`;
		return c.querySync(q).map((d) => Number(d.id));
	};
	for (const e of m.efforts)
		await r.measure('', `${m.effort} ${e}`, 0, ask(e, false));
	// what codes have put in order once more by the rows themselves
	for (const e of r.method === 'hnsw' ? [] : m.efforts)
		await r.measure('refined', `${m.effort} ${e}`, 0, ask(e, true));
	for (const f of r.filters)
		for (const e of m.filtered)
			await r.measure('', `${m.effort} ${e}`, f, ask(e, false));
	r.end();
	c.closeSync();
}

main().catch((e) => {
	console.error(String(e && e.message || e));
	process.exit(1);
});
