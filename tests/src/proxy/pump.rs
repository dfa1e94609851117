//! Forwards the data of a proxied connection in one direction.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use super::frames::{self, Frames};
use super::link::{Link, Shared, lock};

/// The maximum time that a read blocks. After each read, the frames whose delay has passed are sent.
const TURN: Duration = Duration::from_millis(2);
/// The maximum time that a swapped frame waits until the next frame has been sent before it.
const SWAP_WITHIN: Duration = Duration::from_millis(50);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Towards {
    Agent,
    Edge,
}

/// Forwards bytes until either end closes the connection.
pub fn run(shared: &Arc<Shared>, link: &Arc<Link>, towards: Towards) {
    let mut pump = Pump {
        shared,
        link,
        towards,
        head: Vec::new(),
        frames: Frames::default(),
        queue: VecDeque::new(),
        held: None,
    };
    // If one direction ends or fails, the proxy closes both directions.
    let _ = pump.run();
    link.close();
}

struct Pump<'a> {
    shared: &'a Shared,
    link: &'a Link,
    towards: Towards,
    /// The bytes that were received before the WebSocket upgrade was complete.
    head: Vec<u8>,
    frames: Frames,
    queue: VecDeque<(Instant, Vec<u8>)>,
    /// A frame that is to be sent after the next frame, and the time at which the wait for the next frame ends.
    held: Option<(Instant, Vec<u8>)>,
}

impl Pump<'_> {
    fn run(&mut self) -> std::io::Result<()> {
        let (mut from, mut to) = match self.towards {
            Towards::Agent => (&self.link.edge, &self.link.agent),
            Towards::Edge => (&self.link.agent, &self.link.edge),
        };
        from.set_read_timeout(Some(TURN))?;
        let mut buffer = [0; 16 * 1024];
        let mut ended = false;
        while !self.link.closed.load(SeqCst) {
            if self.is_held() {
                std::thread::park_timeout(TURN);
                continue;
            }
            match from.read(&mut buffer) {
                Ok(0) => ended = true,
                Ok(count) => {
                    // A test can stop the forwarding while this thread waits in `read`. In this case, the received data
                    // must wait until the test resumes the forwarding.
                    while self.is_held() && !self.link.closed.load(SeqCst) {
                        std::thread::park_timeout(TURN);
                    }
                    if !self.is_held() {
                        self.take(&buffer[..count]);
                    }
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error),
            }
            let now = Instant::now();
            if self.held.as_ref().is_some_and(|(until, _)| *until <= now || ended) {
                let held = self.held.take();
                self.queue.extend(held.map(|(_, frame)| (now, frame)));
            }
            while self.queue.front().is_some_and(|(due, _)| *due <= now || ended) {
                let Some((_, frame)) = self.queue.pop_front() else { break };
                if self.towards == Towards::Agent && self.link.cut_next.swap(false, SeqCst) {
                    return to.write_all(&frame[..frame.len() / 2]);
                }
                to.write_all(&frame)?;
            }
            if ended {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Returns whether the proxy currently does not forward the data of this connection.
    fn is_held(&self) -> bool {
        self.link.stuck.load(SeqCst) || self.shared.frozen.load(SeqCst)
    }

    fn take(&mut self, bytes: &[u8]) {
        if self.link.upgraded.load(SeqCst) {
            self.frames.push(bytes);
        } else {
            let before = self.head.len();
            self.head.extend_from_slice(bytes);
            let switched = (self.towards == Towards::Agent).then(|| end_of_upgrade(&self.head)).flatten();
            let http = switched.map_or(bytes.len(), |end| end - before);
            self.queue.push_back((Instant::now(), bytes[..http].to_vec()));
            if switched.is_some() {
                // The flag `upgraded` must be set before the agent receives the HTTP response, because the agent then
                // starts to send WebSocket frames.
                self.link.upgraded.store(true, SeqCst);
                self.frames.push(&bytes[http..]);
            }
        }
        while let Some(frame) = self.frames.next() {
            self.schedule(frame);
        }
    }

    fn schedule(&mut self, frame: Vec<u8>) {
        if self.towards == Towards::Agent {
            lock(&self.shared.frames_to_agents).extend(frames::text(&frame));
        }
        let noise = *lock(&self.shared.noise);
        let mut random = lock(&self.shared.random);
        let mut chance = |percent: u8| frames::is_text(&frame) && random.u8(0..100) < percent;
        let (twice, swap) = (chance(noise.duplicated), chance(noise.swapped));
        let longest = u64::try_from(noise.delay.as_millis()).unwrap_or(u64::MAX);
        let delay = Duration::from_millis(random.u64(0..=longest));
        drop(random);
        let now = Instant::now();
        let due = self.queue.back().map_or(now, |(due, _)| now.max(*due)).max(now + delay);
        if swap && self.held.is_none() {
            self.held = Some((due + SWAP_WITHIN, frame));
            return;
        }
        if twice {
            self.queue.push_back((due, frame.clone()));
        }
        self.queue.push_back((due, frame));
        let held = self.held.take();
        self.queue.extend(held.map(|(_, frame)| (due, frame)));
    }
}

/// Returns the index at which the HTTP response that completes the WebSocket upgrade ends.
fn end_of_upgrade(said: &[u8]) -> Option<usize> {
    let find = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|window| window == what);
    let start = find(said, b"HTTP/1.1 101 ")?;
    Some(start + find(&said[start..], b"\r\n\r\n")? + 4)
}
