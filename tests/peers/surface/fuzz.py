"""Calls every route of a hub with generated input.

    .venv/bin/python surface/fuzz.py target/debug/countersign [SECONDS]

Starts a hub of its own, with a SQLite database in a folder that is deleted at the end. First it
calls each route without a token, with a wrong one, and with each scope that has not the right.
Then Schemathesis calls all routes for SECONDS (60), with valid and invalid input: no answer may
have a status that is not documented, or 5xx, or take more than ten seconds, or be given without
the authorization that the route needs.

Prints a summary. Exit code 0 only when nothing is wrong, also in the hub's log.
"""

import http.client
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.parse

import document

TOKEN = "cs_peers_admin_token_0001"
SLOWEST = 10
USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Group"
SCOPES = ["requester", "approver", "decider", "analyst", "auditor", "scim"]


class Hub:
    def __init__(self, url):
        self.address = urllib.parse.urlsplit(url).netloc

    def call(self, method, path, token=TOKEN, body=None):
        """Status and body of an answer."""
        connection = http.client.HTTPConnection(self.address, timeout=30)
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
        connection.request(method, path, body=None if body is None else json.dumps(body), headers=headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def made(self, method, path, body):
        status, text = self.call(method, path, body=body)
        assert status in (200, 201), f"{method} {path}: {status} {text}"
        return json.loads(text)


def fill(hub):
    """Makes one of each thing; returns their ids for the description."""
    hub.made("POST", "/v1/apply", {
        "groups": {"dba": {"members": ["dana@example.com", "erik@example.com"]}, "security": {"members": ["sam@example.com"]}},
        "people": {"dana@example.com": {"name": "Dana Reyes"}},
        "resources": {"orders": {"slots": [{"group": "dba"}]}, "shell": {"slots": [{"group": "security"}], "max_duration_seconds": 600}},
        "endpoints": [{"name": "dba", "channel": "custom", "url": "http://127.0.0.1:9/", "groups": ["dba"], "schedule": [0]}],
    })
    nora = {"email": "nora@example.com"}
    asked = [hub.made("POST", "/v1/requests", {"resource": "orders", "command": f"select {n}", "requester": nora})["id"] for n in range(4)]
    vote = {"on_behalf_of": "dana@example.com"}
    hub.made("POST", f"/v1/requests/{asked[0]}/approve", vote)
    access = {"resource": "shell", "kind": "jit", "duration_seconds": 600, "requester": nora}
    granted = hub.made("POST", "/v1/requests", access)["id"]
    granted = hub.made("POST", f"/v1/requests/{granted}/approve", {"on_behalf_of": "sam@example.com"})
    endpoint = json.loads(hub.call("GET", "/v1/endpoints")[1])["items"][0]["id"]
    deliveries = []
    for _ in range(100):
        deliveries = json.loads(hub.call("GET", f"/v1/endpoints/{endpoint}/deliveries")[1])["items"]
        if deliveries and all(delivery["state"] == "failed" for delivery in deliveries):
            break
        time.sleep(0.1)
    token = hub.made("POST", "/v1/tokens", {"name": "one", "scope": "requester"})["id"]
    link = hub.made("POST", "/v1/sign-in-links", {"person": "erik@example.com"})["url"].rsplit("/", 1)[1]
    user = hub.made("POST", "/scim/v2/Users", {"schemas": [USER_SCHEMA], "userName": "olga@example.com"})["id"]
    group = {"schemas": [GROUP_SCHEMA], "displayName": "directory", "members": [{"value": user}]}
    group = hub.made("POST", "/scim/v2/Groups", group)["id"]
    return {
        "/v1/requests/id": asked + [granted["id"]], "/v1/grants/id": [granted["grant"]["id"]], "/v1/endpoints/id": [endpoint, "dba"],
        "/v1/deliveries/id": [delivery["id"] for delivery in deliveries], "/v1/tokens/id": [token], "/v1/groups/name": ["dba", "security"],
        "/v1/resources/name": ["orders", "shell"], "/v1/people/email": ["dana@example.com", "sam@example.com"], "/sign-in/link/secret": [link],
        "/v1/templates/channel": ["teams", "custom"], "/v1/templates/{channel}/event": ["default", "request.created"],
        "/scim/v2/Users/id": [user], "/scim/v2/Groups/id": [group], "/scim/v2/Schemas/id": [USER_SCHEMA],
        "/schemas/file": ["request.json", "event.json"],
    }


def check_authorization(hub):
    """Calls each route as everybody who may not; returns what went wrong."""
    # A directory's token belongs to nobody.
    person = {scope: {} if scope == "scim" else {"person": "dana@example.com"} for scope in SCOPES}
    token = {scope: hub.made("POST", "/v1/tokens", person[scope] | {"name": scope, "scope": scope})["secret"] for scope in SCOPES}
    wrong, calls = [], 0
    for method, path, need in document.routes():
        allowed = document.rights().get(need)
        plain = path.replace("{", "").replace("}", "")
        callers = [("nobody", None, 401), ("a wrong token", "cs_wrong", 401)] if allowed else []
        callers += [(scope, token[scope], 403) for scope in SCOPES if allowed and scope not in allowed]
        if need.startswith("a session"):
            # A page leads to the sign-in; a form that does not show where it is from is refused.
            expected = 303 if method == "GET" else 403
            callers = [("nobody", None, expected), ("a token", TOKEN, expected)]
        for name, secret, expected in callers:
            calls += 1
            status, text = hub.call(method, plain, secret, None if method in ("GET", "OPTIONS") else {})
            if status != expected:
                wrong.append(f"{method} {path} as {name}: {status} instead of {expected}: {text[:200]}")
    return wrong, calls


def generate(hub, known, seconds, folder):
    file = folder / "openapi.json"
    file.write_text(json.dumps(document.document(known)))
    program = pathlib.Path(sys.executable).with_name("schemathesis")
    command = [program, "run", file, "--url", f"http://{hub.address}", "--header", f"Authorization: Bearer {TOKEN}",
               "--checks", "not_a_server_error,status_code_conformance,ignored_auth", "--max-response-time", str(SLOWEST),
               "--max-time", str(seconds), "--phases", "coverage,fuzzing,stateful", "--continue-on-failure", "--suppress-health-check", "all",
               "--warnings", "off", "--no-color", "--max-redirects", "0"]
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    ran = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return ran.returncode, ran.stdout


def main(program, seconds):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        log = folder / "hub.log"
        environment = os.environ | {"COUNTERSIGN_ADMIN_TOKEN": TOKEN, "COUNTERSIGN_ALLOW_TARGETS": "127.0.0.0/8"}
        with open(log, "w") as errors:
            process = subprocess.Popen([pathlib.Path(program).resolve(), "serve", "--listen", "127.0.0.1:0"], cwd=folder, env=environment,
                                       stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            hub = Hub(process.stdout.readline().rsplit(" ready at ", 1)[1].strip())
            known = fill(hub)
            wrong, calls = check_authorization(hub)
            print("\n".join(wrong), end="\n" if wrong else "", file=sys.stderr)
            code, report = generate(hub, known, seconds, folder)
            alive = hub.call("GET", "/healthz")[0] == 200
        finally:
            process.terminate()
            process.wait(timeout=30)
        bad = [line for line in log.read_text().splitlines() if " ERROR " in line or "panicked" in line]
        print("\n".join(bad[:20]), end="\n" if bad else "", file=sys.stderr)
        if code or wrong or bad or not alive:
            print(report, file=sys.stderr)
            print(f"{len(wrong)} calls without authorization, {len(bad)} errors in the log", file=sys.stderr)
            return 1
        generated = next((line.strip() for line in report.splitlines() if "generated" in line), "nothing generated")
        print(f"{calls} calls without authorization refused; {generated}")
        return 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    sys.exit(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) == 3 else 60))
