//! A server that pretends to be an edge, and collects the requests that it receives.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A received request.
#[derive(Clone)]
pub struct Received {
    /// The method and the path with the query.
    pub call: String,
    /// The bearer token, or an empty text.
    pub bearer: String,
    pub body: String,
}

/// The status and the body of the response to a request. `None` means the default response.
pub type Answer = fn(&Received) -> Option<(u16, String)>;

pub struct FakeEdge {
    pub origin: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl FakeEdge {
    /// Starts the server, whose thread ends with the process of the test.
    pub fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&received);
        thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), &all, answer);
            }
        });
        Self { origin, received }
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, all: &Mutex<Vec<Received>>, answer: Answer) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        match reader.read_line(&mut line) {
            Ok(length) if length > 0 && !line.trim().is_empty() => head.push(line.trim().to_owned()),
            _ => break,
        }
    }
    let header = |wanted: &str| {
        let headers = head.iter().filter_map(|line| line.split_once(": "));
        headers
            .filter(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value)
            .next()
            .unwrap_or("")
    };
    let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
    let _ = reader.read_exact(&mut body);
    let received = Received {
        call: head.first().map(|line| line.trim_end_matches(" HTTP/1.1").to_owned()).unwrap_or_default(),
        bearer: header("authorization").trim_start_matches("Bearer ").to_owned(),
        body: String::from_utf8(body).unwrap_or_default(),
    };
    let (status, body) = answer(&received).unwrap_or_else(|| {
        let version = env!("CARGO_PKG_VERSION");
        match received.call.as_str() {
            "GET /healthz" => (200, format!("{{\"status\":\"ok\",\"version\":\"{version}\"}}")),
            _ => (401, "{}".into()),
        }
    });
    all.lock().unwrap().push(received);
    let length = body.len();
    let _ =
        write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
}
