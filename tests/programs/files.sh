# needs: python3 cp dd fallocate stat flock
# timeout: 60
dd if=/dev/zero of=sparse bs=1 count=1 seek=1G 2>/dev/null; stat -c '%s %b' sparse
cp --sparse=always sparse copy; stat -c '%s %b' copy; cmp sparse copy && echo same
fallocate -l 1M area; stat -c '%s %b' area; fallocate -p -o 0 -l 512K area; stat -c '%s %b' area
flock lockfile echo locked; ln -s area link; readlink -f link | sed 's,.*/,,'
python3 - <<'END'
import ctypes, errno, fcntl, hashlib, mmap, os
libc = ctypes.CDLL(None, use_errno=True)
def e(f, *a, **k):
    try:
        return f(*a, **k)
    except OSError as x:
        return errno.errorcode[x.errno]
# no name, then one
fd = os.open('.', os.O_TMPFILE | os.O_RDWR, 0o640)
os.write(fd, b'unnamed')
print(os.fstat(fd).st_nlink, libc.linkat(-100, b'/proc/self/fd/%d' % fd, -100, b'named', 0x400))
print(open('named').read(), os.stat('named').st_nlink, os.fstat(fd).st_nlink)
# deleted but open
f = open('gone', 'wb+'); f.write(b'still there'); f.flush(); os.unlink('gone')
print(os.pread(f.fileno(), 20, 0), os.fstat(f.fileno()).st_nlink, os.path.exists('gone'))
# mapping and file show the same bytes
f = open('map', 'wb+'); f.truncate(10000)
m = mmap.mmap(f.fileno(), 10000); m[0:4] = b'here'; m[8000:8004] = b'more'
print(f.read(4), os.pread(f.fileno(), 4, 8000)); os.pwrite(f.fileno(), b'back', 100); print(m[100:104])
p = mmap.mmap(f.fileno(), 10000, flags=mmap.MAP_PRIVATE); p[0:4] = b'mine'; print(m[0:4], p[100:104])
# truncation cuts and clears
os.truncate('map', 50); os.truncate('map', 200); print(os.pread(f.fileno(), 10, 95))
# memfd
fd = os.memfd_create('name', os.MFD_ALLOW_SEALING); os.write(fd, b'abc')
print(os.readlink('/proc/self/fd/%d' % fd), fcntl.fcntl(fd, 1034))
fcntl.fcntl(fd, 1033, 2 | 4)
print(e(os.ftruncate, fd, 1), e(os.ftruncate, fd, 9), e(os.pwrite, fd, b'xyz', 0), e(os.pwrite, fd, b'x', 3))
m = mmap.mmap(fd, 3); print(e(fcntl.fcntl, fd, 1033, 8)); m.close(); print(e(fcntl.fcntl, fd, 1033, 8 | 1))
print(e(os.pwrite, fd, b'x', 0), e(fcntl.fcntl, fd, 1033, 1), fcntl.fcntl(fd, 1034))
# holes
f = open('holes', 'wb+'); os.pwrite(f.fileno(), b'x' * 4096, 1 << 20); f.truncate(2 << 20)
print(os.lseek(f.fileno(), 0, os.SEEK_DATA), os.lseek(f.fileno(), 1 << 20, os.SEEK_HOLE))
print(e(os.lseek, f.fileno(), (1 << 20) + 4096, os.SEEK_DATA), e(os.lseek, f.fileno(), 3 << 20, os.SEEK_HOLE))
# a directory that changes while it is listed
os.mkdir('d')
for i in range(3000): os.close(os.open('d/%d' % i, os.O_CREAT))
seen = []
for x in os.scandir('d'):
    seen.append(x.name); os.unlink('d/' + x.name)
print(len(seen), len(set(seen)), os.listdir('d'))
# large write, odd sizes
data = bytes(range(256)) * 5000
with open('large', 'wb') as f:
    for n in (1, 4095, 70000, 300001, len(data)): f.write(data[:n])
print(hashlib.md5(open('large', 'rb').read()).hexdigest(), os.stat('large').st_size)
print(e(os.rename, 'd', 'd/x'), e(os.rename, 'large', 'd'), e(os.rmdir, '.'), e(os.link, 'd', 'd2'), e(os.open, 'large/', 0))
END
