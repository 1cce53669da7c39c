//! Issuers that sign tokens for everybody: whose repository or project a token is from has to be a condition.

use super::pattern::Pattern;

/// An issuer that anyone can get tokens from, and the claims that say whose a token is.
#[derive(Debug)]
pub(super) struct PublicIssuer {
    pub(super) issuer: &'static str,
    /// Any one of them is enough.
    pub(super) owners: &'static [&'static str],
}

const KNOWN: [PublicIssuer; 5] = [
    PublicIssuer {
        issuer: "https://token.actions.githubusercontent.com",
        owners: &[
            "repository",
            "repository_id",
            "repository_owner",
            "repository_owner_id",
            "enterprise",
            "enterprise_id",
            "sub",
        ],
    },
    PublicIssuer {
        issuer: "https://gitlab.com",
        owners: &["project_path", "project_id", "namespace_path", "namespace_id", "sub"],
    },
    PublicIssuer {
        issuer: "https://agent.buildkite.com",
        owners: &["organization_slug", "organization_id", "pipeline_id", "sub"],
    },
    PublicIssuer {
        issuer: "https://app.terraform.io",
        owners: &["terraform_organization_name", "terraform_organization_id", "terraform_workspace_id", "sub"],
    },
    PublicIssuer { issuer: "https://accounts.google.com", owners: &["sub", "email", "hd"] },
];

/// What is known about the issuer, if it is public.
pub(super) fn known(issuer: &str) -> Option<&'static PublicIssuer> {
    KNOWN.iter().find(|known| issuer.trim_end_matches('/').eq_ignore_ascii_case(known.issuer))
}

/// Whether a pattern names an owner: it is a literal, or literal up to a slash behind the owner's name.
pub(super) fn names_owner(pattern: &Pattern) -> bool {
    let before_slash = pattern.fixed().rsplit_once('/').map(|(before, _)| before);
    let owner = before_slash.and_then(|before| before.rsplit([':', '/']).next());
    pattern.is_literal() || owner.is_some_and(|owner| !owner.is_empty())
}
