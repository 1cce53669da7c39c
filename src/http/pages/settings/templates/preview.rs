//! A template's message as its channel draws it.

use crate::channels::Preview;
use crate::channels::drawn::Card;
use crate::channels::samples::Sample;
use crate::channels::text::Listing;
use crate::store::endpoints::Channel;
use crate::store::events::KINDS;

/// A sample's message.
pub(super) struct Shown {
    /// For Teams.
    pub(super) card: Option<Card>,
    /// The whole body.
    pub(super) body: Option<Listing>,
    /// For example `6.1 of 28 KB`.
    pub(super) size: String,
}

/// A sort of samples in the page's words.
pub(super) const fn words(sample: Sample) -> &'static str {
    match sample {
        Sample::Plain => "ordinary",
        Sample::Long => "as long as may be",
        Sample::Hostile => "hostile",
        Sample::Empty => "as empty as may be",
        Sample::RightToLeft => "right to left",
        Sample::ManyGroups => "twenty groups",
    }
}

/// The sort with that name; the ordinary one for others.
pub(super) fn sample_of(name: Option<&str>) -> Sample {
    Sample::ALL.into_iter().find(|sample| Some(sample.as_str()) == name).unwrap_or(Sample::Plain)
}

/// The event that a template is drawn with: its own, or the first one for a part.
pub(super) fn event_of(name: &str) -> String {
    KINDS.into_iter().find(|kind| *kind == name).unwrap_or("request.created").to_owned()
}

impl Shown {
    pub(super) fn of(channel: Channel, preview: &Preview) -> Self {
        let body = preview.body.as_ref();
        let content =
            body.filter(|_| channel == Channel::Teams).and_then(|body| body.pointer("/attachments/0/content"));
        Self {
            card: content.map(Card::read),
            body: body.map(Listing::of_json),
            size: format!("{} of {} KB", tenths(preview.size), tenths(preview.budget)),
        }
    }
}

/// Bytes as kilobytes, with one digit after the point.
fn tenths(bytes: usize) -> String {
    let tenths = bytes / 102;
    if tenths.is_multiple_of(10) { (tenths / 10).to_string() } else { format!("{}.{}", tenths / 10, tenths % 10) }
}
