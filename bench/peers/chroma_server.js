// SPDX-License-Identifier: GPL-2.0
// The server of Chroma on loopback.
'use strict';
const { spawn } = require('child_process');
const net = require('net');
const path = require('path');
const { folder } = require('./contender.js');
const { ChromaClient } = require('chromadb');

// vectors come as they are
const embeddingFunction = { name: 'none', generate: async () => [] };

// A port that nobody has at the moment.
function freePort() {
	return new Promise((resolve, reject) => {
		const s = net.createServer();
		s.once('error', reject);
		s.listen(0, '127.0.0.1', () => {
			const { port } = s.address();
			s.close(() => resolve(port));
		});
	});
}

// Starts the server on what is in the directory.  A new effort is only heard of at its start.
async function start(dir) {
	const port = await freePort();
	const program = path.join(folder('chromadb'), 'dist', 'cli.mjs');
	const server = spawn(process.execPath, [program, 'run', '--path', dir, '--host', '127.0.0.1', '--port', String(port)],
		{ stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, TMPDIR: dir } });
	const client = new ChromaClient({ host: '127.0.0.1', port });
	process.on('exit', () => server.kill('SIGKILL'));
	for (let tries = 0; ; tries++) {
		try {
			await client.heartbeat();
			return { server, client };
		} catch (e) {
			if (tries === 100 || server.exitCode !== null)
				throw new Error('its server does not start');
			await new Promise((resolve) => setTimeout(resolve, 100));
		}
	}
}

function stop(server) {
	return new Promise((resolve) => {
		server.once('exit', resolve);
		server.kill('SIGTERM');
	});
}

module.exports = { start, stop, embeddingFunction };
