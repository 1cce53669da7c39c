//! The bodies that create and change an endpoint, and their validation.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::fields::required;
use super::slack::{SlackInput, SlackPatch, changed_target, target};
use super::wrapping::{unwrap_transport, unwrapped};
use crate::approval::{Detail, Email, EndpointName, GroupName, ResourceName, limits};
use crate::channels::Declaration;
use crate::codes::Code;
use crate::delivery::{TargetPolicy, check_transport};
use crate::hub::input::given;
use crate::hub::{HubError, input};
use crate::ids::EndpointId;
use crate::random;
use crate::store::endpoints::{Channel, Endpoint, EndpointState, Format};
use crate::store::events::KINDS as EVENTS;
use crate::store::heartbeats;
use crate::store::transport::{Auth, ClientCertificate, Secret, Transport};
use crate::time::Timestamp;

/// Longest URL.
const MAX_URL: usize = 4 * 1024;
/// Bytes of a signing secret (Standard Webhooks 1.0, "Symmetric").
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Allowed intervals of the heartbeat, in seconds: an hour to a week.
const HEARTBEAT_SECONDS: std::ops::RangeInclusive<u32> = 3_600..=heartbeats::MOST_SECONDS;

/// The body that creates an endpoint.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointInput {
    pub name: EndpointName,
    pub channel: Channel,
    /// Required, except for Slack apps.
    #[serde(default)]
    pub url: Option<SecretString>,
    /// Required for Slack apps.
    #[serde(default)]
    pub slack: Option<SlackInput>,
    /// The signing secret, `whsec_…`; generated when absent. Custom endpoints only.
    #[serde(default)]
    pub secret: Option<SecretString>,
    /// Events to send; empty for all.
    #[serde(default)]
    pub events: BTreeSet<String>,
    /// Resources whose requests are sent; empty for all.
    #[serde(default)]
    pub resources: BTreeSet<ResourceName>,
    /// Deciding groups that it serves; empty for all requests, without links to decide.
    #[serde(default)]
    pub groups: BTreeSet<GroupName>,
    /// The one person who reads it: only they can decide with its links.
    #[serde(default)]
    pub recipient: Option<Email>,
    /// How much of a request is sent.
    #[serde(default)]
    pub detail: Detail,
    /// Additional HTTP headers.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// HTTP authentication of the hub.
    #[serde(default)]
    pub auth: Option<Auth>,
    /// TLS client certificate of the hub.
    #[serde(default)]
    pub client_certificate: Option<ClientCertificate>,
    /// Trusted root certificates, besides those of the machine.
    #[serde(default)]
    pub ca_certificate: Option<String>,
    #[serde(default)]
    pub proxy: Option<Secret>,
    /// Seconds to wait after each failed attempt.
    #[serde(default)]
    pub schedule: Option<Vec<u32>>,
    /// Rate limit.
    #[serde(default)]
    pub rate_per_second: Option<f64>,
    /// Concurrency limit.
    #[serde(default)]
    pub concurrency: Option<u32>,
    /// Whether the target's response may end a delivery or disable the endpoint.
    #[serde(default)]
    pub answer_control: bool,
    /// Format of messages. Custom endpoints only.
    #[serde(default)]
    pub format: Format,
    /// After this time without a message, a `ping` is sent.
    #[serde(default)]
    pub heartbeat_seconds: Option<u32>,
}

/// The body that changes an endpoint; absent fields keep their value, and `null` removes an optional value.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EndpointPatch {
    #[serde(deserialize_with = "given")]
    pub name: Option<Option<EndpointName>>,
    #[serde(deserialize_with = "given")]
    pub url: Option<Option<SecretString>>,
    #[serde(deserialize_with = "given")]
    pub slack: Option<Option<SlackPatch>>,
    #[serde(deserialize_with = "given")]
    pub events: Option<Option<BTreeSet<String>>>,
    #[serde(deserialize_with = "given")]
    pub resources: Option<Option<BTreeSet<ResourceName>>>,
    #[serde(deserialize_with = "given")]
    pub groups: Option<Option<BTreeSet<GroupName>>>,
    #[serde(deserialize_with = "given")]
    pub recipient: Option<Option<Email>>,
    #[serde(deserialize_with = "given")]
    pub detail: Option<Option<Detail>>,
    #[serde(deserialize_with = "given")]
    pub headers: Option<Option<BTreeMap<String, Secret>>>,
    #[serde(deserialize_with = "given")]
    pub auth: Option<Option<Auth>>,
    #[serde(deserialize_with = "given")]
    pub client_certificate: Option<Option<ClientCertificate>>,
    #[serde(deserialize_with = "given")]
    pub ca_certificate: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    pub proxy: Option<Option<Secret>>,
    #[serde(deserialize_with = "given")]
    pub schedule: Option<Option<Vec<u32>>>,
    #[serde(deserialize_with = "given")]
    pub rate_per_second: Option<Option<f64>>,
    #[serde(deserialize_with = "given")]
    pub concurrency: Option<Option<u32>>,
    #[serde(deserialize_with = "given")]
    pub answer_control: Option<Option<bool>>,
    #[serde(deserialize_with = "given")]
    pub format: Option<Option<Format>>,
    #[serde(deserialize_with = "given")]
    pub heartbeat_seconds: Option<Option<u32>>,
    /// `active` enables a disabled endpoint.
    #[serde(deserialize_with = "given")]
    pub state: Option<Option<EndpointState>>,
}

impl EndpointInput {
    /// Returns the validated endpoint. It keeps the id and secret of `known`, the existing endpoint of that name.
    pub(in crate::hub) fn check(
        self,
        known: Option<&Endpoint>,
        targets: &TargetPolicy,
        now: Timestamp,
    ) -> Result<Endpoint, HubError> {
        let (url, slack) = target(self.channel, self.url, self.slack)?;
        let url = unwrapped(url);
        let secret = match (Declaration::of(self.channel).is_chat(), self.secret) {
            (true, Some(_)) => return Err(no_secret(self.channel)),
            (true, None) => None,
            (false, Some(given)) => Some(checked_secret(given)?),
            (false, None) => known.and_then(|known| known.secret.clone()).or_else(|| Some(new_signing_secret())),
        };
        if known.is_none() {
            check_name(&self.name)?;
        }
        let new = Endpoint::new(self.name, self.channel, url, now);
        let mut endpoint = Endpoint {
            id: known.map_or(new.id, |known| known.id),
            secret,
            events: self.events,
            resources: self.resources,
            groups: self.groups,
            recipient: self.recipient,
            detail: self.detail,
            transport: Transport {
                headers: lower(self.headers)?,
                auth: self.auth,
                client_certificate: self.client_certificate,
                ca_certificate: self.ca_certificate,
                proxy: self.proxy,
                schedule: self.schedule,
                rate_per_second: self.rate_per_second,
                concurrency: self.concurrency,
                answer_control: self.answer_control,
                slack,
            },
            retiring: known.map(|known| known.retiring.clone()).unwrap_or_default(),
            paused_at: known.and_then(|known| known.paused_at),
            format: self.format,
            heartbeat_seconds: self.heartbeat_seconds,
            link_generation: known.map_or(0, |known| known.link_generation),
            created_at: known.map_or(now, |known| known.created_at),
            ..new
        };
        unwrap_transport(&mut endpoint.transport);
        checked(&endpoint, targets)?;
        Ok(endpoint)
    }
}

impl EndpointPatch {
    /// Returns the validated endpoint with the changes.
    pub(super) fn check(self, known: Endpoint, targets: &TargetPolicy) -> Result<Endpoint, HubError> {
        let name = required(self.name, known.name.clone(), "/name")?;
        if name != known.name {
            check_name(&name)?;
        }
        let was = known.transport;
        let url = required(self.url.map(|url| url.map(Some)), None, "/url")?;
        let patch = required(self.slack.map(|slack| slack.map(Some)), None, "/slack")?;
        let (url, slack) = changed_target(url, patch, (known.url, was.slack))?;
        let url = unwrapped(url);
        let mut transport = Transport {
            headers: self.headers.map_or(Ok(was.headers), |headers| lower(headers.unwrap_or_default()))?,
            auth: self.auth.unwrap_or(was.auth),
            client_certificate: self.client_certificate.unwrap_or(was.client_certificate),
            ca_certificate: self.ca_certificate.unwrap_or(was.ca_certificate),
            proxy: self.proxy.unwrap_or(was.proxy),
            schedule: self.schedule.unwrap_or(was.schedule),
            rate_per_second: self.rate_per_second.unwrap_or(was.rate_per_second),
            concurrency: self.concurrency.unwrap_or(was.concurrency),
            answer_control: self.answer_control.map_or(was.answer_control, Option::unwrap_or_default),
            slack,
        };
        unwrap_transport(&mut transport);
        let (state, disabled_reason) = match required(self.state.map(|state| state.map(Some)), None, "/state")? {
            Some(_) => (EndpointState::Active, None),
            None => (known.state, known.disabled_reason),
        };
        let changed = Endpoint {
            name,
            url,
            events: self.events.map_or(known.events, Option::unwrap_or_default),
            resources: self.resources.map_or(known.resources, Option::unwrap_or_default),
            groups: self.groups.map_or(known.groups, Option::unwrap_or_default),
            recipient: self.recipient.unwrap_or(known.recipient),
            detail: self.detail.map_or(known.detail, Option::unwrap_or_default),
            state,
            disabled_reason,
            transport,
            format: self.format.map_or(known.format, Option::unwrap_or_default),
            heartbeat_seconds: self.heartbeat_seconds.unwrap_or(known.heartbeat_seconds),
            ..known
        };
        checked(&changed, targets)?;
        Ok(changed)
    }
}

/// Rejects a new name that could be an id, since some calls accept either. Existing names are kept.
fn check_name(name: &EndpointName) -> Result<(), HubError> {
    if name.as_str().parse::<EndpointId>().is_err() {
        return Ok(());
    }
    let detail = "this name looks like the id of an endpoint: choose another one";
    Err(HubError::invalid(Code::InvalidName, "/name", detail))
}

/// Checks the rules that the types do not express, for a new or changed endpoint.
fn checked(endpoint: &Endpoint, targets: &TargetPolicy) -> Result<(), HubError> {
    let url = endpoint.url.expose_secret();
    input::text("/url", url, MAX_URL)?;
    targets.check_url(url).map_err(|error| HubError::invalid(Code::InvalidUrl, "/url", error.to_string()))?;
    input::count("/resources", endpoint.resources.len(), limits::SHORT)?;
    input::count("/groups", endpoint.groups.len(), limits::ITEMS)?;
    check_events("/events", &endpoint.events)?;
    if endpoint.format != Format::Standard && Declaration::of(endpoint.channel).is_chat() {
        let detail = format!(
            "format cannot be set for {} endpoints: their service defines the format",
            endpoint.channel.as_str()
        );
        return Err(HubError::invalid(Code::InvalidFormat, "/format", detail));
    }
    if endpoint.heartbeat_seconds.is_some_and(|seconds| !HEARTBEAT_SECONDS.contains(&seconds)) {
        let detail = "heartbeat_seconds must be between 3600 (an hour) and 604800 (a week)";
        return Err(HubError::invalid(Code::InvalidTimeout, "/heartbeat_seconds", detail));
    }
    check_transport(&endpoint.transport, targets)
        .map_err(|error| HubError::invalid(Code::InvalidTransport, error.pointer, error.detail))
}

/// Rejects unknown kinds of events.
pub(super) fn check_events<'e>(pointer: &str, events: impl IntoIterator<Item = &'e String>) -> Result<(), HubError> {
    match events.into_iter().find(|event| !EVENTS.contains(&event.as_str())) {
        None => Ok(()),
        Some(unknown) => {
            let detail = format!("there is no event {unknown:?}; the events are {}", EVENTS.join(", "));
            Err(HubError::invalid(Code::UnknownEvent, pointer, detail))
        }
    }
}

/// Converts header names to lower case, in which they are stored and compared.
fn lower(headers: BTreeMap<String, Secret>) -> Result<BTreeMap<String, Secret>, HubError> {
    let mut lowered = BTreeMap::new();
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        if let Some(_twice) = lowered.insert(name.clone(), value) {
            let detail = format!("{name} is listed twice: header names are not case-sensitive");
            return Err(HubError::invalid(Code::InvalidTransport, "/headers", detail));
        }
    }
    Ok(lowered)
}

/// The error for a signing secret on a channel without signatures.
pub(super) fn no_secret(channel: Channel) -> HubError {
    let detail = format!("a {} endpoint has no signing secret: its URL is the secret", channel.as_str());
    HubError::invalid(Code::InvalidSecret, "/secret", detail)
}

pub(super) fn checked_secret(secret: SecretString) -> Result<SecretString, HubError> {
    let secret = unwrapped(secret);
    let bytes = secret.expose_secret().strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
    if bytes.is_some_and(|bytes| SECRET_BYTES.contains(&bytes.len())) {
        return Ok(secret);
    }
    let detail = "a signing secret is whsec_ and the base64 of 24 to 64 random bytes; omit it to have one generated";
    Err(HubError::invalid(Code::InvalidSecret, "/secret", detail))
}

pub(super) fn new_signing_secret() -> SecretString {
    format!("whsec_{}", STANDARD.encode(random::bytes::<32>())).into()
}
