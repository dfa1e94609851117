//! The WebSockets of agents: welcome, messages, and new certificates.

use std::rc::Rc;

use pinlatch_protocol::agent::{FromAgent, ToAgent};
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_site::Renewed;
use pinlatch_token::device::{self, CERT_LIFE};
use pinlatch_token::{PublicKey, is_nonce, random_id, welcome};
use worker::{Request, Response, Result, WebSocket, WebSocketPair};

use super::inner::Inner;
use super::upgrade::{switch, verified};
use crate::clock::{now_ms, now_s};
use crate::config::Deployment;
use crate::respond::fault;
use crate::site::effects::{send, shut};
use crate::site::sockets::{AgentSocket, Attached};

impl Inner {
    pub(super) async fn open_agent(self: &Rc<Self>, request: &Request) -> Result<Response> {
        let Some(agent) = verified::<AgentSocket>(request)? else {
            return Response::from_json(&Problem::new(Code::InvalidToken));
        };
        let pair = WebSocketPair::new()?;
        let name = self.name().await?;
        let socket = AgentSocket { jwk: None, ..agent.clone() };
        let attached = Attached::Agent { socket, since_ms: now_ms() };
        let welcomed = self
            .event(|site, deployment| {
                site.agent_connected(&agent.device, &agent.session, &agent.credential(), agent.yields)?;
                attached.accept(&self.state, &pair.server, &[]).map_err(|error| fault("socket", error))?;
                let jwt = welcome::sign(&deployment.keys, &name, &agent.session, now_ms())
                    .map_err(|refusal| fault("welcome", refusal))?;
                send(&pair.server, &ToAgent::Welcome { jwt, keyset: deployment.keyset.clone() });
                Ok(())
            })
            .await?;
        switch(welcomed, pair.client)
    }

    pub(super) async fn handle_agent_message(
        self: &Rc<Self>,
        socket: &WebSocket,
        agent: &AgentSocket,
        text: &str,
    ) -> Result<std::result::Result<(), Problem>> {
        let Ok(message) = FromAgent::read(text) else {
            shut(socket, 1007, "malformed_frame");
            return Ok(Ok(()));
        };
        self.last_seen.note(&agent.session, now_ms());
        // `None` means that a newer agent sent a message type that this edge does not know.
        let Some(message) = message else { return Ok(Ok(())) };
        match message {
            FromAgent::Time { nonce } => return self.send_time(socket, &nonce).await,
            FromAgent::Renew { jwk } => return self.renew(socket, agent, &jwk).await,
            _ => {}
        }
        self.event(|site, _| {
            site.agent_message(&agent.device, &agent.session, message);
            Ok(())
        })
        .await
    }

    /// Signs a new certificate for the device's key, if the site allows the renewal.
    async fn renew(
        self: &Rc<Self>,
        socket: &WebSocket,
        agent: &AgentSocket,
        jwk: &serde_json::Value,
    ) -> Result<std::result::Result<(), Problem>> {
        let key = match PublicKey::from_jwk(jwk) {
            Ok(key) if key.thumbprint() == agent.thumbprint => key,
            _ => {
                return Ok(Err(Problem::new(Code::InvalidRequest)
                    .detail("the key in the message is not the enrolled key of the device")));
            }
        };
        let (name, now, jti) = (self.name().await?, now_s(), random_id());
        self.event(|site, deployment| {
            let next = Renewed { jti: &jti, expires_at: now + CERT_LIFE };
            if site.certificate_renewed(&agent.device, &agent.session, &agent.credential(), next)? {
                let jwt = device::sign_cert(&deployment.keys, &name, &agent.device, &key, &jti, now)
                    .map_err(|refusal| fault("certificate", refusal))?;
                send(socket, &ToAgent::Certificate { jwt });
            }
            Ok(())
        })
        .await
    }

    async fn send_time(&self, socket: &WebSocket, nonce: &str) -> Result<std::result::Result<(), Problem>> {
        if !is_nonce(nonce) {
            return Ok(Ok(()));
        }
        let name = self.name().await?;
        let signed = Deployment::of(&self.env).and_then(|deployment| {
            welcome::sign(&deployment.keys, &name, nonce, now_ms()).map_err(|refusal| fault("time", refusal))
        });
        Ok(signed.map(|jwt| send(socket, &ToAgent::Time { jwt })))
    }

    /// Records that the WebSocket of an agent was closed.
    pub(super) async fn closed(self: &Rc<Self>, socket: &WebSocket) -> Result<()> {
        if let Some(Attached::Agent { socket: agent, .. }) = Attached::of(socket) {
            self.last_seen.forget(&agent.session);
            let outcome = self
                .event(|site, _| {
                    site.agent_closed(&agent.device, &agent.session);
                    Ok(())
                })
                .await?;
            if let Err(problem) = outcome {
                worker::console_error!("close: {problem}");
            }
        }
        Ok(())
    }
}
