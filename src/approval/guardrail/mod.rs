//! Guardrails: rules that allow or deny a command before anybody is asked, or require more approvals.
//!
//! A guardrail must not be tricked by text that one program reads as a string and another as a command. The requester
//! also states the command's language, and may be wrong or lying. So a command is read in *every* SQL dialect in which
//! its text could mean something else, the statements of all dialects are judged, and the strictest outcome wins. A
//! text that cannot be read completely may still be denied, but is never allowed. How a command is read:
//!
//! 1. [`text`] replaces unusual white space, and finds lines that a database client would execute itself (`\!`,
//!    `host`).
//! 2. [`script`] decides whether a text that begins like SQL is more likely a script (`set -e`, then `psql -c '…'`).
//! 3. [`dialect`] lists the dialects that can differ for this text; [`alike`] recognizes the common text that means
//!    the same in all of them, which is then read only once.
//! 4. [`scan`] splits the text into tokens in one dialect ([`literal`] and [`copy`] know where strings and data end),
//!    and [`builder`] joins the tokens to statements.
//! 5. [`sql`] also reads what is hidden in strings, comments and function bodies, where something may execute it;
//!    [`parts`] finds statements and clauses that begin inside a statement without a semicolon; [`functions`] finds
//!    calls of functions that are not known to be harmless, by the list in `harmless.txt`.
//! 6. [`shell`] reads a command that is not SQL as shells do, with its operators marked, so that a [`pattern`] only
//!    matches an operator that it spells out.
//! 7. [`compiled`] applies the rules to each statement in order. The first rule that matches decides the statement;
//!    over all statements, deny wins over asking, and asking over allowing.
//!
//! A [`rule`] carries its own tests: [`examples`] checks each rule on the commands that it must and must not match,
//! and reports rules that can never decide anything.

mod alike;
mod builder;
mod compiled;
mod copy;
mod dialect;
mod examples;
mod functions;
mod literal;
mod parts;
mod pattern;
mod rule;
mod scan;
mod script;
mod shell;
mod sql;
mod statement;
#[cfg(test)]
mod tests;
mod text;
mod words;

pub use compiled::{Finding, Guardrails, Judgement, Ruling};
pub use examples::{DeadRule, FailedExample};
pub use rule::{Effect, Guardrail, InvalidGuardrail};
