"""What calls may contain, roughly: names and kinds of the fields, so that a generator gets past the parser.

The hub's own documentation is docs/api.md. URLs name this machine alone, since the hub would call them.
"""

TEXT = {"type": "string"}
FLAG = {"type": "boolean"}
COUNT = {"type": "integer"}
TIME = {"anyOf": [{"type": "string", "format": "date-time"}, TEXT]}
ANY = {}
PERSON = {"anyOf": [{"enum": ["dana@example.com", "erik@example.com", "nora@example.com", "sam@example.com"]}, TEXT]}
GROUP = {"anyOf": [{"enum": ["dba", "security"]}, TEXT]}
RESOURCE = {"anyOf": [{"enum": ["orders", "shell"]}, TEXT]}
URL = {"enum": ["http://127.0.0.1:9/", "http://127.0.0.1:9/a?b=c", "ftp://127.0.0.1:9", "//127.0.0.1", "", "http://"]}
CHANNEL = {"anyOf": [{"enum": ["teams", "slack", "discord", "google_chat", "custom"]}, TEXT]}
SCOPE = {"anyOf": [{"enum": ["admin", "requester", "approver", "decider", "analyst", "auditor", "scim"]}, TEXT]}


def many(items):
    return {"type": "array", "items": items, "maxItems": 5}


def named(values):
    return {"type": "object", "additionalProperties": values, "maxProperties": 5}


def record(required="", **fields):
    return {"type": "object", "properties": fields, "required": required.split(), "additionalProperties": False}


REASON = record(reason=TEXT)
GROUP_INPUT = record(members=many(PERSON), from_claim=many(TEXT))
PERSON_INPUT = record("name", name=TEXT, roles=many(SCOPE), absence=record("from", **{"from": TIME, "until": TIME, "delegate": PERSON}))
GUARDRAIL = record("name effect", name=TEXT, effect={"enum": ["allow", "deny", "require"]}, language=TEXT, reason=TEXT,
                   slots=many(record("group", group=GROUP, needed=COUNT)), match=ANY, examples=many(ANY))
RESOURCE_INPUT = record(
    "slots", slots=many(record("group", group=GROUP, needed=COUNT, shared=FLAG)), description=TEXT, timeout_seconds=COUNT,
    reason_required=FLAG, reject_reason_required=FLAG, reject_needed=COUNT, exempt_groups=many(GROUP), requester_groups=many(GROUP),
    conflicted=many(PERSON), allow_self_approval=FLAG, min_assurance=TEXT, fresh_sign_in_seconds=COUNT, use_within_seconds=COUNT,
    max_duration_seconds=COUNT, high_risk=FLAG, detail=TEXT, reminders=many(COUNT), working_hours=ANY, context_schema=ANY,
    break_glass=record("groups", groups=many(GROUP), per_day=COUNT, review_within_seconds=COUNT),
    escalation=many(record("after_seconds slot add", after_seconds=COUNT, slot=GROUP, add=GROUP)), guardrails=many(GUARDRAIL))
ENDPOINT_FIELDS = dict(
    name=TEXT, url=URL, events=many(TEXT), resources=many(RESOURCE), groups=many(GROUP), recipient=PERSON, detail=TEXT,
    headers=named(TEXT), auth=record("type", type=TEXT, token=TEXT, username=TEXT, password=TEXT), ca_certificate=TEXT,
    client_certificate=record(certificate=TEXT, key=TEXT), schedule=many(COUNT), rate_per_second={"type": "number"},
    concurrency=COUNT, answer_control=FLAG, format=TEXT, heartbeat_seconds=COUNT)
ENDPOINT = record("name channel url", channel=CHANNEL, secret=TEXT, **ENDPOINT_FIELDS)
REQUESTER = record(email=PERSON, name=TEXT, groups=many(GROUP), acting_for=PERSON)
ASK = record("resource", resource=RESOURCE, kind={"enum": ["action", "jit"]}, command=TEXT, duration_seconds=COUNT, language=TEXT,
             context=ANY, requester=REQUESTER, beneficiary=PERSON, reason=TEXT, timeout_seconds=COUNT, labels=named(TEXT), replaces=TEXT)
VOTE = record(group=GROUP, reason=TEXT, revision=COUNT, digest=TEXT, on_behalf_of=PERSON, command=TEXT, duration_seconds=COUNT,
              starts_at=TIME)
SELECTION = record(resource=RESOURCE, requester=PERSON, group=GROUP, kind=TEXT, **{"from": TIME, "to": TIME})
REPLAY = record("from", state=many(TEXT), event=TEXT, rate_per_second={"type": "number"}, dry_run=FLAG, **{"from": TIME, "to": TIME})
SCIM_USER = record("userName", schemas=many(TEXT), userName=PERSON, externalId=TEXT, active=FLAG, displayName=TEXT, name=ANY,
                   emails=many(record(value=PERSON, primary=FLAG, type=TEXT)))
SCIM_GROUP = record("displayName", schemas=many(TEXT), displayName=GROUP, externalId=TEXT, members=many(record(value=TEXT, display=TEXT)))
SCIM_PATCH = record("Operations", schemas=many(TEXT), Operations=many(record("op", op={"enum": ["add", "replace", "remove", "Add"]},
                    path=TEXT, value=ANY)))
TEMPLATE = record("template", template=TEXT)

# By method and path; None stands for a call without a body.
JSON = {
    "POST /v1/requests": ASK, "POST /v1/evaluate": ASK,
    "POST /v1/requests/bulk-reject": record("filter reason", filter=SELECTION, reason=TEXT, dry_run=FLAG, on_behalf_of=PERSON),
    "POST /v1/requests/bulk-approve": record("requests", requests=many(record("id digest", id=TEXT, digest=TEXT)), reason=TEXT,
                                             on_behalf_of=PERSON),
    "POST /v1/requests/{id}/approve": VOTE, "POST /v1/requests/{id}/reject": VOTE, "POST /v1/requests/{id}/cancel": REASON,
    "POST /v1/requests/{id}/revise": record(command=TEXT, language=TEXT, context=ANY, duration_seconds=COUNT, reason=TEXT, revision=COUNT),
    "POST /v1/requests/{id}/break-glass": record("reason", reason=TEXT),
    "POST /v1/requests/{id}/review": record("justified", justified=FLAG, note=TEXT),
    "POST /v1/requests/{id}/claim": record("digest", digest=TEXT, lease_seconds=COUNT),
    "POST /v1/requests/{id}/heartbeat": record("fence", fence=COUNT),
    "POST /v1/requests/{id}/result": record("fence status", fence=COUNT, status={"enum": ["succeeded", "failed"]}, exit_code=COUNT,
                                            output=TEXT, output_truncated=FLAG, output_digest=TEXT),
    "POST /v1/requests/{id}/revoke": REASON, "POST /v1/grants/{id}/revoke": REASON,
    "POST /v1/requests/{id}/comments": record("text", text=TEXT), "POST /v1/requests/{id}/remind": None,
    "POST /v1/requests/{id}/try-change": record("command", command=TEXT),
    "POST /v1/resources/{name}/trial": record("resource", resource=RESOURCE_INPUT, command=TEXT, language=TEXT),
    "PUT /v1/people/{email}/chat-identities": record("identities", identities=many(record("provider team user", provider=TEXT, team=TEXT,
                                                                                           user=TEXT))),
    "POST /v1/me/chat-identities": record("code", code=TEXT), "PUT /v1/me/views/{name}": record("query", query=TEXT),
    "POST /v1/apply": record(groups=named(GROUP_INPUT), people=named(PERSON_INPUT), resources=named(RESOURCE_INPUT),
                             endpoints=many(ENDPOINT), templates=many(record("channel event template", channel=CHANNEL, event=TEXT,
                                                                              template=TEXT, endpoint=TEXT, resource=RESOURCE))),
    "PUT /v1/groups/{name}": GROUP_INPUT, "PUT /v1/groups/{name}/members": record("members", members=many(PERSON)),
    "PUT /v1/people/{email}": PERSON_INPUT, "PUT /v1/resources/{name}": RESOURCE_INPUT,
    "POST /v1/templates/preview": record("channel event", channel=CHANNEL, event=TEXT, template=TEXT, endpoint=TEXT, resource=RESOURCE,
                                         events=many(TEXT), samples=many(TEXT)),
    "PUT /v1/templates/{channel}/{event}": TEMPLATE,
    "POST /v1/templates/{channel}/{event}/restore": record("version", version=COUNT),
    "POST /v1/endpoints": ENDPOINT,
    "PATCH /v1/endpoints/{id}": record(state=TEXT, **ENDPOINT_FIELDS),
    "POST /v1/endpoints/{id}/test": record(event=TEXT, sample=TEXT, count=COUNT), "POST /v1/endpoints/{id}/pause": REASON,
    "POST /v1/endpoints/{id}/resume": None, "POST /v1/endpoints/{id}/rotate-secret": record(secret=TEXT, overlap_seconds=COUNT),
    "POST /v1/endpoints/{id}/rotate-links": record(), "POST /v1/endpoints/{id}/replay": REPLAY,
    "POST /v1/deliveries/{id}/retry": None, "POST /v1/replays/{id}/cancel": None,
    "POST /v1/sign-in-links": record("person", person=PERSON, admin=FLAG),
    "POST /v1/tokens": record("name scope", name=TEXT, scope=SCOPE, person=PERSON, resources=many(RESOURCE), agent=FLAG, expires_at=TIME),
    "POST /v1/tokens/{id}/rotate": record(overlap_seconds=COUNT, expires_at=TIME),
    "POST /c/{token}": record(decision={"enum": ["approve", "reject"]}, reason=TEXT, approver=PERSON, command=TEXT, duration_seconds=COUNT),
    "POST /scim/v2/Users": SCIM_USER, "PUT /scim/v2/Users/{id}": SCIM_USER, "PATCH /scim/v2/Users/{id}": SCIM_PATCH,
    "POST /scim/v2/Groups": SCIM_GROUP, "PUT /scim/v2/Groups/{id}": SCIM_GROUP, "PATCH /scim/v2/Groups/{id}": SCIM_PATCH,
    "POST /scim/v2/Bulk": ANY, "POST /scim/v2/.search": ANY,
}
NONCE = {"nonce": TEXT}
ASK_FORM = record(do=TEXT, key=TEXT, resource=RESOURCE, kind=TEXT, command=TEXT, language=TEXT, reason=TEXT, length=TEXT, unit=TEXT, timeout=TEXT,
                  beneficiary=PERSON, labels=TEXT, rest=TEXT, earlier=TEXT, replaces=TEXT, **NONCE)
FORMS = {
    "POST /sign-in/token": record(token=TEXT, **{"return": TEXT}, **NONCE), "POST /sign-in/link/{secret}": record(person=PERSON, **NONCE),
    "POST /sign-out": record(**NONCE), "POST /account/sessions": record(session=TEXT, **NONCE),
    "POST /sign-in/backchannel-logout": record(logout_token=TEXT),
    "POST /v1/slack/interactions": record(payload=TEXT), "POST /v1/slack/commands": record(command=TEXT, text=TEXT, user_id=TEXT),
    "POST /requests/views": record(query=TEXT, name=TEXT, delete=TEXT, **NONCE), "POST /access/{id}/end": record(reason=TEXT, **NONCE),
    "POST /ask": ASK_FORM, "POST /ask/check": ASK_FORM,
    "POST /device": record(code=TEXT, decision={"enum": ["confirm", "deny"]}, **NONCE),
    "POST /v1/device/authorize": record(client_id=TEXT, device_name=TEXT, scope=TEXT),
    "POST /v1/device/token": record(grant_type={"anyOf": [{"enum": ["urn:ietf:params:oauth:grant-type:device_code"]}, TEXT]},
                                    device_code=TEXT, client_id=TEXT),
    "POST /v1/token": record(grant_type={"anyOf": [{"enum": ["urn:ietf:params:oauth:grant-type:token-exchange"]}, TEXT]},
                             subject_token=TEXT, subject_token_type=TEXT, audience=TEXT, resource=TEXT),
}


def form(name, need):
    """The fields of a form. Those of pages are anything: without a session, no form gets further than that."""
    anything = record(name=TEXT, text=TEXT, reason=TEXT, decision=TEXT, members=TEXT, **NONCE)
    return FORMS.get(name, anything if need.startswith("a session") and name.startswith("POST ") else None)


PAGE = dict(limit=COUNT, cursor=TEXT)
PERIOD = {"from": TIME, "to": TIME}
SCIM_LIST = dict(filter=TEXT, startIndex=COUNT, count=COUNT, attributes=TEXT, excludedAttributes=TEXT)
# `wait` is left out: it makes slow answers.
QUERIES = {
    "GET /v1/requests": dict(status=TEXT, resource=RESOURCE, requester=PERSON, kind=TEXT, group=GROUP, approver=PERSON,
                             waiting_for=PERSON, **PERIOD, **PAGE),
    "GET /v1/requests/{id}/audit": PAGE, "GET /v1/audit": dict(request=TEXT, action=TEXT, person=PERSON, **PERIOD, **PAGE),
    "GET /v1/access": dict(resource=RESOURCE, requester=PERSON), "GET /v1/grants": dict(resource=RESOURCE, requester=PERSON, status=TEXT, open=FLAG, **PAGE),
    "GET /requests": dict(status=TEXT, resource=RESOURCE, requester=PERSON, kind=TEXT, group=GROUP, approver=PERSON, waiting_for=PERSON, newer=TEXT,
                          cursor=TEXT, **PERIOD),
    "GET /ask": dict(resource=RESOURCE, like=TEXT, extends=TEXT), "GET /access": dict(cursor=TEXT), "GET /v1/me/resources": PAGE,
    "GET /analytics": dict(period=TEXT, resource=RESOURCE, **PERIOD),
    "GET /v1/groups": PAGE, "GET /v1/people": PAGE, "GET /v1/resources": PAGE, "GET /v1/endpoints": PAGE, "GET /v1/tokens": PAGE,
    "POST /v1/apply": dict(dry_run=FLAG), "GET /v1/templates": PAGE, "PUT /v1/templates/{channel}/{event}": dict(endpoint=TEXT, resource=RESOURCE),
    "GET /v1/templates/{channel}/{event}": dict(endpoint=TEXT, resource=RESOURCE),
    "GET /v1/endpoints/{id}/deliveries": dict(state=TEXT, event=TEXT, **PERIOD, **PAGE),
    "GET /v1/endpoints/{id}/attempts": {"class": TEXT, "status": COUNT, **PERIOD, **PAGE}, "GET /v1/endpoints/{id}/replays": PAGE,
    "GET /v1/analytics/summary": dict(resource=RESOURCE, **PERIOD),
    "GET /v1/analytics/export": dict(format=TEXT, bom=FLAG, resource=RESOURCE, **PERIOD),
    "GET /scim/v2/Users": SCIM_LIST, "GET /scim/v2/Groups": SCIM_LIST, "GET /sign-in": {"return": TEXT}, "GET /device": dict(code=TEXT),
    "GET /sign-in/oidc": {"return": TEXT}, "GET /sign-in/callback": dict(state=TEXT, code=TEXT, error=TEXT, iss=TEXT),
}
