//! Checks interlocks, which are groups of lines that must never be on at the same time.

use pinlatch_protocol::name::Name;
use tokio::time::Instant;

use super::output::Power;
use super::refused::Refused;
use crate::config::Interlock;

/// Checks whether a line is allowed to be switched on. Every other line in the same interlock must have been off for at
/// least the dead time. This function does not switch off any line. The sender of the command must first switch off the
/// other lines of the interlock.
pub fn permit<'a>(
    interlocks: &[Interlock],
    line: usize,
    now: Instant,
    power: impl Fn(usize) -> Option<(&'a Name, Power)>,
) -> Result<(), Refused> {
    for interlock in interlocks.iter().filter(|interlock| interlock.lines.contains(&line)) {
        for other in interlock.lines.iter().filter(|other| **other != line) {
            let Some((name, power)) = power(*other) else { continue };
            let free = match power {
                Power::On => false,
                Power::Off(since) => now >= since + interlock.dead_time,
            };
            if !free {
                return Err(Refused::Interlock(name.clone()));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_line_waits_for_the_others_of_its_own_interlocks() {
        let now = Instant::now();
        let names: Vec<Name> = ["a", "b", "c"].map(|name| Name::new(name).unwrap()).into();
        let interlocks = [
            Interlock { lines: vec![0, 1], dead_time: Duration::from_millis(500) },
            Interlock { lines: vec![1, 2], dead_time: Duration::ZERO },
        ];
        let permit = |line, powers: [Power; 3], now| {
            permit(&interlocks, line, now, |other| Some((&names[other], powers[other])))
        };
        let off = Power::Off(now);
        let later = now + Duration::from_millis(499);
        assert_eq!(permit(0, [off; 3], later), Err(Refused::Interlock(names[1].clone())));
        assert_eq!(permit(0, [off; 3], now + Duration::from_millis(500)), Ok(()));
        assert_eq!(permit(2, [off; 3], now), Ok(()));
        assert_eq!(permit(2, [off, Power::On, off], later), Err(Refused::Interlock(names[1].clone())));
        assert_eq!(
            permit(2, [Power::On, off, Power::On], later),
            Ok(()),
            "only the other lines of the same interlock count"
        );
    }
}
