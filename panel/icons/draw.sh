#!/bin/sh
# Draws the PNG icons of the installed panel from the SVG files. The script needs Chromium. The PNG
# files are committed, so a build does not run this script.
set -eu
cd "$(dirname "$0")"
draw() { # The arguments are the SVG file, the size in pixels and the PNG file.
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
