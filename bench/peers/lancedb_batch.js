// SPDX-License-Identifier: GPL-2.0
// Rows of a set as LanceDB takes them.
'use strict';
const arrow = require('apache-arrow');

// Rows as Arrow has them, without a JavaScript object for each.
function batch(r, from, to) {
	const floats = arrow.makeData({ type: new arrow.Float32(), data: r.base.subarray(from * r.dims, to * r.dims) });
	const v = arrow.makeData({ type: new arrow.FixedSizeList(r.dims, new arrow.Field('item', new arrow.Float32(), true)),
		length: to - from, nullCount: 0, child: floats });
	const id = arrow.makeData({ type: new arrow.Int32(), data: Int32Array.from({ length: to - from }, (_, i) => from + i) });
	const attr = arrow.makeData({ type: new arrow.Int32(), data: r.attr.subarray(from, to) });
	return new arrow.Table({ v: new arrow.Vector([v]), id: new arrow.Vector([id]), attr: new arrow.Vector([attr]) });
}

module.exports = { batch };
