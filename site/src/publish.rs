//! Numbers the events of a site, and publishes them to panels.

use pinlatch_protocol::panel::Change;

use crate::database::store::StoreError;
use crate::interface::event::{Audience, Effect, Event};
use crate::site::Site;

impl Site<'_> {
    /// Returns the sequence number of the last event. The sequence number is not stored as a counter. Each event writes
    /// its sequence number into the row that changed, so the highest number in the tables is the last number. The
    /// tables have no index for sequence numbers, because reading hundreds of rows costs less than one additional
    /// write.
    pub(crate) fn last_seq(&mut self) -> Result<u64, StoreError> {
        if let Some(seq) = self.seq {
            return Ok(seq);
        }
        let sql = "SELECT (SELECT max(seq) FROM devices), (SELECT max(seq) FROM lines)";
        let stored = match self.row(sql, &[])? {
            Some(row) => row.opt_uint(0)?.max(row.opt_uint(1)?).unwrap_or(0),
            None => 0,
        };
        let seq = stored.max(self.seq_floor);
        self.seq = Some(seq);
        Ok(seq)
    }

    /// Returns the sequence number of the next event. The caller must write this sequence number into the row that
    /// changed.
    pub(crate) fn next_seq(&mut self) -> Result<u64, StoreError> {
        let seq = self.last_seq()? + 1;
        self.seq = Some(seq);
        Ok(seq)
    }

    pub(crate) fn publish(&mut self, seq: u64, change: Change) {
        self.publish_to(Audience::All, seq, change);
    }

    pub(crate) fn publish_to(&mut self, audience: Audience, seq: u64, change: Change) {
        self.effects.push(Effect::Publish(Event { seq, at_ms: self.now_ms, change, audience }));
    }
}
