//! Environment variables with the hub's prefix: which are settings, and which others are not misspelt settings.

use super::error::SettingsError;
use crate::unicode::unwrapped;

/// The prefix of all settings except `REVIEW_TIMEOUT_SEC`.
const PREFIX: &str = "COUNTERSIGN_";
/// All variables with the prefix, so that a misspelt one is detected.
const VARIABLES: [&str; 34] = [
    "COUNTERSIGN_ADMIN_TOKEN",
    "COUNTERSIGN_ALLOW_TARGETS",
    "COUNTERSIGN_CONFIG",
    "COUNTERSIGN_DATABASE_URL",
    "COUNTERSIGN_DATA_DIR",
    "COUNTERSIGN_DELIVERY_TIMEOUT_SEC",
    "COUNTERSIGN_GROUPS_MAX_AGE",
    "COUNTERSIGN_ID_TOKEN",
    "COUNTERSIGN_LISTEN",
    "COUNTERSIGN_LOG",
    "COUNTERSIGN_LOG_FORMAT",
    "COUNTERSIGN_OIDC_CLIENT_AUTH",
    "COUNTERSIGN_OIDC_CLIENT_ID",
    "COUNTERSIGN_OIDC_CLIENT_SECRET",
    "COUNTERSIGN_OIDC_CLIENT_SECRET_FILE",
    "COUNTERSIGN_OIDC_EMAIL_CLAIM",
    "COUNTERSIGN_OIDC_EMAIL_VERIFIED",
    "COUNTERSIGN_OIDC_GROUPS_CLAIM",
    "COUNTERSIGN_OIDC_ISSUER",
    "COUNTERSIGN_OIDC_NAME",
    "COUNTERSIGN_OIDC_SCOPES",
    "COUNTERSIGN_PUBLIC_URL",
    "COUNTERSIGN_RATE_LIMIT_ADDRESS",
    "COUNTERSIGN_RATE_LIMIT_FAILURES",
    "COUNTERSIGN_RATE_LIMIT_TOKEN",
    "COUNTERSIGN_SECRETS_KEY_FILE",
    "COUNTERSIGN_SESSION_IDLE_SEC",
    "COUNTERSIGN_SESSION_MAX_SEC",
    "COUNTERSIGN_TEMPLATES_DIR",
    "COUNTERSIGN_TLS_CERT",
    "COUNTERSIGN_TLS_KEY",
    "COUNTERSIGN_TOKEN",
    "COUNTERSIGN_TRUSTED_PROXIES",
    "COUNTERSIGN_URL",
];
/// The protocols of Kubernetes Services.
const PROTOCOLS: [&str; 3] = ["tcp", "udp", "sctp"];

/// Refuses a misspelt variable. A blank variable counts as absent, so its name does not matter.
pub(super) fn check(variables: impl Iterator<Item = (String, String)>) -> Result<(), SettingsError> {
    for (name, value) in variables {
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        if !VARIABLES.contains(&name.as_str()) && !unwrapped(&value).is_empty() && !is_service_variable(rest, &value) {
            let hint = format!("; the variables are {}", VARIABLES.join(", "));
            return Err(SettingsError::Variable { name, hint });
        }
    }
    Ok(())
}

/// Whether Kubernetes sets this variable in every container of a namespace with a Service called `countersign` or
/// `countersign-…` (Kubernetes documentation, "Service", "Environment variables"; this includes variables of the form
/// of Docker's legacy links).
fn is_service_variable(name: &str, value: &str) -> bool {
    let named = |suffix: &str| name == suffix || name.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('_'));
    if named("SERVICE_HOST") || named("SERVICE_PORT") {
        return true;
    }
    let is_link = PROTOCOLS.iter().any(|protocol| unwrapped(value).starts_with(&format!("{protocol}://")));
    if named("PORT") && is_link {
        return true;
    }
    let after = |part: &str| match name.strip_prefix(part) {
        Some(rest) => Some(rest),
        None => name.rsplit_once(&format!("_{part}")).map(|(_, rest)| rest),
    };
    // SERVICE_PORT_HTTP: a named port.
    if after("SERVICE_PORT_").is_some_and(|port| !port.is_empty()) {
        return unwrapped(value).parse::<u16>().is_ok();
    }
    // PORT_8080_TCP, and with _PROTO, _PORT and _ADDR.
    let is_port = |rest: &str| {
        let (number, rest) = rest.split_once('_').unwrap_or((rest, ""));
        let (protocol, part) = rest.split_once('_').unwrap_or((rest, ""));
        number.parse::<u16>().is_ok()
            && PROTOCOLS.contains(&protocol.to_ascii_lowercase().as_str())
            && matches!(part, "" | "PROTO" | "PORT" | "ADDR")
    };
    after("PORT_").is_some_and(is_port)
}

#[cfg(test)]
mod tests {
    use clap::Args;

    use super::*;

    fn checked(name: &str, value: &str) -> Result<(), String> {
        check([(name.to_owned(), value.to_owned())].into_iter()).map_err(|error| error.to_string())
    }

    #[test]
    fn every_setting_may_be_set() {
        let settings = crate::config::SettingsArgs::augment_args(clap::Command::new("serve"));
        let names: Vec<String> =
            settings.get_arguments().filter_map(|arg| Some(arg.get_env()?.to_str()?.to_owned())).collect();
        assert!(names.iter().any(|name| name == "COUNTERSIGN_LISTEN"));
        for name in names {
            assert_eq!(checked(&name, "x"), Ok(()));
        }
    }

    #[test]
    fn a_misspelt_variable_is_refused() {
        assert_eq!(checked("PATH", "x"), Ok(()));
        for (name, value) in [
            ("COUNTERSIGN_LISTN", "x"),
            ("COUNTERSIGN_PORT", "8080"),
            ("COUNTERSIGN_HOST", "10.0.0.1"),
            ("COUNTERSIGN_SERVICE", "x"),
            ("COUNTERSIGN_PORT_8080", "8080"),
            ("COUNTERSIGN_PORT_X_TCP", "tcp://10.0.0.1:80"),
            ("COUNTERSIGN_SERVICE_PORT_HTTP", "web"),
            ("COUNTERSIGN_PASSPORT", "tcp://10.0.0.1:80"),
        ] {
            let error = checked(name, value).expect_err(name);
            assert!(error.contains(name) && error.contains("COUNTERSIGN_LISTEN"), "{error}");
        }
    }

    #[test]
    fn variables_that_kubernetes_sets_are_ignored() {
        for (name, value) in [
            ("COUNTERSIGN_PORT", "tcp://10.96.0.7:8080"),
            ("COUNTERSIGN_SERVICE_HOST", "10.96.0.7"),
            ("COUNTERSIGN_SERVICE_PORT", "8080"),
            ("COUNTERSIGN_SERVICE_PORT_HTTP", "8080"),
            ("COUNTERSIGN_SERVICE_PORT_HTTP_METRICS", "9090"),
            ("COUNTERSIGN_PORT_8080_TCP", "tcp://10.96.0.7:8080"),
            ("COUNTERSIGN_PORT_8080_TCP_PROTO", "tcp"),
            ("COUNTERSIGN_PORT_8080_TCP_PORT", "8080"),
            ("COUNTERSIGN_PORT_8080_TCP_ADDR", "10.96.0.7"),
            ("COUNTERSIGN_PORT_53_UDP", "udp://10.96.0.7:53"),
            ("COUNTERSIGN_FOO_PORT", "tcp://10.96.0.8:80"),
            ("COUNTERSIGN_FOO_SERVICE_HOST", "10.96.0.8"),
            ("COUNTERSIGN_FOO_SERVICE_PORT_HTTP", "80"),
            ("COUNTERSIGN_FOO_PORT_80_TCP_ADDR", "10.96.0.8"),
            ("COUNTERSIGN_PORT_SERVICE_PORT_80", "80"),
        ] {
            assert_eq!(checked(name, value), Ok(()), "{name}={value}");
        }
    }

    #[test]
    fn a_blank_variable_is_absent() {
        assert_eq!(checked("COUNTERSIGN_LISTN", " \n"), Ok(()));
    }
}
