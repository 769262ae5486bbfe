"""Forgot the rule for equally frequent words, and that The and the are one word."""
import re
import sys

counts = {}
for word in re.findall(r"[A-Za-z]+", sys.stdin.read()):
    counts[word] = counts.get(word, 0) + 1
for word in sorted(counts, key=lambda w: (counts[w], w), reverse=True)[:3]:
    print(counts[word], word)
