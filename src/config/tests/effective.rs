//! What people see of the config in force.

use serde_json::json;

use super::Site;

#[test]
fn the_effective_config_has_every_key_in_the_form_of_the_file() {
    let loaded = Site::new("[restart]\ndelay = \"200ms\"\n[workers.a]\nschedule = \"every 1m\"\n")
        .env("PORT", "8080")
        .good();
    let seen = loaded.effective;
    assert_eq!(seen["restart"]["delay"], "200ms");
    assert_eq!(seen["restart"]["jitter"], 0.1);
    assert_eq!(seen["restart"]["max_attempts"], 3);
    assert_eq!(seen["start"]["run_timeout"], "never");
    assert_eq!(seen["server"]["listen"], "127.0.0.1:8080");
    assert_eq!(seen["server"]["token"], "");
    assert_eq!(seen["discovery"]["rules"][0]["command"], json!(["node", "{file}"]));
    assert_eq!(seen["workers"]["a"], json!({ "schedule": "every 1m" }));
    assert_eq!(seen.get("profiles"), None);
    assert_eq!(loaded.sources["discovery.rules"].as_str(), "default");
}

#[test]
fn the_effective_config_holds_no_secret() {
    let site = Site::new(
        "[env.set]\nOTHER = \"Bearer ${OPENAI_API_KEY}\"\n[server]\ntoken = \"hush-0123456789ab\"\n\
         [workers.a]\nargs = [\"--key=${OPENAI_API_KEY}\"]\nenv = { MY_KEY = \"x\", PLAIN = \"y\" }\n",
    )
    .env("OPENAI_API_KEY", "hush-sk-0123456789");
    let loaded = site.good();
    let text = loaded.effective.to_string();
    assert!(!text.contains("hush"), "{text}");
    assert_eq!(loaded.effective["server"]["token"], "[redacted]");
    assert_eq!(loaded.effective["env"]["set"]["OPENAI_API_KEY"], "[redacted]");
    assert_eq!(loaded.effective["env"]["set"]["OTHER"], "Bearer [redacted]");
    assert_eq!(
        loaded.effective["workers"]["a"],
        json!({ "args": ["--key=[redacted]"], "env": { "MY_KEY": "[redacted]", "PLAIN": "y" } })
    );
}
