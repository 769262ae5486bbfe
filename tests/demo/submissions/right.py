"""Counts with a Counter and sorts by descending count, then by word."""
import re
import sys
from collections import Counter

words = Counter(re.findall(r"[a-z]+", sys.stdin.read().lower()))
for word, count in sorted(words.items(), key=lambda item: (-item[1], item[0]))[:3]:
    print(count, word)
