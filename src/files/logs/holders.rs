//! [`Holders`]: which runs live, and so which secrets they may print.

use std::sync::{Arc, Mutex, Weak};

use crate::{domain::WorkerSpec, sync::lock};

/// The specs that living runs were started with.
#[derive(Debug, Default)]
pub(super) struct Holders(Mutex<Vec<Weak<WorkerSpec>>>);

impl Holders {
    /// Adds the spec of a run. It counts until its last owner drops it.
    pub(super) fn add(&self, spec: &Arc<WorkerSpec>) {
        let mut specs = lock(&self.0);
        specs.retain(|known| known.strong_count() > 0 && known.as_ptr() != Arc::as_ptr(spec));
        specs.push(Arc::downgrade(spec));
    }

    /// Whether a run that lives was started with this value, in its environment or its arguments.
    pub(super) fn have(&self, value: &str) -> bool {
        let specs = lock(&self.0);
        specs.iter().filter_map(Weak::upgrade).any(|spec| {
            let launch = &spec.launch;
            let in_arguments = || launch.args.iter().any(|arg| arg.for_file("").contains(value));
            launch.env.0.values().any(|own| own.contains(value)) || in_arguments()
        })
    }
}
