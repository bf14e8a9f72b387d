// SPDX-License-Identifier: GPL-2.0
// What contenders in JavaScript share: ../contender.h, which says what a contender does, once more.
'use strict';
const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');

const LONG = 1.2, LONG_FILTERED = 0.5, FEW = 50, ENOUGH = 0.3, PASSES = 9;

const now = () => Number(process.hrtime.bigint()) / 1e9;

// Memory of a process's own, in bytes; files that are mapped are not counted.
function memory(pid = process.pid) {
	if (pid === process.pid && global.gc)
		global.gc();
	return 1024 * Number(/RssAnon:\s*(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'latin1'))[1]);
}

// All threads of a process to one processor: "one thread" of those that do not let themselves be told.
function pin(pid, cpu) {
	execFileSync('taskset', ['-acp', String(cpu), String(pid)], { stdio: 'ignore' });
}

// Where a package is, which ./install has put there.
function folder(name) {
	return path.join(process.env.NODE_PATH || '.', name);
}

function version(name) {
	return JSON.parse(fs.readFileSync(path.join(folder(name), 'package.json'))).version;
}

class Race {
	constructor(args = process.argv.slice(2)) {
		const [dir, out, ...rest] = args;
		if (!out) {
			console.error(`usage: ${path.basename(process.argv[1])} DIR OUT.json --budget SECONDS`);
			process.exit(2);
		}
		const floats = (file) => {
			const b = fs.readFileSync(path.join(dir, file));
			return new Float32Array(b.buffer, b.byteOffset, b.length / 4);
		};
		Object.assign(this, JSON.parse(fs.readFileSync(path.join(dir, 'set.json'))));
		this.base = floats('base.f32');
		this.query = floats('query.f32');
		const a = fs.readFileSync(path.join(dir, 'attr.i32'));
		this.attr = new Int32Array(a.buffer, a.byteOffset, a.length / 4);
		this.out = out;
		this.budget = Number(this.option(rest, '--budget') || 60);
		this.method = this.option(rest, '--method');
		this.threads = require('os').cpus().length;
		this.started = 0;
		this.result = { contender: '', version: '', note: '', builds: [], settings: [] };
		this.ids = [];
	}
	// Makes a directory of its own for what it keeps on disk.
	folder() {
		this.dir = `${path.resolve(this.out)}.d`;
		fs.rmSync(this.dir, { recursive: true, force: true });
		fs.mkdirSync(this.dir);
		return this.dir;
	}
	option(args, name) {
		const i = args.indexOf(name);
		return i >= 0 ? args[i + 1] : undefined;
	}
	row(i) {
		return this.base.subarray(i * this.dims, (i + 1) * this.dims);
	}
	begin(name, version, note) {
		Object.assign(this.result, { contender: name, version, note });
		this.started = now();
	}
	// To be called now and then while `done` rows are in: ends it when that is too slow.
	progress(done) {
		const t = now() - this.started, all = t * this.n / done;
		if (done && (t > this.budget || (t > 3 && all > 1.2 * this.budget && done * 50 > this.n))) {
			this.result.skipped = `building takes ${Math.round(all)} s or more, it may take ${this.budget}`;
			this.end();
			process.exit(0);
		}
	}
	// rate: rows a second, by so many threads; memory in bytes, and whether that includes the rows as they came
	build(method, threads, memory, holdsRows) {
		const seconds = now() - this.started;
		this.result.builds.push({ method, rate: this.n / seconds, of: this.n, rate_threads: threads, seconds, threads, memory,
			holds_rows: holdsRows });
	}
	// ask(query, filter): the ids, at most k, or a promise of them
	async measure(method, effort, filter, ask) {
		const one = (i) => ask(this.query.subarray(i * this.dims, (i + 1) * this.dims), filter);
		const found = [], most = filter ? LONG_FILTERED : LONG;
		let t = now(), passes = [];
		while (found.length < this.queries && (found.length < FEW || now() - t < most)) {
			let ids = one(found.length);
			if (ids instanceof Promise)
				ids = await ids;
			found.push(ids);
		}
		passes.push(now() - t);
		if (passes[0] < most / 2) {
			passes = [];
			const enough = ENOUGH / (filter ? 2 : 1);
			for (let sum = 0; passes.length < 3 || (passes.length < PASSES && sum < enough); sum += passes[passes.length - 1]) {
				t = now();
				for (let i = 0; i < found.length; i++) {
					const ids = one(i);
					if (ids instanceof Promise)
						await ids;
				}
				passes.push(now() - t);
			}
		}
		this.result.settings.push({ method, effort, filter, asked: found.length, passes });
		const ids = new Int32Array(found.length * this.k).fill(-1);
		found.forEach((f, i) => ids.set(f.slice(0, this.k), i * this.k));
		this.ids.push(Buffer.from(ids.buffer));
	}
	end() {
		fs.writeFileSync(this.out, JSON.stringify(this.result));
		fs.writeFileSync(`${this.out}.ids`, Buffer.concat(this.ids));
		if (this.dir)
			fs.rmSync(this.dir, { recursive: true, force: true });
	}
}

module.exports = { Race, folder, memory, now, pin, version };
