# needs: sqlite3
sqlite3 test.db 'create table t(a,b); insert into t select value, value*value from generate_series(1,1000);' 2>/dev/null || sqlite3 test.db 'create table t(a,b); insert into t values(1,1);'
sqlite3 test.db 'pragma journal_mode=wal; insert into t values(5,6); select count(*)>0 from t; pragma integrity_check;'
sqlite3 test.db .schema
