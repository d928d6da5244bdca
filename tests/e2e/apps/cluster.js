// A cluster of four workers that share a port: cluster.js PORT.
const cluster = require('cluster');
const http = require('http');

if (cluster.isPrimary) {
  for (let i = 0; i < 4; i++) cluster.fork();
  let up = 0;
  cluster.on('listening', () => { if (++up === 4) console.log('serving'); });
} else {
  http.createServer((request, response) => {
    const parts = [];
    request.on('data', part => parts.push(part));
    request.on('end', () => response.end(`${process.pid} ${Buffer.concat(parts).length}\n`));
  }).listen(Number(process.argv[2]));
}
