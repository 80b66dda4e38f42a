# needs: python3
# timeout: 60
/usr/bin/python3 - <<'END'
import os,select,socket,struct,threading,time,errno,array,fcntl,signal,sys
def e(f,*a):
    try: return f(*a)
    except OSError as x: return errno.errorcode[x.errno]
# pipes
r,w=os.pipe()
print(fcntl.fcntl(r,1032),fcntl.fcntl(w,1031,4096),fcntl.fcntl(w,1031,100000),fcntl.fcntl(r,1032))
fcntl.fcntl(w,1031,65536)
os.set_blocking(w,False); os.set_blocking(r,False)
n=0
try:
    while 1: n+=os.write(w,b'x'*1000)
except BlockingIOError: pass
print('fill',n)
p=select.poll();p.register(r);p.register(w); print([ (fd in (r,) ,ev) for fd,ev in p.poll(0)])
print(len(os.read(r,100000)), e(os.read,r,1))
os.write(w,b'ab'); os.write(w,b'cd'); print(struct.unpack('i',fcntl.ioctl(r,0x541b,b'0000')), os.read(r,3))
os.close(w); print(p.poll(0)[0][1], os.read(r,10), os.read(r,10))
r,w=os.pipe(); os.close(r); print(e(os.write,w,b'x'));
p=select.poll();p.register(w); print(p.poll(0)[0][1])
# packet
r,w=os.pipe2(os.O_DIRECT); os.write(w,b'hello');os.write(w,b'wo'); print(os.read(r,3),os.read(r,10))
# epoll
r,w=os.pipe()
ep=select.epoll(); ep.register(r,select.EPOLLIN|select.EPOLLET)
os.write(w,b'a'); print(ep.poll(0)[0][1],ep.poll(0)); os.write(w,b'b'); print(len(ep.poll(0)),ep.poll(0)); os.read(r,1); print(ep.poll(0))
ep.modify(r,select.EPOLLIN); print(len(ep.poll(0)),len(ep.poll(0)))
ep.modify(r,select.EPOLLIN|select.EPOLLONESHOT); print(len(ep.poll(0)),len(ep.poll(0))); ep.modify(r,select.EPOLLIN|select.EPOLLONESHOT); print(len(ep.poll(0)))
print(e(ep.register,r,1), e(ep.register,999,1)); f=open('/etc/passwd'); print(e(ep.register,f.fileno(),1))
d=os.dup(r); ep2=select.epoll(); ep2.register(r,1); os.close(r); print(len(ep2.poll(0))); os.close(d); print(len(ep2.poll(0)))
ep3=select.epoll(); ep3.register(ep.fileno(),1); print(e(ep.register,ep3.fileno(),1), e(ep.register,ep.fileno(),1))
t0=time.time(); print(ep2.poll(0.05)); print(0.045<time.time()-t0)
def chain(n):
    eps=[select.epoll() for _ in range(n)]
    res=[]
    for a,b in zip(eps,eps[1:]): res.append(e(b.register,a.fileno(),1))
    return res
print(chain(8))
# eventfd
ef=os.eventfd(3,os.EFD_NONBLOCK); print(os.eventfd_read(ef), e(os.eventfd_read,ef)); os.eventfd_write(ef,2**64-2); print(e(os.eventfd_write,ef,1)); 
ep=select.epoll(); ep.register(ef,select.EPOLLIN|select.EPOLLET|select.EPOLLOUT); print(ep.poll(0)[0][1]); os.eventfd_read(ef); print(ep.poll(0)[0][1]); os.eventfd_write(ef,1);print(ep.poll(0)[0][1]);os.eventfd_write(ef,1);print(ep.poll(0)[0][1],ep.poll(0))
es=os.eventfd(2,os.EFD_SEMAPHORE|os.EFD_NONBLOCK); print(os.eventfd_read(es),os.eventfd_read(es),e(os.eventfd_read,es))
# sockets
for T in (socket.SOCK_STREAM,socket.SOCK_DGRAM,socket.SOCK_SEQPACKET):
    a,b=socket.socketpair(socket.AF_UNIX,T)
    a.send(b'one'); a.send(b'two'); print(b.recv(2),b.recv(10)); 
    if T!=socket.SOCK_STREAM: print(b.recv(10) if 0 else '')
    a.setblocking(False); n=0
    try:
        while 1: n+=a.send(b'x'*1000)
    except OSError as x: print(T,'filled', x.errno)
    p=select.poll();p.register(a);p.register(b);print([ev for fd,ev in p.poll(0)])
    print(a.getsockname(),a.getpeername(),struct.unpack('3i',a.getsockopt(1,17,12))[1:],a.getsockopt(1,3),a.getsockopt(1,39),a.getsockopt(1,38))
    a.close(); print([ev for fd,ev in p.poll(0) if fd==b.fileno()]);
a,b=socket.socketpair()
b.shutdown(socket.SHUT_WR); print(a.recv(5)); p=select.poll();p.register(a);p.register(b);print([ev for fd,ev in p.poll(0)]);
print(e(b.send,b'x')); a.send(b'q'); b.close(); print(e(a.recv,1),e(a.send,b'x'),e(a.recv,1))
a,b=socket.socketpair()
r,w=os.pipe(); socket.send_fds(a,[b'fd'],[w,r]); m,fds,fl,ad=socket.recv_fds(b,10,5); print(m,len(fds),fl); os.write(fds[0],b'zz'); print(os.read(r,5))
b.setsockopt(1,16,1); a.send(b'c'); m=b.recvmsg(10,100); print(m[0],m[1][0][:2],len(m[1][0][2]),m[2], struct.unpack('3i',m[1][0][2])[0]==os.getpid())
own='\0'+os.getcwd()[-14:]+'.' # abstract names are the host's: one that no other run has
for name in ('./ipct.sock',own+'abc'):
  for T in (socket.SOCK_STREAM,socket.SOCK_SEQPACKET):
    if name[0]=='.' and os.path.exists(name): os.unlink(name)
    l=socket.socket(socket.AF_UNIX,T); l.bind(name); c=socket.socket(socket.AF_UNIX,T); print(e(c.connect,name)); l.listen(1); print(e(l.bind,name)); 
    x=socket.socket(socket.AF_UNIX,T); print(e(x.bind,name))
    c.connect(name); s,ad=l.accept(); print(repr(ad),repr(s.getsockname()),repr(c.getpeername()),c.getsockopt(1,30),l.getsockopt(1,30)); c.send(b'hi'); print(s.recv(5)); print(e(c.connect,name))
    if name[0]=='.': st=os.stat(name); print(oct(st.st_mode)); 
    q=[socket.socket(socket.AF_UNIX,T) for _ in range(4)]; [x.setblocking(False) for x in q]; print([e(x.connect,name) for x in q])
    p=select.poll();p.register(l);p.register(x); print([ev for fd,ev in p.poll(0)])
    l.close(); print(e(q[0].recv,1),e(x.connect,name)); s.close(); c.close()
os.unlink('./ipct.sock')
d1=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM);d1.bind(own+'d1'); d2=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM); d2.bind(''); d2.setblocking(False)
n=0
try:
    while 1: d2.sendto(b'm',  own+'d1'); n+=1
except OSError as x: print(n,x.errno)
m,ad=d1.recvfrom(10); print(m,len(ad)); print(e(d2.send,b'x')); d2.connect(own+'d1'); print(e(d2.send,b'x'), e(d2.sendto,b'y','/nonexist')); d1.close(); print(e(d2.send,b'x'),e(d2.send,b'x'))
s=socket.socket(); s.bind(('127.0.0.1',0)); print(s.getsockname()[0], e(socket.socket().connect,('127.0.0.1',1)))
END
