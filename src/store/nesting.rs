//! Detects a task that asks for a second connection while it has one.
//!
//! There are few readers. Tasks that have one and wait for another can wait for each other; then no task can read until
//! the wait times out. A debug build panics at the first attempt, so that a test finds it. A release build does
//! nothing.

#[cfg(debug_assertions)]
mod counted {
    use std::collections::HashSet;
    use std::sync::{Arc, Mutex, PoisonError};

    use tokio::task::{self, Id};

    /// The tasks that have a reader of one store.
    #[derive(Debug, Default, Clone)]
    pub(in crate::store) struct Readers(Arc<Mutex<HashSet<Id>>>);

    /// Registers a task as having a reader, until dropped.
    #[derive(Debug)]
    pub(in crate::store) struct Held {
        readers: Readers,
        /// None outside of tasks.
        task: Option<Id>,
    }

    impl Readers {
        /// Panics when the task has a reader. Called before waiting for a connection or the writer.
        pub(in crate::store) fn assert_none_held(&self, wanted: &str) {
            let holds_one = task::try_id().is_some_and(|id| self.lock().contains(&id));
            assert!(!holds_one, "a task that has a reader asks for {wanted}: drop the reader first");
        }

        /// Registers that the task has a reader.
        pub(in crate::store) fn hold(&self) -> Held {
            let task = task::try_id();
            self.lock().extend(task);
            Held { readers: self.clone(), task }
        }

        fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<Id>> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl Drop for Held {
        fn drop(&mut self) {
            if let Some(task) = self.task {
                self.readers.lock().remove(&task);
            }
        }
    }
}

#[cfg(not(debug_assertions))]
mod counted {
    /// Does nothing in a release build.
    #[derive(Debug, Default, Clone, Copy)]
    pub(in crate::store) struct Readers;

    /// Does nothing in a release build.
    #[derive(Debug)]
    pub(in crate::store) struct Held;

    impl Readers {
        #[expect(clippy::unused_self, reason = "as in a debug build")]
        pub(in crate::store) const fn assert_none_held(self, _wanted: &str) {}

        #[expect(clippy::unused_self, reason = "as in a debug build")]
        pub(in crate::store) const fn hold(self) -> Held {
            Held
        }
    }
}

pub(super) use counted::{Held, Readers};
