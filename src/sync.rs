//! Locks a mutex whether or not a thread has panicked while it held it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex, also a poisoned one.
///
/// The standard library poisons a mutex when a thread panics while it holds the lock, so that others
/// do not go on with a value that is half changed. arcanos uses this function only where every
/// critical section leaves a value that can be used, whatever line of it panics. Then poisoning
/// would turn the failure of one task into the failure of all.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use super::*;

    #[test]
    fn a_poisoned_mutex_can_still_be_locked() {
        let mutex = Arc::new(Mutex::new(1));
        let other = Arc::clone(&mutex);
        let panicked = thread::spawn(move || {
            let _guard = other.lock();
            panic!("a panic while the lock is held");
        });
        assert!(panicked.join().is_err());
        assert!(mutex.is_poisoned());
        *lock(&mutex) += 1;
        assert_eq!(*lock(&mutex), 2);
    }
}
