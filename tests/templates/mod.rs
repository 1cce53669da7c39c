//! Operators' templates in place of the built-in ones: stored, tried out, versioned, and bypassed when they fail.

mod commands;
mod hostile;
mod kept;
