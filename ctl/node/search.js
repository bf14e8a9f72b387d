#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0
//
// VexFS from Node: a query through `vexctl search --json`.  As a module:
//
//	const { search } = require('./search.js');
//	const answer = await search('/mnt/docs', [0.1, 0.2, 0.3], { k: 5, where: "lang = 'de'" });
//	for (const hit of answer.hits) console.log(hit.id, hit.distance, hit.file);
//	await search('/mnt/docs', { id: 12345678901234567890n });
//
// As a program: search.js DIR K NUMBER...
//
// Ids have 64 bits.  In answers an integer beyond 2^53, which a Number would round, is a BigInt, any other one a Number:
// compare with ==, for which 5 and 5n are the same, or take BigInt() of both.  JSON.stringify() refuses a BigInt.
'use strict';
const { execFile } = require('node:child_process');

// A string or a number of JSON.
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;

// JSON.parse() with integers beyond 2^53 as BigInt.  On the way they are strings that begin with a NUL, as no text in
// the output of vexctl does.
function parse(text) {
	const exact = text.replace(TOKEN, (token) =>
		/^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token)) ? `"\\u0000${token}"` : token);

	return JSON.parse(exact, (key, value) =>
		typeof value === 'string' && value[0] === '\0' ? BigInt(value.slice(1)) : value);
}

// An integer as its digits: a BigInt, a Number that is exactly one, or a string of digits.
function integer(value, what, low, high) {
	if (typeof value === 'string' ? !/^\d+$/.test(value) :
	    typeof value !== 'bigint' && !Number.isSafeInteger(value))
		throw new TypeError(`${what} is ${String(value)}: give an integer, as a BigInt or string beyond 2^53`);
	if (BigInt(value) < low || BigInt(value) > high)
		throw new RangeError(`${what} is ${value}; it must be from ${low} to ${high}`);
	return String(BigInt(value));
}

// A Number above 0, 1 at most.
function part(value, what) {
	if (typeof value !== 'number')
		throw new TypeError(`${what} is of type ${typeof value}; a Number is wanted`);
	if (!(value > 0 && value <= 1))
		throw new RangeError(`${what} is ${value}; it must be above 0, and 1 at most`);
	return String(value);
}

function text(value, what) {
	if (typeof value !== 'string')
		throw new TypeError(`${what} is of type ${typeof value}; a string is wanted`);
	return value;
}

// What to search with, as options of vexctl.
function queryArgs(query) {
	if (query !== null && typeof query === 'object' && query.id !== undefined)
		return ['--id', integer(query.id, 'the id', 0n, 2n ** 64n - 1n)];
	if (query !== null && typeof query === 'object' && query.key !== undefined)
		return ['--key', text(query.key, 'the key')];
	if (!Array.isArray(query) && !(ArrayBuffer.isView(query) && !(query instanceof DataView)))
		throw new TypeError('give a vector, { id } or { key }');
	const bad = Array.from(query).findIndex((x) => typeof x !== 'number' || !Number.isFinite(x));

	if (bad >= 0)
		throw new TypeError(`element ${bad} of the vector is ${String(query[bad])}; a finite number is wanted`);
	return ['--vector', Array.from(query).join(' ')];
}

const METHODS = ['auto', 'exact', 'coded', 'ivf', 'lsh'];

// query: an array of numbers, { id } (Number, BigInt or a string of digits) or { key }, the nearest of that record.
// options: k (default 10), where, exact, perFile, recall (the part of the true neighbours to find, above 0, up to 1;
// default 0.99), effort (lists of the index to probe, or buckets), method (auto, exact, coded, ivf or lsh), image (a file:
// dir is in this image, without a mount).  Resolves to the answer of `vexctl search --json`, see vexctl(8); rejects with a
// TypeError or RangeError for wrong arguments, with an
// Error that has the text of vexctl otherwise.
async function search(dir, query, options = {}) {
	const args = ['search', '--json', ...queryArgs(query), '-k', integer(options.k ?? 10, 'k', 1n, 1000n)];

	if (options.where !== undefined)
		args.push('--where', text(options.where, 'where'));
	if (options.exact)
		args.push('--exact');
	if (options.perFile)
		args.push('--per-file', integer(options.perFile, 'perFile', 1n, 2n ** 32n - 1n));
	if (options.recall !== undefined)
		args.push('--recall', part(options.recall, 'the recall'));
	if (options.effort)
		args.push('--effort', integer(options.effort, 'effort', 1n, 2n ** 32n - 1n));
	if (options.method !== undefined) {
		if (!METHODS.includes(options.method))
			throw new TypeError(`the method is ${String(options.method)}; it is one of ${METHODS.join(', ')}`);
		if (options.exact && options.method !== 'auto' && options.method !== 'exact')
			throw new TypeError(`give one of exact and the method ${options.method}`);
		args.push('--method', options.method);
	}
	if ((options.exact || options.method === 'exact') && (options.recall !== undefined || options.effort))
		throw new TypeError('give one of exact and recall or effort: an exact search finds all');
	if (options.image !== undefined)
		args.unshift('--image', text(options.image, 'the image'));
	args.push('--', text(dir, 'the directory'));
	return new Promise((resolve, reject) => {
		execFile('vexctl', args, { maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
			if (error)
				reject(new Error(stderr.trim() || error.message));
			else
				resolve(parse(stdout));
		});
	});
}

module.exports = { search, parse };

if (require.main === module) {
	const [dir, k, ...vector] = process.argv.slice(2);

	search(dir, vector.map((x) => x.trim() ? Number(x) : NaN), { k }).then(
		(answer) => answer.hits.forEach((hit) => console.log(String(hit.id), hit.distance)),
		(error) => {
			console.error(error.message);
			process.exitCode = 1;
		});
}
