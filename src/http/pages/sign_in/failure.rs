//! The pages of a sign-in through the provider that failed: what happened, and what to do. Why it happened is in the log.

use axum::http::StatusCode;
use axum::response::Response;

use crate::http::pages::layout::page_response;
use crate::http::pages::message::{Back, MessagePage};
use crate::http::pages::problem_page;
use crate::http::return_path::ReturnPath;
use crate::http::{App, Problem};
use crate::hub::{HubError, OidcFailure};
use crate::oidc::{ExchangeError, IdentityError, OidcError, TokenError};

/// The heading of most pages.
const NOBODY: &str = "You are not signed in";

/// Status, heading and text.
type Words = (StatusCode, &'static str, String);

/// The page of a failure. `signed_in` is who is signed in in this browser nevertheless.
pub(super) fn failure_page(
    app: &App,
    failure: &OidcFailure,
    return_path: &ReturnPath,
    signed_in: Option<String>,
) -> Response {
    let provider = app.hub.provider_name().unwrap_or("the identity provider");
    let (status, heading, text) = match failure {
        OidcFailure::Hub(HubError::Store(_) | HubError::Missing(_)) => return problem_page(&internal(failure)),
        OidcFailure::Hub(error) => (StatusCode::FORBIDDEN, NOBODY, format!("{}.", capital(&error.to_string()))),
        OidcFailure::Oidc(error) => of_provider(error, provider),
        other => of_visit(other, provider, app.hub.public_url()),
    };
    let (heading, text, back) = match signed_in {
        // Somebody went back, or did not sign in again.
        Some(person) => {
            let path = return_path.as_str().to_owned();
            let heading = if heading == NOBODY { "This sign-in did not work" } else { heading };
            (heading, format!("{text} This browser is still signed in as {person}."), Back { label: "Continue", path })
        }
        None => (heading, text, Back { label: "Sign in", path: return_path.sign_in() }),
    };
    page_response(status, &MessagePage::new(heading, &text, Some(back)))
}

/// The page of a provider without a sign-out of its own.
pub(super) fn no_sign_out(app: &App) -> Response {
    let provider = app.hub.provider_name().unwrap_or("the identity provider");
    let text = format!("{provider} offers no page to sign out: close the browser, or sign out on its own page.");
    page_response(StatusCode::NOT_FOUND, &MessagePage::new("You are still signed in there", &text, None))
}

/// Failures on the way there and back.
fn of_visit(failure: &OidcFailure, provider: &str, public_url: &str) -> Words {
    let not_yet = NOBODY;
    match failure {
        OidcFailure::NotConfigured => {
            let text = "This hub has no identity provider. Nobody can sign in this way.".to_owned();
            (StatusCode::NOT_FOUND, "There is no such sign-in", text)
        }
        OidcFailure::Unknown | OidcFailure::TooLate => {
            let text = "This page belongs to no sign-in that is under way: each must be finished within 10 minutes, and \
                        works once. Nothing was done.";
            (StatusCode::GONE, "This sign-in is over", text.to_owned())
        }
        OidcFailure::Used => {
            let text = "This sign-in was already finished, and each works once: perhaps you went back, or loaded the page \
                        again. Nothing was done.";
            (StatusCode::GONE, "This sign-in is over", text.to_owned())
        }
        OidcFailure::OtherBrowser => {
            let text = format!(
                "Your browser did not send the cookie that came with the beginning of the sign-in. Perhaps it began in \
                 another browser or more than an hour ago, or cookies are off: without them, nobody can be signed in. Allow \
                 cookies for {public_url}, and sign in again."
            );
            (StatusCode::FORBIDDEN, not_yet, text)
        }
        OidcFailure::Cancelled => {
            let text = format!(
                "The sign-in at {provider} was cancelled, or {provider} does not let you use this hub. If you did not cancel \
                 it, ask the people who manage {provider} for access."
            );
            (StatusCode::FORBIDDEN, not_yet, text)
        }
        OidcFailure::NotAskedAgain => {
            let text = format!(
                "You have to prove again who you are, but {provider} did not ask you. Sign out here and there, and sign in again."
            );
            (StatusCode::FORBIDDEN, not_yet, text)
        }
        OidcFailure::Refused(_) | OidcFailure::Oidc(_) | OidcFailure::Hub(_) => {
            let text = format!(
                "{provider} refused the sign-in ({failure}). Try again; if it fails again, tell the operator of this hub, \
                 whose log says more."
            );
            (StatusCode::BAD_GATEWAY, not_yet, text)
        }
    }
}

/// What is wrong with the provider's answer.
fn of_provider(error: &OidcError, provider: &str) -> Words {
    let operator =
        "The operator of this hub has to change its settings or those of the provider; the hub's log says why.";
    let (status, what) = match error {
        OidcError::Provider(_) => {
            let text = format!(
                "The hub cannot reach {provider}, or gets no usable answer from it. Try again in a minute; if it fails again, \
                 tell the operator of this hub, whose log says more."
            );
            return (StatusCode::SERVICE_UNAVAILABLE, "The identity provider does not answer", text);
        }
        OidcError::Token(TokenError::Expired { .. } | TokenError::NotYet { .. }) => (
            StatusCode::BAD_GATEWAY,
            format!(
                "The clocks of {provider} and of this hub differ too much, or the answer took too long. Try again. {operator}"
            ),
        ),
        OidcError::Exchange(ExchangeError::Code(_)) => (
            StatusCode::BAD_GATEWAY,
            format!("{provider} no longer accepts this sign-in: it was used, or took too long. Try again."),
        ),
        OidcError::Exchange(ExchangeError::Client { .. }) => {
            (StatusCode::BAD_GATEWAY, format!("{provider} does not accept this hub. {operator}"))
        }
        OidcError::Exchange(ExchangeError::NoIdToken) => {
            (StatusCode::BAD_GATEWAY, format!("{provider} does not say who you are. {operator}"))
        }
        OidcError::Token(_) | OidcError::Exchange(ExchangeError::OtherIssuer(_) | ExchangeError::NoIssuer) => (
            StatusCode::BAD_GATEWAY,
            format!("{provider} says who you are in a way that this hub cannot trust, so it does not. {operator}"),
        ),
        OidcError::Identity(error) => (StatusCode::FORBIDDEN, of_identity(error, provider)),
    };
    (status, NOBODY, what)
}

/// Why it is not clear who somebody is.
fn of_identity(error: &IdentityError, provider: &str) -> String {
    match error {
        IdentityError::NoEmail(_) | IdentityError::NotAnEmail { .. } => format!(
            "{provider} does not say which e-mail address is yours, and the hub knows people by it. The operator of this hub \
             has to choose another claim or scope; the hub's log says which one is missing."
        ),
        IdentityError::Unverified(email) => format!(
            "{provider} says that it has not verified that {email} is your address. Verify it there, and sign in again."
        ),
        IdentityError::VerificationUnknown(email) => format!(
            "{provider} does not say whether it has verified that {email} is your address. The operator of this hub has to \
             decide whether to trust its addresses; the hub's log names the setting."
        ),
        IdentityError::GroupsNoList { .. } => format!(
            "{provider} sends your groups in a form that the hub cannot read. The operator of this hub has to choose another \
             claim, or change it at the provider; the hub's log says which one."
        ),
        IdentityError::TooManyGroups { .. } | IdentityError::GroupsElsewhere { .. } => format!(
            "You are in more groups than {provider} and the hub can exchange. The people who manage {provider} have to let it \
             send only the groups that this hub needs."
        ),
        IdentityError::OtherSubject => {
            format!(
                "{provider} answers about two different people. Tell the operator of this hub, whose log says more."
            )
        }
    }
}

fn internal(failure: &OidcFailure) -> Problem {
    tracing::error!(error = failure as &dyn std::error::Error, "a sign-in failed");
    Problem::new(crate::codes::Code::Internal, "the sign-in failed because of a fault of the hub: try again")
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}
