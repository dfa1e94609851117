//! Publishes the events of lines within the limits of [`RecentEvents`](crate::memory::recent_events::RecentEvents). The
//! latest level of a line is always published in the end: the table `limited_lines` contains the lines with waiting
//! events. If their levels in memory are lost, the agent must connect again, because its `hello` message contains all
//! levels.

use pinlatch_protocol::close;
use pinlatch_protocol::name::Name;

use crate::audit::Actor;
use crate::database::rows::{Columns as _, columns};
use crate::database::store::StoreError;
use crate::devices::lines::Line;
use crate::memory::recent_events::{Admission, TimedReport, Waiting};
use crate::report::Report;
use crate::site::Site;

/// A line with waiting events.
struct LimitedLine {
    device: Name,
    line: Name,
}

columns!(LimitedLine { device, line });

impl Site<'_> {
    /// Publishes a new level of a line, or lets the level wait if the limits do not allow an event now.
    pub(crate) fn admit_level(
        &mut self,
        device: &Name,
        line: Line,
        report: Report,
        at_ms: u64,
    ) -> Result<(), StoreError> {
        let waits = self.links.memory().events.waits(device, &line.name);
        if report.or_same(line.report()) == line.report() && !waits {
            return Ok(());
        }
        if self.admit_event(device, &line.name, Some((report, at_ms)))? {
            let update = line.reporting(report, at_ms);
            return self.change_line(device, line, update);
        }
        Ok(())
    }

    /// Returns whether the limits allow an event of the line now. If not, the event waits or, if it is a press, is
    /// counted.
    pub(crate) fn admit_event(
        &mut self,
        device: &Name,
        line: &Name,
        report: Option<TimedReport>,
    ) -> Result<bool, StoreError> {
        match self.links.memory().events.admit(device, line, report, self.now_ms) {
            Admission::Now => Ok(true),
            Admission::Replaced => Ok(false),
            Admission::Until(due_ms) => {
                self.soonest = Some(self.soonest.map_or(due_ms, |at_ms| at_ms.min(due_ms)));
                self.run(
                    "INSERT INTO limited_lines (device, line, since_ms, due_ms, dropped) VALUES (?1, ?2, ?3, ?4, 0)
                     ON CONFLICT (device, line) DO UPDATE SET due_ms = excluded.due_ms",
                    &[device.as_str().into(), line.as_str().into(), self.now_ms.into(), due_ms.into()],
                )?;
                Ok(false)
            }
        }
    }

    /// Publishes the waiting levels whose time has come.
    pub(crate) fn publish_waiting_levels(&mut self) -> Result<(), StoreError> {
        let sql =
            format!("SELECT {} FROM limited_lines WHERE due_ms <= ?1 ORDER BY due_ms", LimitedLine::LIST);
        for row in self.run(&sql, &[self.now_ms.into()])? {
            let LimitedLine { device, line } = LimitedLine::read(&row)?;
            let waiting = self.links.memory().events.release(&device, &line);
            self.end_waiting(&device, &line, waiting.as_ref())?;
            match waiting {
                Some(Waiting { report: Some((report, at_ms)), .. }) => {
                    if let Some(stored) = self.line(&device, &line)? {
                        let update = stored.reporting(report, at_ms);
                        self.change_line(&device, stored, update)?;
                    }
                }
                Some(_) => {}
                None => self.request_hello(&device)?,
            }
        }
        Ok(())
    }

    /// Ends the waiting of all lines of a device, because a `hello` message contains newer levels.
    pub(crate) fn drop_waiting_levels(&mut self, device: &Name) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT {} FROM limited_lines WHERE device = ?1 AND due_ms IS NOT NULL",
            LimitedLine::LIST
        );
        for row in self.run(&sql, &[device.as_str().into()])? {
            let LimitedLine { device, line } = LimitedLine::read(&row)?;
            let waiting = self.links.memory().events.release(&device, &line);
            self.end_waiting(&device, &line, waiting.as_ref())?;
        }
        Ok(())
    }

    /// Adds events that the agent has left out to the number of dropped events. A message of the agent about them counts
    /// as an event of the line.
    pub(crate) fn count_dropped(&mut self, device: &Name, line: &Name, count: u64) -> Result<(), StoreError> {
        if !self.admit_event(device, line, None)? {
            return Ok(());
        }
        self.run(
            "INSERT INTO limited_lines (device, line, since_ms, due_ms, dropped) VALUES (?1, ?2, ?3, NULL, ?4)
             ON CONFLICT (device, line) DO UPDATE SET dropped = dropped + excluded.dropped",
            &[device.as_str().into(), line.as_str().into(), self.now_ms.into(), count.into()],
        )?;
        Ok(())
    }

    fn end_waiting(&self, device: &Name, line: &Name, waiting: Option<&Waiting>) -> Result<(), StoreError> {
        let dropped = waiting.map_or(0, |waiting| waiting.dropped);
        self.run(
            "UPDATE limited_lines SET due_ms = NULL, dropped = dropped + ?3 WHERE device = ?1 AND line = ?2",
            &[device.as_str().into(), line.as_str().into(), dropped.into()],
        )?;
        Ok(())
    }

    /// Ends the connection of a device, so that its agent connects again and reports all levels.
    fn request_hello(&mut self, device: &Name) -> Result<(), StoreError> {
        let Some(device) = self.device(device)?.filter(|device| device.session.is_some()) else {
            return Ok(());
        };
        self.end_connection(&device, self.sign_of_life(&device))?;
        self.close_agent(&device, close::LEVELS_LOST, "levels_lost");
        Ok(())
    }

    /// Returns the time at which the first waiting level can be published.
    pub(crate) fn next_waiting_level(&self) -> Result<Option<u64>, StoreError> {
        let row = self.row("SELECT min(due_ms) FROM limited_lines", &[])?;
        Ok(row.map(|row| row.opt_uint(0)).transpose()?.flatten())
    }

    /// Writes the number of dropped events of each device into the audit log, once per hour.
    pub(crate) fn report_dropped_events(&self) -> Result<(), StoreError> {
        let rows = self.run(
            "SELECT device, sum(dropped) FROM limited_lines GROUP BY device HAVING sum(dropped) > 0",
            &[],
        )?;
        for row in &rows {
            let (device, dropped) = (row.text(0)?, row.uint(1)?);
            let actor = format!("device:{device}");
            self.audit(Actor { name: &actor, jti: None }, "events_dropped", device, &dropped.to_string())?;
        }
        self.run("DELETE FROM limited_lines WHERE due_ms IS NULL", &[])?;
        self.run(
            "UPDATE limited_lines SET dropped = 0, since_ms = ?1 WHERE due_ms IS NOT NULL",
            &[self.now_ms.into()],
        )?;
        Ok(())
    }
}
