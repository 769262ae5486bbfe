"""Prints what it has read, to see what goes wrong, and forgot to stop."""
import sys

text = sys.stdin.read()
words = text.lower().split()
while words:
    print("counting", text)
    words += words[:1]
