"""Does Slack accept these messages?

    slack_blocks.py FOLDER

FOLDER holds one message per file, as the hub posts it. Each block and each element
in it is parsed and validated by Slack's own `slack_sdk`. The script also checks the
limits that the library does not know: of texts in `fields`, of headers, of the number
of blocks and of their total size, and that links are not unfurled and names not linked.

Prints how many messages pass; each fault goes to standard error.
Exit code: 0, or 1 when there is a fault or no message, or 2 for a wrong command line.
"""

import json
import sys
from pathlib import Path

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block, BlockElement

MOST_BLOCKS = 50
# Undocumented: beyond about 13,200 characters Slack answers msg_blocks_too_long.
BLOCKS = 13_000
HEADER = 150
SECTION = 3000
FIELD = 2000
BUTTON = 75
URL = 3000


def parts(block):
    """The parts of a block that the library validates only separately."""
    yield from getattr(block, "elements", None) or []
    if getattr(block, "accessory", None):
        yield block.accessory


def by_the_library(raw):
    block = Block.parse(raw)
    if block is None:
        yield f"no block that slack_sdk knows: {raw.get('type')}"
        return
    try:
        block.validate_json()
        for part in parts(block):
            if isinstance(part, BlockElement) or hasattr(part, "validate_json"):
                part.validate_json()
    except SlackObjectFormationError as error:
        yield f"slack_sdk: {error}"


def by_the_documentation(raw):
    kind = raw.get("type")
    text = raw.get("text", {})
    if kind == "header":
        if text.get("type") != "plain_text":
            yield "a header with mrkdwn"
        if len(text.get("text", "")) > HEADER:
            yield "a header that is too long"
    if kind == "section":
        if "text" in raw and not 1 <= len(text.get("text", "")) <= SECTION:
            yield "a section whose text is empty or too long"
        fields = raw.get("fields", [])
        if len(fields) > 10 or any(not 1 <= len(field["text"]) <= FIELD for field in fields):
            yield "too many fields, or one that is empty or too long"
        if "text" not in raw and not fields:
            yield "an empty section"
    for button in raw.get("elements", []) if kind == "actions" else []:
        if len(button["text"]["text"]) > BUTTON or not 1 <= len(button.get("url", "x")) <= URL:
            yield "a button whose text or url is too long"
    mrkdwn = [value for value in [text, *raw.get("fields", []), *raw.get("elements", [])] if value.get("type") == "mrkdwn"]
    if any(value.get("verbatim") is not True for value in mrkdwn):
        yield "mrkdwn in which Slack looks for addresses and names"


def faults(message):
    blocks = message.get("blocks", [])
    if not 1 <= len(blocks) <= MOST_BLOCKS:
        yield "no blocks, or too many"
    if len(json.dumps(blocks, ensure_ascii=False, separators=(",", ":")).encode()) > BLOCKS:
        yield "blocks that are too long together"
    if message.get("unfurl_links") is not False or message.get("unfurl_media") is not False:
        yield "links would be unfolded"
    if not message.get("text"):
        yield "nothing to notify with"
    for number, raw in enumerate(blocks):
        for fault in [*by_the_library(raw), *by_the_documentation(raw)]:
            yield f"block {number}: {fault}"


def main(folder):
    files = sorted(Path(folder).glob("*.json"))
    wrong = 0
    for file in files:
        for fault in faults(json.loads(file.read_text(encoding="utf-8"))):
            print(f"{file.name}: {fault}", file=sys.stderr)
            wrong += 1
    print(f"{len(files)} messages, {wrong} faults")
    return 0 if files and wrong == 0 else 1


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print("usage: slack_blocks.py FOLDER", file=sys.stderr)
        sys.exit(2)
    sys.exit(main(sys.argv[1]))
