//! Settings of the sign-in through an OpenID provider.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use super::error::SettingsError;
use super::file::SettingsFile;
use super::values::{self, Scopes};
use crate::oidc::{ClientAuth, ClientSettings, EmailRule, Provider, ProviderError, RelyingParty};
use crate::unicode::unwrapped;

/// The scopes that are asked for by default.
const SCOPES: &str = "openid profile email";
/// The claim of the address by default.
const EMAIL: &str = "email";
/// The claim of the groups by default.
const GROUPS: &str = "groups";

/// Settings of the provider from flags and environment.
#[derive(Debug, Clone, Default, Args)]
pub struct OidcArgs {
    /// Issuer of the OpenID provider through which people sign in, exactly as it names itself [default: none]
    #[arg(long, env = "COUNTERSIGN_OIDC_ISSUER", value_name = "URL", value_parser = values::issuer)]
    pub oidc_issuer: Option<String>,
    /// The hub's client id at the provider
    #[arg(long, env = "COUNTERSIGN_OIDC_CLIENT_ID", value_name = "ID", value_parser = values::text)]
    pub oidc_client_id: Option<String>,
    /// The hub's client secret at the provider [default: none, a public client]
    #[arg(long, env = "COUNTERSIGN_OIDC_CLIENT_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub oidc_client_secret: Option<SecretString>,
    /// File of the client secret
    #[arg(long, env = "COUNTERSIGN_OIDC_CLIENT_SECRET_FILE", value_name = "FILE", value_parser = values::path)]
    pub oidc_client_secret_file: Option<PathBuf>,
    /// How the secret is sent: `client_secret_basic`, `client_secret_post` or none [default: what the provider offers]
    #[arg(long, env = "COUNTERSIGN_OIDC_CLIENT_AUTH", value_name = "METHOD", value_parser = values::client_auth)]
    pub oidc_client_auth: Option<ClientAuth>,
    /// Scopes to ask for, separated by blanks [default: openid profile email]
    #[arg(long, env = "COUNTERSIGN_OIDC_SCOPES", value_name = "LIST", value_parser = values::scopes)]
    pub oidc_scopes: Option<Scopes>,
    /// Claim of a person's e-mail address [default: email]
    #[arg(long, env = "COUNTERSIGN_OIDC_EMAIL_CLAIM", value_name = "NAME", value_parser = values::text)]
    pub oidc_email_claim: Option<String>,
    /// Whether `email_verified` is required or may be absent (`if_present`) [default: required for the claim email]
    #[arg(long, env = "COUNTERSIGN_OIDC_EMAIL_VERIFIED", value_name = "RULE", value_parser = values::email_rule)]
    pub oidc_email_verified: Option<EmailRule>,
    /// Claim of a person's groups: a name, or a path such as `realm_access.roles` [default: groups]
    #[arg(long, env = "COUNTERSIGN_OIDC_GROUPS_CLAIM", value_name = "NAME", value_parser = values::text)]
    pub oidc_groups_claim: Option<String>,
    /// Name of the provider on the sign-in page [default: the issuer's host]
    #[arg(long, env = "COUNTERSIGN_OIDC_NAME", value_name = "NAME", value_parser = values::text)]
    pub oidc_name: Option<String>,
}

/// The resolved settings of the provider.
#[derive(Debug, Clone)]
pub struct OidcSettings {
    pub issuer: String,
    pub client_id: String,
    pub client_secret: Option<SecretString>,
    pub client_auth: Option<ClientAuth>,
    pub scopes: Vec<String>,
    pub email_claim: String,
    pub email_rule: EmailRule,
    pub groups_claim: String,
    /// The name on the sign-in page, if the operator chose one.
    pub name: Option<String>,
}

impl OidcSettings {
    /// Flags and environment before the file; `None` when there is no provider.
    pub(super) fn resolve(args: OidcArgs, file: &SettingsFile) -> Result<Option<Self>, SettingsError> {
        let wrong = |why: &str| Err(SettingsError::Oidc(why.to_owned()));
        let issuer = args.oidc_issuer.or_else(|| file.oidc_issuer.clone());
        let client_id = args.oidc_client_id.or_else(|| file.oidc_client_id.clone());
        // A secret of the environment is not read together with a file that the settings file names.
        let secret_file = match &args.oidc_client_secret {
            Some(_) => args.oidc_client_secret_file,
            None => args.oidc_client_secret_file.or_else(|| file.oidc_client_secret_file.clone()),
        };
        let (issuer, client_id) = match (issuer, client_id) {
            (Some(issuer), Some(client_id)) => (issuer, client_id),
            (Some(_), None) => return wrong("COUNTERSIGN_OIDC_ISSUER is set without COUNTERSIGN_OIDC_CLIENT_ID"),
            (None, Some(_)) => return wrong("COUNTERSIGN_OIDC_CLIENT_ID is set without COUNTERSIGN_OIDC_ISSUER"),
            (None, None) => return Ok(None),
        };
        let client_secret = match (args.oidc_client_secret, secret_file) {
            (Some(_), Some(_)) => {
                return wrong("COUNTERSIGN_OIDC_CLIENT_SECRET and COUNTERSIGN_OIDC_CLIENT_SECRET_FILE are both set");
            }
            (Some(secret), None) => Some(secret.expose_secret().to_owned()),
            (None, Some(path)) => Some(read(&path)?),
            (None, None) => None,
        };
        let client_secret = match client_secret.as_deref().map(unwrapped) {
            Some("") => return wrong("the client secret is empty"),
            secret => secret.map(|secret| SecretString::from(secret.to_owned())),
        };
        let client_auth = args.oidc_client_auth.or(file.oidc_client_auth);
        match (client_auth, &client_secret) {
            (Some(ClientAuth::None), Some(_)) => {
                return wrong("COUNTERSIGN_OIDC_CLIENT_AUTH is none, but there is a client secret");
            }
            (Some(ClientAuth::Basic | ClientAuth::Post), None) => {
                return wrong("COUNTERSIGN_OIDC_CLIENT_AUTH needs COUNTERSIGN_OIDC_CLIENT_SECRET or its file");
            }
            _ => {}
        }
        let email_claim =
            args.oidc_email_claim.or_else(|| file.oidc_email_claim.clone()).unwrap_or_else(|| EMAIL.to_owned());
        // `email_verified` is about the claim `email` (OpenID Connect Core §5.1).
        let usual_rule = if email_claim == EMAIL { EmailRule::Required } else { EmailRule::IfPresent };
        let scopes = args.oidc_scopes.or_else(|| file.oidc_scopes.clone());
        Ok(Some(Self {
            issuer,
            client_id,
            client_secret,
            client_auth,
            scopes: scopes.map_or_else(|| SCOPES.split(' ').map(str::to_owned).collect(), |scopes| scopes.0),
            email_claim,
            email_rule: args.oidc_email_verified.or(file.oidc_email_verified).unwrap_or(usual_rule),
            groups_claim: args
                .oidc_groups_claim
                .or_else(|| file.oidc_groups_claim.clone())
                .unwrap_or_else(|| GROUPS.to_owned()),
            name: args.oidc_name.or_else(|| file.oidc_name.clone()),
        }))
    }
}

impl OidcSettings {
    /// The hub as a client of this provider, which is not called yet. People are sent back to `public_url`.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn connect(&self, public_url: &str) -> Result<RelyingParty, ProviderError> {
        let settings = ClientSettings {
            client_id: self.client_id.clone(),
            client_secret: self.client_secret.clone(),
            auth: self.client_auth,
            scopes: self.scopes.clone(),
            redirect_uri: format!("{public_url}/sign-in/callback"),
            email_claim: self.email_claim.clone(),
            groups_claim: self.groups_claim.clone(),
            email_rule: self.email_rule,
            name: self.name.clone(),
        };
        Ok(RelyingParty::new(Arc::new(Provider::new(&self.issuer)?), settings))
    }
}

fn read(path: &Path) -> Result<String, SettingsError> {
    std::fs::read_to_string(path).map_err(|error| {
        let path = path.display();
        SettingsError::Oidc(format!("cannot read the file of the client secret, {path}: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(change: impl FnOnce(&mut OidcArgs)) -> Result<Option<OidcSettings>, String> {
        let mut args = OidcArgs {
            oidc_issuer: Some("https://login.example.com".to_owned()),
            oidc_client_id: Some("hub".to_owned()),
            ..OidcArgs::default()
        };
        change(&mut args);
        OidcSettings::resolve(args, &SettingsFile::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_provider_needs_an_issuer_and_a_client() {
        assert!(OidcSettings::resolve(OidcArgs::default(), &SettingsFile::default()).is_ok_and(|none| none.is_none()));
        assert!(resolve(|args| args.oidc_client_id = None).expect_err("no client").contains("CLIENT_ID"));
        assert!(resolve(|args| args.oidc_issuer = None).expect_err("no issuer").contains("OIDC_ISSUER"));
        let settings = resolve(|_| {}).expect("resolves").expect("a provider");
        assert_eq!(settings.scopes, ["openid", "profile", "email"]);
        assert_eq!((settings.email_rule, settings.client_secret.is_none()), (EmailRule::Required, true));
    }

    #[test]
    fn a_secret_comes_from_one_place() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), " hush\n").expect("writes");
        let path = || Some(file.path().to_owned());
        let settings = resolve(|args| args.oidc_client_secret_file = path()).expect("resolves").expect("a provider");
        assert_eq!(settings.client_secret.expect("a secret").expose_secret(), "hush");
        let both = resolve(|args| {
            args.oidc_client_secret_file = path();
            args.oidc_client_secret = Some("hush".to_owned().into());
        });
        assert!(both.expect_err("both").contains("both set"));
        let absent = resolve(|args| args.oidc_client_secret_file = Some(PathBuf::from("/nowhere/secret")));
        assert!(absent.expect_err("no file").contains("/nowhere/secret"));
        let blank = resolve(|args| args.oidc_client_secret = Some(" \n".to_owned().into()));
        assert!(blank.expect_err("blank").contains("empty"));
    }

    #[test]
    fn the_method_fits_the_secret() {
        assert!(resolve(|args| args.oidc_client_auth = Some(ClientAuth::Post)).expect_err("none").contains("needs"));
        let both = resolve(|args| {
            args.oidc_client_auth = Some(ClientAuth::None);
            args.oidc_client_secret = Some("hush".to_owned().into());
        });
        assert!(both.expect_err("a secret").contains("is none"));
    }

    #[test]
    fn an_address_of_another_claim_need_not_be_verified() {
        let rule = |change: fn(&mut OidcArgs)| resolve(change).expect("resolves").expect("a provider").email_rule;
        assert_eq!(rule(|args| args.oidc_email_claim = Some("upn".to_owned())), EmailRule::IfPresent);
        let stated = rule(|args| {
            args.oidc_email_claim = Some("upn".to_owned());
            args.oidc_email_verified = Some(EmailRule::Required);
        });
        assert_eq!(stated, EmailRule::Required);
    }
}
