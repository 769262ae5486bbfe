#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""typist.py PROMPT ANSWER [PROMPT ANSWER...] -- CMD...: run CMD on a terminal of its own and type.

Waits for each prompt, types the answer (with \\n, \\x03 as in Python), prints what the terminal
showed, and at the end "typist: status N echo on|off": of CMD (-N for signal N), of the terminal.
"""
import os
import pty
import select
import signal
import sys
import termios
import time

at = sys.argv.index("--")
pairs = list(zip(sys.argv[1:at:2], sys.argv[2:at:2]))
master, slave = pty.openpty()
pid = os.fork()
if pid == 0:
    os.setsid()
    os.close(master)
    os.ttyname(slave)
    os.close(os.open(os.ttyname(slave), os.O_RDWR))  # becomes the controlling terminal
    for fd in range(3):
        os.dup2(slave, fd)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execvp(sys.argv[at + 1], sys.argv[at + 1:])
shown = b""
end = time.monotonic() + 60
while True:
    if pairs and pairs[0][0].encode() in shown and b": " in shown.split(pairs[0][0].encode())[-1]:
        os.write(master, pairs.pop(0)[1].encode().decode("unicode_escape").encode())
    done, status = os.waitpid(pid, os.WNOHANG)
    while select.select([master], [], [], 0 if done else 0.02)[0]:
        shown += os.read(master, 4096)
    if done:
        break
    if time.monotonic() > end:
        os.kill(pid, signal.SIGKILL)
echo = termios.tcgetattr(slave)[3] & termios.ECHO
print(shown.decode(errors="replace"))
print(f"typist: status {os.waitstatus_to_exitcode(status)} echo {'on' if echo else 'off'}")
