//! `GET /`: the dashboard for browsers, one line of text for programs.

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::{Html, IntoResponse, Response},
};

use super::dashboard;

/// The text of the Node system, which probes look for.
const LIVE: &str = "ARCANOS is live";

/// Answers `GET /`.
pub(super) async fn root(headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let mut response = match wants_page(accept.unwrap_or_default()) {
        true => page(),
        false => LIVE.into_response(),
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    response
}

fn page() -> Response {
    let policy = HeaderValue::from_static(dashboard::content_security_policy());
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (headers, Html(dashboard::page())).into_response()
}

/// Whether a client with this `Accept` is a browser: it names HTML, and does not prefer plain text.
/// `*/*` alone names no type.
fn wants_page(accept: &str) -> bool {
    let quality = |kind: &str| {
        let ranges = accept.split(',').filter_map(|range| {
            let (name, rest) = range.split_once(';').unwrap_or((range, ""));
            name.trim().eq_ignore_ascii_case(kind).then(|| weight(rest))
        });
        ranges.fold(0.0, f32::max)
    };
    let html = quality("text/html").max(quality("application/xhtml+xml"));
    html > 0.0 && html >= quality("text/plain")
}

/// The `q` among the parameters of a media range; 1 where there is none.
fn weight(parameters: &str) -> f32 {
    let mut pairs = parameters.split(';').filter_map(|pair| pair.split_once('='));
    let q = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    q.map_or(1.0, |(_, value)| value.trim().parse().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_names_html_gets_the_page() {
        for (accept, expect) in [
            ("", false),
            ("*/*", false),
            ("text/plain", false),
            ("application/json", false),
            ("text/*", false),
            ("text/html", true),
            ("TEXT/HTML; charset=utf-8", true),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true),
            ("application/xhtml+xml", true),
            ("text/html;q=0", false),
            ("text/html;level=1;q=0.4, text/plain;q=0.5", false),
            ("text/plain, text/html", true),
            ("xtext/html", false),
            ("text/html;q=much", false),
        ] {
            assert_eq!(wants_page(accept), expect, "{accept:?}");
        }
    }
}
