#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0
//
// One query, as an example of index.js.  As a program: search.js [--image FILE] DIR K NUMBER...
//
//	const { search } = require('vexfs/search.js');
//	const answer = await search('/mnt/docs', [0.1, 0.2, 0.3], { k: 5, where: "lang = 'de'" });
//	for (const hit of answer.hits) console.log(hit.id, hit.distance, hit.path);
//	await search('docs', { id: 12345678901234567890n }, { image: 'x.img' });
//
// Who asks more than once opens the collection once: see index.js.
'use strict';
const vexfs = require('./index.js');

// query: a vector, an id, { id } or { key }, the nearest of that record.  options: those of Collection.search(), and image, a
// file: dir is in this image, without a mount.  Resolves to { hits, truncated, visited, scored, strategy }; hits of a file
// have its `path`, relative to dir, as far as it is known.
async function search(dir, query, options = {}) {
	const { image, ...given } = options;
	const attached = image === undefined ? null : await vexfs.attach(image, { readonly: true });
	let collection = null;

	try {
		collection = await vexfs.open(attached ? attached.path(dir) : dir);
		const hits = Array.isArray(query) || ArrayBuffer.isView(query) ? await collection.search(query, given) :
			await collection.similar(query, given);
		const { truncated, visited, scored, strategy } = hits;

		for (const hit of hits)
			if (hit.file !== undefined)
				hit.path = await collection.path(hit.file).catch(() => undefined);
		return { hits: [...hits], truncated, visited, scored, strategy };
	} finally {
		if (collection)
			await collection.close();
		if (attached)
			await attached.close();
	}
}

module.exports = { search };

if (require.main === module) {
	const args = process.argv.slice(2);
	const image = args[0] === '--image' ? args.splice(0, 2)[1] : undefined;
	const [dir, k, ...vector] = args;

	search(dir, vector.map((x) => x.trim() ? Number(x) : NaN), { k, image }).then(
		(answer) => answer.hits.forEach((hit) => console.log(String(hit.id), hit.distance)),
		(error) => {
			console.error(error.message);
			process.exitCode = 1;
		});
}
