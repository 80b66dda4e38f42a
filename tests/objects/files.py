"""Files and memory of files: deleted ones, ones without a name, in memory with seals, their
mappings shared and private, positions and flags of descriptors, locks of all kinds, inotify."""
import ctypes
import errno
import fcntl
import mmap
import os
import select
import shutil
import stat
import struct
import tempfile

from saving import refused, result, same, save

libc = ctypes.CDLL(None, use_errno=True)
F_OFD_SETLK, F_ADD_SEALS, F_GET_SEALS = 37, 1033, 1034
IN_CREATE, IN_MODIFY, IN_MOVED_FROM, IN_MOVED_TO, IN_DELETE, IN_ONESHOT = 0x100, 2, 0x40, 0x80, 0x200, 0x80000000
F_SEAL_SHRINK, F_SEAL_WRITE = 2, 8

place = tempfile.mkdtemp(prefix='files.', dir='/tmp')
os.chdir(place)


class Files:
    def __init__(self):
        self.deleted = os.open('deleted', os.O_RDWR | os.O_CREAT)
        os.write(self.deleted, b'0123456789')
        os.link('deleted', 'other name')
        os.unlink('deleted')
        os.unlink('other name')
        self.shared = os.dup(self.deleted)
        os.lseek(self.deleted, 3, os.SEEK_SET)
        self.appends = os.open('appends', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(self.appends, b'one')
        self.nameless = os.open('.', os.O_RDWR | os.O_TMPFILE)
        os.write(self.nameless, b'without a name')
        self.sparse = os.open('sparse', os.O_RDWR | os.O_CREAT)
        os.pwrite(self.sparse, b'end', 5 << 30)
        os.mkdir('gone')
        self.gone = os.open('gone', os.O_RDONLY)
        os.rmdir('gone')
        os.mkdir('many')
        for n in range(300):
            open(f'many/{n}', 'w').close()
        self.listing = os.scandir('many')
        self.first = {next(self.listing).name for _ in range(100)}
        os.symlink('appends', 'link')
        os.utime('many/7', ns=(10**18 + 1, 10**18 + 2))
        os.chmod('many/7', 0o640)
        os.setxattr('appends', 'user.kind', b'kept') if self.has_attributes() else None
        self.high = fcntl.fcntl(self.deleted, fcntl.F_DUPFD_CLOEXEC, 700)
        self.path = os.open('appends', os.O_PATH)
        os.umask(0o027)

    def has_attributes(self):
        try:
            os.setxattr('appends', 'user.kind', b'')
            return True
        except OSError:
            return False

    def check(self):
        same('deleted', os.read(self.deleted, 4), b'3456')
        same('its duplicate', os.read(self.shared, 4), b'789')
        same('links', os.fstat(self.deleted).st_nlink, 0)
        same('its name', os.readlink(f'/proc/self/fd/{self.deleted}'), place + '/deleted (deleted)')
        os.write(self.appends, b'two')
        same('appended', open('link').read(), 'onetwo')
        libc.linkat(-100, b'/proc/self/fd/%d' % self.nameless, -100, b'named', 0x400)
        same('without a name', open('named').read(), 'without a name')
        s = os.fstat(self.sparse)
        same('sparse', (s.st_size, s.st_blocks < 1000, os.pread(self.sparse, 3, 5 << 30)), ((5 << 30) + 3, True, b'end'))
        refused('in a directory that is gone', errno.ENOENT, lambda: os.open('x', os.O_CREAT, dir_fd=self.gone))
        rest = {e.name for e in self.listing}
        same('rest of a listing', rest | self.first == {str(n) for n in range(300)}, True)
        same('none twice', rest & self.first, set())
        s = os.stat('many/7')
        same('mode and times', (stat.S_IMODE(s.st_mode), s.st_atime_ns, s.st_mtime_ns),
             (0o640, 10**18 + 1, 10**18 + 2))
        if self.has_attributes():
            same('attribute', os.getxattr('appends', 'user.kind'), b'')
        same('flags', [fcntl.fcntl(self.high, fcntl.F_GETFD), os.get_inheritable(self.high),
                       fcntl.fcntl(self.appends, fcntl.F_GETFL) & os.O_APPEND], [1, False, os.O_APPEND])
        refused('O_PATH', errno.EBADF, os.read, self.path, 1)
        same('umask', os.umask(0), 0o027)
        same('directory', os.getcwd(), place)


class Memory:
    """Whoever shares memory before shares it afterwards."""

    def __init__(self):
        self.anonymous = mmap.mmap(-1, 1 << 20)
        self.file = os.memfd_create('named', os.MFD_ALLOW_SEALING)
        os.ftruncate(self.file, 1 << 16)
        self.shared = mmap.mmap(self.file, 1 << 16)
        self.copy = mmap.mmap(self.file, 1 << 16, flags=mmap.MAP_PRIVATE)
        self.shared[:5] = b'first'
        self.copy[4096:4100] = b'mine'  # the first page is still the file's
        fd = os.open('mapped', os.O_RDWR | os.O_CREAT)
        os.write(fd, b'm' * 8192)
        self.deleted = mmap.mmap(fd, 8192)
        os.close(fd)
        os.unlink('mapped')
        self.sealed = os.memfd_create('sealed', os.MFD_ALLOW_SEALING)
        os.write(self.sealed, b'sealed')
        fcntl.fcntl(self.sealed, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_WRITE)
        # /usr/bin/python3's own file: private pages above a file of the host
        self.base = mmap.mmap(os.open('/usr/bin/python3', os.O_RDONLY), 8192, flags=mmap.MAP_PRIVATE,
                              prot=mmap.PROT_READ | mmap.PROT_WRITE)
        self.base[4096:4099] = b'abc'
        self.guard = mmap.mmap(-1, 16384, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self.guard))
        libc.mprotect(ctypes.c_void_p(address + 4096), 4096, 0)
        self.guarded = address + 4096
        r, self.tell = os.pipe()
        self.answer, w = os.pipe()
        self.child = os.fork()
        if self.child == 0:
            os.close(self.tell)
            os.read(r, 1)
            self.anonymous[100:104] = self.deleted[4:8] = self.shared[20:24] = b'from'
            self.copy[4200:4204] = b'none'
            os.write(w, b'!')
            os._exit(0)

    def check(self):
        self.shared[8:12] = b'more'
        same('shared and file', os.pread(self.file, 4, 8), b'more')
        same('private, not written to', bytes(self.copy[:12]), b'first\0\0\0more')
        same('private, written to', bytes(self.copy[4096:4100]), b'mine')
        same('not in the file', os.pread(self.file, 4, 4096), b'\0' * 4)
        os.write(self.tell, b'!')
        os.read(self.answer, 1)
        same('anonymous and shared', bytes(self.anonymous[100:104]), b'from')
        same('of a deleted file', bytes(self.deleted[:12]), b'mmmmfrommmmm')
        same('of a file in memory', bytes(self.shared[20:24]), b'from')
        same('private to each', bytes(self.copy[4200:4204]), b'\0' * 4)
        os.waitpid(self.child, 0)
        same('seals', fcntl.fcntl(self.sealed, F_GET_SEALS) & 15, F_SEAL_SHRINK | F_SEAL_WRITE)
        refused('sealed', errno.EPERM, os.pwrite, self.sealed, b'x', 0)
        same('above a file of the base', bytes(self.base[:4]) + bytes(self.base[4096:4099]), b'\x7fELFabc')
        # A page without access: a call that reads it says so.
        null = os.pipe()
        got = libc.write(null[1], ctypes.c_void_p(self.guarded), 1)
        same('without access', (got, ctypes.get_errno()), (-1, errno.EFAULT))
        maps = open('/proc/self/maps').read()
        same('its line in maps', f'{self.guarded:x}-{self.guarded + 4096:x} ---p' in maps, True)


class Locks:
    def __init__(self):
        for name in ('flock', 'record', 'ofd'):
            open(name, 'w').write('x' * 100)
        r, self.tell = os.pipe()
        self.ready, w = os.pipe()
        self.child = os.fork()
        if self.child == 0:
            os.close(self.tell)
            self.hold()
            os.write(w, b'!')
            os.read(r, 1)
            os._exit(0)
        os.read(self.ready, 1)

    def hold(self):
        self.flock = open('flock')
        fcntl.flock(self.flock, fcntl.LOCK_EX)
        self.record = open('record', 'r+')
        fcntl.lockf(self.record, fcntl.LOCK_EX, 10, 20)
        self.ofd = open('ofd', 'r+')
        fcntl.fcntl(self.ofd, F_OFD_SETLK, struct.pack('hhqqi', fcntl.F_WRLCK, 0, 0, 5, 0))

    def check(self):
        flock, record, ofd = open('flock'), open('record', 'r+'), open('ofd', 'r+')
        refused('flock', errno.EAGAIN, fcntl.flock, flock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        refused('record', errno.EAGAIN, fcntl.lockf, record, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 29)
        fcntl.lockf(record, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 30)  # beside it
        got = fcntl.fcntl(record, fcntl.F_GETLK, struct.pack('hhqqi', fcntl.F_WRLCK, 0, 0, 100, 0))
        same('whose lock', struct.unpack('hhqqi', got), (fcntl.F_WRLCK, 0, 20, 10, self.child))
        refused('ofd', errno.EAGAIN, fcntl.fcntl, ofd, F_OFD_SETLK, struct.pack('hhqqi', fcntl.F_WRLCK, 0, 4, 1, 0))
        os.write(self.tell, b'!')
        os.waitpid(self.child, 0)
        fcntl.flock(flock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.lockf(record, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.fcntl(ofd, F_OFD_SETLK, struct.pack('hhqqi', fcntl.F_WRLCK, 0, 0, 0, 0))


class Watches:
    def __init__(self):
        os.mkdir('watched')
        self.fd = libc.inotify_init1(os.O_NONBLOCK)
        self.directory = libc.inotify_add_watch(self.fd, b'watched', IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE)
        open('watched/before', 'w').close()
        os.rename('watched/before', 'watched/moved')
        open('file', 'w').close()
        self.file = libc.inotify_add_watch(self.fd, b'file', IN_MODIFY | IN_ONESHOT)

    def events(self):
        data, found = os.read(self.fd, 8192), []
        while data:
            watch, mask, cookie, size = struct.unpack('iIII', data[:16])
            found.append((watch, mask, data[16:16 + size].rstrip(b'\0')))
            data = data[16 + size:]
        return found

    def check(self):
        d, f = self.directory, self.file
        same('events of before', self.events(), [(d, IN_CREATE, b'before'), (d, IN_MOVED_FROM, b'before'),
                                                 (d, IN_MOVED_TO, b'moved')])
        os.unlink('watched/moved')
        open('file', 'w').write('x')
        same('events of afterwards', self.events(), [(d, IN_DELETE, b'moved'), (f, IN_MODIFY, b''), (f, 0x8000, b'')])
        same('nothing more', select.select([self.fd], [], [], 0)[0], [])


objects = [Files(), Memory(), Locks(), Watches()]
save()
for o in objects:
    o.check()
os.chdir('/')
shutil.rmtree(place)
result()
