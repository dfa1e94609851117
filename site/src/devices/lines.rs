//! Manages the GPIO lines of devices. For each line, the database contains the level that the device last reported, and
//! the desired level.

use pinlatch_protocol::line::{Level, LineInfo, LineKind};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::{Change, LineView};
use pinlatch_protocol::scope::ScopeSet;

use crate::database::rows::{Columns as _, columns};
use crate::database::store::{StoreError, Value};
use crate::site::Site;

/// A row of the table `lines`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    pub name: Name,
    pub kind: LineKind,
    pub retain: bool,
    pub max_on_ms: Option<u32>,
    pub reported: Option<Level>,
    pub desired: Option<Level>,
    pub changed_ms: Option<u64>,
    pub position: u64,
    pub unit: Option<String>,
    pub precision: Option<u8>,
}

columns!(Line { name, kind, retain, max_on_ms, reported, desired, changed_ms, position, unit, precision });

impl Line {
    /// Returns the row for a GPIO line as the device now describes it. The desired level is preserved if the kind of
    /// the GPIO line has not changed and the GPIO line has `retain`.
    pub fn described(info: &LineInfo, position: u64, before: Option<&Self>, now_ms: u64) -> Self {
        let before = before.filter(|line| line.kind == info.kind);
        let same = before.filter(|line| line.reported == info.level);
        let retain = info.retain && info.kind.actions().contains(&"set");
        Self {
            name: info.name.clone(),
            kind: info.kind,
            retain,
            max_on_ms: info.max_on_ms,
            reported: info.level,
            desired: before.filter(|_| retain).and_then(|line| line.desired),
            changed_ms: same.map_or_else(|| info.level.map(|_| now_ms), |line| line.changed_ms),
            position,
            unit: info.unit.clone(),
            precision: info.precision,
        }
    }

    /// Returns the view of the GPIO line for a caller with all permissions.
    pub fn view(&self) -> LineView {
        LineView {
            name: self.name.clone(),
            kind: self.kind,
            actions: self.kind.actions().iter().map(|&action| action.into()).collect(),
            reported: self.reported,
            desired: self.desired,
            retain: self.retain,
            max_on_ms: self.max_on_ms,
            unit: self.unit.clone(),
            precision: self.precision,
            changed_ms: self.changed_ms,
        }
    }
}

/// Returns the part of a GPIO line that a caller can see, or `None` if the caller has no right to read the GPIO line.
pub(crate) fn visible_line(line: &LineView, device: &Name, scope: &ScopeSet) -> Option<LineView> {
    if !scope.allows_line(device, &line.name, "read") {
        return None;
    }
    let mut line = line.clone();
    line.actions.retain(|action| scope.allows_line(device, &line.name, action));
    Some(line)
}

/// Returns the database value of a level.
pub(crate) fn level_text(level: Option<Level>) -> Value {
    level.and_then(|level| serde_json::to_string(&level).ok()).into()
}

impl Site<'_> {
    pub(crate) fn line(&self, device: &Name, line: &Name) -> Result<Option<Line>, StoreError> {
        let sql = format!("SELECT {} FROM lines WHERE device = ?1 AND name = ?2", Line::LIST);
        self.row(&sql, &[device.as_str().into(), line.as_str().into()])?.as_ref().map(Line::read).transpose()
    }

    pub(crate) fn lines(&self, device: &Name) -> Result<Vec<Line>, StoreError> {
        let sql = format!("SELECT {} FROM lines WHERE device = ?1 ORDER BY position", Line::LIST);
        self.run(&sql, &[device.as_str().into()])?.iter().map(Line::read).collect()
    }

    /// Stores the reported level and the desired level of a GPIO line. If a level has changed, the panels are notified.
    /// This function writes at most one row.
    pub(crate) fn change_line(
        &mut self,
        device: &Name,
        mut line: Line,
        reported: Option<Level>,
        desired: Option<Level>,
        at_ms: u64,
    ) -> Result<(), StoreError> {
        if line.reported == reported && line.desired == desired {
            return Ok(());
        }
        if line.reported != reported {
            line.reported = reported;
            line.changed_ms = Some(at_ms);
        }
        line.desired = desired;
        let seq = self.next_seq()?;
        self.run(
            "UPDATE lines SET reported = ?3, desired = ?4, changed_ms = ?5, seq = ?6 WHERE device = ?1 AND name = ?2",
            &[
                device.as_str().into(),
                line.name.as_str().into(),
                level_text(line.reported),
                level_text(line.desired),
                line.changed_ms.into(),
                seq.into(),
            ],
        )?;
        self.publish(seq, Change::Line { device: device.clone(), line: line.view() });
        Ok(())
    }

    /// Replaces the stored GPIO lines of a device with the GPIO lines in its `hello` message, and returns the new rows.
    /// Only changed rows are written, because a device with a bad connection sends a `hello` message often.
    pub(crate) fn replace_lines(&self, device: &Name, infos: &[LineInfo]) -> Result<Vec<Line>, StoreError> {
        let before = self.lines(device)?;
        for gone in before.iter().filter(|line| infos.iter().all(|info| info.name != line.name)) {
            self.run(
                "DELETE FROM lines WHERE device = ?1 AND name = ?2",
                &[device.as_str().into(), gone.name.as_str().into()],
            )?;
        }
        let mut lines = Vec::with_capacity(infos.len());
        for (position, info) in (0u64..).zip(infos) {
            let old = before.iter().find(|line| line.name == info.name);
            let line = Line::described(info, position, old, self.now_ms);
            if old != Some(&line) {
                self.run(
                    "INSERT OR REPLACE INTO lines (device, name, position, kind, retain, max_on_ms, reported,
                     desired, changed_ms, unit, precision, seq)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0)",
                    &[
                        device.as_str().into(),
                        line.name.as_str().into(),
                        position.into(),
                        line.kind.to_string().into(),
                        line.retain.into(),
                        line.max_on_ms.into(),
                        level_text(line.reported),
                        level_text(line.desired),
                        line.changed_ms.into(),
                        line.unit.as_deref().into(),
                        line.precision.map(u32::from).into(),
                    ],
                )?;
            }
            lines.push(line);
        }
        Ok(lines)
    }
}
