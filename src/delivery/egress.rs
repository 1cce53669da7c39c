//! The one client that posts to targets: addresses judged when they are dialled, one deadline over everything, a bounded answer,
//! no redirects, no proxy from the environment.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;

use super::{TargetError, TargetPolicy};

/// Bytes of an answer that are read; the rest is left unread.
const ANSWER: usize = 8 * 1024;

/// The client.
pub struct Egress {
    client: reqwest::Client,
    policy: Arc<TargetPolicy>,
    deadline: Duration,
}

/// What a target said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Seconds of a `Retry-After`, when it is given in seconds.
    pub retry_after: Option<Duration>,
    /// Where a redirect points; never followed.
    pub location: Option<String>,
    /// The beginning of the body.
    pub body: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// The client cannot be made.
    #[error("cannot set up the HTTP client: {0}")]
    Setup(String),
    /// The target is not allowed.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Nothing within the deadline.
    #[error("no complete answer within {} s", .0.as_secs())]
    Timeout(Duration),
    /// No connection.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
}

impl Egress {
    /// A client under a policy; `deadline` covers resolving, connecting, headers and body.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(policy: Arc<TargetPolicy>, deadline: Duration) -> Result<Self, EgressError> {
        let client = reqwest::Client::builder()
            .dns_resolver(Arc::new(JudgedResolver { policy: Arc::clone(&policy) }))
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .timeout(deadline)
            .pool_idle_timeout(Duration::from_secs(30))
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| EgressError::Setup(chain(&error)))?;
        Ok(Self { client, policy, deadline })
    }

    /// Longest time that one [`Egress::post`] takes.
    pub const fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Posts JSON.
    ///
    /// # Errors
    /// When there is no answer; an answer of any status is none.
    pub async fn post(&self, url: &str, headers: HeaderMap, body: String) -> Result<Answer, EgressError> {
        let url = self.policy.check_url(url)?;
        let request =
            self.client.post(url).headers(headers).header(reqwest::header::CONTENT_TYPE, "application/json").body(body);
        // The client's own timeout restarts nothing; this one also covers the reading below.
        let exchange = async {
            let response = request.send().await.map_err(|error| self.judge(&error))?;
            let status = response.status().as_u16();
            let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
            let retry_after = header("retry-after").and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
            let location = header("location").map(|text| text.chars().take(200).collect());
            let mut body = Vec::new();
            let mut stream = response.bytes_stream();
            while let Some(chunk) = stream.next().await {
                let chunk = chunk.map_err(|error| self.judge(&error))?;
                body.extend(chunk.iter().take(ANSWER - body.len()));
                if body.len() >= ANSWER {
                    break;
                }
            }
            Ok(Answer { status, retry_after, location, body: String::from_utf8_lossy(&body).into_owned() })
        };
        tokio::time::timeout(self.deadline, exchange).await.unwrap_or(Err(EgressError::Timeout(self.deadline)))
    }

    fn judge(&self, error: &reqwest::Error) -> EgressError {
        let mut source: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(cause) = source {
            if let Some(refused) = cause.downcast_ref::<TargetError>() {
                return EgressError::Target(refused.clone());
            }
            source = cause.source();
        }
        if error.is_timeout() {
            EgressError::Timeout(self.deadline)
        } else if error.is_connect() {
            EgressError::Connect(chain(error))
        } else {
            EgressError::Broken(chain(error))
        }
    }
}

/// The causes of an error, innermost last, without the URL: for a chat channel it is the secret.
fn chain(error: &reqwest::Error) -> String {
    let mut causes = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    if causes.is_empty() { "unknown".to_owned() } else { causes.join(": ") }
}

/// Resolves names and refuses one when any of its addresses is not allowed.
struct JudgedResolver {
    policy: Arc<TargetPolicy>,
}

impl Resolve for JudgedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.policy);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            for address in &found {
                policy.check_address(address.ip(), Some(name.as_str()))?;
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
