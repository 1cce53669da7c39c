//! The public form of endpoints: everything that may be a secret is masked.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use serde::Serialize;

use super::fields::MASK;
use super::slack::SlackView;
use crate::approval::{Detail, Digest, Email, EndpointName, GroupName, ResourceName};
use crate::delivery::{Held, TargetPolicy};
use crate::ids::EndpointId;
use crate::store::endpoints::{Channel, Endpoint, EndpointState, Format};
use crate::store::health::Health;
use crate::store::template_problems::TemplateProblem;
use crate::store::transport::Auth;
use crate::time::Timestamp;

const CERTIFICATE_BEGINS: &str = "-----BEGIN CERTIFICATE-----";
const CERTIFICATE_ENDS: &str = "-----END CERTIFICATE-----";

/// The public form of an endpoint. Its URL is masked: for a chat channel it is the secret.
#[derive(Debug, Clone, Serialize)]
pub struct EndpointView {
    pub id: EndpointId,
    pub name: EndpointName,
    pub channel: Channel,
    pub url: String,
    pub events: BTreeSet<String>,
    pub resources: BTreeSet<ResourceName>,
    pub groups: BTreeSet<GroupName>,
    pub recipient: Option<Email>,
    pub detail: Detail,
    /// The values may be secrets, and are masked.
    pub headers: BTreeMap<String, &'static str>,
    pub auth: Option<AuthView>,
    pub client_certificate: Option<CertificateView>,
    pub ca_certificate: Option<CertificateView>,
    pub proxy: Option<String>,
    pub schedule: Option<Vec<u32>>,
    pub rate_per_second: Option<f64>,
    pub concurrency: Option<u32>,
    pub answer_control: bool,
    /// Only for Slack apps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slack: Option<SlackView>,
    pub format: Format,
    pub heartbeat_seconds: Option<u32>,
    pub state: EndpointState,
    pub disabled_reason: Option<String>,
    /// When it was paused.
    pub paused_at: Option<Timestamp>,
    /// Replaced signing secrets that still sign for a while.
    pub retiring: Vec<RetiringView>,
    /// Number of times that its links were revoked.
    pub link_generation: u32,
    pub created_at: Timestamp,
}

/// An endpoint with its status.
#[derive(Debug, Clone, Serialize)]
pub struct EndpointStatus {
    #[serde(flatten)]
    pub endpoint: EndpointView,
    /// The health record of a failing endpoint.
    pub health: Option<HealthView>,
    /// Why this replica currently sends nothing to it.
    pub held: Option<Held>,
    /// The last failure of an operator's template; messages then use the template that it overrides.
    pub template_problem: Option<TemplateProblemView>,
}

/// A template that failed to render.
#[derive(Debug, Clone, Serialize)]
pub struct TemplateProblemView {
    pub event: String,
    /// The template: channel and event, or a part.
    pub template: Option<String>,
    /// Its line at fault, from 1.
    pub line: Option<u32>,
    pub detail: String,
    /// Time of the last failure.
    pub at: Timestamp,
}

/// The health record of a failing endpoint.
#[derive(Debug, Clone, Serialize)]
pub struct HealthView {
    pub failing_since: Timestamp,
    /// Consecutive failures of any cause.
    pub failures: u32,
    /// Those of the failures that can disable the endpoint.
    pub charged: u32,
    pub last_error: Option<String>,
    /// Time of the next probe, if it was disabled for failing.
    pub probe_at: Option<Timestamp>,
}

/// The authentication of the hub, without its secrets.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AuthView {
    Basic { username: String, password: &'static str },
    Bearer { token: &'static str },
    Oauth2 { token_url: String, client_id: String, client_secret: &'static str, scope: Option<String> },
}

/// The fingerprints of a certificate chain: the first is the certificate itself.
#[derive(Debug, Clone, Serialize)]
pub struct CertificateView {
    pub sha256: Vec<String>,
}

/// A signing secret that was replaced.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct RetiringView {
    /// It signs until this time, exclusive.
    pub until: Timestamp,
}

/// An endpoint with its signing secret, which is shown only this once.
#[derive(Debug, Serialize)]
pub struct WithSecret {
    #[serde(flatten)]
    pub endpoint: EndpointView,
    /// Absent for chat channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl EndpointView {
    pub(in crate::hub) fn new(endpoint: &Endpoint) -> Self {
        let transport = &endpoint.transport;
        let certificates = |pem: &String| CertificateView { sha256: fingerprints(pem) };
        Self {
            id: endpoint.id,
            name: endpoint.name.clone(),
            channel: endpoint.channel,
            url: TargetPolicy::masked(endpoint.url.expose_secret()),
            events: endpoint.events.clone(),
            resources: endpoint.resources.clone(),
            groups: endpoint.groups.clone(),
            recipient: endpoint.recipient.clone(),
            detail: endpoint.detail,
            headers: transport.headers.keys().map(|name| (name.clone(), MASK)).collect(),
            auth: transport.auth.as_ref().map(AuthView::new),
            client_certificate: transport.client_certificate.as_ref().map(|own| certificates(&own.certificate)),
            ca_certificate: transport.ca_certificate.as_ref().map(certificates),
            proxy: transport.proxy.as_ref().map(|proxy| TargetPolicy::masked(proxy.expose())),
            schedule: transport.schedule.clone(),
            rate_per_second: transport.rate_per_second,
            concurrency: transport.concurrency,
            answer_control: transport.answer_control,
            slack: transport.slack.as_ref().map(|app| SlackView::new(app, endpoint.url.expose_secret())),
            format: endpoint.format,
            heartbeat_seconds: endpoint.heartbeat_seconds,
            state: endpoint.state,
            disabled_reason: endpoint.disabled_reason.clone(),
            paused_at: endpoint.paused_at,
            retiring: endpoint.retiring.iter().map(|old| RetiringView { until: old.until }).collect(),
            link_generation: endpoint.link_generation,
            created_at: endpoint.created_at,
        }
    }
}

impl From<Health> for HealthView {
    fn from(health: Health) -> Self {
        let Health { failing_since, failures, charged, charged_since: _, last_error, warned: _, probe_at } = health;
        Self { failing_since, failures, charged, last_error, probe_at }
    }
}

impl From<TemplateProblem> for TemplateProblemView {
    fn from(TemplateProblem { event, template, line, detail, at }: TemplateProblem) -> Self {
        Self { event, template, line, detail, at }
    }
}

impl AuthView {
    fn new(auth: &Auth) -> Self {
        match auth {
            Auth::Basic { username, .. } => Self::Basic { username: username.clone(), password: MASK },
            Auth::Bearer { .. } => Self::Bearer { token: MASK },
            Auth::Oauth2 { token_url, client_id, scope, .. } => Self::Oauth2 {
                token_url: TargetPolicy::masked(token_url),
                client_id: client_id.clone(),
                client_secret: MASK,
                scope: scope.clone(),
            },
        }
    }
}

impl WithSecret {
    pub(super) fn new(endpoint: &Endpoint) -> Self {
        let secret = endpoint.secret.as_ref().map(|secret| secret.expose_secret().to_owned());
        Self { endpoint: EndpointView::new(endpoint), secret }
    }
}

/// The fingerprint of each certificate, as `openssl x509 -fingerprint -sha256` prints it, but in lower case without
/// colons.
fn fingerprints(pem: &str) -> Vec<String> {
    let blocks = pem.split(CERTIFICATE_BEGINS).skip(1).filter_map(|rest| rest.split_once(CERTIFICATE_ENDS));
    let texts = blocks.map(|(base64, _)| base64.split_ascii_whitespace().collect::<String>());
    texts.filter_map(|text| STANDARD.decode(text).ok()).map(|bytes| Digest::of(&bytes).to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_certificate_has_its_fingerprint() {
        let one = format!("# mine\n{CERTIFICATE_BEGINS}\nYWJj\r\nZGVm\n{CERTIFICATE_ENDS}\n");
        let two = format!("{one}{CERTIFICATE_BEGINS}\nYQ==\n{CERTIFICATE_ENDS}\n");
        assert_eq!(fingerprints(&two), [Digest::of(b"abcdef").to_string(), Digest::of(b"a").to_string()]);
        assert_eq!(fingerprints("none"), Vec::<String>::new());
    }
}
