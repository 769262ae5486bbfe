"""Prints the most frequent word, and forgot to stop."""
import sys

words = sys.stdin.read().lower().split()
word = max(set(words), key=words.count)
while True:
    print(words.count(word), word)
