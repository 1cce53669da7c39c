//! The page to go back to after the sign-in: always one of this hub.

use std::fmt;

use url::Url;

/// Longest path.
const MAX: usize = 2_048;

/// A path of this hub, with its query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReturnPath(String);

impl ReturnPath {
    /// The path that `text` names; the account page if it is absent or names another place.
    pub(super) fn parse(text: Option<&str>) -> Self {
        text.and_then(checked).map_or_else(Self::default, Self)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The path of the sign-in that comes back here.
    pub(super) fn sign_in(&self) -> String {
        format!("/sign-in?{}", self.query())
    }

    /// The path of the sign-in through the identity provider that comes back here.
    pub(super) fn to_provider(&self) -> String {
        format!("/sign-in/oidc?{}", self.query())
    }

    fn query(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new()).append_pair("return", &self.0).finish()
    }
}

impl Default for ReturnPath {
    fn default() -> Self {
        Self("/account".to_owned())
    }
}

impl fmt::Display for ReturnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Resolves the path as a browser does, and takes it only if it stays on the host.
fn checked(text: &str) -> Option<String> {
    let is_plain = text.len() <= MAX && text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_plain || text.contains('\\') {
        return None;
    }
    let base = Url::parse("https://hub.invalid/").ok()?;
    let url = base.join(text).ok().filter(|url| url.origin() == base.origin())?;
    // A sign-in that leads to a sign-in would go round in circles.
    if url.path().starts_with("/sign-") {
        return None;
    }
    Some(url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path())))
        .filter(|path| !path.starts_with("//"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_hub_are_taken() {
        for (text, path) in [
            ("/c/abc", "/c/abc"),
            ("/device?code=BCDF-GHJK", "/device?code=BCDF-GHJK"),
            ("/a/../account", "/account"),
            ("//other.example.com", "/account"),
            ("/.//other.example.com", "/account"),
            ("/\\other.example.com", "/account"),
            ("https://other.example.com/", "/account"),
            ("javascript:alert(1)", "/account"),
            ("/sign-in?return=/sign-in", "/account"),
            ("/a b", "/account"),
            ("/a\tb", "/account"),
            ("", "/account"),
        ] {
            assert_eq!(ReturnPath::parse(Some(text)).as_str(), path, "{text}");
        }
        let long = format!("/{}", "a".repeat(3_000));
        assert_eq!(ReturnPath::parse(Some(&long)).as_str(), "/account");
    }

    #[test]
    fn the_path_survives_the_sign_in() {
        assert_eq!(
            ReturnPath::parse(Some("/device?code=A&x=1")).sign_in(),
            "/sign-in?return=%2Fdevice%3Fcode%3DA%26x%3D1"
        );
    }
}
