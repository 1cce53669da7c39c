#!/usr/bin/env bash
# Draws the cards that docs/channels.md shows into docs/cards, from what the tests have left in target/peers.
# Nobody calls it but people: fonts differ from machine to machine, so nothing compares pictures. Needs pngquant.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
root=$(cd ../.. && pwd)
cards=${CARDS_DIR:-$root/target/peers/cards}
out=$root/docs/cards

[ -d "$cards" ] || { echo "no cards in $cards: run scripts/test.sh first" >&2 && exit 1; }
type -P pngquant >/dev/null || { echo "pngquant is missing. As root: apt-get install pngquant" >&2 && exit 1; }
./install.sh

# The fewer colours, the smaller the file; where there is little but text, it needs fewer.
picture() {
  local name=$1 theme=$2 width=$3 colours=$4
  node card.mjs "$cards/$name.json" "$out/$name" --theme "$theme" --width "$width" --scale 1 >/dev/null
  pngquant --force --ext .png --strip --speed 1 --nofs "$colours" "$out/$name-$theme-$width.png"
}

rm -rf "$out"
mkdir -p "$out"
picture request.created-plain light 700 32
picture request.created-plain dark 360 32
picture request.created-long light 700 32
picture request.created-hostile dark 700 32
picture request.created-many-groups light 360 32
picture request.voted-plain dark 360 32
picture request.approved-plain light 360 32
picture request.rejected-plain light 360 32
picture execution.finished-plain dark 360 32
du -sh "$out"
