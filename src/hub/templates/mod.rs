//! Operators' message templates: versioned, and rendered with samples before they are saved.

mod kept;
mod manifest;
mod named;
mod trial;
mod view;

pub use self::kept::{RestoreInput, TemplateInput};
pub use self::manifest::TemplateManifest;
pub(super) use self::manifest::{Checked, put_checked};
pub use self::named::TemplateFor;
pub use self::trial::{PreviewInput, Previews};
pub use self::view::{TemplateList, TemplateVersion, TemplateView};
