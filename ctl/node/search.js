#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0
//
// VexFS from Node: a query through `vexctl search --json`.  As a module:
//
//	const { search } = require('./search.js');
//	const answer = await search('/mnt/docs', [0.1, 0.2, 0.3], { k: 5, where: "lang = 'de'" });
//	for (const hit of answer.hits) console.log(hit.id, hit.distance, hit.file);
//
// As a program: search.js DIR K NUMBER...
'use strict';
const { execFile } = require('node:child_process');

// options: k, where, exact, perFile.  Resolves to the answer of `vexctl search --json`, see vexctl(8).
function search(dir, vector, options = {}) {
	const args = ['search', dir, '--json', '--vector', vector.join(' '), '-k', String(options.k ?? 10)];

	if (options.where)
		args.push('--where', options.where);
	if (options.exact)
		args.push('--exact');
	if (options.perFile)
		args.push('--per-file', String(options.perFile));
	return new Promise((resolve, reject) => {
		execFile('vexctl', args, { maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
			if (error)
				reject(new Error(stderr.trim() || error.message));
			else
				resolve(JSON.parse(stdout));
		});
	});
}

module.exports = { search };

if (require.main === module) {
	const [dir, k, ...vector] = process.argv.slice(2);

	search(dir, vector.map(Number), { k: Number(k) }).then(
		(answer) => answer.hits.forEach((hit) => console.log(hit.id, hit.distance)),
		(error) => {
			console.error(error.message);
			process.exitCode = 1;
		});
}
