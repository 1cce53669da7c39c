//! A write transaction, as an operation of the [writer](super::writer) sees it.

use std::sync::Arc;

use super::configuration::Configuration;
use super::{Session, Signal, StoreError, audit};
use crate::audit::Entry;
use crate::trace::TraceContext;

/// A write transaction as an operation sees it.
pub struct Tx {
    pub(super) session: Session,
    /// The trace of the call whose operation is under way.
    pub(super) trace: Option<TraceContext>,
    /// The version of the configuration when the transaction began.
    pub(super) version: i64,
    pub(super) configuration: Arc<Configuration>,
    pub(super) audit: Vec<audit::NewEntry>,
    pub(super) signals: Vec<Signal>,
    /// Functions to call once the transaction has committed.
    pub(super) after_commit: Vec<Box<dyn FnOnce() + Send>>,
}

impl Tx {
    /// The connection, for statements.
    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Raises a signal once the transaction has committed.
    pub fn signal(&mut self, signal: Signal) {
        self.signals.push(signal);
    }

    /// The trace of the call whose operation this is.
    pub const fn trace(&self) -> Option<&TraceContext> {
        self.trace.as_ref()
    }

    /// Calls a short function once the transaction has committed, before its callers are answered; never if it does not
    /// commit.
    pub fn after_commit(&mut self, function: impl FnOnce() + Send + 'static) {
        self.after_commit.push(Box::new(function));
    }

    /// Adds an entry to the audit trail. It is written with the transaction, and dropped if the operation is rolled
    /// back.
    ///
    /// # Errors
    /// When the entry cannot be written as JSON.
    pub fn record(&mut self, entry: &Entry) -> Result<(), StoreError> {
        self.add_entry(audit::NewEntry::of(entry)?);
        Ok(())
    }

    /// Adds an entry that was serialized before.
    pub fn add_entry(&mut self, entry: audit::NewEntry) {
        self.audit.push(entry);
    }
}

/// What an operation leaves to be done at the end of its transaction, if the operation is kept.
#[derive(Default)]
pub(super) struct Effects {
    audit: Vec<audit::NewEntry>,
    signals: Vec<Signal>,
    after_commit: Vec<Box<dyn FnOnce() + Send>>,
}

impl Tx {
    /// Removes and returns the effects of the operation under way.
    pub(super) fn take_effects(&mut self) -> Effects {
        Effects {
            audit: std::mem::take(&mut self.audit),
            signals: std::mem::take(&mut self.signals),
            after_commit: std::mem::take(&mut self.after_commit),
        }
    }

    /// Adds the effects of an operation that is kept.
    pub(super) fn add_effects(&mut self, effects: Effects) {
        self.audit.extend(effects.audit);
        self.signals.extend(effects.signals);
        self.after_commit.extend(effects.after_commit);
    }
}
