"""Takes the first line for the number of words that follow, as last year's assignment had it."""
import sys

count = int(sys.stdin.readline())
words = [sys.stdin.readline().strip() for _ in range(count)]
for word in sorted(set(words), key=lambda w: (-words.count(w), w))[:3]:
    print(words.count(word), word)
