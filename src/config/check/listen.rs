//! Checks `[server]`: the address to listen on, and who may ask.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{checker::Checker, paths::absolute};
use crate::{
    config::{key::KeyPath, model::Server, raw::RawServer, secret::Secret},
    domain::is_localhost,
};

/// The characters of a token that cannot be guessed over a network, if they are random; a
/// shorter one is warned about.
const GOOD_TOKEN: usize = 16;

impl Checker<'_> {
    pub(super) fn server(&mut self, raw: RawServer) -> Option<Server> {
        let token = self.token(&raw);
        let listen = raw.listen.as_deref().and_then(|text| self.listen(text));
        if let Some(address) = listen
            && !address.ip().is_loopback()
            && token.is_none()
            && !self.has_error(&KeyPath::of("server.token"))
            && !self.has_error(&KeyPath::of("server.token_file"))
        {
            let text = "is reached from other machines, which needs a token: set `server.token` \
                        or `server.token_file`, or listen on 127.0.0.1";
            self.error_of_value(&KeyPath::of("server.listen"), text);
        }
        let hosts = raw.allowed_hosts.unwrap_or_default();
        let allowed_hosts =
            hosts.iter().enumerate().map(|(index, host)| self.allowed_host(host, index)).collect();
        Some(Server {
            listen: listen?,
            token,
            allowed_hosts,
            max_connections: usize::try_from(raw.max_connections?.0).ok()?,
        })
    }

    fn listen(&mut self, text: &str) -> Option<SocketAddr> {
        let local = text.rsplit_once(':').and_then(|(host, port)| {
            let port = port.parse().ok()?;
            is_localhost(host).then_some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
        });
        let address = local.or_else(|| text.parse().ok());
        if address.is_none() {
            let mut wrong = "is not an address, expected HOST:PORT, like \"127.0.0.1:3000\" or \
                             \"[::1]:3000\""
                .to_owned();
            let port = self.inputs.environment.get("PORT").filter(|port| !port.is_empty());
            if port.is_some_and(|port| text.ends_with(&format!(":{port}"))) {
                wrong.push_str("; its port is the variable PORT of the environment");
            }
            self.error_of_value(&KeyPath::of("server.listen"), &wrong);
        }
        address
    }

    /// The token, from the config or from the file that it names.
    fn token(&mut self, raw: &RawServer) -> Option<Secret> {
        let written = raw.token.as_deref().filter(|token| !token.is_empty());
        let file = raw.token_file.as_deref().filter(|file| !file.is_empty());
        let (key, token) = match (written, file) {
            (None, None) => return None,
            (Some(token), None) => (KeyPath::of("server.token"), Some(token.to_owned())),
            (written, Some(file)) => {
                let key = KeyPath::of("server.token_file");
                let path = absolute(self.inputs.folder(), file);
                if written.is_some() {
                    let text = "both `token` and `token_file` are set, expected one of them";
                    self.error(&key, text);
                    return None;
                }
                let read = (self.inputs.read)(&path).and_then(|content| {
                    let text = content.map(String::from_utf8).transpose();
                    text.map_err(|_| "it is not UTF-8 text".to_owned())
                });
                let token = match read {
                    Ok(Some(text)) => Some(text.trim().to_owned()),
                    Ok(None) => {
                        self.error_of_value(&key, "does not exist");
                        None
                    }
                    Err(reason) => {
                        let shown = self.shown(&key);
                        self.error(&key, format!("cannot read {shown}: {reason}"));
                        None
                    }
                };
                (key, token)
            }
        };
        let good = token.filter(|token| self.is_good_token(token, &key));
        good.map(Secret::from)
    }

    fn is_good_token(&mut self, token: &str, key: &KeyPath) -> bool {
        if !token.chars().all(|c| c.is_ascii_graphic()) {
            let text = "the token holds spaces or characters beyond ASCII, expected letters, \
                        digits and signs";
            self.error(key, text);
            return false;
        }
        let length = token.len();
        if length < GOOD_TOKEN {
            let text = format!(
                "the token has {length} characters; {GOOD_TOKEN} random ones cannot be guessed"
            );
            self.warn(key, &text);
        }
        true
    }

    fn allowed_host(&mut self, host: &str, index: usize) -> String {
        let is_name =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
        let has_port =
            !host.starts_with('[') && host.contains(':') && host.parse::<IpAddr>().is_err();
        if host.is_empty() || has_port || !host.chars().all(is_name) {
            let text =
                "is no host name, expected one without scheme and port, like \"box.example\"";
            self.error_of_value(&KeyPath::of("server.allowed_hosts").index(index), text);
        }
        host.trim_end_matches('.').to_ascii_lowercase()
    }
}
