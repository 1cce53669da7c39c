//! The patterns of secrets. The text of a capture group is hidden; the text around it stays.
//!
//! A pattern matches within one line or one quoted text, except for private keys, which match to their end.

use super::found::SecretKind;

/// The patterns by kind; where several match the same text, the first determines the kind.
pub(super) const PATTERNS: &[(SecretKind, &str)] = &[
    (
        SecretKind::PrivateKey,
        r"(-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z))",
    ),
    (SecretKind::PrivateKey, r"(AGE-SECRET-KEY-1[0-9A-Z]{40,})"),
    (SecretKind::AwsKey, r"(?-u:\b)((?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})(?-u:\b)"),
    (SecretKind::AwsKey, r#"(?i)aws[a-z0-9_ .-]*secret[a-z0-9_ .-]*["']?\s*[:=]\s*["']?([A-Za-z0-9/+=]{40})"#),
    (SecretKind::GoogleKey, r"(?-u:\b)(AIza[0-9A-Za-z_-]{35})"),
    (SecretKind::GoogleKey, r"(?-u:\b)((?:ya29\.|GOCSPX-)[0-9A-Za-z_.-]{20,})"),
    (SecretKind::AzureKey, r"(?i)(?:AccountKey|SharedAccessKey|SharedSecretKey)\s*=\s*([A-Za-z0-9+/=]{16,})"),
    (SecretKind::AzureKey, r"(?i)[?&;]sig=([A-Za-z0-9%+/=_-]{16,})"),
    (SecretKind::AzureKey, r"(?-u:\b)([A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,})"),
    (SecretKind::GitHubToken, r"(?-u:\b)(gh[pousr]_[A-Za-z0-9]{36,})"),
    (SecretKind::GitHubToken, r"(?-u:\b)(github_pat_[A-Za-z0-9_]{22,})"),
    (SecretKind::GitLabToken, r"(?-u:\b)(gl(?:pat|dt|rt|cbt|ptt|ft|oas|soat|agent|imt)-[A-Za-z0-9_.=-]{16,})"),
    (SecretKind::SlackToken, r"(?-u:\b)((?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,})"),
    (SecretKind::SlackToken, r"(?i)hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_-]{8,})"),
    (SecretKind::DiscordToken, r"(?i)discord(?:app)?\.com/api/(?:v[0-9]+/)?webhooks/([0-9]+/[A-Za-z0-9_-]+)"),
    (SecretKind::StripeKey, r"(?-u:\b)((?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,})"),
    (SecretKind::WebhookSecret, r"(?-u:\b)(whsec_[A-Za-z0-9+/=]{16,})"),
    (SecretKind::NpmToken, r"(?-u:\b)(npm_[A-Za-z0-9]{36,})"),
    (SecretKind::PyPiToken, r"(?-u:\b)(pypi-[A-Za-z0-9_-]{16,})"),
    (SecretKind::ModelKey, r"(?-u:\b)(sk-[A-Za-z0-9_-]{20,})"),
    (SecretKind::ServiceToken, r"(?-u:\b)(SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,})"),
    (SecretKind::ServiceToken, r"(?-u:\b)(hv[sbr]\.[A-Za-z0-9_-]{20,})"),
    (
        SecretKind::ServiceToken,
        r"(?-u:\b)(do[opr]_v1_[a-f0-9]{40,}|dckr_pat_[A-Za-z0-9_-]{20,}|dapi[a-f0-9]{32}|cs[sw]?_[A-Za-z0-9_-]{40,})",
    ),
    (SecretKind::ServiceToken, r"(?-u:\b)([0-9]{8,10}:AA[A-Za-z0-9_-]{32,})"),
    (SecretKind::Jwt, r"(?-u:\b)(eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)"),
    (
        SecretKind::Authorization,
        r#"(?i)authorization["']?\s*[:=]\s*["']?(?:(?:bearer|basic|token|digest|apikey|negotiate)\s+)?([^\s"',;]{6,})"#,
    ),
    (SecretKind::Authorization, r"(?i)(?-u:\b)(?:bearer|basic)\s+([A-Za-z0-9._~+/=-]{16,})"),
    (SecretKind::UrlPassword, r#"[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@"'<>]*:([^\s/@"'<>]+)@"#),
    (
        SecretKind::Password,
        r"(?i)(?-u:\b)identified\s+(?:with\s+\S+\s+)?(?:by|as)\s+(?:password\s+)?'((?:[^'\\]|\\.|'')*)'",
    ),
    (
        SecretKind::Password,
        r#"(?i)(?-u:\b)identified\s+(?:with\s+\S+\s+)?(?:by|as)\s+(?:password\s+)?"((?:[^"\\]|\\.)*)""#,
    ),
    // `ALTER ROLE x PASSWORD 'y'`, `SET PASSWORD FOR x = 'y'`, `PASSWORD('y')`.
    (SecretKind::Password, r"(?i)(?-u:\b)password\s+(?:for\s+\S+\s*=\s*)?(?:password\s*\(\s*)?'((?:[^'\\]|\\.|'')*)'"),
    (SecretKind::Password, r#"(?i)(?-u:\b)password\s*\(\s*['"]((?:[^'"\\]|\\.)*)['"]"#),
    // Programs with short flags for a password.
    (
        SecretKind::Password,
        r#"(?-u:\b)(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump|mariadb-admin)\s[^\n|;&]*?-p["']?([^\s"'|;&]+)"#,
    ),
    (SecretKind::Password, r#"(?-u:\b)sshpass\s+-p\s*["']?([^\s"']+)"#),
    (SecretKind::Password, r#"(?-u:\b)redis-cli\s[^\n|;&]*?-a\s+["']?([^\s"']+)"#),
    (
        SecretKind::Password,
        r#"(?-u:\b)(?:curl|wget|http|https)\s[^\n|;&]*?(?:-u|--user|--proxy-user|-a|--auth)[\s=]\s*["']?[^\s:"']+:([^\s"']+)"#,
    ),
    (SecretKind::Card, r"(?-u:\b)([2-6][0-9](?:[ -]?[0-9]){11,17})(?-u:\b)"),
];

/// Names of secrets: the end of a name, or a whole name. `tokens` is a count, `token` is a secret.
pub(super) const NAME: &str = r"(?:[a-z0-9_.-]*(?:password|passwd|passphrase|passcode|pwd|sshpass|secret|credential|token|api[_-]?key|access[_-]?key|account[_-]?key|auth[_-]?key|private[_-]?key|signing[_-]?key|encryption[_-]?key|master[_-]?key|shared[_-]?access[_-]?signature|connection[_-]?string|rediscli_auth)|(?:[a-z0-9_.-]*[_.-])?pass)(?:[_-](?:id|key|value|hash|base|text|string|data|base64|b64|plain|prod|dev|test|old|new|[0-9]+)|[0-9]+)*";

/// An assignment operator and a value: quoted, or up to white space or a separator.
pub(super) const VALUE: &str = r#"\\?["'`]?\s*(?:=>|:=|==?|:)\s*(?:\\?"((?:[^"\\]|\\[^"])*)\\?"|'((?:[^'\\]|\\.|'')*)'|([^\s"'&;,|<>()\[\]{}\\]+))"#;

/// The value of a flag: the next word, quoted or not.
pub(super) const FLAG_VALUE: &str = r#"\s+(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^\s"'&;,|<>()-][^\s"'&;|<>]*))"#;
