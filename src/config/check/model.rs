//! Checks `[model]`.

use super::checker::Checker;
use crate::config::{
    error::{ConfigError, Place},
    key::KeyPath,
    model::{Env, Model, Upstream},
    raw::RawModel,
};

/// The variable that names an OpenAI-compatible server.
const BASE_URL: &str = "OPENAI_BASE_URL";
/// The variable that holds the key.
const KEY: &str = "OPENAI_API_KEY";

impl Checker<'_> {
    /// The model, with `auto` decided.
    pub(super) fn model(&mut self, raw: &RawModel, env: Option<&Env>) -> Option<Model> {
        let upstream = match raw.upstream.as_deref()?.trim() {
            "openai" => Some(Upstream::OpenAi),
            "echo" => Some(Upstream::Echo),
            "auto" => self.auto(env?),
            address => {
                let checked = base_url(address);
                if checked.is_none() {
                    let key = KeyPath::of("model.upstream");
                    let shown = self.shown(&key);
                    let text = format!(
                        "found {shown}, expected \"auto\", \"openai\", \"echo\" or an http(s) \
                         URL without user name and query, like \"http://127.0.0.1:8080/v1\""
                    );
                    self.error(&key, text);
                }
                checked.map(Upstream::Http)
            }
        };
        Some(Model { upstream: upstream?, preflight: raw.preflight? })
    }

    /// What `auto` means here: the server that the environment names, else what key and profile
    /// allow.
    fn auto(&mut self, env: &Env) -> Option<Upstream> {
        let set = |name: &str| {
            let value = env.available.0.get(name).map(|v| v.trim());
            value.filter(|v| !v.is_empty())
        };
        if let Some(address) = set(BASE_URL) {
            let checked = base_url(address);
            if checked.is_none() {
                self.report.push(ConfigError::new(
                    Place::Environment(BASE_URL.to_owned()),
                    "model.upstream".to_owned(),
                    "expected an http(s) URL without user name and query, like \
                     \"http://127.0.0.1:8080/v1\""
                        .to_owned(),
                ));
            }
            return checked.map(Upstream::Http);
        }
        let given = env.set.0.get(KEY).is_some_and(|key| !key.trim().is_empty());
        if given || set(KEY).is_some() || self.profile == "production" {
            return Some(Upstream::OpenAi);
        }
        Some(Upstream::Echo)
    }
}

/// A base URL without its trailing slashes; `None` if it is none.
///
/// Credentials in a URL would be shown wherever the upstream is, so they are refused.
fn base_url(text: &str) -> Option<String> {
    let url = url::Url::parse(text).ok()?;
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
    (is_plain && is_web).then(|| text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_are_plain_web_addresses() {
        for (text, url) in [
            ("http://127.0.0.1:8080/v1/", Some("http://127.0.0.1:8080/v1")),
            ("https://models.example", Some("https://models.example")),
            ("ftp://models.example", None),
            ("models.example/v1", None),
            ("http://", None),
            ("https://me:secret@models.example", None),
            ("https://models.example?key=1", None),
        ] {
            assert_eq!(base_url(text).as_deref(), url, "{text}");
        }
    }
}
