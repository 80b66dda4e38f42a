# needs: node
# HTTP server and client of node, with kept connections, and a WebSocket-like upgrade.
cat > s.js <<'E'
const http = require('http');
const server = http.createServer((q, r) => {
  let n = 0;
  q.on('data', d => n += d.length);
  q.on('end', () => r.end(`${q.method} ${n}`));
});
server.on('upgrade', (q, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
  socket.on('data', d => socket.end(d));
});
server.listen(0, '127.0.0.1', () => {
  const port = server.address().port, agent = new http.Agent({keepAlive: true, maxSockets: 8});
  let left = 101;
  const done = () => { if (--left == 0) { console.log('all answered'); agent.destroy(); server.close(); } };
  for (let i = 0; i < 100; i++) {
    const q = http.request({port, host: '127.0.0.1', method: 'POST', agent}, r => {
      let b = '';
      r.on('data', d => b += d);
      r.on('end', () => { if (b != `POST ${i * 1000}`) console.log('wrong', i, b); done(); });
    });
    q.end('x'.repeat(i * 1000));
  }
  const q = http.request({port, host: '127.0.0.1', headers: {Connection: 'Upgrade', Upgrade: 'echo'}});
  q.on('upgrade', (r, socket) => {
    socket.write('echo me');
    socket.on('data', d => console.log(String(d)));
    socket.on('close', done);
  });
  q.end();
});
E
node s.js
