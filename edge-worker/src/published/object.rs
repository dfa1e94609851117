//! The Durable Object of one URL. Only this Durable Object fetches the document of the URL.

use futures_util::lock::Mutex;
use pinlatch_protocol::problem::Problem;
use serde::{Deserialize, Serialize};
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

use super::fetch;
use super::plan::{Known, Plan, plan};
use super::question::{Fetched, Question, unavailable};
use crate::clock::now_ms;
use crate::respond::fault;

const KEY: &str = "published";

/// The state that the Durable Object stores permanently. The stored state is preserved when the Durable Object is
/// evicted.
#[derive(Default, Clone, Serialize, Deserialize)]
struct Kept {
    text: Option<String>,
    fetched_ms: Option<u64>,
    tried_ms: Option<u64>,
}

/// A Durable Object that fetches and stores the document of one URL.
#[durable_object(fetch)]
pub struct PublishedObject {
    state: State,
    /// The mutex is locked during a fetch of the document. Other requests that need a new document wait until the mutex
    /// is unlocked.
    turn: Mutex<()>,
}

impl DurableObject for PublishedObject {
    fn new(state: State, _env: Env) -> Self {
        Self { state, turn: Mutex::new(()) }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let answer = match request.json::<Question>().await {
            Ok(question) => self.answer(&question).await,
            Err(error) => Err(fault("published", error)),
        };
        Response::from_json(&answer)
    }
}

impl PublishedObject {
    async fn answer(&self, question: &Question) -> std::result::Result<Fetched, Problem> {
        let stored = |error: worker::Error| fault("published", error);
        let (kept, planned) = self.look(question).await.map_err(stored)?;
        if let (Plan::Use, false, Some(text), Some(fetched_ms)) =
            (planned, question.lacks, kept.text, kept.fetched_ms)
        {
            return Ok(Fetched { text, fetched_ms });
        }
        let _turn = self.turn.lock().await;
        // Another request can have fetched the document while the current request waited for the mutex.
        let (mut kept, planned) = self.look(question).await.map_err(stored)?;
        if matches!(planned, Plan::Fetch | Plan::FetchOrUse) {
            // The time of the attempt is stored before the fetch, so that an interrupted fetch also counts as an
            // attempt.
            kept.tried_ms = Some(now_ms());
            self.keep(&kept).await.map_err(stored)?;
            match fetch::get(&question.uri).await {
                Ok(text) => {
                    (kept.text, kept.fetched_ms) = (Some(text), Some(now_ms()));
                    self.keep(&kept).await.map_err(stored)?;
                }
                Err(reason) => {
                    worker::console_error!("{}: {reason}", question.uri);
                    if planned == Plan::Fetch {
                        return Err(unavailable("the issuer's document cannot be fetched"));
                    }
                }
            }
        }
        match (kept.text, kept.fetched_ms) {
            (Some(text), Some(fetched_ms)) if planned != Plan::Wait => Ok(Fetched { text, fetched_ms }),
            _ => Err(unavailable("the last attempt to fetch the issuer's document failed; try again later")),
        }
    }

    async fn look(&self, question: &Question) -> Result<(Kept, Plan)> {
        let text = self.state.storage().get::<String>(KEY).await?;
        let kept: Kept = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let known = Known { fetched_ms: kept.fetched_ms, tried_ms: kept.tried_ms };
        let planned = plan(known, question.lacks, now_ms());
        Ok((kept, planned))
    }

    async fn keep(&self, kept: &Kept) -> Result<()> {
        let text = serde_json::to_string(kept)?;
        self.state.storage().put(KEY, text).await
    }
}
