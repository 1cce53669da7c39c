//! Output formats that other programs depend on: CSV, metrics, times, traces.

mod export;
mod figures;
mod times;
mod traces;
