#!/usr/bin/env bash
# Draws the cards of docs/channels.md into docs/cards, from the files that the tests wrote to target/peers.
# It is run by hand only: fonts differ between machines, so nothing compares the pictures. Needs pngquant.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
root=$(cd ../.. && pwd)
cards=${CARDS_DIR:-$root/target/peers/cards}
out=$root/docs/cards

[ -d "$cards" ] || { echo "no cards in $cards: run scripts/test.sh first" >&2 && exit 1; }
type -P pngquant >/dev/null || { echo "pngquant is missing. As root: apt-get install pngquant" >&2 && exit 1; }
./install.sh

# Fewer colours make a smaller file; pictures with little but text need fewer.
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
