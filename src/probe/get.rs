//! The probe by a request: a status from 200 to 399 is a success.

use std::{io, time::Duration};

use reqwest::{Client, Url};
use rustix::io::Errno;
use tokio::{sync::OnceCell, time::timeout};

use crate::{
    domain::{ProbeAnswer, human_delay},
    http::{ClientError, client, last_cause},
};

/// What is needed of this machine and may lack for a moment: it says nothing of the run.
const SHORTAGES: [Errno; 5] =
    [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS, Errno::ADDRNOTAVAIL];

/// Asks for this address, and waits for so long at most.
pub(super) async fn get(address: &str, limit: Duration) -> ProbeAnswer {
    match timeout(limit, request(address)).await {
        Ok(answer) => answer,
        Err(_) => bad(address, &format!("did not answer within {}", human_delay(limit))),
    }
}

async fn request(address: &str) -> ProbeAnswer {
    let Ok(url) = Url::parse(address) else { return bad(address, "is not a URL") };
    let http = match shared_client(&url).await {
        Ok(http) => http,
        Err(ClientError::BadScheme) => return bad(address, "is not an http(s) URL"),
        Err(ClientError::NoClient(reason)) => return bad(address, &reason),
    };
    match http.get(url).send().await {
        Ok(answer) if answer.status().is_success() || answer.status().is_redirection() => {
            ProbeAnswer::Good
        }
        Ok(answer) => bad(address, &format!("answered {}", answer.status().as_u16())),
        Err(error) if is_shortage(&error) => ProbeAnswer::Unknown,
        Err(error) => bad(address, &format!("failed: {}", last_cause(&error))),
    }
}

/// A client for this address, made once for all alike: one for https reads the certificates of the
/// system, which is too much to do at each question.
async fn shared_client(url: &Url) -> Result<&'static Client, ClientError> {
    static PLAIN: OnceCell<Client> = OnceCell::const_new();
    static PLAIN_LOOPBACK: OnceCell<Client> = OnceCell::const_new();
    static TLS: OnceCell<Client> = OnceCell::const_new();
    static TLS_LOOPBACK: OnceCell<Client> = OnceCell::const_new();
    let cell = match (url.scheme(), crate::http::is_loopback(url)) {
        ("https", true) => &TLS_LOOPBACK,
        ("https", false) => &TLS,
        (_, true) => &PLAIN_LOOPBACK,
        (_, false) => &PLAIN,
    };
    cell.get_or_try_init(|| client(url)).await
}

fn bad(address: &str, what: &str) -> ProbeAnswer {
    ProbeAnswer::Bad(format!("GET {address} {what}"))
}

fn is_shortage(error: &reqwest::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        let found = error.downcast_ref::<io::Error>().and_then(Errno::from_io_error);
        if found.is_some_and(|errno| SHORTAGES.contains(&errno)) {
            return true;
        }
        cause = error.source();
    }
    false
}
