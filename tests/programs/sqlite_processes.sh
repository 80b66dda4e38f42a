# needs: python3 sqlite3
# timeout: 120
# One database, many processes: writers and readers with rollback journal and with WAL.
cat > work.py <<'E'
import os, sqlite3, sys
def connect():
    db = sqlite3.connect('test.db', timeout=60, isolation_level=None)
    db.execute('pragma synchronous=off')
    return db
def writer(n):
    db = connect()
    for i in range(40):
        db.execute('begin immediate')
        total = db.execute('select sum(v) from counter').fetchone()[0]
        db.execute('insert into log values (?, ?, ?)', (n, i, total))
        db.execute('update counter set v = v + 1')
        db.execute('commit')
def reader():
    db = connect()
    last = -1
    while last < 240:
        db.execute('begin')
        v = db.execute('select v from counter').fetchone()[0]
        rows = db.execute('select count(*) from log').fetchone()[0]
        db.execute('commit')
        assert v == rows >= last, (v, rows, last)
        last = v
for mode in 'delete', 'wal':
    db = connect()
    print(db.execute(f'pragma journal_mode={mode}').fetchone()[0])
    db.execute('drop table if exists log')
    db.execute('drop table if exists counter')
    db.execute('create table log (who, n, seen)')
    db.execute('create table counter (v)')
    db.execute('insert into counter values (0)')
    db.close()
    children = []
    for n in range(8):
        pid = os.fork()
        if not pid:
            writer(n) if n < 6 else reader()
            os._exit(0)
        children.append(pid)
    print([os.waitpid(p, 0)[1] for p in children])
    db = connect()
    print(db.execute('select v from counter').fetchone(), db.execute('pragma integrity_check').fetchone())
    print(db.execute('select count(*), count(distinct seen), max(seen) from log').fetchone())
    db.close()
E
python3 work.py
