//! The time that the hub takes for a page, with many requests in the database, all of which wait for the person who looks.

use anyhow::Context;
use reqwest::Method;
use serde_json::{Value, json};

use super::super::browser::{SignInForm, get};
use super::super::load::{Extent, Job, Pace};
use super::super::measure::{median, progress, quantile, timed};
use super::super::sheet::Sheet;
use super::super::stage::{Site, Stage};

const NAME: &str = "pages";
const PERSON: &str = "dana@example.com";

/// Runs the scenario.
pub(in crate::cli::bench) async fn run(site: &Site) -> anyhow::Result<Sheet> {
    let mut stage = Stage::start(site, NAME, &[]).await?;
    progress(&format!("pages: creating {} requests", site.sizes.fill));
    let pace = Pace::Clients(site.sizes.clients);
    let asked = stage.run(Job { kind: 'p', pace, extent: Extent::Count(site.sizes.fill) }).await?;
    let hub = &stage.hub;
    let reader = json!({"name": "Dana Reyes", "roles": ["auditor"]});
    hub.call(Method::PUT, &format!("/v1/people/{PERSON}"), Some(&reader)).await?;
    let form = SignInForm::open(hub).await?;
    let link = hub.call(Method::POST, "/v1/sign-in-links", Some(&json!({"person": PERSON}))).await?;
    let url = link.get("url").and_then(Value::as_str).context("a link without a URL")?;
    let session = form.sign_in_by_link(hub, url).await?;
    let newest = hub.call(Method::GET, "/v1/requests?limit=1", None).await?;
    let newest = newest.pointer("/items/0/id").and_then(Value::as_str).context("no request was created")?;
    let pages = [
        ("inbox", "/".to_owned()),
        ("request", format!("/requests/{newest}")),
        ("requests", "/requests".to_owned()),
        ("settings", "/settings".to_owned()),
        ("resource", "/settings/resources/orders-db".to_owned()),
    ];

    let mut sheet = Sheet::new(NAME);
    sheet.whole("requests", "requests in the database", u64::from(asked.accepted()));
    for (name, path) in &pages {
        progress(&format!("pages: {name}"));
        let mut times = Vec::new();
        // In turn with a call that does nothing, whose time is that of the connection and the measurement.
        let mut bare = Vec::new();
        for _ in 0..site.sizes.reads {
            times.push(timed(get(hub, path, &session)).await?);
            bare.push(timed(get(hub, "/healthz", &session)).await?);
        }
        let base = median(bare);
        sheet.measured(format!("{name}_p50_ms"), format!("ms of the page {name}, p50"), median(times.clone()) - base);
        sheet.measured(format!("{name}_p99_ms"), format!("ms of the page {name}, p99"), quantile(times, 0.99) - base);
    }
    stage.stop().await?;
    Ok(sheet)
}
