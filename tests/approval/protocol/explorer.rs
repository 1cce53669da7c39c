//! Visits every reachable state breadth first, so that each fault is reported with a shortest path to it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Debug;
use std::hash::Hash;

/// A closed model: its states, and the actions that are possible in each.
pub(super) trait Model {
    type State: Clone + Eq + Hash + Debug;
    type Action: Copy + Debug;
    type Property: Copy + Debug;

    fn initial(&self) -> Self::State;
    fn actions(&self, state: &Self::State) -> Vec<Self::Action>;
    /// The state after `action`, or the property that the action violates.
    fn step(&self, state: &Self::State, action: Self::Action) -> Result<Self::State, Self::Property>;
}

/// A completely explored state space without a fault.
#[derive(Debug)]
pub(super) struct Explored<S> {
    pub(super) states: Vec<S>,
    pub(super) steps: usize,
    /// The distance of the farthest state from the start.
    pub(super) depth: usize,
}

/// A violated property, with the shortest path to it.
#[derive(Debug)]
pub(super) struct Fault<A, P> {
    pub(super) property: P,
    pub(super) way: Vec<A>,
}

/// More states than this mean that the model is unbounded; the exploration then fails instead of stopping quietly.
const CAP: usize = 2_000_000;

/// The result of an exploration.
pub(super) type Outcome<M> = Result<Explored<<M as Model>::State>, Fault<<M as Model>::Action, <M as Model>::Property>>;

/// How a state was first reached.
struct Visit<A> {
    /// The previous state and the action; none for the first state.
    from: Option<(usize, A)>,
    depth: usize,
}

pub(super) fn explore<M: Model>(model: &M) -> Outcome<M> {
    let mut states = vec![model.initial()];
    let mut known = HashMap::from([(model.initial(), 0)]);
    let mut visits = vec![Visit { from: None, depth: 0 }];
    let (mut steps, mut next) = (0, 0);
    while let Some(state) = states.get(next).cloned() {
        for action in model.actions(&state) {
            steps += 1;
            let found = match model.step(&state, action) {
                Ok(found) => found,
                Err(property) => return Err(Fault { property, way: way(&visits, next, action) }),
            };
            if let Entry::Vacant(new) = known.entry(found) {
                states.push(new.key().clone());
                visits.push(Visit { from: Some((next, action)), depth: visits[next].depth + 1 });
                new.insert(states.len());
                assert!(states.len() <= CAP, "the model has no bound");
            }
        }
        next += 1;
    }
    let depth = visits.iter().map(|visit| visit.depth).max().unwrap_or(0);
    Ok(Explored { states, steps, depth })
}

/// The actions from the first state to `at`, followed by `last`.
fn way<A: Copy>(visits: &[Visit<A>], mut at: usize, last: A) -> Vec<A> {
    let mut way = vec![last];
    while let Some((from, action)) = visits[at].from {
        way.push(action);
        at = from;
    }
    way.reverse();
    way
}
