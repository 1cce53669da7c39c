//! The set-up pages under `/settings`: everything that `apply` can say can be done here, through the same services.

mod audit;
mod done;
mod draft;
mod editor;
mod endpoints;
mod form;
mod groups;
mod managed;
mod named;
mod once;
mod overview;
mod people;
mod query;
mod resources;
mod routes;
mod secret;
mod section;
mod start;
mod templates;
mod text;
mod tokens;

pub(in crate::http) use self::routes::routes;
