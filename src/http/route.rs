//! A route, and how the tables of routes write one.

use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, on};

use super::App;
use super::access::Access;
use crate::identity::Right;

/// A route, and who may call it.
pub struct Route {
    pub method: Method,
    /// With parameters in braces.
    pub path: &'static str,
    pub access: Access,
    pub(super) handler: MethodRouter<App>,
}

pub(super) fn route<H: Handler<T, App>, T: 'static>(
    filter: MethodFilter,
    path: &'static str,
    access: Access,
    handler: H,
) -> Route {
    let method = [
        (MethodFilter::POST, Method::POST),
        (MethodFilter::PUT, Method::PUT),
        (MethodFilter::PATCH, Method::PATCH),
        (MethodFilter::DELETE, Method::DELETE),
        (MethodFilter::OPTIONS, Method::OPTIONS),
    ];
    let method = method.into_iter().find(|(known, _)| *known == filter).map_or(Method::GET, |(_, method)| method);
    Route { method, path, access, handler: on(filter, handler) }
}

pub(super) fn get<H: Handler<T, App>, T: 'static>(path: &'static str, right: Right, handler: H) -> Route {
    route(MethodFilter::GET, path, Access::Right(right), handler)
}

pub(super) fn post<H: Handler<T, App>, T: 'static>(path: &'static str, right: Right, handler: H) -> Route {
    route(MethodFilter::POST, path, Access::Right(right), handler)
}

pub(super) fn put<H: Handler<T, App>, T: 'static>(path: &'static str, right: Right, handler: H) -> Route {
    route(MethodFilter::PUT, path, Access::Right(right), handler)
}

pub(super) fn delete<H: Handler<T, App>, T: 'static>(path: &'static str, right: Right, handler: H) -> Route {
    route(MethodFilter::DELETE, path, Access::Right(right), handler)
}

/// A page for people whose session has this right.
pub(super) fn page<H: Handler<T, App>, T: 'static>(path: &'static str, right: Right, handler: H) -> Route {
    route(MethodFilter::GET, path, Access::Page(right), handler)
}

/// A form of such a page.
pub(super) fn form<H: Handler<T, App>, T: 'static>(path: &'static str, right: Right, handler: H) -> Route {
    route(MethodFilter::POST, path, Access::Page(right), handler)
}
