import os,hashlib,time,sys
r,w=os.pipe()
if os.fork()==0:
    os.close(w); h=hashlib.md5(); n=0
    while True:
        b=os.read(r,3000)
        if not b: break
        h.update(b); n+=len(b); time.sleep(0.002)
    print(n,h.hexdigest(),flush=True); os._exit(0)
os.close(r)
data=bytes(range(256))*8000
for i in range(3): 
    k=os.write(w,data); print(k==len(data),flush=True)
os.close(w); os.wait()
