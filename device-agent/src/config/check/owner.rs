//! Validates the table `[owner]`, and who can operate each line.

use pinlatch_protocol::line::{Authority, LineKind};
use pinlatch_token::is_thumbprint;
use toml::Spanned;

use super::super::raw;
use super::super::settings::{LineConfig, OwnerConfig};
use super::checker::Checker;

impl Checker<'_> {
    /// Checks the table `[owner]`. A line that only holders can operate needs it. Without it, the edge could name another
    /// owner at the enrolment, who then grants what the edge wants.
    pub(super) fn owner(&mut self, raw: Option<&raw::Owner>, lines: &[LineConfig]) -> Option<OwnerConfig> {
        let Some(owner) = raw else {
            if let Some(line) = lines.iter().find(|line| line.authority == Authority::Holder) {
                let message = format!(
                    "{} has `authority = \"holder\"`, so the file needs the table [owner] with the keys `root` (the \
                     thumbprint that `pinlatch root show` prints), `site` and `device`",
                    line.name
                );
                self.add("config_missing", None, message);
            }
            return None;
        };
        let root = owner.root.get_ref();
        if !is_thumbprint(root) {
            let message = "`root` must be the thumbprint of the owner's root key, which `pinlatch root show` prints: 43 \
                           letters, digits, `-` and `_`";
            self.add("config_value", Some(owner.root.span()), message);
        }
        let (site, device) = (self.name(&owner.site)?, self.name(&owner.device)?);
        Some(OwnerConfig { root: root.clone(), site, device })
    }

    pub(super) fn authority(
        &mut self,
        value: Option<&Spanned<String>>,
        kind: LineKind,
        retain: bool,
    ) -> Authority {
        let Some(value) = value else { return Authority::Edge };
        let Some(authority) = Authority::from_word(value.get_ref()) else {
            let message = format!("`authority` is {:?}, but must be \"edge\" or \"holder\"", value.get_ref());
            self.add("config_value", Some(value.span()), message);
            return Authority::Edge;
        };
        if kind.actions().is_empty() {
            self.add("config_conflict", Some(value.span()), "`authority` is allowed only for outputs");
        } else if authority == Authority::Holder && retain {
            let message = "a line with `authority = \"holder\"` cannot have `retain = true`, because the edge alone \
                           restores a level";
            self.add("config_conflict", Some(value.span()), message);
        }
        authority
    }
}
