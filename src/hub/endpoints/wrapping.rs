//! Takes off what stands around secrets, tokens and URLs when they are copied from a file, a web page or a deployment's settings:
//! blanks and line breaks, which none of them begins or ends with. A user's password may begin or end with a blank, so only line
//! breaks are taken off it; certificates are left as they are, since PEM has line breaks of its own.

use secrecy::{ExposeSecret, SecretString};

use crate::store::transport::{Auth, Secret, SlackApp, Transport};

/// A URL or secret by itself.
pub(super) fn unwrapped(secret: SecretString) -> SecretString {
    match secret.expose_secret().trim() {
        text if text.len() == secret.expose_secret().len() => secret,
        text => text.to_owned().into(),
    }
}

/// All of an endpoint's transport.
pub(super) fn unwrap_transport(transport: &mut Transport) {
    transport.headers.values_mut().for_each(trim);
    transport.proxy.iter_mut().for_each(trim);
    transport.auth.iter_mut().for_each(unwrap_auth);
    transport.slack.iter_mut().for_each(unwrap_slack);
}

fn unwrap_auth(auth: &mut Auth) {
    match auth {
        Auth::Basic { username: _, password } => {
            *password = password.expose().trim_matches(['\r', '\n']).to_owned().into();
        }
        Auth::Bearer { token } => trim(token),
        Auth::Oauth2 { token_url, client_id, client_secret, scope } => {
            trim(client_secret);
            for text in [token_url, client_id].into_iter().chain(scope) {
                *text = text.trim().to_owned();
            }
        }
    }
}

fn unwrap_slack(app: &mut SlackApp) {
    trim(&mut app.bot_token);
    trim(&mut app.signing_secret);
}

fn trim(secret: &mut Secret) {
    *secret = secret.expose().trim().to_owned().into();
}
