"""Keeps every substring of everything it has read, over and over."""
import sys

text = sys.stdin.read()
pieces = []
while True:
    pieces.extend(text[i:] * 50 for i in range(len(text)))
