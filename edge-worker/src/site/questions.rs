//! The HTTP calls that wait for a device's answer to a question. A call waits for a limited time. If the Durable Object
//! is evicted, the calls end, and nothing is lost, because a question changes nothing.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::future::{Either, select};
use pinlatch_protocol::api::READING_LIMIT_MS;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_site::CallResult;
use worker::Delay;

/// The key of a question. It contains the device, so that no other device can answer the question.
type Key = (Name, String);

/// The calls that wait, by the device and the id of the question.
#[derive(Default)]
pub struct Questions(RefCell<HashMap<Key, oneshot::Sender<CallResult>>>);

/// A call that waits for an answer.
pub struct WaitingQuestion<'a> {
    questions: &'a Questions,
    key: Key,
    receiver: oneshot::Receiver<CallResult>,
}

impl Questions {
    /// Registers a call that waits for the answer to a question.
    pub fn wait(&self, device: Name, id: String) -> WaitingQuestion<'_> {
        let (sender, receiver) = oneshot::channel();
        let key = (device, id);
        self.0.borrow_mut().insert(key.clone(), sender);
        WaitingQuestion { questions: self, key, receiver }
    }

    /// Answers the call that waits for this question, if it still waits.
    pub fn answer(&self, device: &Name, id: &str, answer: CallResult) {
        let waiting = self.0.borrow_mut().remove(&(device.clone(), id.to_owned()));
        if let Some(sender) = waiting {
            // If the caller has disconnected, no answer is needed, so the send error is ignored.
            let _ = sender.send(answer);
        }
    }
}

impl WaitingQuestion<'_> {
    /// Waits for the answer of the device. After [`READING_LIMIT_MS`], the answer is the problem `device_silent`.
    pub async fn answer(mut self) -> CallResult {
        let limit = Delay::from(Duration::from_millis(READING_LIMIT_MS));
        match select(&mut self.receiver, limit).await {
            Either::Left((Ok(answer), _)) => answer,
            _ => {
                let text = "the device is connected but has not answered; an agent of an earlier release does not answer";
                Err(Problem::new(Code::DeviceSilent).detail(text))
            }
        }
    }
}

impl Drop for WaitingQuestion<'_> {
    fn drop(&mut self) {
        self.questions.0.borrow_mut().remove(&self.key);
    }
}
