//! Workloads: pipelines and services that prove who they are with a token of their own platform (OpenID Connect), instead
//! of a secret of the hub.
//!
//! A [`TrustedIssuer`] says which tokens of one issuer count, and for what. Issuers of large platforms sign for everybody
//! in the world, so conditions on the claims are what keeps strangers out: see `public.rs`.

mod issuer;
mod pattern;
mod public;

pub use issuer::{IssuerError, MAX_ISSUERS, Mismatch, TrustedIssuer, UncheckedIssuer};
pub use pattern::{InvalidPattern, Pattern};
