# needs: python3
# timeout: 120
cat > m.py <<'END'
import multiprocessing as mp, subprocess, asyncio, os, signal, sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

def square(x): return x * x
def child(q, n): q.put((n, os.getppid() > 0))
async def main():
    p = await asyncio.create_subprocess_exec('/bin/echo', 'from asyncio', stdout=subprocess.PIPE)
    out, _ = await p.communicate()
    results = await asyncio.gather(*(asyncio.sleep(0.01, i) for i in range(10)))
    r, w = os.pipe()
    loop = asyncio.get_running_loop()
    fut = loop.create_future()
    loop.add_reader(r, lambda: fut.set_result(os.read(r, 10)))
    os.write(w, b'ready')
    return out, sum(results), await fut

if __name__ == '__main__':
    for how in ('fork', 'spawn'):
        ctx = mp.get_context(how)
        with ctx.Pool(3) as pool:
            print(how, sum(pool.map(square, range(200))))
        q = ctx.Queue()
        ps = [ctx.Process(target=child, args=(q, i)) for i in range(4)]
        for p in ps: p.start()
        print(sorted(q.get() for _ in ps))
        for p in ps: p.join()
        print([p.exitcode for p in ps])
    with ProcessPoolExecutor(2) as e: print(sum(e.map(square, range(50))))
    with ThreadPoolExecutor(8) as e: print(sum(e.map(square, range(50))))
    v, lock = mp.Value('i', 0), mp.Lock()
    print(asyncio.run(main()))
    print(subprocess.run(['sh', '-c', 'cat; exit 3'], input=b'in', capture_output=True))
    p = subprocess.Popen(['sleep', '30']); p.terminate(); print(p.wait())
    try: subprocess.run(['sleep', '30'], timeout=0.2)
    except subprocess.TimeoutExpired: print('timeout')
    try: subprocess.run(['/nonexistent'])
    except FileNotFoundError as e: print(e)
END
/usr/bin/python3 m.py
