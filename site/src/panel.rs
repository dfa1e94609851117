//! Computes the view of the site for each panel, and handles messages from panels.

use pinlatch_protocol::api::Whoami;
use pinlatch_protocol::close;
use pinlatch_protocol::panel::{Change, FromPanel, ToPanel};
use pinlatch_protocol::problem::{Code, Problem};

use crate::accounts::authority::Rights;
use crate::devices::command::CommandProgress;
use crate::devices::device::visible_device;
use crate::devices::lines::visible_line;
use crate::interface::event::{Audience, Effect, Event, PanelFilter, PanelView, Press};
use crate::interface::failure::Failure;
use crate::interface::principal::Principal;
use crate::memory::hidden_changes::Range;
use crate::site::Site;

impl Site<'_> {
    pub(crate) fn whoami(&self, principal: &Principal) -> Result<Whoami, Failure> {
        let rights = self.rights(principal)?;
        Ok(whoami(principal, &rights, self.uses_left(principal)?))
    }

    pub(crate) fn snapshot(&mut self, principal: &Principal) -> Result<ToPanel, Failure> {
        let rights = self.rights(principal)?;
        Ok(ToPanel::Snapshot {
            seq: self.last_seq()?,
            now_ms: self.now_ms,
            devices: self.visible_devices(principal, &rights)?,
            whoami: Box::new(whoami(principal, &rights, self.uses_left(principal)?)),
        })
    }

    /// Handles a message from a panel. The answers to the message are added as effects. If the panel's token is
    /// invalid, the panel receives the problem, and the panel's WebSocket is closed.
    pub(crate) fn handle_panel_message(&mut self, principal: &Principal, panel: &str, message: FromPanel) {
        let FromPanel::Command(request) = message;
        let message = match self.command(principal, &request, Some(panel)) {
            Ok(CommandProgress::InFlight { .. }) => return,
            Ok(CommandProgress::Ended(command)) => ToPanel::Result { result: command.result() },
            Err(Failure::Problem(problem)) => ToPanel::Problem { id: problem.id.clone(), problem },
            Err(Failure::Store(error)) => {
                self.effects.push(Effect::Fault(error));
                let problem = Problem::new(Code::Internal).about(&request.id);
                ToPanel::Problem { id: problem.id.clone(), problem }
            }
        };
        let ended = matches!(&message, ToPanel::Problem { problem, .. } if problem.is(Code::InvalidToken));
        self.effects.push(Effect::ToPanel { panel: panel.into(), message });
        if ended {
            self.close_panels(PanelFilter::Panel(panel.into()));
        }
    }

    pub(crate) fn close_panels(&mut self, whose: PanelFilter) {
        self.effects.push(Effect::ClosePanels { whose, code: close::SESSION_ENDED, reason: "session_ended" });
    }

    /// Returns the part of an event that a panel can see. If the panel can see no part of the event, the event is
    /// reported later, together with other hidden events.
    pub(crate) fn restrict(
        &mut self,
        panel: &str,
        principal: &Principal,
        event: &Event,
    ) -> Result<PanelView, Failure> {
        let rights = self.rights(principal)?;
        let knows = |device| rights.knows_device(device);
        let change = match &event.change {
            Change::Device { device } => knows(&device.name)
                .then(|| Change::Device { device: Box::new(visible_device(device, principal, &rights)) }),
            Change::Removed { device } | Change::Presence { device, .. } => {
                knows(device).then(|| event.change.clone())
            }
            Change::Line { .. }
                if event.audience == Audience::SeesSenders && !rights.sees_senders(principal) =>
            {
                None
            }
            Change::Line { device, line } => visible_line(line, device, principal, &rights)
                .map(|line| Change::Line { device: device.clone(), line: Box::new(line) }),
            Change::Hidden => None,
        };
        let Event { seq, at_ms, .. } = *event;
        let hidden = &self.links.memory().hidden;
        let Some(change) = change else {
            let due_ms = hidden.add(panel, seq, self.now_ms);
            self.soonest = Some(self.soonest.map_or(due_ms, |at_ms| at_ms.min(due_ms)));
            return Ok(PanelView::Later);
        };
        // If the range does not end just before this event, the panel notices the missing event.
        let before = hidden.take(panel).filter(|range| range.last.saturating_add(1) == seq);
        let after = before.map(|range| range.first.saturating_sub(1));
        Ok(PanelView::Now(ToPanel::Event { seq, after, at_ms, change }))
    }

    /// Reports the hidden events of each panel as one event.
    pub(crate) fn report_hidden_changes(&mut self) {
        for (panel, Range { first, last }) in self.links.memory().hidden.take_due(self.now_ms) {
            let after = (first < last).then(|| first.saturating_sub(1));
            let change = Change::Hidden;
            let message = ToPanel::Event { seq: last, after, at_ms: self.now_ms, change };
            self.effects.push(Effect::ToPanel { panel, message });
        }
    }
}

impl Site<'_> {
    pub(crate) fn see_press(&self, principal: &Principal, press: &Press) -> Result<Option<ToPanel>, Failure> {
        let Press { at_ms, device, line, long } = press.clone();
        let may = self.rights(principal)?.scope.allows_line(&device, &line, "read");
        Ok(may.then_some(ToPanel::Press { at_ms, device, line, long }))
    }
}

fn whoami(principal: &Principal, rights: &Rights, uses_left: Option<u32>) -> Whoami {
    Whoami {
        site: principal.site.clone(),
        sub: principal.sub.clone(),
        role: rights.role,
        scope: rights.scope.clone(),
        jti: principal.jti.clone(),
        iss: principal.iss.clone(),
        iat: principal.iat,
        exp: principal.exp,
        auth_time: principal.auth_time,
        uses_left,
    }
}
