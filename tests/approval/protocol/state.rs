//! The state of the small world, the actions in it, and the properties that must hold.

use countersign::approval::{Execution, Status};

/// A payload by its letter: as first requested, as revised by the requester, as changed by an approver.
pub(super) type Payload = u8;
pub(super) const ASKED: Payload = b'A';
pub(super) const REVISED: Payload = b'B';
pub(super) const CHANGED: Payload = b'C';

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) now: i64,
    pub(super) status: Status,
    /// The payload of each revision.
    pub(super) payloads: Vec<Payload>,
    pub(super) votes: Vec<Cast>,
    pub(super) execution: Option<Execution>,
    /// Executors to whom the hub has granted the claim.
    pub(super) answered: [bool; 2],
    /// The payload in the answer to the claim, once it has arrived.
    pub(super) received: [Option<Payload>; 2],
    pub(super) diary: Diary,
}

/// A vote that the hub keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Cast {
    pub(super) voter: usize,
    pub(super) approve: bool,
    pub(super) revision: u32,
    /// What the voter saw, which the hub does not know.
    pub(super) shown: Payload,
    pub(super) voided: bool,
}

/// What happened, recorded independently of the hub.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Diary {
    pub(super) decisions: u8,
    pub(super) approved: Option<Payload>,
    pub(super) use_by: i64,
    pub(super) lease_until: i64,
    pub(super) revoked: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// A second passes.
    Clock,
    /// The hub's timer runs, late or not.
    Timer,
    Vote {
        voter: usize,
        approve: bool,
        shown: usize,
    },
    /// The requester revises the payload.
    Revise {
        shown: usize,
    },
    /// The first approver approves a changed payload.
    ApproveChanged {
        shown: usize,
    },
    Cancel,
    Claim {
        executor: usize,
        wanted: Payload,
        keyed: bool,
    },
    /// The answer to a claim arrives.
    Hear {
        executor: usize,
    },
    Heartbeat {
        executor: usize,
        fence: u64,
    },
    Report {
        executor: usize,
        fence: u64,
        succeeded: bool,
    },
    Revoke,
}

/// A property that must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Property {
    DecidedOnce,
    DecidedInTime,
    NobodyApprovesTheirOwn,
    ApprovedAsShown,
    ChangedAsShown,
    FinalStaysFinal,
    ClaimedInTime,
    ClaimedByOne,
    RevokedOrClaimed,
    RunAsApproved,
    ReportedByTheHolderInTime,
}

impl World {
    pub(super) fn revision(&self) -> u32 {
        u32::try_from(self.payloads.len()).expect("few revisions")
    }

    pub(super) fn payload(&self) -> Payload {
        *self.payloads.last().expect("it has one from the start")
    }
}
