// SPDX-License-Identifier: GPL-2.0
//
// A VectorStore for LangChain.js on a collection of VexFS; it needs @langchain/core.
//
//	const { VexFSVectorStore } = require('vexfs/langchain.js');
//	const image = await vexfs.attach('x.img', { create: true });
//	const store = await VexFSVectorStore.fromTexts(['one', 'two'], [{ n: 1 }, { n: 2 }], embeddings,
//		{ path: image.path('docs'), attrs: { n: 'int' } });
//	await store.similaritySearch('one', 1, { n: { $lt: 5 } });
//
// A document is a record: its id is the key, and those of its metadata that are attributes of the collection are
// attributes, too.  The text and all metadata are a line of JSON in a file of the collection, documents-*.jsonl, and the
// record is bound to this line: who may not read the file does not find the document.  One file has what one call has
// added, and goes with the last of these.  A document whose file somebody has removed is left out of what is found.
// The Python class vexfs.langchain.VectorStore reads and writes the same.
'use strict';
const { randomUUID } = require('node:crypto');
const path = require('node:path');
const { Document } = require('@langchain/core/documents');
const { VectorStore } = require('@langchain/core/vectorstores');
const vexfs = require('./index.js');

const COMPARED = { $eq: '=', $ne: '!=', $lt: '<', $lte: '<=', $gt: '>', $gte: '>=', $in: 'in', $nin: 'not in' };

// A value in a condition.
function literal(value, name) {
	if (typeof value === 'string')
		return `'${value.replaceAll("'", "''")}'`;
	if (typeof value === 'boolean')
		return String(Number(value));
	if (typeof value === 'bigint' || Number.isSafeInteger(value))
		return String(value);
	throw new TypeError(`the filter compares ${name} with ${String(value)}; a string or an integer is wanted`);
}

// A condition of VexFS from a filter: a condition already, or { name: value, name: { $gte: 1, $lt: 9 }, name: [values] }.
function condition(filter, attrs) {
	if (filter === undefined || filter === null || typeof filter === 'string')
		return filter || undefined;
	const tests = [];

	if (typeof filter !== 'object' || Array.isArray(filter))
		throw new TypeError('a filter is a condition in a string, or an object { name: value }');
	for (const [name, wanted] of Object.entries(filter)) {
		const compared = Array.isArray(wanted) ? { $in: wanted } :
			wanted !== null && typeof wanted === 'object' ? wanted : { $eq: wanted };

		const attr = attrs.find((a) => a.name === name);

		if (!attr)
			throw new TypeError(`${name} is no attribute of the collection, and cannot be filtered by; there are ` +
				`${attrs.map((a) => a.name).join(', ') || 'none'}: name them in attrs when it is created`);
		for (const [op, value] of Object.entries(compared)) {
			if (!Object.hasOwn(COMPARED, op))
				throw new TypeError(`the filter has ${op}; there are ${Object.keys(COMPARED).join(', ')}`);
			if (value === null && ['$eq', '$ne'].includes(op))
				tests.push(`"${name}" is ${op === '$ne' ? 'not ' : ''}null`);
			else if (['$in', '$nin'].includes(op) && value.length)
				tests.push(`"${name}" ${COMPARED[op]} (${value.map((v) => literal(v, name)).join(', ')})`);
			else if (op === '$in')		// nothing is one of none
				tests.push(attr.type === 'int' ? `"${name}" < 0 and "${name}" >= 0` : `"${name}" is null and "${name}" is not null`);
			else if (op !== '$nin')
				tests.push(`"${name}" ${COMPARED[op]} ${literal(value, name)}`);
		}
	}
	return tests.join(' and ') || undefined;
}

// What a promise gives; undefined: what it is about is not there.
function unlessGone(promise) {
	return promise.catch((error) => {
		if (error.code !== 'ENOENT')
			throw error;
	});
}

function dot(a, b) {
	return a.reduce((sum, x, i) => sum + x * b[i], 0);
}

// Of length 1; of zeros it stays as it is.
function unit(vector) {
	const length = Math.sqrt(dot(vector, vector)) || 1;

	return Array.from(vector, (x) => x / length);
}

class VexFSVectorStore extends VectorStore {
	// config: path, that of a collection on a mount or in an attached image; dims, metric ['cosine'] and attrs, those of
	// a new one.  It is made with the first documents, and opened before if it is there.
	constructor(embeddings, config) {
		super(embeddings, config);
		this.config = config;
		this.collection = null;
	}

	_vectorstoreType() {
		return 'vexfs';
	}

	// The collection; undefined: there is none yet, and nobody knows the dimensions.
	async #open(dims = this.config.dims) {
		const { path: name, metric = 'cosine', attrs = {} } = this.config;

		if (this.collection)
			return this.collection;
		try {
			this.collection = await vexfs.open(name);
		} catch (error) {
			if (!['ENOENT', 'ENODATA'].includes(error.code))
				throw error;
			if (dims !== undefined)
				this.collection = await vexfs.create(name, { dims, metric, attrs });
		}
		return this.collection ?? undefined;
	}

	// Metadata that are attributes of the collection.
	#attrs(metadata) {
		return Object.fromEntries(this.collection.attrs.filter(({ name }) => metadata[name] !== undefined).map(
			({ name, type }) => [name, type === 'keyword' && metadata[name] !== null ? String(metadata[name]) : metadata[name]]));
	}

	async addDocuments(documents, given = {}) {
		const vectors = await this.embeddings.embedDocuments(documents.map((d) => d.pageContent));

		return this.addVectors(vectors, documents, given);
	}

	// Add documents with their vectors, or replace those of the same ids; durable when it resolves, to the ids.  ids: of
	// the options, of the documents, or new ones.
	async addVectors(vectors, documents, given = {}) {
		if (vectors.length !== documents.length || (given.ids && given.ids.length !== documents.length))
			throw new RangeError(`${documents.length} documents, but ${vectors.length} vectors` +
				(given.ids ? ` and ${given.ids.length} ids` : ''));
		if (!documents.length)
			return [];
		const known = documents.map((d, i) => given.ids?.[i] ?? d.id), ids = known.map((id) => id ?? randomUUID());
		const collection = await this.#open(vectors[0].length);
		const lines = documents.map((d, i) => Buffer.from(JSON.stringify({ id: ids[i], text: d.pageContent,
			metadata: d.metadata ?? {} }) + '\n'));
		const attrs = documents.map((d) => this.#attrs(d.metadata ?? {}));
		const old = (await this.#found(known.filter((id) => id !== undefined))).map((r) => r.file);
		const name = path.join(collection.name, `documents-${randomUUID()}.jsonl`);
		const file = await vexfs.openFile(name, 'x');

		try {
			let at = 0;
			const files = lines.map((line) => {
				const bound = { file, offset: at, length: line.length - 1 };

				at += line.length;
				return bound;
			});

			await file.write(Buffer.concat(lines));
			await file.sync();
			await collection.upsert(vectors, { keys: ids, attrs, files });
		} catch (error) {
			await file.close();
			await vexfs.unlink(name);
			throw error;
		}
		await file.close();
		await collection.sync();
		await this.#tidy(old);
		return ids;
	}

	// The records of these ids, as far as there are any.
	async #found(ids) {
		return (await Promise.all(ids.map((key) => this.collection.get({ key })))).filter((r) => r);
	}

	// Remove those of these files that no record is bound to any more, which is durable already: a crash would bring
	// records back, but not their files.  One that is not there was removed by another store.
	async #tidy(files) {
		const left = new Set(files.filter((f) => f));

		if (!left.size)
			return;
		for await (const record of this.collection.records()) {
			left.delete(record.file);
			if (!left.size)
				return;
		}
		for (const file of left)
			await unlessGone(this.collection.path(file).then((p) => vexfs.unlink(path.join(this.collection.name, p))));
		await this.collection.sync();
	}

	// Delete the documents of these ids; of those that are not there nothing is said.
	async delete(given) {
		if (!given?.ids)
			throw new TypeError('name the documents to delete: { ids }');
		if (!await this.#open())
			return;
		const found = await this.#found([...new Set(given.ids)]);

		await this.collection.delete({ keys: found.map((r) => r.key) });
		await this.collection.sync();
		await this.#tidy(found.map((r) => r.file));
	}

	// Documents of what is bound to lines, hits or records, each with that: [document, bound].  One whose file is not
	// there any more is left out.
	async #documents(bound) {
		const files = new Map();

		try {
			const all = await Promise.all(bound.map(async (b) => {
				if (!b.file)
					throw new Error(`record ${b.id} of ${this.collection.name} has no document: it was not added by a VectorStore`);
				if (!files.has(b.file))
					files.set(b.file, unlessGone(this.collection.path(b.file).then((p) =>
						vexfs.openFile(path.join(this.collection.name, p)))));
				const file = await files.get(b.file);

				if (!file)
					return undefined;
				const { id, text, metadata } = JSON.parse((await file.read(b.length, b.offset)).toString());

				return [new Document({ id, pageContent: text, metadata }), b];
			}));

			return all.filter((pair) => pair);
		} finally {
			for (const opened of await Promise.allSettled(files.values()))
				if (opened.value)
					await opened.value.close();
		}
	}

	// The k nearest, each with its distance: 1 - cos with cosine, nearest first.  Fewer where files of some are gone.
	async similaritySearchVectorWithScore(query, k, filter) {
		const collection = await this.#open();

		if (!collection)
			return [];
		const hits = await collection.search(query, { k, where: condition(filter, collection.attrs) });

		return (await this.#documents(hits)).map(([document, hit]) => [document, hit.distance]);
	}

	// Of the fetchK nearest k that are near and unlike each other: each time the one for which lambda * (its cosine to the
	// query) - (1 - lambda) * (the largest of those to what was chosen) is largest.
	async maxMarginalRelevanceSearch(query, { k, fetchK = 20, lambda = 0.5, filter } = {}) {
		const collection = await this.#open(), wanted = k ?? 4;

		if (!collection)
			return [];
		const vector = unit(await this.embeddings.embedQuery(query));
		const hits = await collection.search(vector, { k: Math.max(wanted, fetchK), where: condition(filter, collection.attrs) });
		const left = (await Promise.all(hits.map(async (hit) => ({ hit, record: await collection.get({ id: hit.id }) }))))
			.filter(({ record }) => record).map(({ hit, record }) => {
				const v = unit(record.vector);

				return { hit, v, near: dot(v, vector), most: 0 };
			});
		const value = (c) => lambda * c.near - (1 - lambda) * c.most, chosen = [];

		while (left.length && chosen.length < wanted) {
			const best = left.reduce((a, b) => value(b) > value(a) ? b : a);

			left.splice(left.indexOf(best), 1);
			for (const c of left)
				c.most = chosen.length ? Math.max(c.most, dot(c.v, best.v)) : dot(c.v, best.v);
			chosen.push(best);
		}
		return (await this.#documents(chosen.map(({ hit }) => hit))).map(([document]) => document);
	}

	// Documents by their ids, in this order, as far as they are there.
	async getByIds(ids) {
		return await this.#open() ? (await this.#documents(await this.#found(ids))).map(([document]) => document) : [];
	}

	async close() {
		if (this.collection)
			await this.collection.close();
		this.collection = null;
	}

	static async fromTexts(texts, metadatas, embeddings, config) {
		return VexFSVectorStore.fromDocuments(texts.map((pageContent, i) => new Document({ pageContent,
			metadata: Array.isArray(metadatas) ? metadatas[i] : metadatas })), embeddings, config);
	}

	static async fromDocuments(documents, embeddings, config) {
		const store = new VexFSVectorStore(embeddings, config);

		await store.addDocuments(documents, config.ids && { ids: config.ids });
		return store;
	}
}

module.exports = { VexFSVectorStore };
