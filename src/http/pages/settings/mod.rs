//! The set-up pages under `/settings`: everything that `apply` can say can be done here, through the same services.

mod audit;
mod done;
mod draft;
mod endpoints;
mod form;
mod groups;
mod named;
mod once;
mod overview;
mod people;
mod query;
mod routes;
mod secret;
mod section;
mod text;
mod tokens;

pub(in crate::http) use self::routes::routes;
