//! Tests connections to the edge through an HTTP proxy.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use pinlatch_agent::clock::WallClock;
use pinlatch_agent::enrol::EnrolError;
use pinlatch_agent::uplink::connect_error::HttpError;
use pinlatch_protocol::command::CommandStatus;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::edge::Edge;
use crate::pki::Pki;
use crate::running::Running;
use crate::test_agent::TestAgent;

/// The Basic authentication of the user `porch` with the password `hush/now`.
const LOGIN: &str = "Basic cG9yY2g6aHVzaC9ub3c=";
const URL_LOGIN: &str = "porch:hush%2Fnow@";

/// An HTTP proxy that records all requests and can send a given answer.
struct Proxy {
    address: SocketAddr,
    /// The answer that the proxy sends instead of opening a tunnel. The value is `None` if the proxy must open a
    /// tunnel.
    answer: Arc<Mutex<Option<&'static str>>>,
    heads: Arc<Mutex<Vec<Vec<String>>>>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (answer, heads) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(Vec::new())));
        let (own_answer, own_heads) = (answer.clone(), heads.clone());
        let task = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(serve(tcp, own_answer.clone(), own_heads.clone()));
            }
        });
        Self { address, answer, heads, task }
    }

    fn url(&self, login: &str) -> String {
        format!("http://{login}{}", self.address)
    }

    fn answers(&self, answer: Option<&'static str>) {
        *self.answer.lock().unwrap() = answer;
    }

    /// Returns the lines of the head of the last request.
    fn last(&self) -> Vec<String> {
        self.heads.lock().unwrap().last().unwrap().clone()
    }
}

async fn serve(
    tcp: TcpStream,
    answer: Arc<Mutex<Option<&'static str>>>,
    heads: Arc<Mutex<Vec<Vec<String>>>>,
) {
    let mut tcp = BufReader::new(tcp);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if tcp.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        match line.trim_end() {
            "" => break,
            text => head.push(text.to_owned()),
        }
    }
    let target = head[0].split(' ').nth(1).unwrap().to_owned();
    let authorised =
        head.iter().any(|line| line.eq_ignore_ascii_case(&format!("proxy-authorization: {LOGIN}")));
    heads.lock().unwrap().push(head);
    let instead = *answer.lock().unwrap();
    let instead = match instead {
        Some(answer) => Some(answer),
        None if !authorised => {
            Some("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        }
        None => None,
    };
    if let Some(answer) = instead {
        let _ = tcp.write_all(answer.as_bytes()).await;
        return;
    }
    let mut edge = TcpStream::connect(target).await.unwrap();
    tcp.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    let _ = copy_bidirectional(&mut tcp, &mut edge).await;
}

/// The agent enrols and connects through a proxy that requires a password. TLS is end to end between the agent and the
/// edge.
#[tokio::test]
async fn through_a_proxy_with_a_password() {
    let (pki, proxy) = (Pki::new(), Proxy::start().await);
    let test_agent = TestAgent::with(Some(&pki.root_pem), WallClock::default());
    let mut edge = Edge::serve(Some(pki.acceptor())).await;
    test_agent.configure(&format!("proxy = {:?}", proxy.url(URL_LOGIN)));
    test_agent.enrol(&edge.enrol_string()).await.unwrap();
    let running = Running::start_with(&test_agent, |command| {
        command.env("RUST_LOG", "trace");
    });
    let (mut link, _) = edge.welcome().await;
    let order = link.order("c", "lamp", "toggle", json!({})).sign();
    assert_eq!(link.command(order).await.status, CommandStatus::Executed);
    let head = proxy.last();
    assert_eq!(head[0], format!("CONNECT {} HTTP/1.1", edge.address));
    assert!(
        head.iter().any(|line| line.eq_ignore_ascii_case(&format!("host: {}", edge.address))),
        "{head:?}"
    );
    drop(link);
    let log = running.stop().await;
    assert!(!log.contains("hush") && !log.contains("cG9yY2g"), "the password is in the log: {log}");
}

/// Each failure of a proxy has an error code, and most failures have advice. The agent recovers from all failures of a
/// proxy.
#[tokio::test]
async fn what_is_wrong_with_a_proxy_is_named_and_outlived() {
    let (test_agent, mut edge, proxy) = (TestAgent::new(), Edge::start().await, Proxy::start().await);
    test_agent.enrol(&edge.enrol_string()).await.unwrap();
    test_agent.configure(&format!("proxy = {:?}", proxy.url("porch:wrong-one@")));
    let running = Running::start(&test_agent);
    let log = running.until_logged("code=\"proxy_auth\"").await;
    assert!(log.contains("set `proxy` to http://USER:PASSWORD@HOST:PORT"), "{log}");
    for (answer, code) in [
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "proxy_refused"),
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", "proxy_protocol"),
        ("HTTP/1.1 200 OK\r\n\r\nand more", "proxy_protocol"),
    ] {
        proxy.answers(Some(answer));
        // After SIGHUP, the agent immediately starts a connection attempt.
        running.signal(rustix::process::Signal::HUP);
        running.until_logged(&format!("code=\"{code}\"")).await;
    }
    proxy.answers(None);
    let text = std::fs::read_to_string(test_agent.config_file()).unwrap();
    std::fs::write(test_agent.config_file(), text.replace("porch:wrong-one@", URL_LOGIN)).unwrap();
    running.signal(rustix::process::Signal::HUP);
    let (link, _) = edge.welcome().await;
    drop(link);
    let address = proxy.address;
    drop(proxy);
    running.until_logged("code=\"proxy_unreachable\"").await;
    let log = running.stop().await;
    assert!(log.contains(&address.to_string()) && !log.contains("wrong-one"), "{log}");
}

#[tokio::test]
async fn a_proxy_that_does_not_reach_the_edge_says_so_at_enrolment() {
    let (test_agent, edge, proxy) = (TestAgent::new(), Edge::start().await, Proxy::start().await);
    test_agent.configure(&format!("proxy = {:?}", proxy.url(URL_LOGIN)));
    proxy.answers(Some("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"));
    let refused = test_agent.enrol(&edge.enrol_string()).await;
    let Err(EnrolError::Http(error @ HttpError::Proxy(_))) = refused else { panic!("{refused:?}") };
    assert_eq!(error.code(), "proxy_refused");
}
