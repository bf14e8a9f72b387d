// SPDX-License-Identifier: GPL-2.0
//
// VexFS from Node, through libvexfs: collections on a mount, or in an image, without a kernel module and without root.
//
//	const vexfs = require('vexfs');
//	const image = await vexfs.attach('x.img', { create: true, size: '10G' });
//	const docs = await image.create('docs', { dims: 3, metric: 'cosine', attrs: { year: 'int', lang: 'keyword' } });
//	const ids = await docs.insert([[1, 0, 0], [0, 1, 0]], { keys: ['a', 'b'], attrs: [{ year: 1990, lang: 'de' }, {}] });
//	for (const hit of await docs.search([1, 0.1, 0], { k: 5, where: "year > 1980 and lang = 'de'" }))
//		console.log(hit.id, hit.distance);
//	await image.close();
//
// Everything that may wait runs in a thread and gives a promise.  Vectors are arrays of numbers or Float32Array, several
// of them an array of those, or one Float32Array with all; they are copied when a call begins.  Ids have 64 bits: a BigInt
// or a Number that is an integer goes in; an id up to 2^53 comes out as a Number, a larger one as a BigInt.  So do int
// attributes.  Keys, and words of keyword attributes, are strings of 1 to 255 bytes.
//
// A wrong argument is a TypeError or RangeError, and nothing was done.  What the filesystem refuses is an Error with `code`
// ('EEXIST', 'ENOSPC', ...), `errno` and, of several records, the `index` of the one at fault.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

const addon = load();
const MAX = { dims: 4096, attrs: 8, key: 255, batch: 2 ** 20, batchBytes: 2 ** 26, k: 1000, range: 65536, queries: 1024,
	hits: 2 ** 20, timeout: 600 };
const METHODS = ['auto', 'exact', 'coded', 'ivf', 'lsh'];
const TRUNCATED = ['deadline', 'visits', 'strategy', 'precision', 'limit', 'files', 'damaged'];
const KINDS = { int: 1, keyword: 2 };
const UPSERT = 1, EXACT = 4, RANGE = 16, READONLY = 1;
const END = 2n ** 64n - 1n;

// Beside this file where it is installed, in build/ in the sources.
function load() {
	for (const name of ['vexfs.node', '../../build/node/vexfs.node'])
		if (fs.existsSync(path.join(__dirname, name)))
			return require(path.join(__dirname, name));
	throw new Error(`${__dirname} has no vexfs.node; make it with \`make node\` in the sources of VexFS`);
}

// --- what a caller gives ---

function kindOf(value) {
	return value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value;
}

// A BigInt from an integer: a BigInt, a Number that is exactly one, or a string of digits.
function integer(value, what, low = 0n, high = END) {
	if (typeof value === 'string' ? !/^\d+$/.test(value) : typeof value !== 'bigint' && !Number.isSafeInteger(value))
		throw new TypeError(`${what} is ${String(value)}: give an integer, as a BigInt or string beyond 2^53`);
	const number = BigInt(value);

	if (number < low || number > high)
		throw new RangeError(`${what} is ${value}; it must be from ${low} to ${high}`);
	return number;
}

function small(value, what, low, high) {
	return Number(integer(value, what, BigInt(low), BigInt(high)));
}

function number(value, what) {
	if (typeof value !== 'number')
		throw new TypeError(`${what} is of type ${kindOf(value)}; a Number is wanted`);
	if (Number.isNaN(value))
		throw new RangeError(`${what} is NaN`);
	return value;
}

function text(value, what) {
	if (typeof value !== 'string')
		throw new TypeError(`${what} is of type ${kindOf(value)}; a string is wanted`);
	if (!value || value.includes('\0'))
		throw new RangeError(`${what} ${value ? 'has a NUL in it' : 'is empty'}`);
	return value;
}

function list(value, n, what) {
	if (!Array.isArray(value) && !(ArrayBuffer.isView(value) && !(value instanceof DataView)))
		throw new TypeError(`${what} are of type ${kindOf(value)}; an array is wanted`);
	if (value.length !== n)
		throw new RangeError(`${n} vectors, but ${value.length} ${what}`);
	return Array.from(value);
}

// Options, of which there are no others than these.
function options(given, names) {
	if (given === null || typeof given !== 'object' || Array.isArray(given))
		throw new TypeError(`options are of type ${kindOf(given)}; an object is wanted`);
	for (const name of Object.keys(given))
		if (!names.includes(name))
			throw new TypeError(`there is no option ${name}; there are ${names.join(', ')}`);
	return given;
}

// Strings as their bytes back to back and a length each; null and undefined have none.
function packed(strings, what) {
	const parts = strings.map((s) => {
		const bytes = Buffer.from(s === null || s === undefined ? '' : text(s, what));

		if (bytes.length > MAX.key)
			throw new RangeError(`${what} has ${bytes.length} bytes; at most ${MAX.key} are possible`);
		return bytes;
	});

	return [new Uint8Array(Buffer.concat(parts)), Uint8Array.from(parts, (p) => p.length)];
}

// Bytes from a number, or a number with K, M, G or T.
function sizeOf(value) {
	const found = typeof value === 'string' && /^\s*(\d{1,20})([KMGT]?)(?:i?B)?\s*$/i.exec(value);

	if (typeof value === 'string' && !found)
		throw new RangeError(`the size is '${value}'; a number is wanted, and after it K, M, G or T`);
	return integer(found ? BigInt(found[1]) << BigInt(10 * ' KMGT'.indexOf(found[2].toUpperCase() || ' ')) : value, 'the size');
}

// An integer as a Number where it is one.
function plain(value) {
	return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

function isView(value) {
	return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

// Vectors: { rows: a Float32Array of its own, n, one: it was a single one }.
function rowsOf(vectors, dims, cosine) {
	if (!Array.isArray(vectors) && !isView(vectors))
		throw new TypeError(`vectors are of type ${kindOf(vectors)}; an array of numbers is wanted`);
	const nested = Array.isArray(vectors) && vectors.length > 0 && typeof vectors[0] === 'object';
	const flat = !nested && (isView(vectors) || vectors.length > 0);
	const n = flat ? vectors.length / dims : vectors.length;

	if (flat && (!Number.isInteger(n) || (Array.isArray(vectors) && n !== 1)))
		throw new RangeError(`a vector has ${vectors.length} numbers; ${dims} are wanted`);
	const rows = new Float32Array(n * dims);

	for (let i = 0; i < n; i++) {
		const vector = flat ? vectors.slice(i * dims, (i + 1) * dims) : vectors[i];

		if (!Array.isArray(vector) && !isView(vector))
			throw new TypeError(`vector ${i} is of type ${kindOf(vector)}; an array of numbers is wanted`);
		if (vector.length !== dims)
			throw new RangeError(`vector ${i} has ${vector.length} numbers; ${dims} are wanted`);
		let zero = true;

		for (let j = 0; j < dims; j++) {
			if (typeof vector[j] !== 'number')
				throw new TypeError(`element ${j} of vector ${i} is ${String(vector[j])}; a finite number is wanted`);
			const x = Math.fround(vector[j]);

			if (!Number.isFinite(x))
				throw new RangeError(`element ${j} of vector ${i} is ${vector[j]}; a finite number is wanted`);
			zero = zero && x === 0;
			rows[i * dims + j] = x;
		}
		if (zero && cosine)
			throw new RangeError(`vector ${i} is all zeros: it has no direction, which cosine needs`);
	}
	return { rows, n, one: flat && n === 1 };
}

// --- what is open ---

// What a call says, with the path that it is about.
async function about(where, promise) {
	try {
		return await promise;
	} catch (error) {
		if (error.code && where !== undefined)
			error.message = `${where}: ${error.message}`;
		throw error;
	}
}

function closed(name) {
	return Object.assign(new Error(`${name}: it is closed`), { code: 'EBADF', errno: -9 });
}

// Descriptors of objects that nobody has closed.
const forgotten = new FinalizationRegistry((fd) => addon.close(fd).catch(() => {}));

// A descriptor that is closed when no call uses it any more.
class Open {
	#fd;
	#busy = 0;
	#idle = null;

	constructor(name, fd) {
		this.name = name;
		this.#fd = fd;
		forgotten.register(this, fd, this);
	}

	// Its number, which stays its own until _release(): close() waits for that.
	_hold() {
		if (this.#fd < 0)
			throw closed(this.name);
		this.#busy++;
		return this.#fd;
	}

	_release() {
		if (!--this.#busy && this.#idle)
			this.#idle();
	}

	async _call(method, ...args) {
		const fd = this._hold();

		try {
			return await about(this.name, addon[method](fd, ...args));
		} finally {
			this._release();
		}
	}

	// Calls that are under way end first; later ones fail with EBADF.
	async close() {
		const fd = this.#fd;

		this.#fd = -1;
		if (fd < 0)
			return;
		forgotten.unregister(this);
		if (this.#busy)
			await new Promise((resolve) => {
				this.#idle = resolve;
			});
		await about(this.name, addon.close(fd));
	}

	// Wait until all that was acknowledged is on the disk.
	async sync() {
		await this._call('sync');
	}
}

// A file, for `files` of insert().  mode: 'r' to read, 'r+' to write as well, 'w' the same after it was made or emptied,
// 'x' after it was made, and is new.
class File extends Open {
	static async open(name, mode = 'r') {
		const { O_RDONLY, O_RDWR, O_CREAT, O_TRUNC, O_EXCL } = fs.constants;
		const flags = { r: O_RDONLY, 'r+': O_RDWR, w: O_RDWR | O_CREAT | O_TRUNC, x: O_RDWR | O_CREAT | O_EXCL }[mode];

		if (flags === undefined)
			throw new TypeError(`the mode is ${String(mode)}; it must be one of r, r+, w, x`);
		return new File(name, await about(name, addon.openFile(text(name, 'the path'), flags)));
	}

	// A Buffer of at most n bytes from byte `at` on; empty: the end.
	async read(n, at = 0) {
		return this._call('pread', small(n, 'a length', 0, 2 ** 26), integer(at, 'an offset', 0n, 2n ** 63n - 1n));
	}

	async write(data, at = 0) {
		if (typeof data !== 'string' && !isView(data))
			throw new TypeError(`data are of type ${kindOf(data)}; a string or Buffer is wanted`);
		const bytes = typeof data === 'string' ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.byteLength);

		await this._call('pwrite', new Uint8Array(bytes), integer(at, 'an offset', 0n, 2n ** 63n - 1n));
	}
}

const SEARCH = ['k', 'where', 'exact', 'radius', 'perFile', 'timeout', 'asOf', 'maxVisits', 'recall', 'effort', 'method'];

// A collection.  name: its path; dims, metric; attrs: [{ name, type: 'int' or 'keyword' }].
class Collection extends Open {
	#words = [];			// by attribute: a Map from codes to words

	static async open(name) {
		const it = new Collection(name, await about(name, addon.open(text(name, 'the path'))));

		try {
			const { dims, metric, attrs } = await it.info();

			return Object.assign(it, { dims, metric, attrs });
		} catch (error) {
			await it.close();
			throw error;
		}
	}

	// Schema and counts: dims, metric, attrs, records, slots, committed, snapshots, nextId, codes, lists.
	async info() {
		return this._call('info');
	}

	async count() {
		return (await this.info()).records;
	}

	#rows(vectors) {
		return rowsOf(vectors, this.dims, this.metric === 'cosine');
	}

	// --- attributes ---

	// The numbers of attributes, an object for each record, after all of them were looked at.
	async #numbers(attrs) {
		const at = new Map(this.attrs.map((a, i) => [a.name, i])), n = this.attrs.length;
		const numbers = new BigInt64Array(attrs.length * MAX.attrs), wanted = this.attrs.map(() => new Map());

		attrs.forEach((record, i) => {
			if (record !== null && record !== undefined && (typeof record !== 'object' || Array.isArray(record)))
				throw new TypeError(`the attributes of record ${i} are of type ${kindOf(record)}; an object is wanted`);
			for (const [name, value] of Object.entries(record ?? {})) {
				const a = at.get(name), where = i * n + a;

				if (a === undefined)
					throw new TypeError(`there is no attribute ${name}; there are ${[...at.keys()].join(', ') || 'none'}`);
				if (value === null || value === undefined || value === '')
					continue;
				if (this.attrs[a].type === 'int')
					numbers[where] = typeof value === 'boolean' ? BigInt(value) :
						integer(value, `attribute ${name}`, -(2n ** 63n), 2n ** 63n - 1n);
				else
					wanted[a].set(text(value, `attribute ${name}`), [...wanted[a].get(value) ?? [], where]);
			}
		});
		for (const [a, words] of wanted.entries()) {
			if (!words.size)
				continue;
			const codes = await this._call('intern', a, ...packed([...words.keys()], `attribute ${this.attrs[a].name}`), 0);

			[...words.values()].forEach((places, i) => {
				for (const where of places)
					numbers[where] = codes[i];
			});
		}
		return numbers;
	}

	async #word(a, code) {
		const words = this.#words[a] ??= new Map();

		if (!words.has(code)) {
			(await this._call('words', a, code)).forEach((word, i) => words.set(code + BigInt(i), word || null));
			if (!words.has(code))
				words.set(code, null);
		}
		return words.get(code);
	}

	async #record(record) {
		const attrs = {};

		for (const [a, { name, type }] of this.attrs.entries()) {
			const value = record.attrs[a];

			attrs[name] = type === 'int' ? plain(value) : value ? await this.#word(a, value) : null;
		}
		return { ...record, attrs };
	}

	// --- records ---

	// Insert records, all or none; found at once, durable after sync().  Resolves to their ids.
	//
	// ids: one for each; without, ids that nobody has.  keys: a string or null for each.  attrs: an object
	// { name: value } or null for each: an int attribute takes integers and booleans, a keyword attribute strings; null
	// is 0, or no word.  files: { file, offset, length } or null for each: the bytes of a File below the directory of the
	// collection that it stands for.  upsert: replace the records of the same id or key; without ids, one of a known key
	// keeps its id.
	async insert(vectors, given = {}) {
		const { ids = null, keys = null, attrs = null, files = null, upsert = false } =
			options(given, ['ids', 'keys', 'attrs', 'files', 'upsert']);
		const { rows, n } = this.#rows(vectors);

		if (n > MAX.batch || rows.byteLength > MAX.batchBytes)
			throw new RangeError(`${n} vectors of ${4 * this.dims} bytes; at most ${MAX.batch}, and ${MAX.batchBytes} bytes of ` +
				'them, are inserted in one call');
		const idArray = ids && BigUint64Array.from(list(ids, n, 'ids'), (id) => integer(id, 'an id'));
		const [bytes, lens] = keys ? packed(list(keys, n, 'keys'), 'a key') : [null, null];
		const binds = files && list(files, n, 'files').map((f, i) => f ? [fileOf(f, i), integer(f.offset ?? 0, 'an offset'),
			small(f.length, 'a length', 0, 2 ** 32 - 1)] : [null, 0n, 0]);
		const records = attrs && list(attrs, n, 'attrs');

		if (!n)
			return [];
		const held = new Map([[null, -1]]);	// files whose numbers are used below, after a wait

		try {
			for (const [file] of binds ?? [])
				if (!held.has(file))
					held.set(file, file._hold());
			const numbers = records && await this.#numbers(records);
			const got = await this._call('insert', rows, n, idArray, this.attrs.length ? numbers : null, bytes, lens,
				upsert ? UPSERT : 0, binds && [Int32Array.from(binds, (b) => held.get(b[0])),
					BigUint64Array.from(binds, (b) => b[1]), Uint32Array.from(binds, (b) => b[2])]);

			return Array.from(got, plain);
		} finally {
			held.delete(null);
			for (const file of held.keys())
				file._release();
		}
	}

	// insert() with upsert.
	async upsert(vectors, given = {}) {
		return this.insert(vectors, { ...given, upsert: true });
	}

	// The record of an id, or of { key }: { id, key, attrs, vector } and, of a file, file, offset, length, stale.
	// undefined: there is none.
	async get(which) {
		const [id, key] = recordOf(which);

		try {
			return await this.#record(await this._call('get', id, key, this.dims));
		} catch (error) {
			if (error.code === 'ENOENT')
				return undefined;
			throw error;
		}
	}

	// Delete records by ids, or by { keys }, all or none.  ENOENT: the one of this index is not there, or given twice.
	async delete(which) {
		const byKey = which !== null && typeof which === 'object' && !Array.isArray(which) && !isView(which);
		const given = byKey ? which.keys : which;

		if (!Array.isArray(given) && !isView(given))
			throw new TypeError('give an array of ids, or { keys }');
		if (given.length > MAX.batch)
			throw new RangeError(`${given.length} records; at most ${MAX.batch} are deleted in one call`);
		if (byKey)
			given.forEach((key) => text(key, 'a key'));
		const args = byKey ? [null, ...packed(Array.from(given), 'a key')] :
			[BigUint64Array.from(given, (id) => integer(id, 'an id')), null, null];

		if (given.length)
			await this._call('delete', ...args);
	}

	// All records, in the order in which they came: for await (const record of collection.records()).  vectors: with
	// their vectors; asOf: those of a snapshot.  ESTALE: the collection was compacted meanwhile; begin anew.
	async *records(given = {}) {
		const { vectors = false, asOf = null } = options(given, ['vectors', 'asOf']);
		const snapshot = asOf === null ? null : text(asOf, 'the name of a snapshot');
		const room = vectors ? Math.max(1, Math.min(1024, Math.floor(2 ** 20 / (4 * this.dims)))) : 1024;
		let page = { cursor: 0n, epoch: 0n };

		while (page.cursor !== END) {
			page = await this._call('list', page.cursor, page.epoch, room, vectors ? this.dims : 0, snapshot);
			for (const record of page.records)
				yield this.#record(record);
		}
	}

	[Symbol.asyncIterator]() {
		return this.records();
	}

	// Where a bound file is, relative to the collection.
	async path(file) {
		return this._call('path', integer(file, 'a file'));
	}

	async index() {
		await this._call('index');
	}

	// Give the space of deleted records back if so many percent are deleted: slots { before, after }.
	async compact(minDeleted = 0) {
		return this._call('compact', small(minDeleted, 'minDeleted', 0, 100));
	}

	async snapshot(name) {
		await this._call('snapshot', text(name, 'the name of a snapshot'));
	}

	async deleteSnapshot(name) {
		await this._call('deleteSnapshot', text(name, 'the name of a snapshot'));
	}

	// Make it a plain directory again: its records go, its files stay.
	async drop() {
		await this._call('drop');
	}

	// --- searching ---

	async #search(rows, n, id, key, given) {
		const o = options(given, SEARCH), exact = Boolean(o.exact), method = o.method ?? 'auto';
		const ranged = o.radius !== undefined && o.radius !== null;
		const k = small(o.k ?? 10, 'k', 1, ranged ? MAX.range : MAX.k);

		if (!METHODS.includes(method))
			throw new TypeError(`the method is ${String(method)}; it is one of ${METHODS.join(', ')}`);
		if (exact && !['auto', 'exact'].includes(method))
			throw new TypeError(`give one of exact and the method ${method}`);
		if ((exact || method === 'exact') && (o.recall !== undefined || o.effort))
			throw new TypeError('give one of exact and recall or effort: an exact search finds all');
		const recall = o.recall === undefined ? 0 : number(o.recall, 'the recall');

		if (o.recall !== undefined && !(recall > 0 && recall <= 1))
			throw new RangeError(`the recall is ${recall}; it must be above 0, and 1 at most`);
		const timeout = o.timeout === undefined ? 0 : number(o.timeout, 'the timeout') * 1e6;

		if (o.timeout !== undefined && !(timeout >= 1 && timeout <= MAX.timeout * 1e6))
			throw new RangeError(`the timeout is ${o.timeout} s; it must be from 1e-6 to ${MAX.timeout}`);
		const numbers = Uint32Array.of(k, (exact ? EXACT : 0) | (ranged ? RANGE : 0), timeout,
			small(o.perFile ?? 0, 'perFile', 0, 2 ** 32 - 1), small(o.effort ?? 0, 'the effort', 0, 2 ** 32 - 1),
			METHODS.indexOf(method));
		const doubles = Float64Array.of(ranged ? number(o.radius, 'the radius') : 0, recall);
		const rest = [numbers, doubles, integer(o.maxVisits ?? 0, 'maxVisits'),
			o.where === undefined || o.where === null ? null : text(o.where, 'where'),
			o.asOf === undefined || o.asOf === null ? null : text(o.asOf, 'the name of a snapshot')];
		const most = rows ? Math.max(1, Math.min(MAX.queries, Math.floor(MAX.hits / k))) : 1, found = [];

		for (let at = 0; at < n; at += most) {
			const some = Math.min(most, n - at);
			const part = rows && rows.subarray(at * this.dims, (at + some) * this.dims);
			const { queries, visited, scored, strategy } = await this._call('search', part, some, id, key, ...rest);

			for (const q of queries)
				found.push(Object.assign(q.hits, { truncated: TRUNCATED.filter((_, bit) => q.truncated >> bit & 1),
					visited, scored, strategy }));
		}
		return found;
	}

	// The k nearest of one vector, an array of { id, distance } and, of a file, file, offset, length, stale; of several
	// vectors an array of such arrays.  Each has `truncated`, why it may miss something, visited, scored and strategy.
	//
	// k: 1 to 1000 [10].  where: a condition on the attributes.  exact: no estimates.  radius: only what is within this
	// distance, and then k may be up to 65536.  perFile: at most so many of one file.  timeout: seconds [10].  asOf: in a
	// snapshot.  maxVisits: slots to look at.  recall: the part of the true neighbours to find [0.99].  effort: lists to
	// probe.  method: auto, exact, coded, ivf or lsh.
	async search(vectors, given = {}) {
		const { rows, n, one } = this.#rows(vectors);
		const found = await this.#search(rows, n, null, null, given);

		return one ? found[0] : found;
	}

	// The k nearest of a record, itself included, by its id or { key }; options as of search().
	async similar(which, given = {}) {
		const [id, key] = recordOf(which);

		return (await this.#search(null, 1, id, key, given))[0];
	}
}

// The File of element i of `files`.
function fileOf(bound, i) {
	if (!(bound.file instanceof File))
		throw new TypeError(`the file of element ${i} of files is of type ${kindOf(bound.file)}; a File of openFile() is wanted`);
	return bound.file;
}

// [id, null] or [null, bytes of a key], of an id, { id } or { key }.
function recordOf(which) {
	const object = which !== null && typeof which === 'object' ? which : { id: which };

	if ((object.id === undefined) === (object.key === undefined))
		throw new TypeError('give an id, { id } or { key }');
	return object.key === undefined ? [integer(object.id, 'the id'), null] : [null, packed([text(object.key, 'the key')], 'the key')[0]];
}

// Make an empty or new directory a collection, and open it.  dims: 1 to 4096; metric: 'l2' [that], 'cosine' or 'dot';
// attrs: { name: 'int' or 'keyword' }, at most 8.  EEXIST: it is a collection already.
async function create(name, given) {
	const { dims, metric = 'l2', attrs = {} } = options(given ?? {}, ['dims', 'metric', 'attrs']);
	const schema = [small(dims, 'dims', 1, MAX.dims), text(metric, 'the metric')], names = Object.keys(attrs);

	for (const kind of Object.values(attrs))
		if (!Object.hasOwn(KINDS, kind))
			throw new TypeError(`an attribute is ${String(kind)}; 'int' or 'keyword' is wanted`);
	if (names.length > MAX.attrs)
		throw new RangeError(`at most ${MAX.attrs} attributes`);
	let made = true;

	await about(name, addon.mkdir(text(name, 'the path'))).catch((error) => {
		if (error.code !== 'EEXIST')
			throw error;
		made = false;
	});
	const directory = new Open(name, await about(name, addon.open(name)));

	try {
		await directory._call('create', ...schema, names, Uint32Array.from(Object.values(attrs), (kind) => KINDS[kind]));
	} catch (error) {
		await directory.close();
		if (made)
			await addon.rmdir(name).catch(() => {});
		throw error;
	}
	await directory.close();
	return Collection.open(name);
}

// --- images ---

const attached = new Set();

// At the end of a program that has not closed them: what was acknowledged shall be there.
process.on('exit', () => {
	for (const name of attached)
		addon.detachNow(name);
});

// An image that is attached.  Paths in it begin at its root.
class Image {
	#path;

	constructor(name, absolute) {
		this.name = name;
		this.#path = absolute;
		attached.add(absolute);
	}

	// A path for the rest of this module, from one in the image.
	path(inside) {
		if (this.#path === null)
			throw closed(this.name);
		return path.join(this.#path, text(inside, 'the path'));
	}

	async open(inside) {
		return Collection.open(this.path(inside));
	}

	async create(inside, given) {
		return create(this.path(inside), given);
	}

	async file(inside, mode) {
		return File.open(this.path(inside), mode);
	}

	async mkdir(inside) {
		await about(inside, addon.mkdir(this.path(inside)));
	}

	async unlink(inside) {
		await about(inside, addon.unlink(this.path(inside)));
	}

	// Make everything durable and let the image go.  What is still open in it is of no use any more.
	async close() {
		const name = this.#path;

		this.#path = null;
		if (name === null)
			return;
		attached.delete(name);
		await about(this.name, addon.detach(name));
	}
}

// Open an image, a file or block device with a VexFS, in this process.  Until it is closed no other process can attach it,
// but that several may be readonly; `vexctl --image` of the same user asks this one, and so can make backups.  create: make it where nothing has that name, of this size ['64G']; the file has
// holes, and cannot grow later.  EBUSY: it is mounted, or in use; EINVAL: there is no VexFS in it.
async function attach(name, given = {}) {
	const { readonly = false, create: make = false, size } = options(given, ['readonly', 'create', 'size']);
	const absolute = path.resolve(text(name, 'the path'));

	if (make && readonly)
		throw new TypeError('give one of create and readonly');
	if (!make && size !== undefined)
		throw new TypeError('a size is for { create: true }');
	if (make) {
		const wanted = sizeOf(size ?? '64G');

		await about(name, addon.createImage(absolute, wanted)).catch((error) => {
			if (error.code !== 'EEXIST')
				throw error;
			const there = fs.statSync(absolute, { bigint: true });

			if (size !== undefined && there.isFile() && there.size < wanted >> 12n << 12n)
				throw new RangeError(`${name} has ${there.size} bytes, and no image can grow: leave the size out, or make a ` +
					'larger one of another name and add its records there');
		});
	}
	await about(name, addon.attach(absolute, readonly ? READONLY : 0));
	return new Image(name, absolute);
}

async function unlink(name) {
	await about(name, addon.unlink(text(name, 'the path')));
}

module.exports = { attach, create, unlink, open: Collection.open, openFile: File.open, Collection, File, Image };
