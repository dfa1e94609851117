//! Validates the settings of the connection to the edge and the address of the metrics server.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Spanned;

use pinlatch_protocol::SILENCE_LIMIT_MS;

use super::super::settings::DEFAULT_LINK_TIMEOUT;
use super::checker::Checker;
use crate::uplink::proxy::Proxy;

/// The allowed range of the key `link_timeout_s`. With a longer timeout, the edge would treat the device as offline
/// while the device still treats itself as connected.
pub(super) const LINK_TIMEOUTS_S: RangeInclusive<u32> = 3..=(SILENCE_LIMIT_MS / 1_000) as u32;

impl Checker<'_> {
    pub(super) fn proxy(&mut self, url: Option<&Spanned<String>>) -> Option<Proxy> {
        let url = url?;
        match Proxy::parse(url.get_ref()) {
            Ok(proxy) => Some(proxy),
            // The error message does not repeat the value of `proxy`, because the value can contain a password.
            Err(error) => {
                self.add("config_value", Some(url.span()), format!("`proxy`: {error}"));
                None
            }
        }
    }

    pub(super) fn link_timeout(&mut self, seconds: Option<&Spanned<u32>>) -> Duration {
        let seconds = self.number("link_timeout_s", seconds, LINK_TIMEOUTS_S);
        seconds.map_or(DEFAULT_LINK_TIMEOUT, |seconds| Duration::from_secs(seconds.into()))
    }

    pub(super) fn metrics(
        &mut self,
        address: Option<&Spanned<String>>,
        allow_remote: bool,
    ) -> Option<SocketAddr> {
        let address = address?;
        let wrong = match address.get_ref().parse::<SocketAddr>() {
            Ok(parsed) if parsed.ip().is_loopback() || allow_remote => return Some(parsed),
            Ok(_) => {
                "the address in `metrics` is open to other machines, which could read the level of every line: use 127.0.0.1 or [::1], or set \
                 `allow_remote_metrics = true`"
            }
            Err(_) => "`metrics` must be an IP address and a port, such as 127.0.0.1:9101",
        };
        self.add("config_value", Some(address.span()), wrong);
        None
    }
}
