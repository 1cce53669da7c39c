//! Visits every state that can be reached, breadth first, so that what it finds wrong comes with a shortest way there.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Debug;
use std::hash::Hash;

/// A closed world: states, and what may happen in each.
pub(super) trait Model {
    type State: Clone + Eq + Hash + Debug;
    type Action: Copy + Debug;
    type Property: Copy + Debug;

    fn initial(&self) -> Self::State;
    fn actions(&self, state: &Self::State) -> Vec<Self::Action>;
    /// What `action` makes of `state`, or the property that it breaks.
    fn step(&self, state: &Self::State, action: Self::Action) -> Result<Self::State, Self::Property>;
}

/// A whole space without a fault in it.
#[derive(Debug)]
pub(super) struct Explored<S> {
    pub(super) states: Vec<S>,
    pub(super) steps: usize,
    /// Of the state that is farthest from the start.
    pub(super) depth: usize,
}

/// A fault, and the shortest way to it.
#[derive(Debug)]
pub(super) struct Fault<A, P> {
    pub(super) property: P,
    pub(super) way: Vec<A>,
}

/// More states than this mean that the model has no bound: that fails, it is never passed over.
const CAP: usize = 2_000_000;

/// What came of it.
pub(super) type Outcome<M> = Result<Explored<<M as Model>::State>, Fault<<M as Model>::Action, <M as Model>::Property>>;

/// How a state was first reached.
struct Visit<A> {
    /// From which state, by what; nothing for the first.
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

/// What leads from the first state to `at`, and on by `last`.
fn way<A: Copy>(visits: &[Visit<A>], mut at: usize, last: A) -> Vec<A> {
    let mut way = vec![last];
    while let Some((from, action)) = visits[at].from {
        way.push(action);
        at = from;
    }
    way.reverse();
    way
}
