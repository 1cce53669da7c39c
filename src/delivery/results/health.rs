//! The health of endpoints. One that keeps failing is reported in steps, and switched off after five days. It is then
//! probed every hour, and switched on again when a probe arrives.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::approval::Detail;
use crate::audit::{Actor, Entry};
use crate::delivery::TargetPolicy;
use crate::delivery::launcher::Launcher;
use crate::delivery::outbox::{NewEvent, publish, send_probe};
use crate::ids::EndpointId;
use crate::store::endpoints::{self, Endpoint, EndpointState};
use crate::store::health::{self, Health};
use crate::store::{StoreError, Tx};
use crate::time::{CLOCK_SLACK, Timestamp};

const HOUR: Duration = Duration::from_secs(3_600);
/// Times without a success after which the other endpoints are notified, once each.
const WARNINGS: [Duration; 4] = [HOUR, HOUR.saturating_mul(6), HOUR.saturating_mul(24), HOUR.saturating_mul(72)];
/// Time without a success after which an endpoint is switched off.
const SWITCHED_OFF: Duration = HOUR.saturating_mul(120);
/// Minimum of consecutive failures for either: two failures days apart say nothing about the days in between.
const LEAST_FAILURES: u32 = 10;
/// Interval of the probes of an endpoint that is switched off.
const PROBED: Duration = HOUR;

/// What a batch of results says about one endpoint.
#[derive(Debug, Default)]
pub(in crate::delivery) struct Report {
    /// It has a health record already.
    pub(in crate::delivery) is_failing: bool,
    /// At least one message arrived.
    pub(in crate::delivery) worked: bool,
    /// All failures, including those of the hub, the network or a proxy.
    pub(in crate::delivery) failures: u32,
    /// Failures that count against the endpoint.
    pub(in crate::delivery) charged: u32,
    /// The last error.
    pub(in crate::delivery) failure: Option<String>,
    /// Why the target wants no more messages, if it said so.
    pub(in crate::delivery) gone: Option<String>,
}

/// The consequence for a failing endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Nothing,
    /// This many warnings are due by now.
    Warn(u32),
    SwitchOff,
}

fn step(health: &Health, now: Timestamp) -> Step {
    let failing = now.since(health.failing_since);
    let charged = health.charged_since.map(|since| now.since(since)).unwrap_or_default();
    let due = u32::try_from(WARNINGS.iter().filter(|after| failing >= **after).count()).unwrap_or(0);
    // All failures cause warnings, since nothing arrives. Only the endpoint's own switch it off: a name server outage
    // must not.
    if health.charged >= LEAST_FAILURES && charged >= SWITCHED_OFF {
        Step::SwitchOff
    } else if health.failures >= LEAST_FAILURES && due > health.warned {
        Step::Warn(due)
    } else {
        Step::Nothing
    }
}

/// Updates one endpoint's health, in the transaction that records the results.
pub(in crate::delivery) async fn judge(
    tx: &mut Tx,
    launcher: &Arc<Launcher>,
    id: EndpointId,
    report: Report,
    now: Timestamp,
) -> Result<(), StoreError> {
    if let Some(reason) = report.gone {
        return switch_off(tx, launcher, id, &reason, None, now).await;
    }
    if report.worked {
        return if report.is_failing { recover(tx, launcher, id, now).await } else { Ok(()) };
    }
    let Some(failure) = report.failure else { return Ok(()) };
    let count = (report.failures, report.charged);
    let health = health::failed(tx.session(), id, count, &failure, now).await?;
    let step = step(&health, now);
    if step == Step::Nothing {
        return Ok(());
    }
    // An endpoint that is switched off already has no further steps.
    let Some(endpoint) = endpoints::get(tx.session(), id).await?.filter(Endpoint::is_active) else { return Ok(()) };
    match step {
        Step::Nothing => Ok(()),
        Step::Warn(warned) => {
            let (since, off_at) = (health.failing_since, health.charged_since.map(|since| since + SWITCHED_OFF));
            health::put(tx.session(), id, &Health { warned, ..health }, now).await?;
            notify_others(tx, launcher, &endpoint, "endpoint.failing", Some((&failure, since, off_at)), now).await
        }
        Step::SwitchOff => {
            let hours = SWITCHED_OFF.as_secs() / HOUR.as_secs();
            let reason = format!("nothing arrived there for {hours} hours; last: {failure}");
            let health = Health { probe_at: Some(now + PROBED), ..health };
            switch_off(tx, launcher, id, &reason, Some(health), now).await
        }
    }
}

async fn recover(tx: &mut Tx, launcher: &Arc<Launcher>, id: EndpointId, now: Timestamp) -> Result<(), StoreError> {
    let was = health::get(tx.session(), id).await?;
    health::clear(tx.session(), id).await?;
    let Some(endpoint) = endpoints::get(tx.session(), id).await? else { return Ok(()) };
    let was_warned = was.as_ref().is_some_and(|health| health.warned > 0);
    let is_off = endpoint.state == EndpointState::Disabled && was.is_some_and(|health| health.probe_at.is_some());
    let endpoint = if is_off {
        let on = Endpoint { state: EndpointState::Active, disabled_reason: None, ..endpoint };
        endpoints::put(tx.session(), &on, now).await?;
        let details = json!({"endpoint": id, "name": on.name});
        tx.record(&Entry { details, ..Entry::new(now, "endpoint.recovered", Actor::Hub) })?;
        on
    } else {
        endpoint
    };
    if is_off || was_warned {
        notify_others(tx, launcher, &endpoint, "endpoint.recovered", None, now).await?;
    }
    Ok(())
}

/// Switches an endpoint off. Its waiting deliveries are discarded soon (`discard.rs`), and can be replayed later.
async fn switch_off(
    tx: &mut Tx,
    launcher: &Arc<Launcher>,
    id: EndpointId,
    reason: &str,
    health: Option<Health>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(endpoint) = endpoints::get(tx.session(), id).await?.filter(Endpoint::is_active) else { return Ok(()) };
    let off = Endpoint { state: EndpointState::Disabled, disabled_reason: Some(reason.to_owned()), ..endpoint };
    endpoints::put(tx.session(), &off, now).await?;
    match health {
        Some(health) => health::put(tx.session(), id, &health, now).await?,
        None => health::clear(tx.session(), id).await?,
    }
    let details = json!({"endpoint": id, "name": off.name, "reason": reason});
    tx.record(&Entry { details, ..Entry::new(now, "endpoint.disabled", Actor::Hub) })?;
    notify_others(tx, launcher, &off, "endpoint.disabled", None, now).await
}

/// Publishes an event about an endpoint to the other endpoints.
async fn notify_others(
    tx: &mut Tx,
    launcher: &Arc<Launcher>,
    about: &Endpoint,
    kind: &str,
    failing: Option<(&str, Timestamp, Option<Timestamp>)>,
    now: Timestamp,
) -> Result<(), StoreError> {
    use secrecy::ExposeSecret;

    let (reason, since, off_at) = match failing {
        Some((reason, since, off_at)) => (Some(reason), Some(since), off_at),
        None => (about.disabled_reason.as_deref(), None, None),
    };
    let subject = json!({
        "id": about.id, "name": about.name, "channel": about.channel, "state": about.state,
        "url": TargetPolicy::masked(about.url.expose_secret()),
        "reason": reason, "failing_since": since, "disabled_at_latest": off_at,
    });
    let event = NewEvent { kind, request_id: None, subject: subject.to_string(), detail: Detail::Full, at: now };
    // An endpoint that is limited to groups or resources receives only events about those.
    let wants = |other: &Endpoint| {
        other.id != about.id
            && other.groups.is_empty()
            && other.resources.is_empty()
            && (other.events.is_empty() || other.events.contains(kind))
    };
    publish(tx, launcher, event, &[], wants).await
}

/// Sends the due probes.
pub(in crate::delivery) async fn send_probes(launcher: &Arc<Launcher>) -> Result<(), StoreError> {
    let now = launcher.context.clock.now();
    let due = health::due_probes(&mut launcher.context.store.read().await?, now, now + PROBED + CLOCK_SLACK).await?;
    for id in due {
        let owner = Arc::clone(launcher);
        let probed = launcher.write(move |tx| Box::pin(async move { probe(tx, &owner, id, now).await })).await;
        match probed {
            // A single failure (an unreadable row, for example) must not stop the other probes, nor the dispatcher's
            // round.
            Err(error) if !error.is_transient() => {
                tracing::error!(endpoint = %id, error = &error as &dyn std::error::Error, "a probe failed and is postponed");
                let later = now + PROBED;
                launcher
                    .write(move |tx| Box::pin(async move { health::put_probe_off(tx.session(), id, later).await }))
                    .await?;
            }
            probed => probed?,
        }
    }
    Ok(())
}

async fn probe(tx: &mut Tx, launcher: &Arc<Launcher>, id: EndpointId, now: Timestamp) -> Result<(), StoreError> {
    let Some(health) = health::get(tx.session(), id).await? else { return Ok(()) };
    // Another replica may have sent it already.
    if health.probe_at.is_none_or(|due| due > now && due <= now + PROBED + CLOCK_SLACK) {
        return Ok(());
    }
    let endpoint = endpoints::get(tx.session(), id).await?;
    let Some(endpoint) = endpoint.filter(|endpoint| endpoint.state == EndpointState::Disabled) else {
        return health::clear(tx.session(), id).await;
    };
    health::put(tx.session(), id, &Health { probe_at: Some(now + PROBED), ..health }, now).await?;
    send_probe(tx, launcher, Arc::new(endpoint), now);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_warning_is_given_once_and_then_the_endpoint_is_switched_off() {
        let hours = |hours: u64| Timestamp::from_micros(0) + HOUR * u32::try_from(hours).expect("few");
        let failing = |failures, warned| Health {
            failing_since: hours(0),
            failures,
            charged: failures,
            charged_since: Some(hours(0)),
            last_error: None,
            warned,
            probe_at: None,
        };
        let of = |warned, now| step(&failing(LEAST_FAILURES, warned), hours(now));
        assert_eq!([of(0, 0), of(0, 1), of(1, 1)], [Step::Nothing, Step::Warn(1), Step::Nothing]);
        assert_eq!([of(1, 30), of(3, 71), of(3, 72)], [Step::Warn(3), Step::Nothing, Step::Warn(4)]);
        assert_eq!([of(4, 119), of(4, 120), of(0, 120)], [Step::Nothing, Step::SwitchOff, Step::SwitchOff]);
        assert_eq!(step(&failing(LEAST_FAILURES - 1, 0), hours(500)), Step::Nothing);
    }

    #[test]
    fn failures_of_others_cause_warnings_and_switch_nothing_off() {
        let hours = |hours: u32| Timestamp::from_micros(0) + HOUR * hours;
        let health = |charged, charged_since| Health {
            failing_since: hours(0),
            failures: 500,
            charged,
            charged_since,
            last_error: None,
            warned: 0,
            probe_at: None,
        };
        assert_eq!(step(&health(0, None), hours(1)), Step::Warn(1));
        assert_eq!(step(&health(0, None), hours(500)), Step::Warn(4));
        let late = Some(hours(119));
        assert_eq!(step(&health(LEAST_FAILURES, late), hours(120)), Step::Warn(4), "charged for an hour only");
        assert_eq!(step(&health(LEAST_FAILURES, late), hours(239)), Step::SwitchOff);
        assert_eq!(step(&health(LEAST_FAILURES - 1, late), hours(500)), Step::Warn(4));
    }
}
