//! Carries out the effects that [`Site`] returns, for example sending a command to a device.

use std::cell::RefCell;
use std::collections::HashMap;

use futures_channel::oneshot;
use pinlatch_protocol::agent::ToAgent;
use pinlatch_protocol::close;
use pinlatch_protocol::command::CommandResult;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::problem::Problem;
use pinlatch_site::{CommandOrder, Effect, Event, PanelView, Question, Site, Wanted};
use pinlatch_token::call::call_digest;
use pinlatch_token::command::CommandClaims;
use serde::Serialize;
use worker::WebSocket;

use super::questions::Questions;
use super::sockets::Sockets;
use crate::clock::now_ms;
use crate::config::Deployment;

/// The HTTP calls that wait for the result of a command. The key of the map is the ticket that the site assigned to the
/// command.
#[derive(Default)]
pub struct Waiters(RefCell<HashMap<i64, Vec<oneshot::Sender<CommandAnswer>>>>);

pub type CommandAnswer = Result<CommandResult, Problem>;

impl Waiters {
    /// Registers an HTTP call that waits for the result of the command with this ticket.
    pub fn wait(&self, ticket: i64) -> oneshot::Receiver<CommandAnswer> {
        let (sender, receiver) = oneshot::channel();
        self.0.borrow_mut().entry(ticket).or_default().push(sender);
        receiver
    }

    fn answer(&self, ticket: i64, outcome: &CommandAnswer) {
        let waiting = self.0.borrow_mut().remove(&ticket).unwrap_or_default();
        for sender in waiting {
            // If the caller has disconnected, no answer is needed, so the send error is ignored.
            let _ = sender.send(outcome.clone());
        }
    }
}

/// The data and the WebSockets that are needed to carry out effects.
pub struct Actuator<'a> {
    pub site: &'a Name,
    pub deployment: &'a Deployment,
    pub sockets: &'a Sockets<'a>,
    pub waiters: &'a Waiters,
    pub questions: &'a Questions,
}

impl Actuator<'_> {
    /// Carries out all effects of the site. If an effect adds further effects, the further effects are carried out too.
    pub fn carry_out(&self, site: &mut Site<'_>) {
        loop {
            let effects = site.take_effects();
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                self.carry_out_one(site, effect);
            }
        }
    }

    fn carry_out_one(&self, site: &mut Site<'_>, effect: Effect) {
        match effect {
            Effect::Command { device, session, order } => self.send_command(&device, &session, order),
            Effect::CloseAgent { session, code, reason, .. } => {
                if let Some(socket) = self.sockets.tagged(&session) {
                    shut(&socket, code, reason);
                }
            }
            Effect::ToPanel { panel, message } => {
                if let Some(socket) = self.sockets.tagged(&panel) {
                    send(&socket, &message);
                }
            }
            Effect::ToPanels { whose, message } => {
                for (socket, id, principal) in self.sockets.panels() {
                    if whose.covers(&id, &principal) {
                        send(&socket, &message);
                    }
                }
            }
            Effect::Publish(event) => self.publish(site, &event),
            Effect::Press(press) => {
                for (socket, _, principal) in self.sockets.panels() {
                    if let Some(message) = site.press_for(&principal, &press) {
                        send(&socket, &message);
                    }
                }
            }
            Effect::SignedChange(reading) => {
                for (socket, _, principal) in self.sockets.panels() {
                    if let Some(message) = site.reading_for(&principal, &reading) {
                        send(&socket, &message);
                    }
                }
            }
            Effect::Ask { session, question } => {
                if let Some(socket) = self.sockets.tagged(&session) {
                    let Question { id: question, wanted, .. } = question;
                    send(
                        &socket,
                        &match wanted {
                            Wanted::Reading { line, nonce } => ToAgent::Read { question, line, nonce },
                            Wanted::Challenge => ToAgent::Challenge { question },
                        },
                    );
                }
            }
            Effect::Answered { device, id, result } => self.questions.answer(&device, &id, result),
            Effect::ClosePanels { whose, code, reason } => {
                for (socket, id, principal) in self.sockets.panels() {
                    if whose.covers(&id, &principal) {
                        shut(&socket, code, reason);
                    }
                }
            }
            Effect::Review => {
                for (socket, _, principal) in self.sockets.panels() {
                    close_if_ended(site, &socket, &principal);
                }
            }
            Effect::Answer { ticket, result } => self.waiters.answer(ticket, &result),
            Effect::Fault(error) => worker::console_error!("site {}: {error}", self.site),
        }
    }

    fn publish(&self, site: &mut Site<'_>, event: &Event) {
        for (socket, id, principal) in self.sockets.panels() {
            match site.view_for(&id, &principal, event) {
                PanelView::Now(message) => send(&socket, &message),
                PanelView::Later => {}
                PanelView::Ended => close_if_ended(site, &socket, &principal),
            }
        }
    }

    fn send_command(&self, device: &Name, session: &str, order: CommandOrder) {
        let Some(socket) = self.sockets.tagged(session) else { return };
        let CommandOrder { jti, sub, line, action, args, deadline_ms, call } = order;
        let digest = call.as_ref().map(|call| call_digest(&call.call));
        let claims = CommandClaims { jti, sub, deadline_ms, line, action, args, call: digest };
        match claims.sign(&self.deployment.keys, self.site, device, session, now_ms()) {
            Ok(jwt) => send(&socket, &ToAgent::Command { jwt, call }),
            Err(refusal) => worker::console_error!("signing a command: {refusal}"),
        }
    }
}

/// Closes a panel's WebSocket if the panel's token is no longer valid.
pub fn close_if_ended(site: &mut Site<'_>, socket: &WebSocket, principal: &pinlatch_site::Principal) {
    if site.socket_authority(principal).is_err() {
        shut(socket, close::SESSION_ENDED, "session_ended");
    }
}

/// Sends a frame on a WebSocket. An error of the WebSocket is only logged, because an error means that the WebSocket is
/// closing. After the error, the Durable Object receives the close event of the WebSocket.
pub fn send<T: Serialize>(socket: &WebSocket, message: &T) {
    if let Err(error) = socket.send(message) {
        worker::console_log!("a frame was not sent: {error}");
    }
}

/// Closes a WebSocket. An error of the WebSocket is only logged, because the WebSocket may already be closed.
pub fn shut(socket: &WebSocket, code: u16, reason: &str) {
    if let Err(error) = socket.close(Some(code), Some(reason)) {
        worker::console_log!("a socket was not closed: {error}");
    }
}
