#!/usr/bin/env python3
"""Counts words that the style guide limits, per 10,000 words of comments and of user-facing text.

usage: words.py [--list]   (exit 1 where a limit is exceeded)
"""
import collections
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIMITS = {
    "what": (30, r"what"),
    "nobody, somebody, whoever, whom": (3, r"nobody|somebody|whoever|whom"),
    "tell, told": (3, r"tells?|told"),
    "anew, for ever, meanwhile, beside, stand": (3, r"anew|for ever|meanwhile|beside|stands?"),
}


def files():
    out = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / line for line in out.stdout.splitlines() if not line.startswith(("fuzz/seeds",))]


def comments(path, text):
    """Comments of Rust; line comments of scripts and configuration."""
    if path.suffix in {".rs", ".js", ".mjs", ".css"}:
        yield from re.findall(r"^\s*//[/!]?(.*)$|\s//\s(.*)$", text, re.M)
    elif path.suffix in {".toml", ".py", ".sh", ".service"}:
        yield from ((line,) for line in re.findall(r"^\s*#(.*)$", text, re.M))


def strings(path, text):
    """Literals with a space in them, of files whose literals people see."""
    name = str(path.relative_to(ROOT))
    if name.endswith(".rs") and re.match(r"(panel/src/.*words|cli/src|protocol/src/problem|device-agent/src)", name):
        text = re.sub(r"^\s*//.*$", "", text, flags=re.M)
        text = text.split("#[cfg(test)]")[0]
        yield from re.findall(r'"((?:[^"\\]|\\.)*\s(?:[^"\\]|\\.)*)"', text)


def main():
    corpora = {"comments": [], "user-facing text": []}
    for path in files():
        try:
            text = path.read_text()
        except (UnicodeDecodeError, IsADirectoryError):
            continue
        name = str(path.relative_to(ROOT))
        for parts in comments(path, text):
            corpora["comments"].append((name, " ".join(parts)))
        for part in strings(path, text):
            corpora["user-facing text"].append((name, part))
        if path.suffix == ".md":
            prose = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.S)
            corpora["user-facing text"].extend((name, line) for line in prose.splitlines())
    good = True
    for title, lines in corpora.items():
        count = sum(len(re.findall(r"[A-Za-z']+", line)) for _, line in lines)
        print(f"{title}: {count} words")
        for label, (limit, pattern) in LIMITS.items():
            found = [(n, l) for n, l in lines for _ in re.findall(rf"\b(?:{pattern})\b", l, re.I)]
            rate = len(found) * 10_000 / max(count, 1)
            good &= rate <= limit
            print(f"  {rate:6.1f} of {limit:2} per 10,000: {label}")
            if "--list" in sys.argv:
                for (n, l), times in collections.Counter(found).items():
                    print(f"      {n}: {l.strip()}")
    sys.exit(not good)


if __name__ == "__main__":
    main()
