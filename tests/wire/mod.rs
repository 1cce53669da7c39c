//! The forms in which things leave the hub, whatever they say: what programs of others stumble over.

mod export;
mod figures;
mod times;
mod traces;
