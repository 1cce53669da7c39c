//! HTML pages, a file or folder for each. They work on phones, by keyboard and without JavaScript, with light and dark
//! colours. Their templates are in `templates/pages/`, under the same names.

pub(super) mod access;
pub(super) mod account;
pub(super) mod analytics;
pub(super) mod ask;
mod decision;
pub(super) mod device;
mod home;
pub(super) mod inbox;
mod layout;
mod message;
mod posted_form;
mod reader;
pub(super) mod request;
pub(super) mod requests;
mod resend;
pub(super) mod settings;
mod shell;
mod shown;
pub(super) mod sign_in;
mod time;
mod viewer;

pub(super) use decision::DecisionPage;
pub(super) use layout::page_response;
pub(super) use message::{Back, MessagePage, no_such_page, problem_page};
pub(super) use posted_form::PostedForm;
pub(super) use reader::Reader;
pub(super) use resend::{WhyResend, page as resend_page};
