//! What a test asks of a running arcanos, and waits for.

use serde_json::Value;

use super::{Connection, Picture, Reply, Site, Worker, until};

impl Site {
    /// A connection that stays open.
    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.address().expect("it listens"))
    }

    /// One request on a connection of its own.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        self.connect().request(method, path, headers, body)
    }

    /// The JSON that a route answers with 200.
    pub(crate) fn get(&self, path: &str) -> Value {
        let reply = self.request("GET", path, &[], "");
        assert_eq!(reply.status, 200, "GET {path}: {}", reply.text());
        reply.json()
    }

    /// A command without a body.
    pub(crate) fn post(&self, path: &str) -> Reply {
        self.request("POST", path, &[], "")
    }

    /// Looks at the disk now: the plan of that pass.
    pub(crate) fn reload(&self) -> Value {
        let reply = self.post("/reload");
        assert_eq!(reply.status, 200, "POST /reload: {}", reply.text());
        reply.json()["plan"].clone()
    }

    /// What runs now.
    pub(crate) fn picture(&self) -> Picture {
        Picture::of(self.get("/workers/status"))
    }

    /// One worker now.
    pub(crate) fn worker(&self, id: &str) -> Worker {
        self.picture().worker(id)
    }

    /// Waits until `look` gives something.
    pub(crate) fn wait_until<T>(&self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        until(what, || look(self), || self.describe())
    }

    /// Waits until the picture is as `good` says.
    pub(crate) fn wait(&self, what: &str, good: impl Fn(&Picture) -> bool) -> Picture {
        self.wait_until(what, |site| Some(site.picture()).filter(&good))
    }

    /// Waits until a worker is in this state (`absent` is one).
    pub(crate) fn wait_state(&self, id: &str, state: &str) -> Worker {
        self.wait(&format!("{id} to be {state}"), |picture| picture.worker(id).state() == state)
            .worker(id)
    }

    /// Waits until all of these run.
    pub(crate) fn wait_running(&self, ids: &[&str]) -> Picture {
        let run = |picture: &Picture| ids.iter().all(|id| picture.worker(id).state() == "running");
        self.wait(&format!("{ids:?} to run"), run)
    }

    /// Waits until this worker runs in another process than it did.
    pub(crate) fn wait_replaced(&self, before: &Worker) -> Worker {
        let replaced = |picture: &Picture| {
            let now = picture.worker(before.id());
            now.state() == "running" && now.pid() != before.pid()
        };
        self.wait(&format!("{} to be replaced", before.id()), replaced).worker(before.id())
    }

    /// Waits until a file of the site holds this text.
    pub(crate) fn wait_text(&self, file: &str, text: &str) -> String {
        let context = || format!("{file}:\n{}\n{}", self.read(file), self.describe());
        until(
            &format!("`{text}` in {file}"),
            || Some(self.read(file)).filter(|t| t.contains(text)),
            context,
        )
    }

    /// Waits until the session log says this.
    pub(crate) fn wait_said(&self, text: &str) -> String {
        self.wait_text("memory/session.log", text)
    }

    /// Waits until `/health` is as `good` says.
    pub(crate) fn wait_health(&self, what: &str, good: impl Fn(&Value) -> bool) -> Value {
        self.wait_until(what, |site| Some(site.get("/health")).filter(&good))
    }

    /// Asserts that this worker is still in the process that it was in.
    pub(crate) fn assert_same_run(&self, before: &Picture, id: &str) {
        assert_eq!(self.worker(id).pid(), before.worker(id).pid(), "{id}: {}", self.session());
    }

    /// Asserts that all workers of then are still in their processes.
    pub(crate) fn assert_same_runs(&self, before: &Picture) {
        before.ids().into_iter().for_each(|id| self.assert_same_run(before, id));
    }

    /// What a person would look at to see why something went wrong.
    fn describe(&self) -> String {
        let ask = |path: &str| match self.address() {
            Some(address) => Connection::try_open(address).map_or_else(
                || "no answer".to_owned(),
                |mut connection| connection.request("GET", path, &[], "").text(),
            ),
            None => "it does not listen".to_owned(),
        };
        let session = self.session();
        let end = session
            .lines()
            .rev()
            .take(40)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect::<Vec<_>>();
        format!(
            "--- workers\n{}\n--- health\n{}\n--- session log, its end\n{}\n--- stderr\n{}",
            ask("/workers"),
            ask("/health"),
            end.join("\n"),
            self.stderr()
        )
    }
}
