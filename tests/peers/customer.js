'use strict';
// A customer's web server on node's http, for tests.
//
// usage: node customer.js OPTIONS.json
//
//   port      where it listens, on loopback
//   journal   a file of JSON lines: each request, before it is answered
//   answers   by path: {status, body, delay}; delay is seconds. Others: 200, empty
//
// Every line on standard input is a JSON object of further answers. It prints `ready`
// when it listens.

const fs = require('fs');
const http = require('http');
const readline = require('readline');

const options = { answers: {}, ...JSON.parse(fs.readFileSync(process.argv[2])) };
const journal = fs.openSync(options.journal, 'a');

function answer(response, { status = 200, body = '', delay = 0 }) {
  setTimeout(() => {
    response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
    response.end(body);
  }, delay * 1000);
}

const server = http.createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const [path, query = ''] = request.url.split(/\?(.*)/s);
    const wanted = options.answers[path] || {};
    fs.writeSync(journal, JSON.stringify({
      method: request.method, path, query, headers: request.headers,
      body: Buffer.concat(chunks).toString('base64'), status: wanted.status || 200,
    }) + '\n');
    answer(response, wanted);
  });
});

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  Object.assign(options.answers, JSON.parse(line));
});
process.on('SIGTERM', () => process.exit(0));
server.keepAliveTimeout = 60000;
server.listen(options.port, '127.0.0.1', () => console.log('ready'));
