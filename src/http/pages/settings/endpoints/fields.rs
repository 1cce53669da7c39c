//! The fields of an endpoint: as facts, as a form's values, and as the API's body.

use crate::http::pages::reader::Reader;
use crate::http::pages::settings::draft::Draft;
use crate::http::pages::settings::form::Form;
use crate::http::pages::settings::text::{filled, joined, lines, ticked};
use crate::http::pages::viewer::PostedForm;
use crate::hub::{AuthView, EndpointView};
use crate::store::endpoints::{Channel, Format};

const DETAILS: [(&str, &str); 3] = [
    ("full", "everything"),
    ("redacted", "without what looks like a secret"),
    ("link_only", "only who, what and the links"),
];

/// What is chosen for how much is sent.
pub(super) const fn details() -> [(&'static str, &'static str); 3] {
    DETAILS
}

/// What an endpoint is set to, without empty fields.
pub(super) fn facts(endpoint: &EndpointView, reader: &Reader) -> Vec<(&'static str, String)> {
    let listed = |items: Vec<String>| joined(items, "");
    let numbers = |numbers: &Option<Vec<u32>>| numbers.as_ref().map(|all| joined(all, "")).unwrap_or_default();
    let auth = endpoint.auth.as_ref().map(|auth| match auth {
        AuthView::Basic { username, .. } => format!("basic, as {username}"),
        AuthView::Bearer { .. } => "bearer token".to_owned(),
        AuthView::Oauth2 { token_url, client_id, .. } => format!("OAuth 2 client {client_id} at {token_url}"),
    });
    let slack = endpoint.slack.as_ref();
    let all = vec![
        ("Channel", endpoint.channel.as_str().to_owned()),
        ("URL", endpoint.url.clone()),
        ("Slack channel", slack.map(|app| app.channel.clone()).unwrap_or_default()),
        ("Slack workspace", filled(slack.and_then(|app| app.team.clone()))),
        ("Groups", joined(&endpoint.groups, "all requests, without links to decide")),
        ("Resources", joined(&endpoint.resources, "all")),
        ("Events", joined(&endpoint.events, "all")),
        ("Read by", filled(endpoint.recipient.as_ref())),
        (
            "Sends",
            DETAILS.iter().find(|known| known.0 == endpoint.detail.as_str()).map_or("", |known| known.1).to_owned(),
        ),
        ("Headers", listed(endpoint.headers.keys().map(|name| format!("{name}: …")).collect())),
        ("Authentication", auth.unwrap_or_default()),
        (
            "Client certificate",
            endpoint.client_certificate.as_ref().map(|one| joined(&one.sha256, "")).unwrap_or_default(),
        ),
        ("Own authorities", endpoint.ca_certificate.as_ref().map(|one| joined(&one.sha256, "")).unwrap_or_default()),
        ("Proxy", filled(endpoint.proxy.as_ref())),
        ("Retries after (s)", numbers(&endpoint.schedule)),
        ("Messages a second", filled(endpoint.rate_per_second)),
        ("At once", filled(endpoint.concurrency)),
        (
            "Its answers",
            if endpoint.answer_control { "may end a delivery or switch it off".to_owned() } else { String::new() },
        ),
        ("Format", if endpoint.format == Format::Cloudevents { "CloudEvents".to_owned() } else { String::new() }),
        ("Heartbeat after (s)", filled(endpoint.heartbeat_seconds)),
        (
            "Links revoked",
            if endpoint.link_generation == 0 { String::new() } else { format!("{} times", endpoint.link_generation) },
        ),
        ("Created", reader.time(endpoint.created_at).shown),
    ];
    all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

/// The values of a form that changes the endpoint. Secrets are left out: a blank field keeps them.
pub(super) fn form_of(endpoint: &EndpointView) -> Form {
    let mut fields = vec![
        ("name", endpoint.name.to_string()),
        ("groups", lines(&endpoint.groups)),
        ("resources", lines(&endpoint.resources)),
        ("recipient", filled(endpoint.recipient.as_ref())),
        ("detail", endpoint.detail.as_str().to_owned()),
        ("schedule", endpoint.schedule.as_ref().map(|all| joined(all, "")).unwrap_or_default()),
        ("rate_per_second", filled(endpoint.rate_per_second)),
        ("concurrency", filled(endpoint.concurrency)),
        ("heartbeat_seconds", filled(endpoint.heartbeat_seconds)),
        ("answer_control", ticked(endpoint.answer_control)),
        ("format", if endpoint.format == Format::Cloudevents { "cloudevents" } else { "standard" }.to_owned()),
    ];
    if endpoint.auth.is_some() {
        fields.push(("auth/type", "keep".to_owned()));
    }
    fields.extend(endpoint.events.iter().map(|event| ("events", event.clone())));
    if let Some(app) = &endpoint.slack {
        fields.push(("slack/channel", app.channel.clone()));
        fields.push(("slack/team", filled(app.team.as_ref())));
        fields.push(("slack/direct_messages", ticked(app.direct_messages)));
    }
    Form::of(fields)
}

/// What the bodies that create and change an endpoint share.
fn shared(form: &PostedForm, channel: Channel) -> Draft<'_> {
    let draft =
        Draft::of(form).text("name").lists(&["groups", "resources"]).each("events").texts(&["recipient", "detail"]);
    let draft = draft.numbers(&["rate_per_second", "concurrency", "heartbeat_seconds"]).number_list("schedule");
    let draft = draft.flag("answer_control").exact("ca_certificate").text("proxy");
    let draft = draft.exact("client_certificate/certificate").exact("client_certificate/key");
    let draft = headers(draft, form);
    match channel {
        Channel::SlackApp => draft
            .texts(&["slack/bot_token", "slack/signing_secret", "slack/channel", "slack/team"])
            .flag("slack/direct_messages"),
        Channel::Custom => draft.text("url").text("format"),
        Channel::Teams | Channel::Slack | Channel::Discord | Channel::GoogleChat => draft.text("url"),
    }
}

/// Lines such as `x-api-key: 1234`; absent when there are none.
fn headers<'f>(draft: Draft<'f>, form: &PostedForm) -> Draft<'f> {
    let Some(text) = form.filled("headers") else { return draft };
    let pairs = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let pairs = pairs.map(|line| line.split_once(':').unwrap_or((line, "")));
    let map: serde_json::Map<_, _> = pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().into())).collect();
    draft.set("headers", map.into())
}

/// The fields of the chosen kind of authentication.
fn auth<'f>(draft: Draft<'f>, form: &PostedForm) -> Draft<'f> {
    match form.get("auth/type").unwrap_or_default() {
        "basic" => draft.texts(&["auth/type", "auth/username", "auth/password"]),
        "bearer" => draft.texts(&["auth/type", "auth/token"]),
        "oauth2" => draft.texts(&["auth/type", "auth/token_url", "auth/client_id", "auth/client_secret", "auth/scope"]),
        _ => draft,
    }
}

/// The body that creates an endpoint.
pub(super) fn new_body(form: &PostedForm, channel: Channel) -> Draft<'_> {
    let draft = shared(form, channel).set("channel", channel.as_str().into());
    let draft = if channel == Channel::Custom { draft.text("secret") } else { draft };
    auth(draft, form)
}

/// The body that changes an endpoint: what is blank is removed, but for secrets, which stay.
pub(super) fn changed_body(form: &PostedForm, channel: Channel) -> Draft<'_> {
    let draft = shared(form, channel);
    let draft = match form.get("auth/type") {
        Some("none") => draft.set("auth", serde_json::Value::Null),
        _ => auth(draft, form),
    };
    let removed = ["headers", "client_certificate", "ca_certificate", "proxy"].into_iter();
    let removed = removed.filter(|name| form.filled(&format!("remove/{name}")).is_some());
    let draft = removed.fold(draft, |draft, name| draft.set(name, serde_json::Value::Null));
    draft.cleared(&["recipient", "schedule", "rate_per_second", "concurrency", "heartbeat_seconds"])
}
