//! Guardrails: rules that decide what may happen to a command before anybody is asked.
//!
//! A command is read as every database might read it ([`sql`], [`lexis`]), each statement is put to the rules in order
//! ([`compiled`]), and the strictest outcome wins. What cannot be read is never allowed.

mod alike;
mod compiled;
mod copy;
mod draft;
mod examples;
mod functions;
mod lexis;
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
