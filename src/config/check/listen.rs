//! `[server]`.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use super::{paths::absolute, sections::Scope};
use crate::{
    config::{key::KeyPath, model::Server, raw::RawServer, report::Report, secret::Secret},
    domain::is_localhost,
};

/// A token with so many random characters cannot be guessed over a network; a shorter one is
/// warned about.
const GOOD_TOKEN: usize = 16;

/// The server, and the file its token comes from.
pub(super) fn server(
    raw: RawServer,
    scope: &Scope<'_>,
    report: &mut Report,
) -> (Option<Server>, Option<PathBuf>) {
    let (token, file) = token(&raw, scope, report);
    let listen = raw.listen.as_deref().and_then(|text| listen(text, scope, report));
    if let Some(address) = listen
        && !address.ip().is_loopback()
        && token.is_none()
        && !report.has(&KeyPath::of("server.token"))
        && !report.has(&KeyPath::of("server.token_file"))
    {
        let key = KeyPath::of("server.listen");
        let shown = report.shown(scope.written, &key);
        let text = format!(
            "{shown} is reached from other machines, which needs a token: set `server.token` or \
             `server.token_file`, or listen on 127.0.0.1"
        );
        report.about(scope.layers, &key, text);
    }
    let hosts = raw.allowed_hosts.unwrap_or_default();
    let allowed_hosts = hosts
        .iter()
        .enumerate()
        .map(|(index, host)| allowed_host(host, index, scope, report))
        .collect();
    let server = (|| {
        Some(Server {
            listen: listen?,
            token,
            allowed_hosts,
            max_connections: usize::try_from(raw.max_connections?.0).ok()?,
        })
    })();
    (server, file)
}

fn listen(text: &str, scope: &Scope<'_>, report: &mut Report) -> Option<SocketAddr> {
    let local = text.rsplit_once(':').and_then(|(host, port)| {
        let port = port.parse().ok()?;
        is_localhost(host).then_some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
    });
    let address = local.or_else(|| text.parse().ok());
    if address.is_none() {
        let key = KeyPath::of("server.listen");
        let shown = report.shown(scope.written, &key);
        let text = format!(
            "{shown} is no address, expected HOST:PORT, like \"127.0.0.1:3000\" or \"[::1]:3000\""
        );
        report.about(scope.layers, &key, text);
    }
    address
}

/// The token and the file it is from, if one is named.
fn token(
    raw: &RawServer,
    scope: &Scope<'_>,
    report: &mut Report,
) -> (Option<Secret>, Option<PathBuf>) {
    let written = raw.token.as_deref().filter(|token| !token.is_empty());
    let file = raw.token_file.as_deref().filter(|file| !file.is_empty());
    let (key, token, path) = match (written, file) {
        (None, None) => return (None, None),
        (Some(token), None) => (KeyPath::of("server.token"), Some(token.to_owned()), None),
        (written, Some(file)) => {
            let key = KeyPath::of("server.token_file");
            let path = absolute(scope.inputs.folder(), file);
            if written.is_some() {
                let text = "both `token` and `token_file` are set, expected one of them";
                report.about(scope.layers, &key, text.to_owned());
                return (None, Some(path));
            }
            let shown = report.shown(scope.written, &key);
            let read = match (scope.inputs.read)(&path) {
                Ok(Some(text)) => Some(text.trim().to_owned()),
                Ok(None) => {
                    report.about(scope.layers, &key, format!("{shown} does not exist"));
                    None
                }
                Err(reason) => {
                    report.about(scope.layers, &key, format!("cannot read {shown}: {reason}"));
                    None
                }
            };
            (key, read, Some(path))
        }
    };
    let good = token.filter(|token| is_good(token, &key, scope, report));
    (good.map(Secret::from), path)
}

fn is_good(token: &str, key: &KeyPath, scope: &Scope<'_>, report: &mut Report) -> bool {
    if !token.chars().all(|c| c.is_ascii_graphic()) {
        let text =
            "the token holds spaces or characters beyond ASCII, expected letters, digits and signs";
        report.about(scope.layers, key, text.to_owned());
        return false;
    }
    let length = token.len();
    if length < GOOD_TOKEN {
        report.warnings.push(format!(
            "{key}: the token has {length} characters; {GOOD_TOKEN} random ones cannot be guessed"
        ));
    }
    true
}

fn allowed_host(host: &str, index: usize, scope: &Scope<'_>, report: &mut Report) -> String {
    let is_name =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    let has_port = !host.starts_with('[') && host.contains(':') && host.parse::<IpAddr>().is_err();
    if host.is_empty() || has_port || !host.chars().all(is_name) {
        let key = KeyPath::of("server.allowed_hosts").index(index);
        let shown = report.shown(scope.written, &key);
        let text = format!(
            "{shown} is no host name, expected one without scheme and port, like \"box.example\""
        );
        report.about(scope.layers, &key, text);
    }
    host.trim_end_matches('.').to_ascii_lowercase()
}

/// The token as text, for those who must know what not to show.
pub(super) fn exposed(server: &Server) -> Option<&str> {
    server.token.as_ref().map(Secret::expose)
}
