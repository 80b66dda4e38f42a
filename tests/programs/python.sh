# needs: python3
# timeout: 120
/usr/bin/python3 - <<'END'
import json, os, sqlite3, threading, sys, time, re, hashlib, struct, tempfile, queue, math
print(json.dumps({'a': [1, 2.5, None, True], 'b': {'c': 'd' * 10}}, sort_keys=True))
db = sqlite3.connect(':memory:')
db.execute('create table t(a integer primary key, b text)')
db.executemany('insert into t(b) values(?)', [(str(i) * 3,) for i in range(5000)])
print(db.execute('select count(*), sum(a), max(length(b)) from t').fetchone())
with tempfile.TemporaryDirectory() as d:
    f = os.path.join(d, 'x.db')
    c = sqlite3.connect(f)
    c.execute('create table t(a)')
    with c:
        for i in range(500):
            c.execute('insert into t values(?)', (i,))
    c.close()
    print(sqlite3.connect(f).execute('select sum(a) from t').fetchone())
q, out = queue.Queue(), []
def worker():
    while True:
        n = q.get()
        if n is None:
            return
        out.append(n * n)
ts = [threading.Thread(target=worker) for _ in range(8)]
for t in ts: t.start()
for i in range(2000): q.put(i)
for t in ts: q.put(None)
for t in ts: t.join()
print(len(out), sum(out))
print(hashlib.sha256(b'x' * 1000000).hexdigest())
ev = threading.Event()
threading.Timer(0.05, ev.set).start()
print(ev.wait(60))
print(os.cpu_count() > 0, sys.version_info[:2], os.getcwd() != '', len(os.listdir('/usr/bin')) > 100)
print(re.findall(r'\d+', 'a1b22c333'), struct.pack('<Id', 7, math.pi).hex())
END
