"""A description of the hub's calls (OpenAPI 3.0), made from the tables in docs/security.md and docs/errors.md.

A test of the hub holds that docs/security.md lists exactly its routes, and docs/errors.md its codes.
"""

import collections
import pathlib
import re

import bodies

DOCS = pathlib.Path(__file__).resolve().parents[3] / "docs"
# The parts of SCIM that the hub does not have: the answer is always 501.
ABSENT = ("/scim/v2/Me", "/scim/v2/Bulk", "/scim/v2/.search")
# Beside the errors. A page may lead to another one.
SUCCESS = {"GET": [200, 303], "POST": [200, 201, 204, 303], "PUT": [200], "PATCH": [200, 204], "DELETE": [204], "OPTIONS": [200, 204]}


def rows(page, pattern):
    return re.findall(pattern, (DOCS / page).read_text(), re.MULTILINE)


def routes():
    """(method, path, what the call needs) of each route."""
    found = rows("security.md", r"^\| `([A-Z]+) (/\S*)` \| (.+?) \|$")
    assert len(found) > 100, "docs/security.md has no table of calls"
    return [(method, path, need.strip("`")) for method, path, need in found]


def rights():
    """The scopes that have each right."""
    (header,) = rows("security.md", r"^\| right \| (.+) \|$")
    scopes = [scope.strip() for scope in header.split("|")]
    table = rows("security.md", r"^\| `([a-z ]+)` \|((?: (?:yes )?\|){%d})$" % len(scopes))
    assert len(table) > 10, "docs/security.md has no table of rights"
    marks = lambda cells: [cell.strip() == "yes" for cell in cells.split("|")[:-1]]
    return {right: {scope for scope, mark in zip(scopes, marks(cells)) if mark} for right, cells in table}


def errors():
    """The documented codes of each status below 500: a call causes no other."""
    codes = collections.defaultdict(list)
    for code, status in rows("errors.md", r"^\| `([a-z_]+)` \| (\d{3}) \|"):
        codes[int(status)].append(code)
    return {status: names for status, names in codes.items() if status < 500}


def operation(method, path, need, known):
    name = f"{method} {path}"
    responses = {str(status): {"description": "done"} for status in SUCCESS[method]}
    responses |= {str(status): {"description": ", ".join(names)} for status, names in errors().items()}
    parameters = [{"name": part, "in": "query", "schema": schema} for part, schema in bodies.QUERIES.get(name, {}).items()]
    for part in re.findall(r"{(\w+)}", path):
        ids = known.get(path.split("{" + part)[0] + part)
        schema = {"anyOf": [{"enum": ids}, bodies.TEXT]} if ids else bodies.TEXT
        parameters.append({"name": part, "in": "path", "required": True, "schema": schema})
    made = {"operationId": name, "parameters": parameters, "responses": responses}
    if need in rights():
        made["security"] = [{"token": []}]
    for kind, schema in (("application/json", bodies.JSON.get(name)), ("application/x-www-form-urlencoded", bodies.form(name, need))):
        if schema is not None:
            made["requestBody"] = {"content": {kind: {"schema": schema}}}
    return made


def document(known):
    """The whole description. `known` has the ids that exist, by the path before them and the parameter's name."""
    paths = collections.defaultdict(dict)
    for method, path, need in routes():
        name = f"{method} {path}"
        has_body = method in ("POST", "PUT", "PATCH")
        assert not has_body or name in bodies.JSON or bodies.form(name, need), f"bodies.py says nothing of {name}"
        if path not in ABSENT:
            paths[path][method.lower()] = operation(method, path, need, known)
    return {
        "openapi": "3.0.3", "info": {"title": "Countersign", "version": "0"}, "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }
