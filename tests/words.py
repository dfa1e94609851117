#!/usr/bin/env python3
"""Counts the words that the style guide in CONTRIBUTING.md limits, in comments and user-facing texts.

usage: tests/words.py [--list]

The option --list prints each place where a limited word occurs. The exit code is 1 if a limit is
exceeded.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# The maximum number of occurrences per 10,000 words, for each group of limited words.
LIMITS = [
    ("what", 30, r"what"),
    ("nobody, somebody, whoever, whom", 3, r"nobody|somebody|whoever|whom"),
    ("tell, told", 3, r"tells?|told"),
    ("anew, for ever, meanwhile, beside, stand", 3, r"anew|for ever|meanwhile|beside|stands?(?!-in)"),
]

# Matches a comment or a string of Rust or JavaScript source. One expression matches both, so that a
# comment marker inside a string is not mistaken for a comment.
TOKEN = re.compile(
    r"""//[/!]?(?P<line>[^\n]*)
      | /\*(?P<block>.*?)\*/
      | r(?P<hashes>\#*)"(?P<raw>.*?)"(?P=hashes)
      | "(?P<string>(?:[^"\\]|\\.)*)"
      | b?'(?:[^'\\]|\\.)'""",
    re.DOTALL | re.VERBOSE,
)

# The Rust files whose strings people read: texts of the panel, messages, help texts and errors.
READ_BY_PEOPLE = re.compile(r"(panel/src/(manage/)?words|(cli|device-agent|protocol|token|site|edge-worker)/src)")


def tracked_files():
    out = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return out.stdout.splitlines()


def is_prose(text):
    """Returns whether a string has several words and is not code, SQL or a template."""
    return re.search(r"[a-z]{2,} [a-z]{2,}", text) and not re.search(
        r"\b(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP) |[{};]\s*$|=>|\$\{|</", text
    )


def source(name, text):
    """Yields the kind ("comment" or "text") and the words of each comment and each user-facing string."""
    people = name.endswith(".rs") and READ_BY_PEOPLE.match(name) and "test" not in name
    tests_from = text.find("#[cfg(test)]\nmod tests")
    for token in TOKEN.finditer(text):
        comment = token["line"] or token["block"]
        string = token["string"] or token["raw"]
        if comment:
            # The comments include help texts, because help texts of command lines are doc comments.
            yield "comment", re.sub(r"`[^`]*`", "", comment)
        elif string and people and (tests_from < 0 or token.start() < tests_from) and is_prose(string):
            yield "text", string


def texts(name, text):
    suffix = pathlib.Path(name).suffix
    if suffix in {".rs", ".js", ".mjs", ".css"}:
        yield from source(name, text)
    elif suffix in {".toml", ".py", ".sh", ".service", ".yml"}:
        yield from (("comment", line) for line in re.findall(r"^\s*#(.*)$", text, re.MULTILINE))
    elif suffix == ".md":
        prose = re.sub(r"```.*?```|`[^`\n]*`|<!--.*?-->", "", text, flags=re.DOTALL)
        yield from (("text", line) for line in prose.splitlines())


def main():
    corpora = {"comment": [], "text": []}
    for name in tracked_files():
        try:
            content = (ROOT / name).read_text()
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
        for kind, words in texts(name, content):
            corpora[kind].append((name, words))
    exceeded = False
    for title, kind in [("comments", "comment"), ("user-facing text", "text")]:
        total = sum(len(re.findall(r"[A-Za-z']+", words)) for _, words in corpora[kind])
        print(f"{title}: {total} words")
        for label, limit, pattern in LIMITS:
            found = [(n, w) for n, w in corpora[kind] if re.search(rf"\b({pattern})\b", w, re.IGNORECASE)]
            count = sum(len(re.findall(rf"\b(?:{pattern})\b", w, re.IGNORECASE)) for _, w in found)
            rate = count * 10_000 / max(total, 1)
            exceeded |= rate > limit
            print(f"  {rate:6.1f} (limit {limit}) per 10,000: {label}")
            if "--list" in sys.argv:
                for name, words in found:
                    print(f"           {name}: {' '.join(words.split())[:150]}")
    sys.exit(1 if exceeded else 0)


if __name__ == "__main__":
    main()
