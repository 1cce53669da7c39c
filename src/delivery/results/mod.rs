//! The recorder: writes the results of sends, in batches, and keeps the health of endpoints.
//!
//! - **Batches.** [`Recorder`] reads [`Record`]s from a channel. While one batch is being committed, the next one
//!   collects in the channel, so a busy hub writes many results per transaction, and an idle one writes each at once.
//! - **One transaction per batch.** It settles the deliveries whose lease is still held, releases message locks, stores
//!   template problems, and updates the health of the endpoints concerned ([`health::judge`]). Health is read in the
//!   same transaction, since another replica may have changed it just before.
//! - **Fencing.** A result whose lease has run out is ignored and logged: another process has the delivery, and records
//!   its own.
//! - **Retries.** A transient failure (an unreachable database, for example) is retried for about half a minute. After
//!   that the results are lost, the leases run out, and the messages are sent again.
//! - **Isolation.** When the database rejects a batch, each result is written alone. The one at fault ends as `failed`,
//!   with the error as its reason, because it would most likely be rejected again.
//! - **Release.** However a batch ends, its places in the scheduler are released, and a due time wakes the dispatcher.
//!
//! The recorder ends with the `None` in its channel, which the launcher sends after the last send has ended.

pub(super) mod health;
pub(super) mod heartbeat;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use tokio::sync::mpsc;

use self::health::Report;
use crate::delivery::launcher::Launcher;
use crate::delivery::record::{Record, TemplateVerdict};
use crate::delivery::send::outcome::Class;
use crate::ids::{DeliveryId, EndpointId};
use crate::store::deliveries::Attempt;
use crate::store::health::failing;
use crate::store::queue::{self, Next, Settlement};
use crate::store::slack::messages::{self, Unlock};
use crate::store::{StoreError, Tx, template_problems};
use crate::time::Timestamp;

/// Maximum results per operation. A larger batch would delay the commit of others.
const BATCH: usize = 256;

/// A batch that was written.
struct Written {
    /// Deliveries whose lease was still held. Nothing was written for the others.
    held: HashSet<DeliveryId>,
    /// When a delivery that waited for a message lock is due.
    due: Option<Timestamp>,
}

pub(in crate::delivery) struct Recorder {
    launcher: Arc<Launcher>,
    records: mpsc::UnboundedReceiver<Option<Record>>,
}

impl Recorder {
    pub(in crate::delivery) fn new(launcher: Arc<Launcher>, records: mpsc::UnboundedReceiver<Option<Record>>) -> Self {
        Self { launcher, records }
    }

    /// Records results until the end marker arrives.
    pub(in crate::delivery) async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let received = self.records.recv_many(&mut batch, BATCH).await;
            let is_last = received == 0 || batch.iter().any(Option::is_none);
            let records: Vec<Record> = batch.drain(..).flatten().collect();
            if !records.is_empty() {
                self.record(records).await;
            }
            if is_last {
                return;
            }
        }
    }

    async fn record(&self, records: Vec<Record>) {
        let records: Arc<[Record]> = records.into();
        match self.write_and_notify(&records).await {
            Err(error) if error.is_transient() => give_up(&records, &error),
            Err(_) => self.write_each(&records).await,
            Ok(()) => {}
        }
        for record in &*records {
            self.launcher.release(record.settlement.endpoint_id, record.bytes);
        }
    }

    /// Writes each record alone, since the database rejected one of them. That delivery ends as failed.
    async fn write_each(&self, records: &[Record]) {
        for record in records {
            let alone: Arc<[Record]> = Arc::new([record.clone()]);
            let Err(error) = self.write_and_notify(&alone).await else { continue };
            if error.is_transient() {
                give_up(&alone, &error);
                continue;
            }
            let failed: Arc<[Record]> = Arc::new([record.refused(&error)]);
            if let Err(error) = self.write_and_notify(&failed).await {
                give_up(&failed, &error);
            }
        }
    }

    async fn write_and_notify(&self, records: &Arc<[Record]>) -> Result<(), StoreError> {
        let retried = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(20))
            .with_max_delay(Duration::from_secs(2))
            .with_max_times(20);
        let write = || self.write_once(Arc::clone(records));
        let Written { held, due } = write.retry(retried).when(StoreError::is_transient).await?;
        for record in records.iter().filter(|record| held.contains(&record.settlement.id)) {
            if let Next::End { state, .. } = record.settlement.next {
                self.launcher.metrics.ended(state);
            }
        }
        for record in records.iter().filter(|record| !held.contains(&record.settlement.id)) {
            tracing::warn!(delivery = %record.settlement.id, "the lease ran out before the result was recorded");
        }
        if let Some(due) = records.iter().filter_map(Record::due).chain(due).min() {
            self.launcher.note_due(due);
        }
        Ok(())
    }

    async fn write_once(&self, records: Arc<[Record]>) -> Result<Written, StoreError> {
        let launcher = Arc::clone(&self.launcher);
        let now = launcher.context.clock.now();
        self.launcher
            .write(move |tx| {
                Box::pin(async move {
                    let settlements: Vec<Settlement> = records.iter().map(|record| record.settlement.clone()).collect();
                    let held = queue::settle(tx.session(), &settlements, now).await?;
                    let unlocks = || {
                        let held = records.iter().filter(|record| held.contains(&record.settlement.id));
                        held.filter_map(|record| record.unlock.as_ref())
                    };
                    for unlock in unlocks() {
                        if let Unlock::Release(report) = unlock {
                            messages::unlock(tx.session(), report).await?;
                        }
                    }
                    // A delivery that had to wait for a lock may be recorded after the lock was released.
                    let mut woken = 0;
                    for unlock in unlocks() {
                        woken += messages::wake_waiting(tx.session(), unlock.key(), now).await?;
                    }
                    note_templates(tx, &records, &held).await?;
                    // Read inside the write transaction: another replica may just have recorded a failure.
                    let failing = failing(tx.session()).await?;
                    for (endpoint, report) in reports(&records, &held) {
                        let report = Report { is_failing: failing.contains(&endpoint), ..report };
                        health::judge(tx, &launcher, endpoint, report, now).await?;
                    }
                    Ok(Written { held, due: (woken > 0).then_some(now) })
                })
            })
            .await
    }
}

fn give_up(records: &[Record], error: &StoreError) {
    let error = error as &dyn std::error::Error;
    tracing::warn!(
        count = records.len(),
        error,
        "cannot record results: the deliveries are sent again when their leases run out"
    );
}

/// Stores or clears the template problem of each endpoint and event, by its latest result.
async fn note_templates(tx: &mut Tx, records: &[Record], held: &HashSet<DeliveryId>) -> Result<(), StoreError> {
    let mine = records.iter().filter(|record| held.contains(&record.settlement.id));
    let verdicts = mine.filter_map(|record| Some((record.settlement.endpoint_id, record.template.as_ref()?)));
    let newest: BTreeMap<(EndpointId, &str), &TemplateVerdict> =
        verdicts.map(|(endpoint, verdict)| ((endpoint, &*verdict.event), verdict)).collect();
    for ((endpoint, event), verdict) in newest {
        match &verdict.problem {
            Some(problem) => template_problems::put(tx.session(), endpoint, problem).await?,
            None => template_problems::clear(tx.session(), endpoint, event).await?,
        }
    }
    Ok(())
}

/// Groups the results by endpoint.
fn reports(records: &[Record], held: &HashSet<DeliveryId>) -> BTreeMap<EndpointId, Report> {
    let mut reports: BTreeMap<EndpointId, Report> = BTreeMap::new();
    for record in records.iter().filter(|record| held.contains(&record.settlement.id)) {
        let settlement = &record.settlement;
        // A lack of resources on the hub's machine says nothing about any endpoint.
        let counts = |attempt: &&Attempt| attempt.class != Class::Exhausted.as_str();
        let Some(attempt) = settlement.attempt.as_ref().filter(counts) else { continue };
        let report = reports.entry(settlement.endpoint_id).or_default();
        let worked = attempt.class == Class::Success.as_str();
        report.worked |= worked;
        if !worked {
            report.failures += 1;
            report.charged += u32::from(settlement.charged);
            report.failure.clone_from(&attempt.error);
        }
        report.gone = report.gone.take().or_else(|| record.is_gone.clone());
    }
    reports
}
