//! Writes down what came of sends, as many in one transaction as have come together while the last one was committed.

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

/// Most results in one operation: larger ones would keep others waiting for their commit.
const BATCH: usize = 256;

/// What was written down.
struct Written {
    /// Of which deliveries the lease still held.
    held: HashSet<DeliveryId>,
    /// When others are due by that.
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

    /// Runs until it is told that there is nothing more to come.
    pub(in crate::delivery) async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let taken = self.records.recv_many(&mut batch, BATCH).await;
            let is_last = taken == 0 || batch.iter().any(Option::is_none);
            let records: Vec<Record> = batch.drain(..).flatten().collect();
            if !records.is_empty() {
                self.write_down(records).await;
            }
            if is_last {
                return;
            }
        }
    }

    /// Should the database be away for longer than the leases last, the deliveries are made again.
    async fn write_down(&self, records: Vec<Record>) {
        let records: Arc<[Record]> = records.into();
        match self.write_and_tell(&records).await {
            Err(error) if error.is_transient() => give_up(&records, &error),
            Err(_) => self.write_each(&records).await,
            Ok(()) => {}
        }
        for record in &*records {
            self.launcher.release(record.settlement.endpoint_id, record.bytes);
        }
    }

    /// Each by itself, since the database refuses one of them. That one ends, with the reason: sent again, it would most likely be
    /// refused again.
    async fn write_each(&self, records: &[Record]) {
        for record in records {
            let alone: Arc<[Record]> = Arc::new([record.clone()]);
            let Err(error) = self.write_and_tell(&alone).await else { continue };
            if error.is_transient() {
                give_up(&alone, &error);
                continue;
            }
            let failed: Arc<[Record]> = Arc::new([record.refused(&error)]);
            if let Err(error) = self.write_and_tell(&failed).await {
                give_up(&failed, &error);
            }
        }
    }

    async fn write_and_tell(&self, records: &Arc<[Record]>) -> Result<(), StoreError> {
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
        if let Some(moment) = records.iter().filter_map(Record::due).chain(due).min() {
            self.launcher.told(moment);
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
                    // A delivery that missed the lock may be recorded after the lock was released.
                    let mut woken = 0;
                    for unlock in unlocks() {
                        woken += messages::wake_waiting(tx.session(), unlock.key(), now).await?;
                    }
                    note_templates(tx, &records, &held).await?;
                    // Read here, where nobody else writes: another replica may have recorded a failure a moment ago.
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
    tracing::warn!(count = records.len(), error, "cannot record results: their leases must run out");
}

/// Of each endpoint and event what its templates did last.
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

/// What the results say about each endpoint.
fn reports(records: &[Record], held: &HashSet<DeliveryId>) -> BTreeMap<EndpointId, Report> {
    let mut reports: BTreeMap<EndpointId, Report> = BTreeMap::new();
    for record in records.iter().filter(|record| held.contains(&record.settlement.id)) {
        let settlement = &record.settlement;
        // That the hub has run out of something says nothing about anybody.
        let is_told = |attempt: &&Attempt| attempt.class != Class::Exhausted.as_str();
        let Some(attempt) = settlement.attempt.as_ref().filter(is_told) else { continue };
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
