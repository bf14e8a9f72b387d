#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0
//
// The VectorStore for LangChain.js, over @langchain/core from npm, which is kept in the cache; where it cannot be had, over
// a stand-in that has what is used of it.  TAP.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFileSync, spawnSync } = require('node:child_process');
const { test, done, refusal } = require('./tap.js');

const VERSION = '1.1.0';
const top = path.join(__dirname, '../..');
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'vexfs-langchain-'));

const STAND_IN = {
	'package.json': '{ "name": "@langchain/core", "version": "0.0.0" }',
	'documents.js': `exports.Document = class {
		constructor({ pageContent, metadata, id }) { Object.assign(this, { pageContent, metadata: metadata ?? {}, id }); }
	};`,
	'vectorstores.js': `exports.VectorStore = class {
		constructor(embeddings) { this.embeddings = embeddings; }
		async similaritySearch(query, k = 4, filter = undefined) {
			return (await this.similaritySearchWithScore(query, k, filter)).map(([document]) => document);
		}
		async similaritySearchWithScore(query, k = 4, filter = undefined) {
			return this.similaritySearchVectorWithScore(await this.embeddings.embedQuery(query), k, filter);
		}
	};`,
	'embeddings.js': 'exports.Embeddings = class {};',
};

// Where @langchain/core is: a directory of modules.
function modules() {
	const cache = path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'vexfs', `langchain-core-${VERSION}`);
	const has = (dir) => fs.existsSync(path.join(dir, '@langchain/core/package.json'));

	if (has(path.join(cache, 'node_modules')))
		return path.join(cache, 'node_modules');
	try {
		fs.mkdirSync(path.dirname(cache), { recursive: true });
		const there = fs.mkdtempSync(`${cache}.`);

		fs.writeFileSync(path.join(there, 'package.json'), '{ "private": true }');
		const r = spawnSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--fetch-retries=1',
			`@langchain/core@${VERSION}`], { cwd: there, encoding: 'utf8', timeout: 120000 });

		if (r.status === 0 && has(path.join(there, 'node_modules')))
			fs.renameSync(there, cache);	// whoever is faster
		else
			fs.rmSync(there, { recursive: true });
	} catch (error) {
		console.log('#', error.message);
	}
	if (has(path.join(cache, 'node_modules')))
		return path.join(cache, 'node_modules');
	console.log('# npm does not give @langchain/core: a stand-in takes its place');
	const dir = path.join(work, 'node_modules/@langchain/core');

	fs.mkdirSync(dir, { recursive: true });
	for (const [name, text] of Object.entries(STAND_IN))
		fs.writeFileSync(path.join(dir, name), text);
	return path.join(work, 'node_modules');
}

process.env.NODE_PATH = modules();
require('node:module').Module._initPaths();
const { Document } = require('@langchain/core/documents');
const { Embeddings } = require('@langchain/core/embeddings');
const { VectorStore } = require('@langchain/core/vectorstores');
const vexfs = require(path.join(top, 'ctl/node'));
const { VexFSVectorStore } = require(path.join(top, 'ctl/node/langchain.js'));

// How often each letter is there.
class Letters extends Embeddings {
	constructor() {
		super({});
	}

	async embedQuery(text) {
		const v = new Array(26).fill(0.01);

		for (const c of text.toLowerCase())
			if (c >= 'a' && c <= 'z')
				v[c.charCodeAt(0) - 97]++;
		return v;
	}

	async embedDocuments(texts) {
		return Promise.all(texts.map((t) => this.embedQuery(t)));
	}
}

const files = async (collection) => {
	const all = new Set();

	for await (const record of collection)
		all.add(record.file);
	return all;
};

async function main() {
	process.chdir(work);
	const image = await vexfs.attach('x.img', { create: true, size: '64M' });
	const config = { path: image.path('docs'), attrs: { n: 'int', lang: 'keyword' } };
	const empty = new VexFSVectorStore(new Letters(), { path: image.path('docs') });

	test('a store without documents', empty instanceof VectorStore && empty._vectorstoreType() === 'vexfs' &&
		(await empty.similaritySearch('x')).length === 0 && (await empty.getByIds(['a'])).length === 0 &&
		await empty.delete({ ids: ['a'] }) === undefined);
	const texts = ['apple', 'banana', 'cherry', "d'artagnan", 'élégance'];
	const store = await VexFSVectorStore.fromTexts(texts, texts.map((t, i) => ({ n: i, lang: i % 2 ? 'de' : 'en', more: { deep: [t] } })),
		new Letters(), config);
	const found = await store.similaritySearchWithScore('banana', 2);

	test('fromTexts, and a search', found.length === 2 && found[0][0] instanceof Document && found[0][0].pageContent === 'banana' &&
		Math.abs(found[0][1]) < 1e-6 && found[1][1] > 0.01, found);
	test('metadata as they were', JSON.stringify(found[0][0].metadata) === '{"n":1,"lang":"de","more":{"deep":["banana"]}}', found[0][0]);
	test('ids of their own', new Set((await store.similaritySearch('a', 5)).map((d) => d.id)).size === 5);
	for (const [filter, want] of [[{ lang: 'de' }, [1, 3]], [{ n: { $gte: 2, $lt: 4 } }, [2, 3]], [{ n: [0, 4, 9] }, [0, 4]],
		[{ n: { $nin: [0, 4] }, lang: { $ne: 'de' } }, [2]], ["n = 3 or lang = 'en'", [0, 2, 3, 4]], [{}, [0, 1, 2, 3, 4]],
		[{ n: { $in: [] } }, []], [{ lang: [] }, []], [{ lang: null }, []], [{ lang: "it's" }, []], [{ n: { $nin: [] } }, [0, 1, 2, 3, 4]]]) {
		const got = (await store.similaritySearch('a', 5, filter)).map((d) => d.metadata.n).sort();

		test(`filter ${JSON.stringify(filter)}`, String(got) === String(want), got);
	}
	for (const filter of [{ more: 1 }, { n: { $regex: 'a' } }, { n: 1.5 }, { n: {}, lang: { $eq: [] } }, 5, ['n']])
		test(`filter ${JSON.stringify(filter)}`, await refusal(store.similaritySearch('a', 1, filter)) instanceof TypeError);

	const ids = await store.addDocuments([new Document({ pageContent: 'zebra', metadata: { n: 7 } }), new Document({ pageContent: 'yak',
		metadata: {}, id: 'animal' })], { ids: undefined });

	test('addDocuments', ids.length === 2 && ids[1] === 'animal' && (await store.similaritySearch('zzzebra', 1))[0].id === ids[0]);
	test('getByIds', (await store.getByIds(['animal', 'none', ids[0]])).map((d) => d.pageContent).join() === 'yak,zebra');
	await store.addDocuments([new Document({ pageContent: 'ox', metadata: { lang: 'en' } })], { ids: ['animal'] });
	test('of the same id: replaced', (await store.getByIds(['animal']))[0].pageContent === 'ox' && await store.collection.count() === 7);
	test('addVectors', (await store.addVectors([await new Letters().embedQuery('quiz')], [new Document({ pageContent: 'quiz', metadata: {} })]))
		.length === 1 && (await store.similaritySearch('quiz', 1))[0].pageContent === 'quiz' && (await store.addDocuments([])).length === 0);
	const before = await files(store.collection);

	for (const [vectors, given] of [[[[1, 2]], {}], [[], {}], [[new Array(26).fill(0)], {}], [[new Array(26).fill(1)], { ids: ['a', 'b'] }],
		[[new Array(26).fill(1)], { ids: ['x'.repeat(300)] }]])
		test('what does not fit', await refusal(store.addVectors(vectors, [new Document({ pageContent: 'x', metadata: {} })], given)) instanceof Error);
	test('leaves nothing', await store.collection.count() === 8 && String([...await files(store.collection)]) === String([...before]));
	await store.addDocuments([new Document({ pageContent: 'banana banana', id: 'b1' }), new Document({ pageContent: 'bandana', id: 'b2' })]);
	const alike = (await store.similaritySearch('banana', 2)).map((d) => d.pageContent).sort();
	const unlike = (await store.maxMarginalRelevanceSearch('banana', { k: 3, fetchK: 10, lambda: 0.3 })).map((d) => d.pageContent);
	const relevant = (await store.maxMarginalRelevanceSearch('banana', { k: 2, lambda: 1, filter: 'n < 9' })).map((d) => d.pageContent);

	test('the nearest are alike', String(alike) === 'banana,banana banana', alike);
	test('maxMarginalRelevanceSearch', unlike.length === 3 && unlike.filter((t) => alike.includes(t)).length === 1, unlike);
	test('of which only relevance counts', String(relevant.sort()) === String(alike), relevant);
	await store.delete({ ids: ['b1', 'b2'] });
	await store.delete({ ids: ['animal', 'none', 'animal', ids[0]] });
	test('delete', (await store.getByIds(['animal', ids[0]])).length === 0 && await store.collection.count() === 6);
	const after = await files(store.collection), gone = [...before].filter((f) => !after.has(f));
	let lost = 0;

	for (const f of gone)
		lost += (await refusal(store.collection.path(f)))?.code === 'ENOENT';
	test('files without documents go', gone.length === 2 && lost === 2, gone);
	test('to name none is an error', await refusal(store.delete({})) instanceof TypeError);

	// a crash when a file is about to go: what the image holds then is what a copy has
	const { unlink } = vexfs, old = [];

	vexfs.unlink = async (name) => {
		fs.copyFileSync('x.img', 'crash.img');
		const crashed = await vexfs.attach('crash.img'), there = await crashed.open('docs');

		old.push((await there.get({ key: 'crash' }))?.length);
		await there.close();
		await crashed.close();
		fs.unlinkSync('crash.img');
		return unlink(name);
	};
	await store.addDocuments([new Document({ pageContent: 'old', id: 'crash' })]);
	await store.addDocuments([new Document({ pageContent: 'a longer one', id: 'crash' })]);
	const longer = (await store.collection.get({ key: 'crash' })).length;

	await store.delete({ ids: ['crash'] });
	vexfs.unlink = unlink;
	test('files go after what takes their place is durable', old.length === 2 && old[0] === longer &&
		old[1] === undefined, old, longer);

	// two at a time: another store removes the file first
	vexfs.unlink = async (name) => {
		await unlink(name);
		return unlink(name);
	};
	await store.addDocuments([new Document({ pageContent: 'one', id: 'twice' })]);
	test('a file that another store has removed', await refusal(store.delete({ ids: ['twice'] })) === undefined);
	vexfs.unlink = unlink;

	// and a file goes while a search is under way
	await store.addDocuments([new Document({ pageContent: 'qqqq', id: 'gone' })]);
	await store.addDocuments([new Document({ pageContent: 'qqq', id: 'stays' })]);
	store.collection.search = async (...args) => {
		const hits = await Object.getPrototypeOf(store.collection).search.apply(store.collection, args);
		const name = await store.collection.path((await store.collection.get({ key: 'gone' })).file);

		await unlink(path.join(store.collection.name, name));
		return hits;
	};
	const rest = await store.similaritySearchWithScore('qqqq', 2);

	delete store.collection.search;
	test('a document whose file is gone is left out', rest.length === 1 && rest[0][0].id === 'stays' && rest[0][1] > 0, rest);
	await store.delete({ ids: ['stays'] });
	const bare = await store.collection.insert([await new Letters().embedQuery('bare')]);

	test('a record of somebody else is told', /record \d+ of .* has no document/.test((await refusal(store.similaritySearch('bare', 1))).message));
	await store.collection.delete(bare);
	await store.close();
	await empty.close();
	await image.close();

	// Python reads it, and writes what is read here
	const code = `
import sys, vexfs
from vexfs.langchain import VectorStore
class Letters:
    def embed_query(self, text): return [0.01 + text.count(chr(97 + i)) for i in range(26)]
    def embed_documents(self, texts): return [self.embed_query(t) for t in texts]
with vexfs.attach('x.img') as image, VectorStore(Letters(), image.path('docs')) as store:
    print(store.similarity_search('cherry', k=1, filter={'lang': 'en'})[0].metadata['more']['deep'])
    store.add_texts(['von Python: äöü'], [{'n': 99}], ids=['py'])`;
	const out = execFileSync('python3', ['-c', code], { encoding: 'utf8', env: { ...process.env,
		PYTHONPATH: path.join(top, 'ctl/python'), LIBVEXFS: path.join(top, 'build/lib/libvexfs.so.0') } });

	test('Python reads it', out === "['cherry']\n", out);
	const again = await vexfs.attach('x.img'), back = new VexFSVectorStore(new Letters(), { path: again.path('docs') });
	const [[document]] = await back.similaritySearchWithScore('python von', 1, { n: 99 });

	test('and writes what is read here', document.id === 'py' && document.pageContent === 'von Python: äöü', document);
	await again.close();
	test('fsck.vexfs finds nothing', spawnSync(path.join(top, 'build/bin/fsck.vexfs'), ['x.img']).status === 0);
}

main().catch((e) => test('no surprise', false, e.stack)).finally(() => {
	process.chdir('/');
	fs.rmSync(work, { recursive: true });
	done();
});
