//! The calls of the Worker, and the WebSockets of panels.

use std::rc::Rc;

use futures_channel::oneshot;
use pinlatch_protocol::close;
use pinlatch_protocol::panel::{FromPanel, ToPanel};
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_site::{Answer, Call, CallResult, Principal, Reply};
use pinlatch_token::random_id;
use worker::{Request, Response, Result, WebSocket, WebSocketPair};

use super::inner::Inner;
use super::upgrade::{switch, verified};
use crate::clock::now_ms;
use crate::respond::fault;
use crate::site::effects::{CommandAnswer, send, shut};
use crate::site::questions::WaitingQuestion;
use crate::site::sockets::Attached;

/// The reply to a call, or what the call waits for.
enum Awaited<'a> {
    Reply(Box<Reply>),
    Command(oneshot::Receiver<CommandAnswer>),
    Answered(WaitingQuestion<'a>),
}

impl Inner {
    pub(super) async fn call(self: &Rc<Self>, mut request: Request) -> Result<Response> {
        // The call is parsed in Rust, because a JavaScript number cannot represent every `u64`.
        let call: Call = serde_json::from_str(&request.text().await?)?;
        // A logout is never refused. It ends the caller's token, so it cannot be repeated.
        let counted = call.principal().filter(|_| !matches!(call, Call::Logout { .. })).cloned();
        if let Some(principal) = &counted
            && let Err(problem) = self.frame_limits.require_room(principal, now_ms())
        {
            return Response::from_json(&CallResult::Err(problem));
        }
        let answer = self
            .event(|site, _| {
                let answer = site.call(call);
                if let Some(principal) = counted.filter(|_| !site.has_new_command()) {
                    self.frame_limits.count(&principal, now_ms());
                }
                Ok(match answer? {
                    Answer::Now(reply) => Awaited::Reply(Box::new(reply)),
                    Answer::Pending { ticket } => Awaited::Command(self.waiters.wait(ticket)),
                    Answer::Asked { device, id } => Awaited::Answered(self.questions.wait(device, id)),
                })
            })
            .await?;
        let result: CallResult = match answer {
            Ok(Awaited::Reply(reply)) => Ok(*reply),
            Ok(Awaited::Command(waiter)) => match waiter.await {
                Ok(outcome) => outcome.map(Reply::Command),
                Err(_) => Err(Code::OutcomeUnknown.into()),
            },
            Ok(Awaited::Answered(waiter)) => waiter.answer().await,
            Err(problem) => Err(problem),
        };
        Response::from_json(&result)
    }

    pub(super) async fn open_panel(self: &Rc<Self>, request: &Request) -> Result<Response> {
        let Some(principal) = verified::<Principal>(request)? else {
            return Response::from_json(&Problem::new(Code::InvalidToken));
        };
        if let Err(problem) = self.frame_limits.require_room(&principal, now_ms()) {
            return Response::from_json(&problem);
        }
        self.frame_limits.count(&principal, now_ms());
        let pair = WebSocketPair::new()?;
        let attached = Attached::Panel { id: random_id(), principal: principal.clone() };
        let snapshot = self
            .event(|site, _| {
                // The WebSockets are counted before this one is accepted. Too many WebSockets would make the runtime's
                // call fail, and the crate `worker` panics if this call fails.
                let tags = site.panel_tags(&principal)?;
                let snapshot: ToPanel = site.panel_connected(&principal)?;
                attached.accept(&self.state, &pair.server, &tags).map_err(|error| fault("socket", error))?;
                send(&pair.server, &snapshot);
                Ok(())
            })
            .await?;
        switch(snapshot, pair.client)
    }

    pub(super) async fn handle_panel_message(
        self: &Rc<Self>,
        socket: &WebSocket,
        id: &str,
        principal: &Principal,
        text: &str,
    ) -> Result<std::result::Result<(), Problem>> {
        if self.frame_limits.require_room(principal, now_ms()).is_err() {
            shut(socket, close::THROTTLED, "too_many_messages");
            return Ok(Ok(()));
        }
        let message = match serde_json::from_str::<FromPanel>(text) {
            Ok(message) => message,
            Err(_) => {
                self.frame_limits.count(principal, now_ms());
                let problem = Problem::new(Code::InvalidRequest)
                    .detail("the WebSocket message is invalid or has an unknown type");
                send(socket, &ToPanel::Problem { id: None, problem });
                return Ok(Ok(()));
            }
        };
        self.event(|site, _| {
            if !site.panel_message(principal, id, message) {
                self.frame_limits.count(principal, now_ms());
            }
            Ok(())
        })
        .await
    }
}
