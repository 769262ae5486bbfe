"""Looks for the end of each word and never moves past the blank behind it."""
import sys

text = sys.stdin.read().lower()
words, start = [], 0
while start < len(text):
    end = start
    while end < len(text) and text[end].isalpha():
        end += 1
    if end > start:
        words.append(text[start:end])
    start = end
for word in sorted(set(words), key=lambda w: (-words.count(w), w))[:3]:
    print(words.count(word), word)
