//! Tests of templates, by subject; here is what they share.

mod agreement;
mod bounds;
mod layers;
mod lines;
mod parts;
mod values;

use serde_json::Value;

use super::{Layer, Override, RenderError, Templates};
use crate::ids::TemplateId;
use crate::store::endpoints::Channel;
use crate::time::Timestamp;

fn stored(name: &str, text: &str) -> Override {
    let at = Timestamp::from_micros(1_700_000_000_000_000);
    Override { id: TemplateId::mint(at), name: name.to_owned(), text: text.into(), strength: 0 }
}

fn set(channel: Channel, overrides: &[Override]) -> Layer {
    Templates::load(None).expect("loads").try_out(channel, overrides)
}

/// Renders data with a text in place of `request.voted`.
fn rendered(channel: Channel, text: &str, mut data: Value) -> Result<Value, RenderError> {
    let set = set(channel, &[stored("request.voted", text)]).expect(text);
    set.render("request.voted", &mut data).map(|output| output.body())
}

fn error(text: &str, data: Value) -> String {
    rendered(Channel::Teams, text, data).expect_err("fails").to_string()
}
