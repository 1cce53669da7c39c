//! The page of a request, and what people do there.

pub(in crate::http) mod vote;
