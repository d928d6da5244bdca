// Node.js as server or client: http, net and dgram.
// usage: node net.js serve HTTP_PORT NET_PORT UDP_PORT | node net.js ask ADDRESS HTTP_PORT NET_PORT UDP_PORT
const dgram = require('dgram');
const http = require('http');
const net = require('net');

function serve(httpPort, netPort, udpPort) {
  const waited = [
    new Promise((done) => http.createServer((request, response) => {
      let body = '';
      request.on('data', (piece) => { body += piece; });
      request.on('end', () => response.end(`${request.method} ${request.url} ${body}`));
    }).listen(httpPort, done)),
    new Promise((done) => net.createServer({allowHalfOpen: true}, (socket) => {
      socket.pipe(socket);  // echo until its end
    }).listen(netPort, done)),
    new Promise((done) => {
      const socket = dgram.createSocket('udp4');
      socket.on('message', (message, from) => {
        socket.send(Buffer.concat([Buffer.from('echo '), message]), from.port, from.address);
      });
      socket.bind(udpPort, done);
    }),
  ];
  Promise.all(waited).then(() => console.log('serving'));
}

function overHttp(host, port) {
  return new Promise((done, failed) => {
    const request = http.request({host, port, method: 'POST', path: '/path'}, (response) => {
      let body = '';
      response.on('data', (piece) => { body += piece; });
      response.on('end', () => done(`http ${response.statusCode} ${body}`));
    });
    request.on('error', failed);
    request.end('body');
  });
}

function overNet(host, port) {
  const size = 1 << 20;
  return new Promise((done, failed) => {
    let got = 0, peer = '';
    const socket = net.connect({host, port, allowHalfOpen: true}, () => {
      peer = socket.remoteAddress;
      socket.end(Buffer.alloc(size, 7));
    });
    socket.on('data', (piece) => { got += piece.length; });
    socket.on('end', () => done(`net ${got === size} ${peer === host}`));
    socket.on('error', failed);
  });
}

function overUdp(host, port) {
  return new Promise((done, failed) => {
    const socket = dgram.createSocket('udp4');
    socket.on('error', failed);
    socket.on('message', (message, from) => {
      clearInterval(again);
      socket.close();
      done(`dgram ${message} ${from.address === host && from.port === port}`);
    });
    const send = () => socket.send('hello', port, host);
    const again = setInterval(send, 1000);  // datagrams may be lost
    send();
  });
}

async function ask(host, httpPort, netPort, udpPort) {
  console.log(await overHttp(host, httpPort));
  console.log(await overNet(host, netPort));
  console.log(await overUdp(host, udpPort));
}

const [role, ...rest] = process.argv.slice(2);
if (role === 'serve') serve(...rest.map(Number));
if (role === 'ask') ask(rest[0], ...rest.slice(1).map(Number));
