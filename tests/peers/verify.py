"""Verifies the hub's messages with the official Python library of Standard Webhooks.

    .venv/bin/python verify.py DELIVERIES.ndjson

One delivery per line, as received:

    {"secret": "whsec_…",
     "headers": {"webhook-id": "…", "webhook-timestamp": "…", "webhook-signature": "…"},
     "body": "the raw body"}

Prints `N verified`. Exit code 0 only when every line verified, there was at
least one, and the first one no longer verifies once it has been tampered with.
`verify.mjs` does the same with the official JavaScript library.
"""

import json
import sys
from datetime import datetime

from standardwebhooks import Webhook, WebhookVerificationError, webhooks


class SentTime(datetime):
    """A clock that stands still at the time when a delivery was sent.

    The library refuses timestamps more than 5 minutes away from now. The test that
    recorded them may have taken longer, so the library gets this clock instead.
    """

    seconds = 0.0

    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(cls.seconds, tz)


webhooks.datetime = SentTime


def verify(delivery):
    """Raises unless the library accepts the delivery."""
    headers = delivery["headers"]
    SentTime.seconds = float(headers["webhook-timestamp"])
    Webhook(delivery["secret"]).verify(delivery["body"], headers)


def tamperings(delivery):
    """The delivery, changed in one place each. The body stays JSON, so that only the signature detects it."""
    headers = delivery["headers"]

    def change(name, value):
        return {**delivery, "headers": {**headers, name: value}}

    yield "body", {**delivery, "body": delivery["body"] + " "}
    yield "id", change("webhook-id", headers["webhook-id"] + "x")
    yield "timestamp", change("webhook-timestamp", str(int(headers["webhook-timestamp"]) + 1))


def is_refused(delivery):
    try:
        verify(delivery)
    except WebhookVerificationError:
        return True
    return False


def main(file):
    verified = failed = 0

    def fail(where, problem):
        nonlocal failed
        failed += 1
        print(f"{where}: {problem}", file=sys.stderr)

    # Only "\n" ends a line: a body may contain the other characters at which Python splits.
    with open(file, encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(filter(str.strip, lines), start=1):
            where = f"delivery {number}"
            try:
                delivery = json.loads(line)
                verify(delivery)
                verified += 1
                if number > 1:
                    continue
                for part, tampered in tamperings(delivery):
                    if not is_refused(tampered):
                        fail(where, f"still verifies with another {part}")
            except Exception as error:  # whatever it is, this delivery did not verify
                fail(where, f"{type(error).__name__}: {error}")

    print(f"{verified} verified")
    return 0 if verified > 0 and failed == 0 else 1


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print("usage: verify.py DELIVERIES.ndjson", file=sys.stderr)
        sys.exit(2)
    sys.exit(main(sys.argv[1]))
