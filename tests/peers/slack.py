"""Checks the hub with Slack's own Python SDK.

    .venv/bin/python slack.py blocks CALLS.ndjson...
    .venv/bin/python slack.py sign HUB_URL ADMIN_TOKEN

`blocks` reads calls of Slack's Web API, {"method", "body"} per line, as the tests' fake Slack
received them. The SDK validates every block and element of their messages and forms. The
script also checks what the SDK does not: lengths, numbers of blocks, and marked-up text.

`sign` creates an endpoint on a running hub, signs calls with the SDK, and checks that the
hub accepts them, and refuses calls that were tampered with, are late, or are repeated.

Prints a summary. Exit code 0 only when every check passes.
"""

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from slack_sdk.models.blocks import Block, BlockElement, InputBlock
from slack_sdk.models.views import View
from slack_sdk.signature import SignatureVerifier

SIGNING_SECRET = "a-signing-secret-of-peers"
# Limits of a button's text, value and URL; limits of texts by the type of their block.
BUTTON, VALUE, URL = 75, 2000, 3000
TEXT = {"header": 150, "section": 3000, "context": 2000}


def faults_of_block(block):
    """The faults of a block that the SDK does not detect."""
    kind = block["type"]
    texts = [block.get("text"), *block.get("fields", [])] if kind != "context" else block["elements"]
    for text in filter(None, texts):
        if not 0 < len(text["text"]) <= TEXT.get(kind, 3000):
            yield f"{kind} with {len(text['text'])} characters"
        if kind == "header" and text["type"] != "plain_text":
            yield "header with marks"
        if text["type"] == "mrkdwn" and text["text"].count("```") % 2:
            yield "a block of code without an end"
    for element in block.get("elements", []) if kind == "actions" else []:
        if element["type"] != "button":
            continue
        if len(element["text"]["text"]) > BUTTON or len(element.get("value", "")) > VALUE:
            yield "button that is too long"
        if len(element.get("url", "")) > URL or ("url" in element) == ("value" in element):
            yield "button that neither opens a link nor acts, or both"
    if kind == "actions":
        names = [element.get("action_id") for element in block["elements"] if "action_id" in element]
        if len(set(names)) < len(names):
            yield "two buttons of one name"


def validate(blocks):
    if len(blocks) > 50:
        raise ValueError(f"{len(blocks)} blocks")
    for block in blocks:
        parsed = Block.parse(block)
        if parsed is None:
            raise ValueError(f"no block: {block}")
        parsed.validate_json()
        for element in block.get("elements", []):
            made = BlockElement.parse(element) if element["type"] == "button" else None
            if made is not None:
                made.validate_json()
        if isinstance(parsed, InputBlock):
            parsed.element.validate_json()
        for fault in faults_of_block(block):
            raise ValueError(fault)


def blocks(files):
    count = 0
    for file in files:
        with open(file, encoding="utf-8", newline="\n") as lines:
            for line in lines:
                call = json.loads(line)
                body = call["body"]
                if call["method"] == "views.open":
                    View(**body["view"]).validate_json()
                    if len(body["view"]["private_metadata"]) > 3000:
                        raise ValueError("a form that remembers too much")
                    validate(body["view"]["blocks"])
                elif "blocks" in body:
                    validate(body["blocks"])
                if call["method"] == "chat.postMessage" and (body["unfurl_links"], body["unfurl_media"]) != (False, False):
                    raise ValueError("Slack would fetch every link")
                count += 1
    print(f"{count} calls are valid")
    return 0 if count > 0 else 1


def post(url, body, headers):
    request = urllib.request.Request(url, data=body.encode(), headers=headers, method="POST")
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def sign(hub, token):
    app = {"bot_token": "xoxb-peers", "signing_secret": SIGNING_SECRET, "channel": "C0PEERS", "team": "T0PEERS"}
    endpoint = {"name": f"peers-{time.time_ns()}", "channel": "slack_app", "events": ["ping"], "slack": app}
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    made = post(f"{hub}/v1/endpoints", json.dumps(endpoint), headers)
    if made != 201:
        raise ValueError(f"no endpoint: {made}")
    verifier = SignatureVerifier(SIGNING_SECRET)

    def call(path, fields, age=0, tamper=""):
        body = urllib.parse.urlencode({**fields, "nonce": time.time_ns()})
        moment = str(int(time.time()) - age)
        signed = {
            "content-type": "application/x-www-form-urlencoded",
            "x-slack-request-timestamp": moment,
            "x-slack-signature": verifier.generate_signature(timestamp=moment, body=body),
        }
        return lambda: post(f"{hub}{path}", body + tamper, signed)

    member = {"team_id": "T0PEERS", "user_id": "U0PEERS", "text": "help"}
    payload = {"type": "block_actions", "team": {"id": "T0PEERS"}, "user": {"id": "U0PEERS"}, "actions": [{"action_id": "x"}]}
    command, click = "/v1/slack/commands", "/v1/slack/interactions"
    first = call(command, member)
    expected = [
        ("a command", first, 200),
        ("the same again", first, 409),
        ("a click", call(click, {"payload": json.dumps(payload)}), 200),
        ("one with more in it", call(command, member, tamper="&x=ä"), 401),
        ("an old one", call(command, member, age=301), 401),
        ("one of the future", call(command, member, age=-310), 401),
        ("one just in time", call(command, member, age=290), 200),
        ("one with letters of all sorts", call(command, {**member, "text": "help größe 中文 🙂"}), 200),
    ]
    failed = [f"{what}: {got}, not {wanted}" for what, send, wanted in expected if (got := send()) != wanted]
    print("\n".join(failed) or f"{len(expected)} calls signed by the SDK, each answered as it should be")
    return 1 if failed else 0


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["blocks", *files] if files:
            sys.exit(blocks(files))
        case ["sign", hub, token]:
            sys.exit(sign(hub, token))
        case _:
            print(__doc__, file=sys.stderr)
            sys.exit(2)
