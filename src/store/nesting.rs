//! Keeps a task from asking for a second connection while it holds one.
//!
//! Readers are few. Tasks that hold one and wait for another can wait for each other, and then nobody reads until the wait
//! times out. A debug build panics at the first attempt, so that a test shows it; a release build counts nothing.

#[cfg(debug_assertions)]
mod counted {
    use std::collections::HashSet;
    use std::sync::{Arc, Mutex, PoisonError};

    use tokio::task::{self, Id};

    /// The tasks of this process that hold a reader of one store.
    #[derive(Debug, Default, Clone)]
    pub(in crate::store) struct Readers(Arc<Mutex<HashSet<Id>>>);

    /// Held together with a reader.
    #[derive(Debug)]
    pub(in crate::store) struct Held {
        readers: Readers,
        /// None outside of any task.
        task: Option<Id>,
    }

    impl Readers {
        /// To be called before a connection or the writer is waited for.
        pub(in crate::store) fn assert_none_held(&self, wanted: &str) {
            let holds_one = task::try_id().is_some_and(|id| self.lock().contains(&id));
            assert!(!holds_one, "a task that holds a reader asks for {wanted}: end the reading first");
        }

        /// Notes that the task has a reader now.
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
    /// Counts nothing.
    #[derive(Debug, Default, Clone, Copy)]
    pub(in crate::store) struct Readers;

    /// Holds nothing.
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
