"""Prints the tokens of a file as the tests of the lexer print them."""
import sys
import tokenize

KINDS = {tokenize.NAME: "n", tokenize.NUMBER: "d", tokenize.STRING: "s", tokenize.OP: "o", tokenize.NEWLINE: "l"}

with open(sys.argv[1], "rb") as source:
    start = True
    for token in tokenize.tokenize(source.readline):
        if token.type not in KINDS:
            continue
        if start:
            print("i", token.line[: token.start[1]])
        start = token.type == tokenize.NEWLINE
        text = "" if start else token.string
        print(KINDS[token.type], text.replace("\\", "\\\\").replace("\n", "\\n"))
