"""Tries the network, other users' files, a write to /usr and what else a program of a stranger might.

Each attack is a function that returns something only if it worked. The last line printed says how
many were tried and how many worked. Where to aim comes in the environment: DEMO_PORT, a port that
listens on the host's loopback; DEMO_SECRETS, files of other users, separated by colons.
"""
import os
import signal
import socket
import sys

ATTACKS = []


def attack(function):
    ATTACKS.append((function.__name__, function))


def connect(family, kind, address):
    with socket.socket(family, kind) as s:
        s.settimeout(1)
        s.connect(address)
        # The registry's log tells the grader where this came from.
        s.send(f"GET /v2/attacker/from-{os.path.basename(os.getcwd())}/tags/list HTTP/1.0\r\n\r\n".encode())
        return True


def secret(path):
    with open(path, "rb") as f:
        return f.read(64)


def overwrite(path):
    with open(path, "ab") as f:
        return f.write(b"#") == 1


@attack
def network_loopback():
    return connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", int(os.environ["DEMO_PORT"])))


@attack
def network_loopback_v6():
    return connect(socket.AF_INET6, socket.SOCK_STREAM, ("::ffff:127.0.0.1", int(os.environ["DEMO_PORT"])))


@attack
def network_outside():
    # TEST-NET-1: nobody is there, but a datagram can be sent if there is any way out.
    return connect(socket.AF_INET, socket.SOCK_DGRAM, ("192.0.2.1", 53))


@attack
def network_other_interfaces():
    return [name for _, name in socket.if_nameindex() if name != "lo"]


@attack
def network_raw():
    return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)


@attack
def files_by_path():
    return [path for path in os.environ["DEMO_SECRETS"].split(":") if readable(path)]


@attack
def files_by_other_roots():
    # The same files as seen by any process that still has the host's root directory.
    found = []
    for pid in [p for p in os.listdir("/proc") if p.isdigit()]:
        for path in os.environ["DEMO_SECRETS"].split(":"):
            found += [path] if readable(f"/proc/{pid}/root{path}") else []
            found += [path] if readable(f"/proc/{pid}/cwd/../../../../../..{path}") else []
    return found


def readable(path):
    try:
        return secret(path)
    except OSError:
        return None


@attack
def files_shadow():
    return secret("/etc/shadow")


@attack
def files_other_processes():
    # Somebody else's environment or memory.
    found = []
    for pid in os.listdir("/proc"):
        if pid.isdigit() and int(pid) != os.getpid():
            found += [pid] if readable(f"/proc/{pid}/environ") else []
    return found


@attack
def write_usr():
    return overwrite("/usr/written-by-attacker")


@attack
def write_interpreter():
    return overwrite(os.path.realpath(sys.executable))


@attack
def write_etc():
    return overwrite("/etc/passwd")


@attack
def remove_from_usr():
    os.rename("/usr/bin", "/usr/bin-gone")
    return True


@attack
def write_root():
    os.mkdir("/attacker")
    return True


@attack
def write_kernel():
    return overwrite("/proc/sys/kernel/core_pattern")


@attack
def write_cgroup():
    return overwrite("/sys/fs/cgroup/memory/cgroup.procs") or overwrite("/sys/fs/cgroup/cgroup.procs")


@attack
def kill_init():
    os.kill(1, signal.SIGKILL)
    return True


@attack
def become_root():
    os.setuid(0)
    return True


@attack
def new_root():
    os.chroot("/proc")
    return True


@attack
def more_processes():
    # Out of the box's share: more than it may have at a time.
    children = []
    try:
        for _ in range(64):
            children.append(os.fork())
            if children[-1] == 0:
                signal.pause()
        return len(children)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)


@attack
def device():
    os.mknod("/box/disk", 0o60600, os.makedev(8, 0))
    return True


def main():
    sys.stdin.read()
    worked = 0
    for name, function in ATTACKS:
        try:
            result = function()
        except (OSError, KeyError, ValueError) as e:
            print(f"{name}: {type(e).__name__}: {e}")
            continue
        if result:
            worked += 1
        print(f"{name}: {'WORKED: ' + repr(result) if result else 'nothing'}")
    print(f"tried {len(ATTACKS)}, worked {worked}")


main()
