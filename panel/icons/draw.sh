#!/bin/sh
# Draws the icons of the installed panel from their SVGs. Needs Chromium; the PNGs are committed.
set -eu
cd "$(dirname "$0")"
draw() { # SVG, size, PNG
    page=$(mktemp --suffix=.html)
    printf '<!doctype html><style>body{margin:0}img{display:block;width:%spx}</style><img src="data:image/svg+xml;base64,%s">' \
        "$2" "$(base64 -w0 "$1")" > "$page"
    profile=$(mktemp -d)
    chromium --headless --no-sandbox --disable-gpu --no-first-run --user-data-dir="$profile" --hide-scrollbars \
        --default-background-color=00000000 --window-size="$2,$2" --screenshot="$3" "file://$page" 2> /dev/null
    rm -r "$page" "$profile"
}
draw icon.svg 192 ../public/icons/icon-192.png
draw icon.svg 512 ../public/icons/icon-512.png
draw maskable.svg 512 ../public/icons/maskable-512.png
