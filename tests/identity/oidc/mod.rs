//! Sign-in through an OpenID provider.

mod provider;
