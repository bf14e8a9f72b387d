// SPDX-License-Identifier: GPL-2.0
//
// TAP as tests/unit/run counts it: see tap.py.
'use strict';
let count = 0;

function test(name, good, ...why) {
	console.log(`${good ? '' : 'not '}ok ${++count} - ${name}`);
	if (!good)
		why.forEach((w) => console.log('#', w));
}

function skip(why) {
	console.log(`ok ${++count} # SKIP ${why}`);
}

function done() {
	console.log(`1..${count}`);
}

// What a promise is rejected with; undefined: it is not.
async function refusal(promise) {
	try {
		await (typeof promise === 'function' ? promise() : promise);
	} catch (error) {
		return error;
	}
	return undefined;
}

module.exports = { test, skip, done, refusal };
