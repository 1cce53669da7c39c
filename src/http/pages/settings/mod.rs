//! The set-up pages under `/settings`: everything that `apply` can say can be done here, through the same services.

mod done;
mod draft;
mod endpoints;
mod form;
mod named;
mod once;
mod overview;
mod query;
mod routes;
mod secret;
mod section;
mod text;

pub(in crate::http) use self::routes::routes;
