# The workload of the soak: programs whose state changes all the time, and which prove it with
# every line they print: "NAME NUMBER DIGEST", the digest following from all lines before.
#
#   chain   several processes: pipes, Unix sockets, threads, an unlinked file
#   redis   a server with data, a client over TCP, one over its Unix socket that sleeps in it
#   shell   bash with a pseudo terminal: line discipline, window sizes, jobs, ^C
#
# What isn't installed is left out.
import os, runpy, shutil, signal, sys

parts = ["chain", "shell"] + (["redis"] if shutil.which("redis-server") else [])
children = {}
for part in parts:
    pid = os.fork()
    if pid == 0:
        runpy.run_path("work_%s.py" % part, run_name="__main__")
        os._exit(0)
    children[pid] = part
pid, status = os.wait()
for other in children:
    if other != pid:
        os.kill(other, signal.SIGKILL)
sys.exit("%s ended with status %d" % (children[pid], status))
