//! Simulates an edge for tests. The simulated edge handles HTTP, the challenge and the WebSocket upgrade in the same
//! way as the real edge. The test controls the rest of the edge's behaviour.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    AUTHORIZATION, CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
    WWW_AUTHENTICATE,
};
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use pinlatch_protocol::agent::{FromAgent, Outcome, PROOF_HEADER, ToAgent, YIELD_HEADER};
use pinlatch_protocol::api::{EnrolReply, EnrolRequest, Secret};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_protocol::{PING, PONG, SUBPROTOCOL};
use pinlatch_token::command::CommandClaims;
use pinlatch_token::device::{DeviceCert, sign_cert};
use pinlatch_token::{EdgeKeys, PublicKey, SigningKey, keyset, random_id, welcome};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

/// The timeout for every wait in a test.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The enrolment code that the simulated edge accepts. The code contains dots, because a real enrolment code can also
/// contain dots.
pub const CODE: &str = "one.time.code";

/// The keys and the behaviour of the simulated edge, which a test can change at any time.
pub struct State {
    pub keys: EdgeKeys,
    pub root: SigningKey,
    pub keyset: String,
    /// The difference between edge time and real time in milliseconds, which is positive if edge time is ahead.
    pub ahead_ms: i64,
    /// The root key that the edge sends at enrolment.
    pub shown_root: Value,
    /// The age of the certificates that the edge issues at enrolment, in days.
    pub issued_ago_days: u64,
    /// Is true if a captive portal answers instead of the edge. The captive portal answers every request with status
    /// 200 and a web page.
    pub portal: bool,
    /// Is true if another agent is connected as this device.
    pub taken: bool,
    /// Is true if the edge's answer to the next proof is lost.
    pub loses_answer: bool,
    /// The proofs that the agent has already used. Each proof is valid only once.
    proofs: Vec<String>,
    /// The TLS settings of the edge. The value is `None` for unencrypted HTTP.
    pub tls: Option<TlsAcceptor>,
}

impl State {
    pub fn now_ms(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        u64::try_from(now).unwrap().checked_add_signed(self.ahead_ms).unwrap()
    }

    /// Signs the current keys as the key set with the number `number`.
    pub fn publish(&mut self, number: u64) {
        self.keyset = keyset::sign(&self.root, number, self.keys.public(), self.now_ms() / 1000).unwrap();
    }
}

pub type Shared = Arc<Mutex<State>>;

pub fn site() -> Name {
    Name::new("home").unwrap()
}

pub fn device() -> Name {
    Name::new("porch").unwrap()
}

pub struct Edge {
    pub address: SocketAddr,
    scheme: &'static str,
    pub state: Shared,
    upgraded: mpsc::UnboundedReceiver<Connection>,
}

impl Edge {
    pub async fn start() -> Self {
        Self::serve(None).await
    }

    pub async fn serve(tls: Option<TlsAcceptor>) -> Self {
        Self::serve_at("127.0.0.1:0", tls).await
    }

    pub async fn serve_at(address: &str, tls: Option<TlsAcceptor>) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let root = SigningKey::generate();
        let shown_root = root.public_jwk();
        let mut state = State {
            keys: EdgeKeys::generate().unwrap(),
            root,
            keyset: String::new(),
            ahead_ms: 0,
            shown_root,
            issued_ago_days: 0,
            portal: false,
            taken: false,
            loses_answer: false,
            proofs: Vec::new(),
            tls,
        };
        state.publish(5);
        let state = Arc::new(Mutex::new(state));
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, upgraded) = mpsc::unbounded_channel();
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (shared, sender) = (shared.clone(), sender.clone());
                let tls = shared.lock().unwrap().tls.clone();
                tokio::spawn(async move {
                    let service = service_fn(|request| answer(request, shared.clone(), sender.clone()));
                    let http = hyper::server::conn::http1::Builder::new();
                    let _ = match tls {
                        None => http.serve_connection(TokioIo::new(tcp), service).with_upgrades().await,
                        Some(tls) => match tls.accept(tcp).await {
                            Ok(stream) => {
                                http.serve_connection(TokioIo::new(stream), service).with_upgrades().await
                            }
                            Err(_) => Ok(()),
                        },
                    };
                });
            }
        });
        Self { address, scheme, state, upgraded }
    }

    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Returns the enrolment string that `pinlatch device enrol` would print.
    pub fn enrol_string(&self) -> String {
        let thumbprint = self.state.lock().unwrap().root.kid().to_owned();
        format!("{}/#{CODE}.{thumbprint}", self.url())
    }

    /// Waits for the next authenticated connection of the agent. The edge has not sent a welcome message on this
    /// connection yet.
    pub async fn accept(&mut self) -> Connection {
        timeout(PATIENCE, self.upgraded.recv()).await.expect("no connection came").unwrap()
    }

    /// Waits for the next connection of the agent and sends the welcome message. Returns the connection and the agent's
    /// hello message.
    pub async fn welcome(&mut self) -> (Connection, FromAgent) {
        let mut connection = self.accept().await;
        connection.send_welcome().await;
        let hello = connection.next().await.expect("the agent closed the connection without a hello");
        assert!(matches!(hello, FromAgent::Hello { .. }), "{hello:?}");
        (connection, hello)
    }
}

/// The edge's answer to an HTTP request. If the value is an error, the edge closes the connection without an answer.
type Answer = Result<Response<Full<Bytes>>, std::io::Error>;

fn problem(code: Code) -> Response<Full<Bytes>> {
    let body = serde_json::to_vec(&Problem::new(code)).unwrap();
    Response::builder().status(code.status()).body(Full::from(body)).unwrap()
}

async fn answer(
    request: Request<Incoming>,
    shared: Shared,
    sender: mpsc::UnboundedSender<Connection>,
) -> Answer {
    if shared.lock().unwrap().portal {
        let page = "<!doctype html><title>Welcome to our network</title>";
        return Ok(Response::builder().header("content-type", "text/html").body(Full::from(page)).unwrap());
    }
    Ok(match request.uri().path() {
        "/api/v1/enrol" => {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            enrol(&serde_json::from_slice(&body).unwrap(), &shared.lock().unwrap())
        }
        "/api/v1/agent" => return upgrade(request, &shared, sender),
        _ => problem(Code::NotFound),
    })
}

fn enrol(request: &EnrolRequest, state: &State) -> Response<Full<Bytes>> {
    if request.code.expose() != CODE {
        return problem(Code::CodeRefused);
    }
    let key = PublicKey::from_jwk(&request.jwk).unwrap();
    let now_ms = state.now_ms();
    let issued = now_ms / 1000 - state.issued_ago_days * 86_400;
    let devcert = sign_cert(&state.keys, &site(), &device(), &key, &random_id(), issued).unwrap();
    let reply = EnrolReply {
        site: site(),
        device: device(),
        devcert: Secret::new(devcert),
        root_key: state.shown_root.clone(),
        keyset: state.keyset.clone(),
        welcome: welcome::sign(&state.keys, &site(), &request.nonce, now_ms).unwrap(),
    };
    Response::new(Full::from(serde_json::to_vec(&reply).unwrap()))
}

fn upgrade(
    mut request: Request<Incoming>,
    shared: &Shared,
    sender: mpsc::UnboundedSender<Connection>,
) -> Answer {
    let mut state = shared.lock().unwrap();
    let now = state.now_ms() / 1000;
    let headers = request.headers().clone();
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let (Some(bearer), Some(proof)) = (text(AUTHORIZATION.as_str()), text(PROOF_HEADER)) else {
        let mut answer = problem(Code::InvalidToken);
        let challenge = format!("Pinlatch challenge=\"{}\"", state.keys.issue_challenge(now));
        answer.headers_mut().insert(WWW_AUTHENTICATE, challenge.try_into().unwrap());
        return Ok(answer);
    };
    let session =
        DeviceCert::verify(bearer.strip_prefix("Bearer ").unwrap(), state.keys.public(), &[site()], now)
            .and_then(|certificate| certificate.verify_proof(&proof, &state.keys, now));
    let Some(session) = session.ok().filter(|_| !state.proofs.contains(&proof)) else {
        return Ok(problem(Code::InvalidToken));
    };
    state.proofs.push(proof);
    if std::mem::take(&mut state.loses_answer) {
        return Err(std::io::Error::other("the answer is lost"));
    }
    let yields = text(YIELD_HEADER).as_deref() == Some("?1");
    if yields && state.taken {
        return Ok(problem(Code::DeviceConnected));
    }
    let shared = shared.clone();
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let stream = TokioIo::new(upgraded.await.unwrap());
        let socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        let _ = sender.send(Connection { socket, session, state: shared, silent: false, yields });
    });
    let answer = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL)
        .header(SEC_WEBSOCKET_ACCEPT, derive_accept_key(text(SEC_WEBSOCKET_KEY.as_str()).unwrap().as_bytes()))
        .body(Full::default())
        .unwrap();
    Ok(answer)
}

/// The edge's side of one WebSocket connection to an agent.
pub struct Connection {
    socket: WebSocketStream<TokioIo<Upgraded>>,
    pub session: String,
    state: Shared,
    /// Is true if the edge does not answer pings.
    pub silent: bool,
    /// Is true if the agent has requested that its connection does not replace another connection.
    pub yields: bool,
}

impl Connection {
    pub async fn send(&mut self, message: Message) {
        timeout(PATIENCE, self.socket.send(message)).await.unwrap().unwrap();
    }

    pub async fn say(&mut self, message: &ToAgent) {
        self.send(Message::text(serde_json::to_string(message).unwrap())).await;
    }

    pub async fn send_welcome(&mut self) {
        let session = self.session.clone();
        self.send_welcome_for(&session).await;
    }

    pub async fn send_welcome_for(&mut self, session: &str) {
        let message = {
            let state = self.state.lock().unwrap();
            let jwt = welcome::sign(&state.keys, &site(), session, state.now_ms()).unwrap();
            ToAgent::Welcome { jwt, keyset: state.keyset.clone() }
        };
        self.say(&message).await;
    }

    /// Returns the agent's next message that is not a ping. If the agent closes the connection, the returned error is
    /// the close code.
    pub async fn next(&mut self) -> Result<FromAgent, u16> {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("the agent is silent") {
                Some(Ok(Message::Text(text))) if text == PING => {
                    if !self.silent {
                        self.send(Message::text(PONG)).await;
                    }
                }
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(1005, |frame| frame.code.into())),
                Some(Ok(other)) => panic!("{other:?}"),
                Some(Err(_)) | None => return Err(1006),
            }
        }
    }

    /// Returns the agent's next outcome of a command and skips events.
    pub async fn outcome(&mut self) -> Outcome {
        loop {
            if let FromAgent::Result(outcome) = self.next().await.unwrap() {
                return outcome;
            }
        }
    }

    /// Returns the next level of a line that the agent reports, as JSON.
    pub async fn event(&mut self, wanted: &str) -> Value {
        loop {
            if let FromAgent::Event { line, level, .. } = self.next().await.unwrap()
                && line.as_str() == wanted
            {
                return json!(level);
            }
        }
    }

    /// Creates a command for this connection, which is valid for five seconds.
    pub fn order(&self, id: &str, line: &str, action: &str, args: Value) -> Order {
        Order {
            claims: CommandClaims {
                jti: id.into(),
                sub: "user:ann".into(),
                deadline_ms: self.state.lock().unwrap().now_ms() + 5_000,
                line: Name::new(line).unwrap(),
                action: action.into(),
                args: args.as_object().unwrap().clone(),
                call: None,
            },
            device: device(),
            session: self.session.clone(),
            state: self.state.clone(),
        }
    }

    pub async fn command(&mut self, jwt: String) -> Outcome {
        self.say(&ToAgent::Command { jwt, call: None }).await;
        self.outcome().await
    }

    pub async fn close(&mut self, code: u16) {
        let frame = CloseFrame { code: code.into(), reason: "test".into() };
        self.socket.close(Some(frame)).await.unwrap();
    }
}

/// A command that is not signed yet, so that tests can alter the command.
pub struct Order {
    pub claims: CommandClaims,
    pub device: Name,
    pub session: String,
    state: Shared,
}

impl Order {
    pub fn sign(self) -> String {
        let keys = self.state.lock().unwrap().keys.clone();
        self.sign_by(&keys)
    }

    pub fn sign_by(self, keys: &EdgeKeys) -> String {
        let now_ms = self.state.lock().unwrap().now_ms();
        self.claims.sign(keys, &site(), &self.device, &self.session, now_ms).unwrap()
    }
}
