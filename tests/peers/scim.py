"""Checks the hub's SCIM interface with the compliance checker of the scim2 project.

    .venv/bin/python scim.py HUB_URL ADMIN_TOKEN

Creates a token with the scope `scim` on a running hub. The checker reads what the hub says of
itself (ServiceProviderConfig, ResourceTypes, Schemas), and then creates, reads, searches, changes
and deletes users and groups as that says, with random values for every attribute. It deletes what
it creates.

Prints a summary. Exit code 0 only when every check that applies passes.
"""

import json
import sys
import urllib.request

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

# What the hub does not have, and says so with 501.
ABSENT = "POST /.search"
PASSED = {Status.SUCCESS, Status.COMPLIANT, Status.ACCEPTABLE}
# As many as there were; fewer mean that the checker has stopped early.
LEAST = 60


def new_token(hub, admin):
    headers = {"authorization": f"Bearer {admin}", "content-type": "application/json"}
    body = json.dumps({"name": "peers-scim", "scope": "scim"}).encode()
    request = urllib.request.Request(f"{hub}/v1/tokens", data=body, headers=headers, method="POST")
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
        return json.load(answer)["secret"]


def is_absent(result):
    return result.status is Status.SKIPPED and (result.reason or "").startswith(ABSENT)


def main(hub, admin):
    headers = {"authorization": f"Bearer {new_token(hub, admin)}"}
    with Client(base_url=f"{hub}/scim/v2", headers=headers, trust_env=False) as client:
        results = check_server(SyncSCIMClient(client))
    wrong = [result for result in results if result.status not in PASSED and not is_absent(result)]
    for result in wrong:
        print(f"{result.status.name}: {result.title} of {result.resource_type}: {result.reason}", file=sys.stderr)
    passed = sum(result.status in PASSED for result in results)
    if wrong or passed < LEAST:
        print(f"{len(wrong)} checks failed, {passed} passed", file=sys.stderr)
        return 1
    print(f"{passed} checks of scim2-tester passed")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    sys.exit(main(*sys.argv[1:]))
