//! Validates the database URL before the database client reads it. The client ignores unknown parameters, so a misspelt
//! `sslmode` would leave the connection unencrypted.

use url::{ParseError, Url};

use super::OpenError;

/// Parameters of a PostgreSQL URL that the client knows.
const PARAMETERS: [&str; 18] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];
/// Parameters of a SQLite URL that the client knows.
const SQLITE_PARAMETERS: [&str; 4] = ["cache", "immutable", "mode", "vfs"];

/// How to escape characters that would end a user name or password early.
const ESCAPES: &str = "in user and password write @ as %40, / as %2F, : as %3A, # as %23, ? as %3F and % as %25";

/// Checks a PostgreSQL URL.
///
/// # Errors
/// When it cannot be parsed, when its password has unescaped characters, or when a parameter is unknown.
pub(super) fn check_postgres(url: &str) -> Result<(), OpenError> {
    let parsed = Url::parse(url).map_err(|error| OpenError::Url(explain(error)))?;
    // A slash, # or ? in a password ends the authority. What follows, up to the @ before the host, becomes the path,
    // query or fragment.
    let behind_host = [Some(parsed.path()), parsed.fragment(), parsed.query()];
    if behind_host.into_iter().flatten().any(|part| part.contains('@')) {
        return Err(OpenError::Url(format!("there is an @ after the host: {ESCAPES}")));
    }
    if parsed.fragment().is_some() {
        return Err(OpenError::Url(format!("a # ends the URL early: {ESCAPES}")));
    }
    let is_known = |name: &str| PARAMETERS.contains(&name) || (name.starts_with("options[") && name.ends_with(']'));
    check_parameters(parsed.query_pairs().map(|(name, _)| name), is_known, &PARAMETERS)
}

/// Checks a SQLite URL. Its path is not parsed: a file name may contain almost any character.
///
/// # Errors
/// When a parameter is unknown.
pub(super) fn check_sqlite(url: &str) -> Result<(), OpenError> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let names = url::form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
    check_parameters(names, |name| SQLITE_PARAMETERS.contains(&name), &SQLITE_PARAMETERS)
}

fn check_parameters<'n>(
    mut names: impl Iterator<Item = std::borrow::Cow<'n, str>>,
    is_known: impl Fn(&str) -> bool,
    known: &[&str],
) -> Result<(), OpenError> {
    let Some(name) = names.find(|name| !is_known(name)) else { return Ok(()) };
    let plain = |name: &str| name.replace(['-', '_'], "").to_ascii_lowercase();
    let hint = match known.iter().find(|known| plain(known) == plain(&name)) {
        Some(meant) => format!("; did you mean {meant}?"),
        None => format!("; the parameters are {}", known.join(", ")),
    };
    Err(OpenError::Parameter { name: name.into_owned(), hint })
}

fn explain(error: ParseError) -> String {
    match error {
        // In a password with a slash, the text between the first colon and the slash looks like a port.
        ParseError::InvalidPort => format!("its port is not a number; if that is part of the password: {ESCAPES}"),
        ParseError::EmptyHost | ParseError::InvalidDomainCharacter | ParseError::IdnaError => {
            format!("its host is not a host name ({error}); if that is part of the password: {ESCAPES}")
        }
        other => format!("{other}; expected postgres://USER:PASSWORD@HOST:PORT/DATABASE"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(result: Result<(), OpenError>) -> String {
        result.expect_err("refused").to_string()
    }

    #[test]
    fn parameters_that_the_client_knows_pass_and_others_are_named() {
        for url in [
            "postgres://u:p@h:5432/d",
            "postgres:///d?host=/var/run/postgresql&user=u",
            "postgres://h/d?sslmode=verify-full&sslrootcert=/ca.pem&options[search_path]=x&application_name=y",
            "postgres://u:p%40%2F@h/d",
            // Several @ before the host: the last one counts.
            "postgres://u:p@ss@h/d",
        ] {
            check_postgres(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        }
        let text = refused(check_postgres("postgres://u:geheim@h/d?ssl_mode=verify-full"));
        assert!(text.contains("\"ssl_mode\"") && text.contains("did you mean ssl-mode?"), "{text}");
        let text = refused(check_postgres("postgres://h/d?sslmode=require&connect_timeout=3"));
        assert!(text.contains("\"connect_timeout\"") && text.contains("sslmode"), "{text}");
        assert!(!text.contains("did you mean"), "{text}");
        check_sqlite("sqlite:///x/y?mode=rwc&cache=private").unwrap();
        let text = refused(check_sqlite("sqlite:///x/y?modus=rwc"));
        assert!(text.contains("\"modus\"") && text.contains("mode"), "{text}");
    }

    #[test]
    fn a_password_that_ends_the_url_early_is_explained_and_not_shown() {
        for url in [
            "postgres://u:ge/heim@h/d",
            "postgres://u:12/heim@h/d",
            "postgres://u:ge#heim@h/d",
            "postgres://u:12#heim@h/d",
            "postgres://u:12?heim@h/d",
            "postgres://u:ge?heim@h/d",
            "postgres://ge/heim:x@h/d",
        ] {
            let text = refused(check_postgres(url));
            assert!(text.contains("%2F") && text.contains("COUNTERSIGN_DATABASE_URL"), "{url}: {text}");
            assert!(!text.contains("heim"), "{url}: {text}");
        }
    }
}
