//! The page to go back to after the sign-in: always one of this hub.

use std::fmt;

use url::Url;

/// Longest path.
const MAX: usize = 2_048;

/// A path of this hub, with its query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReturnPath(String);

impl ReturnPath {
    /// The path that `text` names; the start page if it is absent or names another place.
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
        Self("/".to_owned())
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
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_paths_of_this_hub_are_taken() {
        for (text, path) in [
            ("/c/abc", "/c/abc"),
            ("/device?code=BCDF-GHJK", "/device?code=BCDF-GHJK"),
            ("/a/../account", "/account"),
            ("//other.example.com", "/"),
            ("/.//other.example.com", "/"),
            ("/\\other.example.com", "/"),
            ("https://other.example.com/", "/"),
            ("javascript:alert(1)", "/"),
            ("/sign-in?return=/sign-in", "/"),
            ("/a b", "/"),
            ("/a\tb", "/"),
            ("", "/"),
        ] {
            assert_eq!(ReturnPath::parse(Some(text)).as_str(), path, "{text}");
        }
        let long = format!("/{}", "a".repeat(3_000));
        assert_eq!(ReturnPath::parse(Some(&long)).as_str(), "/");
    }

    #[test]
    fn the_path_survives_the_sign_in() {
        assert_eq!(
            ReturnPath::parse(Some("/device?code=A&x=1")).sign_in(),
            "/sign-in?return=%2Fdevice%3Fcode%3DA%26x%3D1"
        );
    }

    /// Texts from which a way to another host could be made.
    fn hostile() -> impl Strategy<Value = String> {
        let parts = r"(/|//|\\|\.|\.\.|%2e|%2E%2e|%2f|%5c|:|@|\?|#|;|&|=|\t|\n|\r|\x00| |https?:|javascript:|data:|evil\.example\.com|sign-in|c/abc|\u{ff0f}|\u{3002}|[a-z]|\PC){0,12}";
        let nearly = r"/(\.|\.\.|%2e|%2E\.|[a-z]|\t|){1,2}(/|\\|//|/\.\.//|/\./){1,2}(@|:80|)(evil\.example\.com|sign-in)(/|\?x|)";
        prop_oneof![parts, nearly]
    }

    proptest! {
        /// Whatever is asked for: a browser that follows the path stays on the host, and not in the sign-in.
        #[test]
        fn no_text_leads_to_another_host(text in hostile(), slash in any::<bool>()) {
            let text = if slash { format!("/{text}") } else { text };
            let path = ReturnPath::parse(Some(&text));
            for base in ["https://hub.example.com/sign-in?return=x", "http://127.0.0.1:8080/sign-in/oidc", "http://[::1]:1/a/b"] {
                let base = Url::parse(base).unwrap();
                let there = base.join(path.as_str()).unwrap();
                prop_assert_eq!(there.origin(), base.origin(), "{} by {:?}", path, text);
                prop_assert!(there.username().is_empty() && there.password().is_none() && there.fragment().is_none());
                // The browser shows the path as it is: it has nothing left to resolve.
                prop_assert_eq!(&there[url::Position::BeforePath..], path.as_str());
                prop_assert!(!there.path().starts_with("/sign-"), "{} by {:?}", path, text);
            }
            prop_assert!(path.as_str().bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\'), "{}", path);
            prop_assert_eq!(&ReturnPath::parse(Some(path.as_str())), &path);
            let sign_in = Url::parse("https://hub.example.com/").unwrap().join(&path.sign_in()).unwrap();
            let again = sign_in.query_pairs().find(|(name, _)| name == "return").map(|(_, value)| value.into_owned());
            prop_assert_eq!(again.as_deref(), Some(path.as_str()));
        }
    }
}
