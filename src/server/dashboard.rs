//! The dashboard: one page that holds its style and script.
//!
//! The page holds no data. Its script uses the routes that every client uses, with the token that
//! a person enters. There is no build step: the browser gets the files of this folder, put together
//! once, under a policy that lets it run nothing else.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::digest;

const PAGE: &str = include_str!("dashboard/page.html");
const STYLE: &str = include_str!("dashboard/style.css");
/// The parts of the one script, in the order in which they are put together.
const SCRIPT: [&str; 15] = [
    include_str!("dashboard/script/dom.js"),
    include_str!("dashboard/script/format.js"),
    include_str!("dashboard/script/net.js"),
    include_str!("dashboard/script/store.js"),
    include_str!("dashboard/script/live.js"),
    include_str!("dashboard/script/actions.js"),
    include_str!("dashboard/script/top.js"),
    include_str!("dashboard/script/runs.js"),
    include_str!("dashboard/script/workers.js"),
    include_str!("dashboard/script/log.js"),
    include_str!("dashboard/script/settings.js"),
    include_str!("dashboard/script/worker.js"),
    include_str!("dashboard/script/discovery.js"),
    include_str!("dashboard/script/reloads.js"),
    include_str!("dashboard/script/main.js"),
];

static ASSEMBLED: LazyLock<Assembled> = LazyLock::new(assemble);

/// The page and the policy that fits it.
struct Assembled {
    page: String,
    policy: String,
}

/// The whole page, to be answered as `text/html; charset=utf-8`.
pub(crate) fn page() -> &'static str {
    &ASSEMBLED.page
}

/// The value of `Content-Security-Policy` that must go with [`page`].
///
/// Only this very style and script may run, requests may go to arcanos only, and no text can become
/// markup even by mistake, as no trusted type is allowed.
pub(crate) fn content_security_policy() -> &'static str {
    &ASSEMBLED.policy
}

fn assemble() -> Assembled {
    let script = SCRIPT.concat();
    let page = PAGE.replace("/*STYLE*/", STYLE).replace("/*SCRIPT*/", &script);
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; connect-src 'self'; \
         img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        source_hash(&script),
        source_hash(STYLE),
    );
    Assembled { page, policy }
}

/// The name of an inline script or style in a policy.
fn source_hash(text: &str) -> String {
    let sum = digest::digest(&digest::SHA256, text.as_bytes());
    format!("sha256-{}", STANDARD.encode(sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_holds_its_style_and_script_and_asks_no_other_host() {
        let page = page();
        for part in SCRIPT.iter().chain([&STYLE]) {
            assert!(page.contains(part));
        }
        assert!(!page.contains("/*SCRIPT*/") && !page.contains("/*STYLE*/"));
        // The one address in it is the name of SVG's elements, which nobody asks for.
        let others = page.replace("http://www.w3.org/2000/svg", "").matches("://").count();
        assert_eq!(others, 0);
    }

    #[test]
    fn no_part_ends_the_element_it_stands_in() {
        for part in SCRIPT.iter().chain([&STYLE]) {
            for end in ["</script", "<!--", "</style"] {
                assert!(!part.to_ascii_lowercase().contains(end), "`{end}` in a part");
            }
        }
    }

    #[test]
    fn the_script_never_makes_markup_out_of_text() {
        for part in SCRIPT {
            for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
                assert!(!part.contains(way), "`{way}` in the script");
            }
        }
    }

    #[test]
    fn the_policy_names_what_stands_in_the_page() {
        // printf '' | openssl dgst -sha256 -binary | base64
        let of_nothing = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        assert_eq!(source_hash(""), of_nothing);
        let policy = content_security_policy();
        assert!(policy.starts_with("default-src 'none';"));
        for inline in [SCRIPT.concat(), STYLE.to_owned()] {
            assert!(policy.contains(&source_hash(&inline)));
        }
        assert!(policy.is_ascii() && !policy.contains('\n') && !policy.contains("unsafe"));
    }
}
