//! SCIM 2.0 (RFC 7643, RFC 7644): what a directory says of people and groups. This part reads and writes the protocol's
//! texts and objects, and knows neither the database nor HTTP.
//!
//! Of a user and a group the hub keeps a few attributes. What a directory sends beyond them is ignored, since directories
//! send what an administrator has mapped, and would stop at an error. What is malformed is an error.

mod discovery;
mod error;
mod filter;
mod group;
mod patch;
mod path;
mod projection;
mod resource;
mod user;
mod value;
mod verb;

pub use discovery::{resource_types, schemas, service_provider_config};
pub use error::ScimError;
pub use filter::{Filter, Literal, Term};
pub use group::{GroupChange, GroupInput, MemberChange, group_name};
pub use projection::Projection;
pub use resource::{ListShape, group, list, user};
pub use user::UserAttributes;
