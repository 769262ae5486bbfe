"""Prints what it has read, to see what goes wrong, and forgot to stop."""
import sys

text = sys.stdin.read()
while True:
    print("counting", text)
