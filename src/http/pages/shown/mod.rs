//! The parts of a request that several pages show: the command, what the requester gave, slots and votes.

mod command;
mod given;
mod status;

pub(super) use self::command::{ChangeShown, CommandShown, asks};
pub(super) use self::given::Given;
pub(super) use self::status::{DecisionSummary, SlotLine, VoteLine, headline, how};
