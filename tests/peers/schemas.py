"""Checks the schemas that a running hub serves, and the bodies that it sent, with Python programs.

    .venv/bin/python schemas.py HUB DELIVERIES.ndjson...

The bodies (see verify.py for the lines of the files) must be valid by `check-jsonschema --schemafile
HUB/schemas/event.json` (or cloudevent.json), without further options. `datamodel-codegen` must generate from each
schema a module without `Any`, and the modules for receivers must parse the bodies. `rfc8785` must compute the digest
of each request that was sent completely. Prints a summary line; exit code 0 only when every check passes.
"""

import hashlib
import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile

import rfc8785

BIN = pathlib.Path(sys.executable).parent
PARSED = {"request": "Request", "event": "Event", "cloudevent": "CloudEvent"}
# Schemas for programs that create messages of their own; no body is validated against them here.
MESSAGES = ["discord-message", "google-chat-message", "slack-message", "teams-message"]


def run(*command):
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode != 0:
        raise SystemExit(f"{command[0]}: exit code {ended.returncode}\n{ended.stdout}{ended.stderr}")


def bodies(files):
    for file in files:
        # Only "\n" ends a line: a body may contain the other characters at which Python splits.
        with open(file, encoding="utf-8", newline="\n") as lines:
            yield from (json.loads(line)["body"] for line in lines if line.strip())


def schema_of(body):
    return "cloudevent" if "specversion" in body else "event"


def checked(hub, texts, folder):
    """Validates by check-jsonschema, with one call for each schema."""
    files = {}
    for number, text in enumerate(texts):
        file = folder / f"{number}.json"
        file.write_text(text, encoding="utf-8")
        files.setdefault(schema_of(json.loads(text)), []).append(file)
    for name, found in files.items():
        run(BIN / "check-jsonschema", "--no-cache", "--schemafile", f"{hub}/schemas/{name}.json", *found)


def generated(hub, name, folder):
    """The module that datamodel-codegen generates."""
    file = folder / f"{name}.py"
    run(BIN / "datamodel-codegen", "--url", f"{hub}/schemas/{name}.json", "--allow-private-network", "--input-file-type",
        "jsonschema", "--output-model-type", "pydantic_v2.BaseModel", "--formatters", "builtin", "--output", file)
    source = file.read_text(encoding="utf-8")
    vague = [line for line in source.splitlines() if "Any" in line and "description=" not in line]
    if vague:
        raise SystemExit(f"{name}.json says too little: {vague}")
    spec = importlib.util.spec_from_file_location(f"generated_{name}", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def digest(request):
    payload = {key: request[key] for key in ("command", "context", "duration_seconds", "language")}
    return hashlib.sha256(rfc8785.dumps(payload)).hexdigest()


def main(hub, files):
    texts = list(bodies(files))
    if not texts:
        raise SystemExit("no bodies")
    digests = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        checked(hub, texts, folder)
        modules = {name: generated(hub, name, folder) for name in PARSED}
        for name in MESSAGES:
            generated(hub, name, folder)
        for body in map(json.loads, texts):
            kind = schema_of(body)
            getattr(modules[kind], PARSED[kind]).model_validate(body)
            data = body["data"]
            if "request" in data and "redaction" not in data:
                if digest(data["request"]) != data["request"]["digest"]:
                    raise SystemExit(f"another digest: {body}")
                digests += 1
    if digests == 0:
        raise SystemExit("no digests")
    print(f"{len(texts)} bodies valid and read by generated types, {digests} digests worked out")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        print("usage: schemas.py HUB DELIVERIES.ndjson...", file=sys.stderr)
        sys.exit(2)
    main(sys.argv[1], sys.argv[2:])
