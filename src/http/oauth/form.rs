//! The form body of a call (RFC 6749 §3.2): each parameter at most once, unknown ones ignored, empty ones absent.

use std::collections::BTreeMap;

use axum::extract::{FromRequest, Request};

use super::MAX_FORM;
use super::answer::OAuthError;
use crate::codes::Code;
use crate::http::extract::{media_type, read_body};
use crate::http::{App, Problem};

/// The parameters of a call.
#[derive(Debug)]
pub(in crate::http) struct Form(BTreeMap<String, String>);

impl Form {
    fn parse(body: &[u8]) -> Result<Self, OAuthError> {
        let mut parameters = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(body) {
            let is_repeated = parameters.insert(name.clone().into_owned(), value.into_owned()).is_some();
            if is_repeated {
                return Err(OAuthError::invalid_request(format!("the parameter {name} is given more than once")));
            }
        }
        parameters.retain(|_, value| !value.is_empty());
        Ok(Self(parameters))
    }

    /// A parameter that may be absent, without control characters, and not too long.
    pub(super) fn optional(&mut self, name: &str, max: usize) -> Result<Option<String>, OAuthError> {
        match self.0.remove(name) {
            Some(value) if value.len() > max => {
                Err(OAuthError::invalid_request(format!("{name} is too long: the limit is {max} bytes")))
            }
            Some(value) if value.chars().any(char::is_control) => {
                Err(OAuthError::invalid_request(format!("{name} must not contain control characters")))
            }
            value => Ok(value),
        }
    }

    /// A parameter that must be there.
    pub(super) fn required(&mut self, name: &str, max: usize) -> Result<String, OAuthError> {
        self.optional(name, max)?.ok_or_else(|| OAuthError::invalid_request(format!("the parameter {name} is missing")))
    }
}

impl FromRequest<App> for Form {
    type Rejection = OAuthError;

    async fn from_request(request: Request, app: &App) -> Result<Self, OAuthError> {
        if media_type(request.headers()).is_none_or(|kind| kind != "application/x-www-form-urlencoded") {
            let detail = "send a form with Content-Type: application/x-www-form-urlencoded";
            return Err(OAuthError::invalid_request(detail));
        }
        let body = read_body(request, app).await.map_err(|problem| match problem.code() {
            Code::BodyTooLarge => Problem::new(Code::BodyTooLarge, format!("a form is limited to {MAX_FORM} bytes")),
            _ => problem,
        })?;
        Self::parse(&body)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_body_is_read_once_or_refused(body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            // Mostly parameters, often the same ones.
            "([ab%+=&;]|%[0-9a-fA-F]{2}|é){0,60}".prop_map(String::into_bytes),
        ]) {
            let sent: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
            let names: std::collections::BTreeSet<&String> = sent.iter().map(|(name, _)| name).collect();
            match Form::parse(&body) {
                Err(_) => prop_assert!(names.len() < sent.len(), "only a repeated parameter is refused"),
                Ok(mut form) => {
                    prop_assert_eq!(names.len(), sent.len());
                    for (name, value) in &sent {
                        let fits = value.len() <= 20 && !value.chars().any(char::is_control);
                        match form.optional(name, 20) {
                            Ok(read) => prop_assert!(fits && read.as_ref() == Some(value).filter(|value| !value.is_empty())),
                            Err(_) => prop_assert!(!fits, "{:?}", value),
                        }
                        prop_assert_eq!(form.optional(name, 20).ok(), Some(None), "it is read once");
                    }
                }
            }
        }

        #[test]
        fn any_parameters_arrive_as_they_were_sent(sent in prop::collection::btree_map(".{0,20}", ".{0,20}", 0..6)) {
            let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&sent).finish();
            let form = Form::parse(body.as_bytes()).map_err(|_| TestCaseError::fail("refused"))?;
            let mut expected = sent;
            expected.retain(|_, value| !value.is_empty());
            prop_assert_eq!(form.0, expected);
        }
    }

    #[test]
    fn a_parameter_is_given_once_and_an_empty_one_is_absent() {
        let mut form = Form::parse(b"a=1&b=&c=x%20y+z").expect("a form");
        assert_eq!(form.required("a", 1).ok().as_deref(), Some("1"));
        assert_eq!(form.optional("b", 1).ok(), Some(None));
        assert!(form.required("b", 1).is_err());
        assert!(form.optional("c", 4).is_err(), "too long");
        assert!(Form::parse(b"a=1&a=1").is_err());
        assert!(Form::parse(b"a=%00").expect("a form").optional("a", 9).is_err());
    }
}
