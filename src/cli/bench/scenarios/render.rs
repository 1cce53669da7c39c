//! The time to render a message: the template, the check against the channel's schema, and the size.

use std::time::Instant;

use super::super::measure::median;
use super::super::sheet::Sheet;
use super::super::stage::Site;
use crate::channels::Channels;
use crate::channels::samples::{Example, Sample};
use crate::store::endpoints::Channel;

const KIND: &str = "request.created";

/// Renders the message that asks for a decision, for each channel, in this process and one after the other.
pub(in crate::cli::bench) fn run(site: &Site) -> anyhow::Result<Sheet> {
    let channels = Channels::new(None)?;
    let mut sheet = Sheet::new("render");
    for channel in Channel::ALL {
        for sample in [Sample::Plain, Sample::Long] {
            let example = Example::new(KIND, sample);
            let mut took = Vec::new();
            for _ in 0..site.sizes.renders {
                let started = Instant::now();
                let body = channels.render(channel, &example.notice())?;
                took.push(started.elapsed().as_nanos() as f64 / 1_000.0);
                drop(std::hint::black_box(body));
            }
            let (name, sort) = (channel.as_str(), sample.as_str());
            sheet.measured(
                format!("{name}_{sort}_us"),
                format!("µs to render a message, {name}, {sort}"),
                median(took),
            );
        }
    }
    Ok(sheet)
}
