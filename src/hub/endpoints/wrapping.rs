//! Trims white space and invisible characters around secrets, tokens, ids and URLs, which copying from a file, a web
//! page or a deployment's settings may add. A user name or password may begin or end with a space, so only line breaks
//! are trimmed. Certificates stay unchanged, since PEM contains line breaks.

use secrecy::{ExposeSecret, SecretString};

use crate::store::transport::{Auth, Secret, SlackApp, Transport};
use crate::unicode;

/// Trims a URL or secret.
pub(super) fn unwrapped(secret: SecretString) -> SecretString {
    match unicode::unwrapped(secret.expose_secret()) {
        text if text.len() == secret.expose_secret().len() => secret,
        text => text.to_owned().into(),
    }
}

/// Trims all fields of an endpoint's transport.
pub(super) fn unwrap_transport(transport: &mut Transport) {
    transport.headers.values_mut().for_each(trim);
    transport.proxy.iter_mut().for_each(trim);
    transport.auth.iter_mut().for_each(unwrap_auth);
    transport.slack.iter_mut().for_each(unwrap_slack);
}

fn unwrap_auth(auth: &mut Auth) {
    match auth {
        Auth::Basic { username, password } => {
            *username = username.trim_matches(['\r', '\n']).to_owned();
            *password = password.expose().trim_matches(['\r', '\n']).to_owned().into();
        }
        Auth::Bearer { token } => trim(token),
        Auth::Oauth2 { token_url, client_id, client_secret, scope } => {
            trim(client_secret);
            for text in [token_url, client_id].into_iter().chain(scope) {
                *text = unicode::unwrapped(text).to_owned();
            }
        }
    }
}

fn unwrap_slack(app: &mut SlackApp) {
    trim(&mut app.bot_token);
    trim(&mut app.signing_secret);
    for id in [&mut app.channel].into_iter().chain(&mut app.team) {
        *id = unicode::unwrapped(id).to_owned();
    }
}

fn trim(secret: &mut Secret) {
    *secret = unicode::unwrapped(secret.expose()).to_owned().into();
}
