//! Templates that operators put over the built-in ones: kept, tried, versioned, and given way to when they fail.

mod commands;
mod hostile;
mod kept;
