"""Waits for something that never comes: uses no CPU time at all."""
import sys
import time

text = sys.stdin.read()
while not text.endswith("the end of the story\n"):
    time.sleep(60)
print(text)
