"""What sandboxes hold on the host, by counting in /proc."""
import os
from pathlib import Path


def processes():
    """{number: parent} of all there are"""
    found = {}
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            found[int(name)] = int(Path(f'/proc/{name}/stat').read_text().rpartition(')')[2].split()[1])
        except OSError:
            pass
    return found


def family(root):
    parents = processes()
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def own_memory(pid):
    """Bytes that this process made dirty, shared ones among them."""
    try:
        text = Path(f'/proc/{pid}/smaps_rollup').read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) << 10 for line in text.splitlines()
               if line.startswith(('Private_Dirty', 'Shared_Dirty')))


def holds(root):
    """Processes, descriptors and memory of a sandbox: its monitor and all below.  The processes of
    the sandbox itself have one table of descriptors, so only the longest of theirs counts."""
    pids = family(root)
    fds = {}
    for pid in pids:
        try:
            fds[pid] = len(os.listdir(f'/proc/{pid}/fd'))
        except OSError:
            pass
    descriptors = fds.pop(root, 0) + max(fds.values(), default=0)
    return {'processes': len(pids), 'descriptors': descriptors, 'memory': sum(map(own_memory, pids))}


def machine():
    """The whole host: memory objects and kernel memory in bytes, open files."""
    info = dict(line.split(':') for line in Path('/proc/meminfo').read_text().splitlines())
    memory = sum(int(info[name].split()[0]) << 10 for name in ('Shmem', 'SUnreclaim', 'PageTables', 'KernelStack'))
    return {'memory': memory, 'files': int(Path('/proc/sys/fs/file-nr').read_text().split()[0])}
