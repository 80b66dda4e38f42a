# needs: python3
# timeout: 60
/usr/bin/python3 - <<'END'
import os,select,socket,struct,threading,time,errno,fcntl,signal,sys,asyncio,selectors,ctypes
libc=ctypes.CDLL(None,use_errno=True)
def e(f,*a):
    try: return f(*a)
    except OSError as x: return errno.errorcode[x.errno]
signal.pthread_sigmask(signal.SIG_BLOCK,[signal.SIGUSR2]) # before there are threads: one that was joined may still be there
import tempfile,shutil,atexit; d=tempfile.mkdtemp(); atexit.register(shutil.rmtree,d); os.chdir(d)
os.mkfifo('f'); print(e(os.open,'f',os.O_WRONLY|os.O_NONBLOCK))
r=os.open('f',os.O_RDONLY|os.O_NONBLOCK); p=select.poll(); p.register(r); print(p.poll(0), os.read(r,5))
w=os.open('f',os.O_WRONLY|os.O_NONBLOCK); print(p.poll(0)); os.write(w,b'x'); os.close(w); print(p.poll(0)[0][1],os.read(r,5),os.read(r,5),p.poll(0)[0][1]); os.close(r)
def wr():
    with open('f','w') as f: f.write('hello')
t=threading.Thread(target=wr); t.start(); time.sleep(0.05)
print(open('f').read()); t.join()
rw=os.open('f',os.O_RDWR); os.write(rw,b'q'); print(os.read(rw,4), os.fstat(rw).st_mode==0o10644 or oct(os.fstat(rw).st_mode))
# threads pipes
r,w=os.pipe(); tot=0
def prod():
    for i in range(2000): os.write(w,b'y'*4096*3)
    os.close(w)
t=threading.Thread(target=prod); t.start()
while 1:
    b=os.read(r,10000)
    if not b: break
    tot+=len(b)
t.join(); print(tot)
# many writers atomic
r,w=os.pipe(); 
def mw(c):
    for i in range(300): os.write(w,c*4000)
ts=[threading.Thread(target=mw,args=(bytes([65+i]),)) for i in range(4)]
[t.start() for t in ts]
ok=True; f=os.fdopen(r,'rb',0); buf=b''
for i in range(1200):
    while len(buf)<4000: buf+=f.read(65536)
    c,buf=buf[:4000],buf[4000:]
    ok&= c==c[:1]*4000
print(ok)
# asyncio
async def main():
    a,b=socket.socketpair(); 
    ra,wa=await asyncio.open_connection(sock=a); rb,wb=await asyncio.open_connection(sock=b)
    async def echo():
        while True:
            x=await rb.read(1000)
            if not x: break
            wb.write(x); await wb.drain()
    t=asyncio.create_task(echo()); n=0
    for i in range(500):
        wa.write(b'x'*1000); n+=len(await ra.readexactly(1000))
    wa.close(); await t; print('asyncio',n)
    loop=asyncio.get_running_loop(); fut=loop.create_future(); loop.add_signal_handler(signal.SIGUSR1, fut.set_result, 5); os.kill(os.getpid(),signal.SIGUSR1); print(await fut)
    print(await loop.run_in_executor(None, lambda: 42))
    srv=await asyncio.start_unix_server(lambda r,w: (w.write(b'bye'), w.close()), path='s')
    r,w=await asyncio.open_unix_connection('s'); print(await r.read()); srv.close()
asyncio.run(main())
# select
r,w=os.pipe(); print(select.select([r],[w],[r],0)==([],[w],[]), select.select([r],[],[],0.02)); os.write(w,b'1'); print(select.select([r],[w],[],5)==([r],[w],[]))
# interrupted poll
signal.signal(signal.SIGALRM, lambda *a: None)
signal.setitimer(signal.ITIMER_REAL,0.05); t0=time.time(); r2,w2=os.pipe(); p=select.poll(); p.register(r2); print(p.poll(150), 0.14<time.time()-t0)
class PF(ctypes.Structure): _fields_=[('fd',ctypes.c_int),('ev',ctypes.c_short),('rev',ctypes.c_short)]
signal.setitimer(signal.ITIMER_REAL,0.05,0.05); pf=PF(r2,1,0); print(libc.poll(ctypes.byref(pf),1,5000), ctypes.get_errno()); signal.setitimer(signal.ITIMER_REAL,0)
signal.siginterrupt(signal.SIGALRM,False)
signal.setitimer(signal.ITIMER_REAL,0.05); tm=threading.Timer(0.1,lambda: os.write(w2,b'k')); tm.start(); print(os.read(r2,1)); tm.join()
# signalfd
m=struct.pack('Q',1<<(signal.SIGUSR2-1)); sfd=libc.signalfd(-1,m,0o4000)
print(e(os.read,sfd,128)); ep=select.epoll(); ep.register(sfd,1); os.kill(os.getpid(),signal.SIGUSR2); print(len(ep.poll(1))); b=os.read(sfd,128); print(struct.unpack('I',b[:4]), struct.unpack('iII',b[8:20])[1]==os.getpid(), ep.poll(0))
# splice family
open('src','wb').write(bytes(range(256))*400); 
s=os.open('src',os.O_RDONLY); o=os.open('dst',os.O_RDWR|os.O_CREAT); print(os.sendfile(o,s,None,1000),os.lseek(s,0,1),os.sendfile(o,s,5000,500000),os.lseek(s,0,1),os.fstat(o).st_size)
r,w=os.pipe(); print(os.splice(s,w,3000),os.lseek(s,0,1),os.splice(s,w,5,offset_src=1),os.splice(r,o,2000,offset_dst=7),os.lseek(o,0,1)); print(len(os.read(r,9999)))
print(e(os.splice,s,o,5),e(os.splice,r,r,5),os.splice(s,w,10**6,offset_src=0))
r3,w3=os.pipe(); print(os.splice(r,w3,5000), libc.tee(r3,w,10**6,0), e(os.splice,r3,w3,4))
print(os.copy_file_range(s,o,100,offset_src=0,offset_dst=0), e(os.copy_file_range,s,o,100,None,None) , e(os.copy_file_range,s,w,1))
a,b=socket.socketpair(); print(os.sendfile(a.fileno(),s,0,1000), len(b.recv(5000))); print(e(os.sendfile,o,r,None,5), e(os.sendfile,s,o,None,5))
print(os.splice(r3,a.fileno(),100), len(b.recv(999)))
iov=(ctypes.c_ulong*2)(ctypes.addressof(ctypes.create_string_buffer(b'vm'*50)),100)
# /proc/self/fd reopen
rr,ww=os.pipe(); x=os.open('/proc/self/fd/%d'%rr,os.O_RDONLY|os.O_NONBLOCK); os.write(ww,b'via'); print(os.read(x,5), os.readlink('/proc/self/fd/%d'%x)==os.readlink('/proc/self/fd/%d'%rr), os.fstat(rr).st_ino==os.fstat(ww).st_ino, os.readlink('/proc/self/fd/%d'%rr).startswith('pipe:['))
END
