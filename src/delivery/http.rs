//! HTTP to the peers: one POST, no redirects, no patience without end.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use crate::gzip;

/// A peer that does not take the connection within 5 seconds is down.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A message must be taken within 30 seconds, as the peer only writes it to its inbox.
pub const TOTAL_TIMEOUT: Duration = Duration::from_secs(30);

/// One POST.
#[derive(Clone, Copy, Debug)]
pub struct Post<'a> {
    /// Where to.
    pub url: &'a str,
    /// Names in lower case, and values.
    pub headers: &'a [(&'static str, String)],
    /// The body as it goes over the wire.
    pub body: &'a [u8],
    /// At most so long for everything.
    pub timeout: Duration,
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body as it came over the wire.
    pub body: Vec<u8>,
}

impl Reply {
    /// A header by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Why nothing came back. Each text is half a sentence that follows the peer's address.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The URL cannot be used.
    #[error("is not an address to send to ({0}): correct the endpoint URL")]
    Url(String),
    /// `http:` to a host that is not this machine.
    #[error(
        "is http, which anybody on the way can read: use https, or allow http for this site by its setting"
    )]
    NotSecure,
    /// The name is unknown.
    #[error("cannot be found: check the host name in the endpoint URL")]
    HostNotFound,
    /// The name leads into a network of its own, which outsiders must not reach through this site.
    #[error(
        "is in a private network: if the peer really is there, allow private addresses for this site by its setting"
    )]
    Private,
    /// No connection.
    #[error("takes no connection: the server is down, or a firewall is between ({0})")]
    NoConnection(String),
    /// Too slow.
    #[error("did not answer within {0:?}")]
    TooSlow(Duration),
    /// The certificate is not trusted.
    #[error("has no certificate that can be trusted ({0})")]
    Certificate(String),
    /// More than [`gzip::BODY_LIMIT`].
    #[error("answered with more than {} MiB", gzip::BODY_LIMIT >> 20)]
    TooLarge,
    /// Anything else.
    #[error("could not be talked to ({0})")]
    Other(String),
}

/// How messages reach a peer.
pub trait Transport: Send + Sync {
    /// Posts and waits for the answer. Does not follow redirects.
    ///
    /// # Errors
    /// [`TransportError`] when no complete answer came.
    fn post(&self, post: &Post<'_>) -> Result<Reply, TransportError>;
}

/// How far HTTP may reach, and how long it may take.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// `http:` may reach hosts other than this machine.
    pub allow_http: bool,
    /// Private and link-local addresses may be reached.
    pub allow_private: bool,
    /// For taking the connection.
    pub connect_timeout: Duration,
    /// For everything.
    pub total_timeout: Duration,
    /// Certificates (PEM) to trust instead of the built-in ones.
    pub trusted: Option<Vec<u8>>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        HttpOptions {
            allow_http: false,
            allow_private: false,
            connect_timeout: CONNECT_TIMEOUT,
            total_timeout: TOTAL_TIMEOUT,
            trusted: None,
        }
    }
}

/// Real HTTP, by ureq and rustls. Holds connections open between messages, so it belongs to one process.
#[derive(Debug)]
pub struct Http {
    agent: Agent,
    options: HttpOptions,
}

impl Http {
    /// A client that keeps to `options`.
    #[must_use]
    pub fn new(options: HttpOptions) -> Http {
        let mut tls = TlsConfig::builder();
        if let Some(pem) = &options.trusted {
            let certificates = parse_pem(pem).filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            });
            tls = tls.root_certs(RootCerts::Specific(Arc::new(certificates.collect())));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(options.connect_timeout))
            // Not from the environment: under CGI a visitor's `Proxy:` header becomes HTTP_PROXY (https://httpoxy.org).
            .proxy(None)
            .tls_config(tls.build())
            .build();
        let resolver = Reachable {
            names: DefaultResolver::default(),
            allow_private: options.allow_private,
        };
        Http {
            agent: Agent::with_parts(config, DefaultConnector::default(), resolver),
            options,
        }
    }

    fn check(&self, url: &str) -> Result<(), TransportError> {
        let uri: Uri = url
            .parse()
            .map_err(|_| TransportError::Url(url.to_owned()))?;
        let host = uri.host().unwrap_or_default();
        match uri.scheme_str() {
            Some("https") if !host.is_empty() => Ok(()),
            Some("http") if is_loopback(host) || (self.options.allow_http && !host.is_empty()) => {
                Ok(())
            }
            Some("http") if !host.is_empty() => Err(TransportError::NotSecure),
            _ => Err(TransportError::Url(url.to_owned())),
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Http::new(HttpOptions::default())
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Resolves names, and refuses those that lead into a private network: a peer's name must not become a way to what only
/// this server can reach (server-side request forgery). A host that is written as this machine itself is no secret.
#[derive(Debug)]
struct Reachable {
    names: DefaultResolver,
    allow_private: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("a private address")]
struct PrivateAddress;

impl Resolver for Reachable {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let addresses = self.names.resolve(uri, config, timeout)?;
        let open = self.allow_private || uri.host().is_some_and(is_loopback);
        if open || !addresses.iter().any(|address| is_private(address.ip())) {
            Ok(addresses)
        } else {
            Err(ureq::Error::Other(Box::new(PrivateAddress)))
        }
    }
}

/// Loopback, private, link-local, shared and unspecified addresses (RFC 1918, 3927, 4193, 4291, 6598).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_private(IpAddr::V4(v4)),
            None => {
                v6.is_loopback()
                    || v6.is_unspecified()
                    || v6.is_unique_local()
                    || v6.is_unicast_link_local()
            }
        },
    }
}

impl Transport for Http {
    fn post(&self, post: &Post<'_>) -> Result<Reply, TransportError> {
        self.check(post.url)?;
        let timeout = post.timeout.min(self.options.total_timeout);
        let explain = |error| explain(error, self.options.connect_timeout, timeout);
        let mut request = self
            .agent
            .post(post.url)
            .config()
            .timeout_global(Some(timeout))
            .build();
        for (name, value) in post.headers {
            request = request.header(*name, value);
        }
        let mut response = request.send(post.body).map_err(explain)?;
        let headers = response
            .headers()
            .iter()
            .filter_map(|(name, value)| {
                Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
            })
            .collect();
        let body = response
            .body_mut()
            .with_config()
            .limit(gzip::BODY_LIMIT as u64)
            .read_to_vec()
            .map_err(explain)?;
        Ok(Reply {
            status: response.status().as_u16(),
            headers,
            body,
        })
    }
}

fn explain(error: ureq::Error, connect: Duration, timeout: Duration) -> TransportError {
    match error {
        ureq::Error::Other(error) if error.is::<PrivateAddress>() => TransportError::Private,
        ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
            TransportError::TooSlow(connect)
        }
        ureq::Error::Timeout(_) => TransportError::TooSlow(timeout),
        ureq::Error::HostNotFound => TransportError::HostNotFound,
        ureq::Error::ConnectionFailed => TransportError::NoConnection("refused".to_owned()),
        ureq::Error::Io(error) => match error.kind() {
            std::io::ErrorKind::ConnectionRefused
            | std::io::ErrorKind::ConnectionReset
            | std::io::ErrorKind::ConnectionAborted
            | std::io::ErrorKind::HostUnreachable
            | std::io::ErrorKind::NetworkUnreachable => {
                TransportError::NoConnection(error.to_string())
            }
            _ if error.to_string().contains("ertificate") => {
                TransportError::Certificate(error.to_string())
            }
            _ => TransportError::Other(error.to_string()),
        },
        ureq::Error::Rustls(error) => TransportError::Certificate(error.to_string()),
        ureq::Error::Tls(reason) => TransportError::Certificate(reason.to_owned()),
        ureq::Error::BodyExceedsLimit(_) => TransportError::TooLarge,
        ureq::Error::BadUri(uri) => TransportError::Url(uri),
        other => TransportError::Other(other.to_string()),
    }
}

/// The URL of a service: its name is appended to the endpoint's path, or to the value of `q` where there is one.
#[must_use]
pub fn service_url(endpoint: &str, service: &str) -> String {
    let endpoint = endpoint.split('#').next().unwrap_or_default();
    let (path, query) = match endpoint.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (endpoint, None),
    };
    match query {
        Some(query) if query.split('&').any(|pair| pair.starts_with("q=")) => {
            let pairs: Vec<String> = query
                .split('&')
                .map(|pair| {
                    if pair.starts_with("q=") {
                        format!("{}/{service}", pair.trim_end_matches('/'))
                    } else {
                        pair.to_owned()
                    }
                })
                .collect();
            format!("{path}?{}", pairs.join("&"))
        }
        Some(query) => format!("{}/{service}?{query}", path.trim_end_matches('/')),
        None => format!("{}/{service}", path.trim_end_matches('/')),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_service_is_appended_to_the_path_or_to_q() {
        for (endpoint, url) in [
            (
                "https://x.org/civicrm/ajax/civishare",
                "https://x.org/civicrm/ajax/civishare/changes",
            ),
            ("https://x.org/a/?l=de", "https://x.org/a/changes?l=de"),
            (
                "https://x.org/?civiwp=CiviCRM&q=civicrm/ajax/civishare",
                "https://x.org/?civiwp=CiviCRM&q=civicrm/ajax/civishare/changes",
            ),
            (
                "https://x.org/?q=civicrm%2Fajax%2Fcivishare&l=de#top",
                "https://x.org/?q=civicrm%2Fajax%2Fcivishare/changes&l=de",
            ),
        ] {
            assert_eq!(service_url(endpoint, "changes"), url);
        }
    }

    #[test]
    fn private_networks_are_told_from_the_open_one() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "::",
            "fc00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_private(text.parse().unwrap()), "{text}");
        }
        for text in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1"] {
            assert!(!is_private(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn an_address_in_a_private_network_needs_the_setting() {
        let post = Post {
            url: "https://192.168.255.254:9/",
            headers: &[],
            body: b"",
            timeout: Duration::from_millis(50),
        };
        assert!(matches!(
            Http::default().post(&post),
            Err(TransportError::Private)
        ));
    }

    #[test]
    fn http_reaches_this_machine_only() {
        let http = Http::default();
        for url in [
            "https://x.org/",
            "http://localhost:8080/",
            "http://127.0.0.1/",
            "http://[::1]:80/",
        ] {
            assert!(http.check(url).is_ok(), "{url}");
        }
        assert!(matches!(
            http.check("http://x.org/"),
            Err(TransportError::NotSecure)
        ));
        let open = Http::new(HttpOptions {
            allow_http: true,
            ..HttpOptions::default()
        });
        assert!(open.check("http://x.org/").is_ok());
        for url in ["ftp://x.org/", "x.org", "", "file:///etc/passwd"] {
            assert!(
                matches!(http.check(url), Err(TransportError::Url(_))),
                "{url}"
            );
        }
    }
}
