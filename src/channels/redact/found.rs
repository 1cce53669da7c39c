//! A found secret: its kind and its field.

/// The replacement of a secret.
pub(super) const HIDDEN: &str = "[hidden]";

/// The kind of a secret, by its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretKind {
    PrivateKey,
    AwsKey,
    GoogleKey,
    AzureKey,
    GitHubToken,
    GitLabToken,
    SlackToken,
    DiscordToken,
    StripeKey,
    WebhookSecret,
    NpmToken,
    PyPiToken,
    ModelKey,
    ServiceToken,
    Jwt,
    Authorization,
    UrlPassword,
    Password,
    Card,
}

impl SecretKind {
    /// The name shown to people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::PrivateKey => "private key",
            Self::AwsKey => "AWS key",
            Self::GoogleKey => "Google Cloud key",
            Self::AzureKey => "Azure key",
            Self::GitHubToken => "GitHub token",
            Self::GitLabToken => "GitLab token",
            Self::SlackToken => "Slack token",
            Self::DiscordToken => "Discord webhook",
            Self::StripeKey => "Stripe key",
            Self::WebhookSecret => "webhook signing secret",
            Self::NpmToken => "npm token",
            Self::PyPiToken => "PyPI token",
            Self::ModelKey => "AI provider's key",
            Self::ServiceToken => "service token",
            Self::Jwt => "JSON Web Token",
            Self::Authorization => "authorization header",
            Self::UrlPassword => "password in a URL",
            Self::Password => "password or other named secret",
            Self::Card => "payment card number",
        }
    }
}

/// A found secret, as the decision page lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundSecret {
    pub kind: SecretKind,
    /// Field of the request, in words.
    pub place: &'static str,
}
