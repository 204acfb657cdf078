//! What `GET /workers/status` showed at one moment.

use serde_json::Value;

/// Everything that runs, at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    value: Value,
}

/// One worker, at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Worker {
    id: String,
    value: Value,
}

impl Picture {
    pub(super) const fn of(value: Value) -> Self {
        Self { value }
    }

    /// The generation that was applied last.
    pub(crate) fn generation(&self) -> u64 {
        self.value["generation"].as_u64().unwrap()
    }

    /// The ids of all workers, in order.
    pub(crate) fn ids(&self) -> Vec<&str> {
        self.details().iter().map(|worker| worker["id"].as_str().unwrap()).collect()
    }

    /// How many workers are in this state.
    pub(crate) fn count(&self, state: &str) -> usize {
        self.details().iter().filter(|worker| worker["state"] == state).count()
    }

    /// One worker; its state is `absent` if there is none of that name.
    pub(crate) fn worker(&self, id: &str) -> Worker {
        let found = self.details().iter().find(|worker| worker["id"] == id);
        Worker { id: id.to_owned(), value: found.cloned().unwrap_or_default() }
    }

    fn details(&self) -> &[Value] {
        self.value["workers"]["details"].as_array().unwrap()
    }
}

impl Worker {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn state(&self) -> &str {
        self.value["state"].as_str().unwrap_or("absent")
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        u32::try_from(self.value["pid"].as_u64()?).ok()
    }

    pub(crate) fn starts(&self) -> u64 {
        self.value["starts"].as_u64().unwrap_or_default()
    }

    pub(crate) fn attempts(&self) -> u64 {
        self.value["attempts"].as_u64().unwrap_or_default()
    }

    pub(crate) fn is_changed(&self) -> bool {
        self.value["changed"].as_bool().unwrap()
    }

    /// What stands at a JSON pointer, null if nothing.
    pub(crate) fn at(&self, pointer: &str) -> Value {
        self.value.pointer(pointer).cloned().unwrap_or_default()
    }
}
