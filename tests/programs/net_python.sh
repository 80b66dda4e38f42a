# needs: python3
# Servers of the Python library: http.server with threads, asyncio, multiprocessing over TCP.
mkdir www
echo hello > www/a.txt
head -c 2000000 /dev/zero | tr '\0' x > www/big
cat > web.py <<'E'
import functools, hashlib, http.server, threading, urllib.error, urllib.request
class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args): pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory='www'))
threading.Thread(target=server.serve_forever).start()
url = f'http://localhost:{server.server_address[1]}/'
print(urllib.request.urlopen(url + 'a.txt').read())
print(hashlib.sha256(urllib.request.urlopen(url + 'big').read()).hexdigest())
try:
    urllib.request.urlopen(url + 'none')
except urllib.error.HTTPError as e:
    print(e)
server.shutdown()
E
python3 web.py
cat > many.py <<'E'
import asyncio
async def serve(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()
async def client(address, n):
    reader, writer = await asyncio.open_connection(*address)
    for i in range(10):
        writer.write(b'hello %d %d\n' % (n, i))
        assert await reader.readline() == b'HELLO %d %d\n' % (n, i)
    writer.close()
    await writer.wait_closed()
class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport): self.transport = transport
    def datagram_received(self, data, addr): self.transport.sendto(data[::-1], addr)
class Once(asyncio.DatagramProtocol):
    def __init__(self, done): self.done = done
    def datagram_received(self, data, addr): self.done.set_result(data)
async def main():
    server = await asyncio.start_server(serve, '127.0.0.1', 0, backlog=500)
    address = server.sockets[0].getsockname()
    await asyncio.gather(*(client(address, n) for n in range(300)))
    server.close()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Echo, ('127.0.0.1', 0))
    done = loop.create_future()
    other, _ = await loop.create_datagram_endpoint(lambda: Once(done),
                                                   remote_addr=transport.get_extra_info('sockname'))
    other.sendto(b'abc')
    print(await done)
    other.close()
    transport.close()
asyncio.run(main())
print('all answered')
E
python3 many.py
cat > remote.py <<'E'
from multiprocessing.managers import BaseManager
class Counter:
    def __init__(self): self.n = 0
    def add(self, k): self.n += k; return self.n
class Manager(BaseManager): pass
Manager.register('Counter', Counter)
if __name__ == '__main__':
    with Manager(('127.0.0.1', 0)) as m:
        c = m.Counter()
        print([c.add(i) for i in range(5)])
E
python3 remote.py
