//! Manages the GPIO lines of devices. For each line, the database contains the level that the device last reported, the
//! desired level, and the last executed command.

use pinlatch_protocol::command::LastCommand;
use pinlatch_protocol::line::{Authority, Level, LineInfo, LineKind};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::{Change, LineView};

use crate::accounts::authority::Rights;
use crate::database::rows::{Columns as _, columns};
use crate::database::store::{StoreError, Value};
use crate::interface::event::Audience;
use crate::interface::principal::Principal;
use crate::report::Report;
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
    /// When the device ends the reported level, in milliseconds of Unix time.
    pub ends_ms: Option<u64>,
    pub blinking: bool,
    /// Whether the line is a button.
    pub presses: bool,
    /// Who can operate the line by way of the edge.
    pub authority: Authority,
    /// The last executed action: a command of a caller or of the site, or an action of a rule.
    pub last: Option<LastCommand>,
}

columns!(Line {
    name,
    kind,
    retain,
    max_on_ms,
    reported,
    desired,
    changed_ms,
    position,
    unit,
    precision,
    ends_ms,
    blinking,
    presses,
    authority,
    last,
});

/// The new state of a line.
pub(crate) struct LineUpdate {
    pub report: Report,
    pub desired: Option<Level>,
    pub last: Option<LastCommand>,
    /// The time of the level, in milliseconds of Unix time.
    pub at_ms: u64,
}

impl Line {
    /// Returns the row for a GPIO line as the device now describes it. The desired level is preserved if the kind of
    /// the GPIO line has not changed and the GPIO line has `retain`. A level that a rule of the device has set replaces it.
    pub fn described(info: &LineInfo, position: u64, before: Option<&Self>, now_ms: u64) -> Self {
        let before = before.filter(|line| line.kind == info.kind);
        let same = before.filter(|line| line.reported == info.level);
        let report = Report::of_info(info, now_ms);
        let report = before.map_or(report, |line| report.or_same(line.report()));
        let retain = info.retain && info.kind.actions().contains(&"set");
        Self {
            name: info.name.clone(),
            kind: info.kind,
            retain,
            max_on_ms: info.max_on_ms,
            reported: report.level,
            desired: info.desired.or(before.and_then(|line| line.desired)).filter(|_| retain),
            changed_ms: same.map_or_else(|| info.level.map(|_| now_ms), |line| line.changed_ms),
            position,
            unit: info.unit.clone(),
            precision: info.precision,
            ends_ms: report.ends_ms,
            blinking: report.blinking,
            presses: info.presses && info.kind == LineKind::Contact,
            authority: info.authority,
            last: before.and_then(|line| line.last.clone()),
        }
    }

    pub fn report(&self) -> Report {
        Report { level: self.reported, ends_ms: self.ends_ms, blinking: self.blinking }
    }

    /// Returns an update that changes only the reported state.
    pub fn reporting(&self, report: Report, at_ms: u64) -> LineUpdate {
        LineUpdate { report, desired: self.desired, last: self.last.clone(), at_ms }
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
            ends_ms: self.ends_ms,
            blinking: self.blinking,
            presses: self.presses,
            authority: self.authority,
            last: self.last.clone().map(Box::new),
        }
    }
}

/// Returns the part of a GPIO line that a caller can see, or `None` if the caller has no right to read the GPIO line.
/// The last command contains the name of its sender, so only callers with [`Rights::sees_senders`] can see it.
pub(crate) fn visible_line(
    line: &LineView,
    device: &Name,
    principal: &Principal,
    rights: &Rights,
) -> Option<LineView> {
    if !rights.scope.allows_line(device, &line.name, "read") {
        return None;
    }
    let mut line = line.clone();
    line.actions.retain(|action| rights.scope.allows_line(device, &line.name, action));
    if !rights.sees_senders(principal) {
        line.last = None;
    }
    Some(line)
}

/// Returns the database value of a level.
pub(crate) fn level_text(level: Option<Level>) -> Value {
    level.and_then(|level| serde_json::to_string(&level).ok()).into()
}

fn last_text(last: Option<&LastCommand>) -> Value {
    last.and_then(|last| serde_json::to_string(last).ok()).into()
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

    /// Stores the new state of a GPIO line. If the state has changed, the panels are notified. This function writes at
    /// most one row.
    pub(crate) fn change_line(
        &mut self,
        device: &Name,
        mut line: Line,
        update: LineUpdate,
    ) -> Result<(), StoreError> {
        let LineUpdate { report, desired, last, at_ms } = update;
        let report = report.or_same(line.report());
        let same_state = line.report() == report && line.desired == desired;
        if same_state && line.last == last {
            return Ok(());
        }
        if line.reported != report.level {
            line.changed_ms = Some(at_ms);
        }
        (line.reported, line.ends_ms, line.blinking) = (report.level, report.ends_ms, report.blinking);
        (line.desired, line.last) = (desired, last);
        let seq = self.next_seq()?;
        self.run(
            "UPDATE lines SET reported = ?3, desired = ?4, changed_ms = ?5, ends_ms = ?6, blinking = ?7, last = ?8,
             seq = ?9 WHERE device = ?1 AND name = ?2",
            &[
                device.as_str().into(),
                line.name.as_str().into(),
                level_text(line.reported),
                level_text(line.desired),
                line.changed_ms.into(),
                line.ends_ms.into(),
                line.blinking.into(),
                last_text(line.last.as_ref()),
                seq.into(),
            ],
        )?;
        let audience = if same_state { Audience::SeesSenders } else { Audience::All };
        self.publish_to(audience, seq, Change::Line { device: device.clone(), line: Box::new(line.view()) });
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
                     desired, changed_ms, unit, precision, ends_ms, blinking, presses, last, seq, authority)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, 0, ?16)",
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
                        line.ends_ms.into(),
                        line.blinking.into(),
                        line.presses.into(),
                        last_text(line.last.as_ref()),
                        line.authority.as_str().into(),
                    ],
                )?;
            }
            lines.push(line);
        }
        Ok(lines)
    }
}
