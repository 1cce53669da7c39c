//! The web app: what its pages show and do is what the API shows and does.

mod access;
mod account;
mod ask;
mod inbox;
mod inbox_bulk;
mod live;
mod request;
mod request_story;
mod requests;
mod roles;
mod settings;
mod settings_endpoints;
mod settings_people;
mod settings_resources;
mod settings_start;
mod settings_templates;
